"""The follower's stream and the client of it: hostile bytes, reconnects that lose and repeat nothing, silence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote.errors import FarSideError
from remote.farside import FarSide
from remote.log_lines import LogLines
from remote.watch import Watch
from remote.watch_stream import LINE_LIMIT, MAGIC, FollowerStream, StreamBroken
from tests.fixtures.ssh import FarHost, MockedSsh
from wire.run_dir import Root, append_line, replace_file

if TYPE_CHECKING:
    import asyncssh

RUN = "20260101T000000-abcdef0-1f2e"


def packed(*messages: Any, raw: bytes = b"") -> bytes:
    text = b"".join(json.dumps(message).encode() + b"\n" for message in messages) + raw
    deflate = zlib.compressobj()
    return MAGIC + deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)


def taken(stream: FollowerStream, data: bytes, piece: int = 10**9) -> list[dict[str, Any]]:
    out = []
    for start in range(0, len(data), piece):
        out += [message for message in stream.feed(data[start : start + piece]) if message is not None]
    return out


@pytest.mark.parametrize("piece", [1, 3, 7, 10**6])
def test_messages_come_out_however_the_bytes_are_cut(piece: int) -> None:
    messages = [{"k": "hello"}, {"k": "run", "text": "x" * 300}, {"k": "pong", "t": 1.5}]
    assert taken(FollowerStream(), packed(*messages), piece) == messages


def test_a_banner_before_the_magic_line_is_skipped() -> None:
    assert taken(FollowerStream(), b"Welcome to lab!\r\nlast login: TVF\n" + packed({"k": "hello"}), 5) == [
        {"k": "hello"}
    ]


def test_an_endless_banner_is_given_up() -> None:
    stream = FollowerStream()
    with pytest.raises(StreamBroken, match="no follower"):
        for _ in range(100):
            list(stream.feed(b"y\n" * 1000))


def test_a_bomb_is_taken_apart_in_pieces_and_its_line_skipped() -> None:
    stream = FollowerStream()
    data = packed(raw=b"a" * (64 * 1024 * 1024) + b"\n" + b'{"k":"pong"}\n')
    assert len(data) < 100_000
    pauses, messages = 0, []
    for message in stream.feed(data):
        pauses += message is None
        messages += [message] if message is not None else []
        assert len(stream._line) <= LINE_LIMIT + 65536
    assert messages == [{"k": "pong"}] and pauses > 900
    assert any("skipped" in text for text in stream.warnings)


def test_broken_lines_are_warnings_and_the_next_ones_count() -> None:
    stream = FollowerStream()
    found = taken(stream, packed(raw=b'not json\n[1]\n{"a":NaN}\n' + b"[" * 100_000 + b'\n\xff\xfe\n{"k":"pong"}\n'))
    assert found == [{"k": "pong"}]
    assert len(stream.warnings) == 5


def test_warnings_are_bounded() -> None:
    stream = FollowerStream()
    assert taken(stream, packed(raw=b"x\n" * 50_000)) == []
    assert len(stream.warnings) <= 20


def test_damaged_compression_ends_the_stream() -> None:
    with pytest.raises(StreamBroken, match="damaged"):
        list(FollowerStream().feed(MAGIC + b"\x00\x01\x02 not zlib"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_give_messages_or_an_end(data: bytes, piece: int) -> None:
    try:
        assert all(isinstance(message, dict) for message in taken(FollowerStream(), MAGIC + data, piece))
    except StreamBroken:
        pass


class Scene:
    """A project on a far host with one run, and a watch of it."""

    def __init__(self, far_host: FarHost, far: FarSide) -> None:
        self.far_host, self.far = far_host, far
        self.run = Root(str(far_host.root)).run("p", "w", RUN)
        self.messages: list[dict[str, Any]] = []
        self.arrived = asyncio.Event()
        self.watch = Watch(far.root, "p", self._take, ask_after_s=0.2, silence_limit_s=20)
        self.task: asyncio.Task[None] | None = None

    def _take(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self.arrived.set()

    def start(self) -> None:
        self.task = asyncio.create_task(self.watch.follow(self.opener))

    async def opener(self) -> Any:
        return await self.far_host.connection.open(self.far.command("follow"))

    async def until(self, found: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not found():
                self.arrived.clear()
                await self.arrived.wait()

    async def listed(self) -> None:
        await self.until(lambda: any(message["k"] == "listed" for message in self.messages))

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def metric_lines(self) -> list[str]:
        return [line for message in self.messages if message.get("file") == "metrics" for line in message["lines"]]


@pytest.fixture
async def scene(embedded: FarHost) -> AsyncIterator[Scene]:
    far = FarSide(embedded.connection, embedded.host)
    await far.ready()
    scene = Scene(embedded, far)
    attempt = Path(scene.run.attempt(1).path)
    attempt.mkdir(parents=True)
    replace_file(scene.run.spec, json.dumps({"run": RUN}).encode())
    job = {"attempt": f"{RUN}.1", "nonce": "nnnn", "pid": 1, "start_ticks": 1, "boot_id": "b", "at_s": 1.0}
    replace_file(scene.run.attempt(1).job, json.dumps(job).encode())
    yield scene
    await scene.stop()


async def test_everything_that_is_there_comes_before_listed(scene: Scene) -> None:
    for step in range(50):
        append_line(scene.run.metrics, json.dumps({"step": step}).encode())
    scene.start()
    await scene.listed()
    kinds = [message["k"] for message in scene.messages]
    assert kinds.index("run") < kinds.index("listed")
    [run] = [message for message in scene.messages if message["k"] == "run"][:1]
    assert (run["worker"], run["run"], run["attempt"], run["alive"]) == ("w", RUN, 1, False)
    await scene.until(lambda: len(scene.metric_lines()) == 50)
    assert scene.watch.round_trip_s is not None


async def test_reconnects_lose_nothing_and_repeat_nothing(scene: Scene) -> None:
    for round_ in range(6):
        scene.start()
        for step in range(round_ * 40, round_ * 40 + 40):
            append_line(scene.run.metrics, json.dumps({"step": step}).encode())
            if step % 10 == 0:
                await asyncio.sleep(0.01)
        want = round_ * 40 + (40 if round_ % 2 else 1)
        await scene.until(lambda want=want: len(scene.metric_lines()) >= want)  # type: ignore[misc]
        await scene.stop()
    scene.start()
    await scene.until(lambda: len(scene.metric_lines()) >= 240)
    assert [json.loads(line)["step"] for line in scene.metric_lines()] == list(range(240))


async def test_a_lost_connection_ends_the_follower_and_another_goes_on(scene: Scene) -> None:
    append_line(scene.run.metrics, b'{"step": 0}')
    scene.start()
    await scene.until(lambda: len(scene.metric_lines()) == 1)
    (await scene.far_host.connection.ssh()).abort()
    assert scene.task is not None
    async with asyncio.timeout(30):
        await asyncio.gather(scene.task, return_exceptions=True)
    append_line(scene.run.metrics, b'{"step": 1}')
    scene.start()
    await scene.until(lambda: len(scene.metric_lines()) == 2)


async def test_the_selected_log_follows_and_a_reconnect_is_recognised(scene: Scene) -> None:
    log = Path(scene.run.log)
    log.write_text("".join(f"old {number}\n" for number in range(20)))
    printed: list[str] = []
    lines = LogLines(lambda new, skipped: printed.extend(new))
    scene.watch.select("w")
    scene.start()

    def feed() -> bool:
        for message in [message for message in scene.messages if message.get("file") == "log"]:
            lines.take(message)
            scene.messages.remove(message)
        return len(printed) >= want

    want = 20
    await scene.until(feed)
    with log.open("a") as file:
        file.write("new 1\nnew \x1b[2J2\n")
    want = 22
    await scene.until(feed)
    await scene.stop()
    with log.open("a") as file:
        file.write("after\n")
    scene.start()
    want = 23
    await scene.until(feed)
    assert printed == [*(f"old {number}" for number in range(20)), "new 1", "new 2", "after"]


def test_log_lines_join_what_had_no_end_yet() -> None:
    printed: list[str] = []
    lines = LogLines(lambda new, skipped: printed.extend(new))
    where = {"run": RUN, "inode": 1}
    lines.take({**where, "start": 0, "end": 5, "lines": ["a", "10%"], "partial": True})
    lines.take({**where, "start": 5, "end": 12, "lines": ["\r100%", "z"]})
    lines.take({**where, "start": 5, "end": 12, "lines": ["\r100%", "z"]})
    assert printed == ["a", "100%", "z"]
    lines.take({**where, "inode": 2, "start": 0, "end": 2, "lines": ["n"]})
    assert printed[-1] == "n"


def replying(mocked_ssh: MockedSsh, answer: Callable[[Any], Awaitable[None]]) -> Callable[[], Any]:
    mocked_ssh.on("follow", answer)
    return lambda: mocked_ssh.connection.open("follow")


async def test_what_is_no_follower_is_named_by_its_own_words(mocked_ssh: MockedSsh) -> None:
    async def refuse(process: Any) -> None:
        process.stderr.write(b"login\nsh: no pyth\x1b[2Jon\n")
        process.exit(127)

    watch = Watch("/r", "p", lambda message: None)
    with pytest.raises(FarSideError, match="did not start: sh: no python") as failure:
        await watch.follow(replying(mocked_ssh, refuse))
    assert failure.value.code == "no_follower" and "\x1b" not in str(failure.value)


async def test_a_follower_that_falls_silent_is_given_up(mocked_ssh: MockedSsh) -> None:
    async def mute(process: Any) -> None:
        process.stdout.write(packed({"k": "hello"}))
        await process.stdin.read()
        process.exit(0)

    watch = Watch("/r", "p", lambda message: None, ask_after_s=0.02, silence_limit_s=0.3)
    async with asyncio.timeout(30):
        with pytest.raises(FarSideError, match="silent"):
            await watch.follow(replying(mocked_ssh, mute))


class Hours:
    """Time that passes only where a watch sleeps, on a host that speaks at given moments and answers every question."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, speaks: Iterable[float], *, answers: bool = True) -> None:
        self.now, self.closed_at = 0.0, 0.0
        self.asked: list[float] = []
        self._speaks, self._answers = list(speaks), answers
        self.stdin = self
        self.watch = Watch("/r", "p", lambda message: None, clock=lambda: self.now)
        monkeypatch.setattr("remote.watch.asyncio.sleep", self._sleep)

    def write(self, data: bytes) -> None:
        self.asked.append(round(self.now, 3))
        self.watch._heard_at = self.now if self._answers else self.watch._heard_at

    def close(self) -> None:
        self.closed_at = self.now

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        while self._speaks and self._speaks[0] <= self.now:
            self.watch._heard_at = max(self.watch._heard_at, self._speaks.pop(0))
        if self.now > 100:
            raise asyncio.CancelledError

    async def pass_by(self) -> None:
        self.watch._process = cast("asyncssh.SSHClientProcess[bytes]", self)
        with contextlib.suppress(asyncio.CancelledError):
            await self.watch._ping(self.watch._process)


async def test_a_host_that_tells_its_facts_is_asked_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Hours(monkeypatch, speaks=range(10, 200, 10))
    await hours.pass_by()
    assert hours.asked == [6 + 10 * turn for turn in range(10)], "so that no keepalive of SSH is ever due"


async def test_a_host_that_talks_all_the_time_hears_of_us_too(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Hours(monkeypatch, speaks=range(200))
    await hours.pass_by()
    assert hours.asked == [24, 48, 72, 96], "its follower ends after a minute without a word"


async def test_a_host_that_answers_nothing_is_given_up_soon_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Hours(monkeypatch, speaks=[], answers=False)
    await hours.pass_by()
    assert hours.asked == [6, 12, 18] and hours.closed_at == 24


async def test_hostile_messages_become_warnings(mocked_ssh: MockedSsh) -> None:
    hostile = [
        {"k": "lines", "worker": 7},
        {"k": "lines", "worker": "w", "run": "r", "file": "../../x", "inode": 1, "start": 0, "end": 1},
        {"k": "lines", "worker": "w", "run": "r", "file": "metrics", "inode": -1, "start": 0, "end": 10**30},
        {"k": "pong", "t": "x"},
        {"k": "warning", "text": "\x1b]52;c;eA==\x07bad\x9b31m"},
        {"k": ["list"]},
    ]

    async def speak(process: Any) -> None:
        process.stdout.write(packed(*hostile))
        process.exit(0)

    warnings: list[str] = []
    messages: list[Any] = []
    watch = Watch("/r", "p", messages.append, on_warning=warnings.append)
    await watch.follow(replying(mocked_ssh, speak))
    assert warnings[-1] == "bad" and len(warnings) == 4
    assert [message["k"] for message in messages] == ["pong", ["list"]]
    assert watch.offsets == {}


async def test_the_far_process_is_gone_when_we_leave(scene: Scene) -> None:
    scene.start()
    await scene.listed()
    pid = next(message["pid"] for message in scene.messages if message["k"] == "hello")
    await scene.stop()
    if not sys.platform.startswith("linux"):
        pytest.skip("looks into /proc")
    async with asyncio.timeout(20):
        while Path(f"/proc/{pid}/stat").exists():
            await asyncio.sleep(0.02)

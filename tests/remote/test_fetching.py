"""One sync, whole, against a host that only says what it is told to: what it asks for, writes and remembers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remote import fetching, synced
from remote.errors import FarSideError
from remote.fetching import Fetch, Fetched
from remote.lacking import _runs
from remote.listing import listing_of
from remote.profiles import SyncPolicy
from remote.transfer import Coming, SyncResult

RUN = "20260101T000000-3f2a91c-9b1e"
GOOD = b"as the host has it"


class Host:
    """Answers verbs, and sends `best.pt`: `sends` in turn, the last one for ever."""

    root = "/far"

    def __init__(self, *sends: bytes) -> None:
        self.sends = list(sends)
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}
        self.comes: list[Coming] = []
        self.skipped: tuple[str, ...] = ()
        self.until: Callable[[], bool] = lambda: True

    async def ready(self) -> None:
        pass

    async def call(self, verb: str, request: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        self.asked.append(verb)
        answer = self.answers.get(verb, {})
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    async def sync(self, _link: Any, _far: Any, _there: str, local: Path, *, on_progress: Callable[[Coming], None],
                   selection: Any, **_: Any) -> SyncResult:  # fmt: skip
        path = local / "checkpoints" / "best.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        news = bool(self.sends) and (not path.exists() or path.read_bytes() != self.sends[0])
        if news:
            path.write_bytes(self.sends.pop(0) if len(self.sends) > 1 else self.sends[0])
            facts = path.stat()
            digest: dict[str, Any] = {
                "sha256": hashlib.sha256(GOOD).hexdigest(),
                "size": facts.st_size,
                "mtime_ns": facts.st_mtime_ns,
            }
            self.answers["digests"] = {"digests": {"best.pt": digest}}
        for coming in self.comes:
            on_progress(coming)
        for _ in range(20):
            await asyncio.sleep(0)
        async with asyncio.timeout(100):
            while not self.until():
                await asyncio.sleep(0.01)
        return SyncResult(int(news), 1, 0.0, "rsync", self.skipped)


def fetch_from(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[Fetched]) -> Fetch:
    monkeypatch.setattr(fetching, "COUNT_AFTER_S", 0.0)
    monkeypatch.setattr(fetching, "sync_run", host.sync)

    async def files(*_: Any) -> Any:
        return listing_of(await host.call("files", {}))

    monkeypatch.setattr(fetching, "files", files)
    profile = SimpleNamespace(results=tmp_path / "results", sync=SyncPolicy(), project_id="p")
    fleet: Any = SimpleNamespace(profile=profile, far=lambda _: host, connection=lambda _: None)
    place: Any = SimpleNamespace(host="far", slug="w", name="w")
    return Fetch(fleet, place, RUN, everything=False, tell=told.append)


async def test_a_round_without_news_asks_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow it is: counted in questions, not in time."""
    host = Host(GOOD)
    host.comes = [Coming(5, 0, "")]
    fetch = fetch_from(host, tmp_path, monkeypatch, [])
    first = await fetch.whole(lambda: 1, collect=False)
    assert (first.files, first.notes, host.asked) == (1, (), ["digests"])
    mark = tmp_path / "results" / "w" / synced.FOLDER / f"{RUN}.json"
    before = mark.stat().st_ino
    await fetch_from(host, tmp_path, monkeypatch, []).whole(lambda: 1, collect=False)
    assert host.asked == ["digests"] and mark.stat().st_ino == before


async def test_what_is_to_come_is_counted_once_files_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, told = Host(), list[Fetched]()
    host.comes = [Coming(5, 0, "a")]
    host.answers["files"] = {"files": [{"path": "b", "kind": "file", "size": 7, "mtime_ns": 1}]}
    host.until = lambda: bool(told[-1].files_total)
    await fetch_from(host, tmp_path, monkeypatch, told).whole(lambda: 1, collect=False)
    assert host.asked == ["files"] and (told[-1].bytes_total, told[-1].files_total) == (12, 1)


async def test_a_checkpoint_that_differed_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(b"as the disk has it", GOOD)
    came = await fetch_from(host, tmp_path, monkeypatch, []).whole(lambda: 1, collect=False)
    folder = tmp_path / "results" / "w" / RUN / "checkpoints"
    assert [path.name for path in folder.iterdir()] == ["best.pt"] and (folder / "best.pt").read_bytes() == GOOD
    assert (came.files, host.asked) == (2, ["digests", "digests"])
    assert came.notes == ("not the same here as there, and brought again: best.pt",)

    host = Host(b"as the disk has it")
    with pytest.raises(FarSideError, match="twice not the same") as caught:
        await fetch_from(host, tmp_path / "other", monkeypatch, []).whole(lambda: 1, collect=False)
    folder = tmp_path / "other" / "results" / "w" / RUN
    assert caught.value.code == "bad_checkpoint" and synced.read(folder) is None
    assert not (folder / "checkpoints" / "best.pt").exists(), "nothing reads what is known to be wrong"


@pytest.mark.parametrize(
    ("answer", "notes"),
    [
        ({"files": 3, "left_out": 0}, []),
        ({"left_out": 2}, ["2 files stay in the worktree: links, too large, too many, or no room"]),
        ({"left_out": "many"}, []),
        (FarSideError("no git there"), ["nothing was collected from the worktree: no git there"]),
    ],
)
async def test_what_was_not_collected_is_told(
    answer: Any, notes: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(GOOD)
    host.answers["collect"] = answer
    came = await fetch_from(host, tmp_path, monkeypatch, []).whole(lambda: 1, collect=True)
    assert (host.asked[0], came.files, list(came.notes)) == ("collect", 1, notes)


@pytest.mark.parametrize(
    ("over", "attempts"), [([2, 2], 2), ([0, 0], 0), ([0, 1], 0), ([1, 0], 0), ([1, 2], 0)], ids=str
)
async def test_a_run_is_home_only_if_it_was_over_before_and_after(
    over: list[int], attempts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, said = Host(GOOD), iter([*over, over[-1]])
    await fetch_from(host, tmp_path, monkeypatch, []).whole(lambda: next(said), collect=False)
    mark = synced.read(tmp_path / "results" / "w" / RUN)
    assert mark is not None and (mark.attempts, mark.complete) == (attempts, attempts > 0)


async def test_a_run_of_which_a_file_stayed_there_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the host's copy of it might be removed."""
    host = Host(GOOD)
    host.skipped = ("big",)
    await fetch_from(host, tmp_path, monkeypatch, []).whole(lambda: 1, collect=False)
    mark = synced.read(tmp_path / "results" / "w" / RUN)
    assert mark is not None and (mark.complete, mark.attempts, mark.left_out) == (False, 1, ("big",))


async def test_what_the_host_replaced_meanwhile_leaves_the_run_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(GOOD)
    fetch = fetch_from(host, tmp_path, monkeypatch, [])
    sync = host.sync

    async def replaced(*words: Any, **more: Any) -> SyncResult:
        came = await sync(*words, **more)
        host.answers["digests"]["digests"]["best.pt"]["size"] += 1
        return came

    monkeypatch.setattr(fetching, "sync_run", replaced)
    await fetch.whole(lambda: 1, collect=False)
    mark = synced.read(tmp_path / "results" / "w" / RUN)
    assert mark is not None and not mark.complete and not mark.digests


def test_the_current_run_is_never_called_over_by_its_name_alone() -> None:
    """`sync --run` of a run that another laptop has just begun: its files are not all there yet."""
    told = {"current": "b", "runs": [{"run": "a", "attempts": 2}, {"run": "b", "attempts": 1}]}
    assert [(one.run, one.attempts) for one in _runs("w", told, current=True)] == [("a", 2), ("b", 0)]
    assert [one.run for one in _runs("w", told, current=False)] == ["a"]

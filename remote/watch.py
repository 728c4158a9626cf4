"""The laptop's end of a follower: one process per host, one channel, every change of every run as it happens.

    process stdin   watch, select, ping          process stdout   remote.watch_stream -> messages

To what the follower says, one message is added: `{"k": "listed"}` once it has told all that there was when it began.

`Watch` remembers how far each append-only file was read, so that the follower of the next connection begins where
this one ended: nothing is lost, nothing comes twice. A follower that answers no ping is given up, for a half-open
connection looks like silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from remote.clean import clean
from remote.errors import FarSideError
from remote.waking import GAP_S
from remote.watch_stream import FollowerStream, StreamBroken
from wire.codec import encode

if TYPE_CHECKING:
    import asyncssh

ASK_AFTER_S = 6.0
"""A host that said nothing for so long is asked for a sign of life: between two facts that it tells by itself."""
ASK_AT_LEAST = 4
"""However much the host says, it hears of us after so many times that: its follower ends if it does not."""
SILENCE_LIMIT_S = 20.0
READ_BYTES = 64 * 1024
TAIL_BYTES = 65536
STDERR_BYTES = 4096
CLOSE_WAIT_S = 2.0
OFFSETS_MAX = 20_000
NAME_MAX = 200
UNANSWERED_MAX = 20
FOLLOWED = ("metrics", "events", "actions", "log")


class Opener(Protocol):
    """Starts the follower's process over the host's connection (`Connection.open`, `FarSide.command`)."""

    def __call__(self) -> Awaitable[asyncssh.SSHClientProcess[bytes]]: ...


class Watch:
    """Follows one project on one host, over as many connections as it takes."""

    def __init__(
        self,
        root: str,
        project: str,
        on_message: Callable[[dict[str, Any]], None],
        *,
        on_warning: Callable[[str], None] = lambda text: None,
        ask_after_s: float = ASK_AFTER_S,
        silence_limit_s: float = SILENCE_LIMIT_S,
        idle: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`idle`: have the host tell, too, since when nobody uses it."""
        self.root, self.project, self._idle = root, project, idle
        self.offsets: dict[str, tuple[int, int]] = {}
        """`<worker>/<run>/<file>` -> (inode, offset) up to which it was read."""
        self.round_trip_s: float | None = None
        self._on_message, self._on_warning = on_message, on_warning
        self._ask_after_s, self._silence_limit_s = ask_after_s, silence_limit_s
        self._clock = clock
        self._selected: str | None = None
        self._process: asyncssh.SSHClientProcess[bytes] | None = None
        self._heard_at = self._asked_at = 0.0
        self._asked = self._pongs = 0
        self._unanswered: dict[int, float] = {}
        """Number of each such question -> when it was asked."""

    def select(self, worker: str | None) -> None:
        """Ask for the log of this worker (its folder's name), or of none."""
        if worker == self._selected:
            return
        self._selected = worker
        self._forget_logs()
        self._send({"op": "select", "worker": worker, "tail_bytes": TAIL_BYTES})

    async def follow(self, opener: Opener) -> None:
        """Run one follower until it ends or falls silent.

        Raises `FarSideError` if it never spoke, broke its protocol or fell silent; returns when the channel ends.
        """
        process = await opener()
        self._heard_at = self._clock()
        self._process = process
        self._greet()
        pings = asyncio.create_task(self._ping(process))
        stderr = asyncio.create_task(_stderr_tail(process))
        stream = FollowerStream()
        try:
            await self._read(process, stream)
            if pings.done() and not pings.cancelled() and pings.result():
                raise FarSideError("the follower fell silent", code="silent")
            if not stream.started:
                await asyncio.wait([stderr], timeout=CLOSE_WAIT_S)
                said = stderr.result() if stderr.done() else ""
                raise FarSideError(_never_spoke(stream, said), code="no_follower")
        except StreamBroken as exc:
            raise FarSideError(str(exc), code="no_follower") from exc
        finally:
            self._process = None
            for task in (pings, stderr):
                task.cancel()
            await asyncio.gather(pings, stderr, return_exceptions=True)
            process.close()
            await asyncio.wait([asyncio.ensure_future(process.wait_closed())], timeout=CLOSE_WAIT_S)

    def _greet(self) -> None:
        self._pongs = 0
        self._unanswered.clear()
        self._forget_logs()
        offsets = {key: list(place) for key, place in self.offsets.items()}
        asked = {"idle": True} if self._idle else {}
        self._send({"op": "watch", "root": self.root, "project": self.project, "offsets": offsets, **asked})
        if self._selected is not None:
            self._send({"op": "select", "worker": self._selected, "tail_bytes": TAIL_BYTES})
        self.ask()

    def ask(self) -> int:
        """Ask for a sign of life now; the answer is the message `pong`, with the number of the question as `t`."""
        self._asked += 1
        if len(self._unanswered) >= UNANSWERED_MAX:
            self._unanswered.clear()
        self._asked_at = self._unanswered[self._asked] = self._clock()
        self._send({"op": "ping", "t": self._asked})
        return self._asked

    def _forget_logs(self) -> None:
        self.offsets = {key: place for key, place in self.offsets.items() if not key.endswith("/log")}

    def _send(self, request: dict[str, Any]) -> None:
        if self._process is None:
            return
        try:
            self._process.stdin.write(encode(request))
        except (OSError, RuntimeError):
            pass  # the channel is closing: `_read` sees its end

    async def _ping(self, process: asyncssh.SSHClientProcess[bytes]) -> bool:
        """Ask for signs of life as they are due; close the channel and return True when none came for too long."""
        while True:
            began_at = self._clock()
            pause_s = max(0.0, self._ask_at() - began_at)
            await asyncio.sleep(pause_s)
            now = self._clock()
            if now - began_at > pause_s + GAP_S:
                self._heard_at = now  # it was this laptop that slept, so the silence says nothing
            if now - self._heard_at > self._silence_limit_s:
                process.close()
                return True
            if now >= self._ask_at():
                self.ask()

    def _ask_at(self) -> float:
        """When the next question is due."""
        quiet_since = max(self._heard_at, self._asked_at)
        return min(quiet_since + self._ask_after_s, self._asked_at + ASK_AT_LEAST * self._ask_after_s)

    async def _read(self, process: asyncssh.SSHClientProcess[bytes], stream: FollowerStream) -> None:
        while True:
            data = await process.stdout.read(READ_BYTES)
            if not data:
                return
            self._heard_at = self._clock()
            for message in stream.feed(data):
                if message is None:
                    await asyncio.sleep(0)
                else:
                    self._take(message)
            while stream.warnings:
                self._on_warning(clean(stream.warnings.pop(0)))

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("k")
        if kind == "pong":
            self._pong(message)
        elif kind == "warning":
            self._on_warning(clean(str(message.get("text", ""))[:2000]))
            return
        elif kind == "lines" and not self._advance(message):
            return
        self._on_message(message)

    def _pong(self, message: dict[str, Any]) -> None:
        asked = message.get("t")
        asked_at = self._unanswered.pop(asked, None) if isinstance(asked, int) else None
        if asked_at is not None:
            self.round_trip_s = max(0.0, self._clock() - asked_at)
        self._pongs += 1
        if self._pongs == 1:
            # The first answer may overtake what the same look at the folders found; the second cannot.
            self.ask()
        elif self._pongs == 2:
            self._on_message({"k": "listed"})

    def _advance(self, message: dict[str, Any]) -> bool:
        """Note how far a file was read; False if these bytes were already handed on."""
        worker, run, name = (message.get(key) for key in ("worker", "run", "file"))
        inode, start, end = (message.get(key) for key in ("inode", "start", "end"))
        if not (_is_name(worker) and _is_name(run) and name in FOLLOWED):
            self._on_warning("the follower sent lines of no known file")
            return False
        if not (_is_place(inode) and _is_place(start) and _is_place(end)):
            self._on_warning("the follower sent lines without their place")
            return False
        key = f"{worker}/{run}/{name}"
        known = self.offsets.get(key)
        if known is None:
            if len(self.offsets) >= OFFSETS_MAX:
                self.offsets.clear()
            self._prune(f"{worker}/", f"{worker}/{run}/")
        elif known == (inode, end) and start != end:
            return False
        self.offsets[key] = (inode, end)
        return True

    def _prune(self, of_worker: str, of_run: str) -> None:
        """Forget the files of a worker's older runs."""
        for key in [key for key in self.offsets if key.startswith(of_worker) and not key.startswith(of_run)]:
            del self.offsets[key]


def _is_place(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 <= value < 2**63


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_MAX


async def _stderr_tail(process: asyncssh.SSHClientProcess[bytes]) -> str:
    """Read the follower's stderr to its end, keeping the last part, cleaned."""
    tail = b""
    while data := await process.stderr.read(STDERR_BYTES):
        tail = (tail + data)[-STDERR_BYTES:]
    return tail.decode("utf-8", "replace")


def _never_spoke(stream: FollowerStream, stderr: str) -> str:
    said = stderr.strip() or stream.banner.decode("utf-8", "replace").strip()
    last = clean(said.splitlines()[-1]) if said else "it ended at once"
    return f"the follower did not start: {last}"

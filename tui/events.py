"""News: an end, a gate, a stall, a host that goes or comes back, told when it happens; and the person's own hook.

`on_event` in app.yaml is a command that gets each event as one JSON object on its standard input.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from remote.hosts import HostWarning
from remote.snapshot import Link, RunSnapshot
from tui.format import duration
from tui.hosts.instance import STOP_SOON_S
from tui.keys import shown
from wire.state import State

Severity = Literal["information", "warning", "error"]
HOOK_TIMEOUT_S = 10.0
HOOKS_AT_ONCE = 4
ENDED: dict[State, tuple[str, Severity]] = {
    # What stands before the reason; that of a held run says so itself.
    State.COMPLETED: ("completed", "information"),
    State.FAILED: ("failed", "error"),
    State.LOST: ("lost", "error"),
    State.HELD: ("", "warning"),
}


@dataclass(frozen=True)
class News:
    """One thing that happened; `kind` is a state's value or gate, stalled, silent, moving, offline, needs you, live,
    warning, idle."""

    kind: str
    text: str
    severity: Severity
    worker: str = ""
    host: str = ""
    run: str = ""

    @property
    def about(self) -> str:
        """Whom it is about."""
        return self.worker or self.host


def of_run(old: RunSnapshot, new: RunSnapshot) -> News | None:
    """What the newer snapshot of a worker tells that the older did not. A first sight is no news."""
    if old.seen_at is None or (old.run and old.run != new.run):
        return None
    if old.state.active and new.state in ENDED:
        word, severity = ENDED[new.state]
        return _of(new, new.state.value, ": ".join(filter(None, (word, new.reason))), severity)
    before, after = (row.progress.stage if row.progress is not None else "" for row in (old, new))
    if before and after and before != after and new.state.active:
        return _of(new, "gate", f"{before} is over: goes on with {after}", "information")
    return None


class HostWatch:
    """Remembers how each host was reached, and which stops itself soon; every worker of a host tells the same, and a
    try is not yet news."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}
        self._leaving: set[str] = set()

    def look(self, row: RunSnapshot) -> News | None:
        """What happened to the connection since the last look. The first one that stands is no news."""
        host, after = row.host, row.link.link
        before = self._links.get(host)
        if after is before or after not in (Link.LIVE, Link.OFFLINE, Link.NEEDS_YOU):
            return None
        self._links[host] = after
        if after is Link.NEEDS_YOU:
            return News("needs you", f"{row.link.reason}: {shown('reconnect')} answers", "warning", host=host)
        if after is Link.OFFLINE and before is Link.LIVE:
            return News("offline", f"not connected: {row.link.reason}", "warning", host=host)
        return News("live", "connected", "information", host=host) if after is Link.LIVE and before else None

    def leaves(self, row: RunSnapshot) -> News | None:
        """That its host will stop itself soon, as nobody uses it; told once until it is used again."""
        left_s = row.facts.stop_in_s if row.facts is not None and not row.facts.in_use else None
        if left_s is None or left_s >= STOP_SOON_S:
            self._leaving.discard(row.host)
            return None
        if row.host in self._leaving:
            return None
        self._leaving.add(row.host)
        text = f"idle, stops itself in {duration(left_s)}: a run or a login keeps it"
        return News("idle", text, "warning", host=row.host)


class Warned:
    """Tells of each host once that something of it makes no sense; what else there is, the Hosts screen keeps."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def look(self, warnings: Iterable[HostWarning]) -> list[News]:
        """News of hosts that nothing was told of so far."""
        events = []
        for one in warnings:
            if one.host not in self._told:
                self._told.add(one.host)
                text = f"{one.text}\n{shown('hosts')} shows what else makes no sense there"
                events.append(News("warning", text, "warning", host=one.host))
        return events


class Watch:
    """Remembers which runs stand still, so that each is told once, and once when it goes on."""

    def __init__(self) -> None:
        self._still: dict[str, str] = {}

    def look(self, rows: list[RunSnapshot], now: float) -> list[News]:
        """News of the runs that began or ceased to stand still since the last look."""
        events = []
        for row in rows:
            kind = "silent" if row.silent(now) else "stalled" if row.stalled(now) else ""
            told = self._still.get(row.worker, "")
            if kind and kind != told:
                why = "its supervisor sends no heartbeats" if kind == "silent" else "it runs without making progress"
                events.append(_of(row, kind, f"{kind}: {why}", "warning"))
            elif told and not kind and row.state.active and row.confirmed(now):
                events.append(_of(row, "moving", "moves again", "information"))
            if kind or row.confirmed(now):
                self._still[row.worker] = kind
        return events


def _of(row: RunSnapshot, kind: str, text: str, severity: Severity) -> News:
    return News(kind, text, severity, row.worker, row.host, row.run)


class Hook:
    """Runs the person's command for each event, never through a shell and never for long."""

    def __init__(self, command: str, failed: Callable[[str], None]) -> None:
        """`failed` is told once what is wrong with the command."""
        self._argv = shlex.split(command)
        self._failed: Callable[[str], None] | None = failed
        self._free = asyncio.Semaphore(HOOKS_AT_ONCE)

    async def tell(self, event: News) -> None:
        """Start the command and wait for its end; one that hangs is killed."""
        if not self._argv:
            return
        async with self._free:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
            except (OSError, ValueError) as exc:
                self._fail(f"on_event: {self._argv[0]}: {exc}")
                return
            try:
                line = json.dumps(asdict(event)).encode() + b"\n"
                await asyncio.wait_for(process.communicate(line), HOOK_TIMEOUT_S)
            except (TimeoutError, OSError):
                process.kill()
                await process.wait()
                self._fail(f"on_event: {self._argv[0]} had not ended after {HOOK_TIMEOUT_S:.0f} s")
                return
        if process.returncode:
            self._fail(f"on_event: {self._argv[0]} ended with {process.returncode}")

    def _fail(self, text: str) -> None:
        if self._failed is not None:
            tell, self._failed = self._failed, None
            tell(text)

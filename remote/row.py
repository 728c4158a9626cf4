"""A worker's row: its snapshot together with the evidence behind the state, which no screen draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

from remote.snapshot import RunSnapshot
from wire.records import StopRequest


@dataclass(frozen=True)
class Row:
    """What is known about one worker. Built anew by every message (`remote.fold`), never edited."""

    snapshot: RunSnapshot
    stop: StopRequest | None = None
    alive: bool | None = None
    """The host's proof about the newest attempt's supervisor; None = not judged."""
    why: str = ""
    """Why it is not alive: `gone`, `pid_reused`, `rebooted`."""
    orphans: int = 0
    """Processes of the run that outlived its supervisor."""
    dead_at: float | None = None
    """Monotonic time at which `alive` was first False without an exit record."""
    metrics_at: tuple[int, int] = (0, 0)
    """(inode, offset) up to which metrics.jsonl is in the history."""
    log_at: tuple[int, int] = (0, 0)
    """(inode, offset) up to which training.log is in the tail."""
    log_open: bool = False
    """True if the tail's last line had no end yet (a progress bar)."""


def forget(row: Row, *, run: str = "", reason: str = "") -> Row:
    """Return the row with nothing known but who the worker is: of no run, or of a new `run`."""
    old = row.snapshot
    return Row(
        RunSnapshot(
            host=old.host,
            project=old.project,
            worker=old.worker,
            branch=old.branch,
            extractor=old.extractor,
            run=run,
            reason=reason,
            step=old.step,
            link=old.link,
            facts=old.facts,
            seen_at=old.seen_at,
        )
    )


def drop_log(row: Row) -> Row:
    """Return the row without its log tail (its worker is no longer selected)."""
    return replace(row, snapshot=replace(row.snapshot, log_tail=(), log_skipped_bytes=0), log_at=(0, 0), log_open=False)

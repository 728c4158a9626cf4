"""What the screen says of a state, a connection, an age, a sync. A status is a glyph and a word, never only a colour.

An unreachable worker keeps its last known state and the age of it; it is drawn neither as healthy nor as failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote.snapshot import Link, LinkStatus, RunSnapshot, SyncPhase, SyncStatus
from tui.format import Line, Span, age, duration, size, spread, while_it_fits
from tui.hosts.machine import spot_words
from tui.keys import shown
from tui.progress import news, phase_words, prepared_share, stage_word
from tui.results import ended_words, result_words, took_words
from wire.gate import is_retired
from wire.records import SPOT
from wire.state import Phase, State

if TYPE_CHECKING:
    from remote.launching import Launched

STATES: dict[State, tuple[str, str]] = {
    State.NOT_STARTED: ("○", "dim"),
    State.PREPARING: ("◌", "info"),
    State.QUEUED: ("◔", "info"),
    State.STARTING: ("◐", "info"),
    State.RUNNING: ("●", "ok"),
    State.STOPPING: ("◑", "warn"),
    State.HELD: ("◆", "accent"),
    State.COMPLETED: ("✓", "ok"),
    State.FAILED: ("✗", "bad"),
    State.STOPPED: ("■", "dim"),
    State.LOST: ("?", "bad"),
}
UNCONFIRMED = "◇"
NO_PROGRESS = "no progress reported"
"""Said of a command that runs and writes no progress: it is never called stalled."""
FRESH_S = 10.0
"""A row that the host confirmed within this time is called live (it confirms every few seconds)."""


def known(row: RunSnapshot) -> bool:
    """False if nothing was ever heard of the worker, in this session or an earlier one."""
    return bool(row.run) or row.seen_at is not None or row.cached_age_s is not None


def state_words(row: RunSnapshot, now: float) -> Span:
    """Glyph, word and role of the state; an unconfirmed one says `was`."""
    if not row.confirmed(now):
        if not known(row):
            return (f"{UNCONFIRMED} unknown", "dim")
        return (f"{UNCONFIRMED} was {row.state.value}", "dim")
    glyph, role = STATES[row.state]
    if row.stalled(now) or row.silent(now):
        glyph, role = "▲", "warn"
    how = _how_ended(row)
    return (f"{glyph} {row.state.value}" + (f" ({how})" if how is not None else ""), f"bold {role}")


def _how_ended(row: RunSnapshot) -> int | str | None:
    """The exit code of what failed or was stopped, or that its machine was taken away."""
    if row.exit is None or row.state not in (State.FAILED, State.STOPPED) or is_retired(row.decision):
        return None  # what is retired ended well, at its gate
    return SPOT if row.exit.by == SPOT else row.exit.code


def age_words(row: RunSnapshot, now: float) -> Span:
    """How old the row is, and where it comes from."""
    seen = row.age_s(now)
    if seen is not None:
        if row.confirmed(now):
            return ("live" if seen < FRESH_S else f"seen {age(seen)} ago", "dim")
        return (f"last seen {age(seen)} ago", "warn")
    if row.cached_age_s is not None:
        return (f"from cache, {age(row.cached_age_s)} old", "warn")
    return ("never seen", "dim")


def state_and_age(row: RunSnapshot, now: float) -> Line:
    """The state, and the age of that knowledge where no live connection confirms it."""
    state: Line = [state_words(row, now)]
    return state if row.confirmed(now) or not known(row) else [*state, ("  ", ""), age_words(row, now)]


def link_words(link: LinkStatus, now: float) -> Span:
    """Glyph, word and role of a connection, short enough for the title bar."""
    if link.link is Link.LIVE:
        return ("● live", "ok")
    if link.link is Link.OFFLINE:
        return (f"{UNCONFIRMED} offline{retry_words(link, now)}", "warn")
    if link.link is Link.NEEDS_YOU:
        return ("▲ needs you", "bold warn")
    if link.link is Link.CONNECTING:
        return ("◌ connecting", "info")
    return (f"{UNCONFIRMED} not connected", "dim")


def retry_words(link: LinkStatus, now: float) -> str:
    """`, retry in 7 s`, or '' when none is planned."""
    return "" if link.retry_at is None else f", retry in {duration(max(0.0, link.retry_at - now))}"


def notice(row: RunSnapshot, now: float) -> Span | None:
    """What stands beside the state and must be read first, or None."""
    link = row.link
    why = f": {link.reason}" if link.reason else ""
    if link.link is Link.OFFLINE:
        return (f"{UNCONFIRMED} offline{retry_words(link, now)}{why}", "warn")
    if link.link is Link.NEEDS_YOU:
        return (f"▲ {row.host} needs you{why}", "bold warn")
    if link.link is Link.CONNECTING and not row.confirmed(now):
        return (f"◌ connecting to {row.host}{why}", "info")
    if row.state.active and (spot := spot_words(row.facts)):
        return (spot, "bold warn")
    if row.silent(now) and row.beat_at is not None:
        return (f"▲ silent: no heartbeat for {duration(now - row.beat_at)}", "bold warn")
    if row.stalled(now) and row.progress_at is not None:
        return (f"▲ stalled: no progress for {duration(now - row.progress_at)}", "bold warn")
    return None


def sync_words(row: RunSnapshot, now: float) -> Span:
    """How far the results are on this laptop."""
    sync = row.sync
    if sync.phase is SyncPhase.RUNNING:
        return (_syncing_words(sync), "info")
    if sync.phase is SyncPhase.PAUSED:
        return (f"▲ sync paused: {sync.error}", "bold warn")
    if sync.phase is SyncPhase.FAILED:
        last = f", last {age(now - sync.at)} ago" if sync.at is not None else ""
        again = f", again in {duration(max(0.0, sync.retry_at - now))}" if sync.retry_at is not None else ""
        return (f"▲ sync failed{last}{again}: {sync.error}", "warn")
    if sync.at is not None:
        left = f", {sync.left_out} too large" if sync.left_out else ""
        synced = f"↓ synced {age(now - sync.at)} ago{left}"
        return (f"▲ {synced}: {sync.note}", "warn") if sync.note else (synced, "dim")
    return ("↓ not whole here" if sync.folder else "↓ not synced yet", "dim")


def _syncing_words(sync: SyncStatus) -> str:
    """`↓ syncing 3.1 MiB of 1.2 GiB, file 2 of 5: best.pt`; of an earlier run, its name instead of the file's."""
    what = "earlier run" if sync.run else "syncing"
    if sync.waits:
        return f"↓ {what}: another sync of it goes first"
    total = f" of {size(sync.bytes_total)}" if sync.bytes_total > sync.bytes_done else ""
    count = f", file {sync.files_done + 1} of {sync.files_total}" if sync.files_total > sync.files_done else ""
    last = sync.run or sync.file.rpartition("/")[2]
    name = f": {last}" if last else ""
    return f"↓ {what} {size(sync.bytes_done)}{total}{count}{name}"


def commit_words(row: RunSnapshot) -> Line:
    """`branch@3f2a91c*`: a star means that the commit is a snapshot of uncommitted work."""
    branch = row.spec.branch if row.spec is not None and row.spec.branch else row.branch
    if row.spec is None or not row.spec.commit:
        return [(branch, "")] if branch else []
    return [(branch, ""), ("@", "dim"), (row.spec.commit[:7], "dim"), ("*" if row.spec.dirty else "", "bold warn")]


def parent_words(launched: Launched) -> str:
    """Which run a relaunch repeats, and whether the branch has moved on since."""
    now, then = launched.commit, launched.parent_commit
    moved = f" on another commit: {now[:7]} now, {then[:7] or 'none'} then" if now != then else ""
    return f"repeats {launched.parent}{moved}"


def beside_state(row: RunSnapshot) -> str:
    """What stands behind the state's word: the phase with its step while it runs, how long it took when it is over."""
    if row.state is State.RUNNING and row.progress is not None:
        return phase_words(row.progress)
    return took_words(row)


def state_line(row: RunSnapshot, now: float, width: int) -> Line:
    """State with what stands behind it, and the age at the far end; what does not fit whole is left out."""
    end = age_words(row, now)
    return spread(state_parts(state_words(row, now), beside_state(row), width - len(end[0]) - 1), [end], width)


def state_parts(state: Span, beside: str, room: int) -> Line:
    """The state, then as many parts of what stands beside it as fit whole."""
    return while_it_fits([[state], *([(part, "dim")] for part in beside.split(" · "))], room, " · ") or [state]


def share_done(row: RunSnapshot) -> float | None:
    """0..1 of the whole run, None if the work does not say."""
    progress = row.progress
    if progress is None:
        return None
    if row.state is State.COMPLETED:
        return 1.0
    if progress.phase == Phase.PREPARE.value:
        return prepared_share(progress)
    if progress.total_epochs > 0:
        return min(1.0, (progress.epoch + progress.epoch_fraction) / progress.total_epochs)
    if progress.total_steps > 0:
        return min(1.0, progress.step / progress.total_steps)
    return min(1.0, progress.samples_done / progress.samples_total) if progress.samples_total > 0 else None


def count_words(row: RunSnapshot) -> str:
    """`epoch 3.4/10`, in a stage `full 12.4/50`; `step 120/400`, `sample 1,200/4,000`."""
    progress = row.progress
    if progress is None:
        return ""
    if progress.phase == Phase.PREPARE.value:
        share = prepared_share(progress)
        return "" if share is None else f"{share:.0%}".replace("%", " %")
    if progress.phase == "generate" and progress.samples_total > 0:
        return f"sample {progress.samples_done:,}/{progress.samples_total:,}"
    if progress.total_epochs > 0:
        epoch = min(float(progress.total_epochs), progress.epoch + progress.epoch_fraction)
        return f"{stage_word(progress) or 'epoch'} {f'{epoch:.1f}'.removesuffix('.0')}/{progress.total_epochs}"
    if progress.total_steps > 0:
        return f"step {progress.step:,}/{progress.total_steps:,}"
    if progress.samples_total > 0:
        return f"sample {progress.samples_done:,}/{progress.samples_total:,}"
    return f"step {progress.step:,}" if progress.step else ""


def left_words(row: RunSnapshot, now: float, *, short: bool = False) -> str:
    """`2 min 5 s left`, while the run moves and says so."""
    progress = row.progress
    if progress is None or progress.eta_s is None or row.state is not State.RUNNING or not row.confirmed(now):
        return ""
    if row.stalled(now) or row.silent(now):
        return ""
    seconds = max(0.0, progress.eta_s - (now - row.progress_at if row.progress_at is not None else 0.0))
    return f"{age(round(seconds)) if short else duration(seconds)} left"


def checkpoint_words(row: RunSnapshot, now: float) -> str:
    """`last.pt 41 s ago`, '' if there is none."""
    if row.checkpoint_at is None:
        return ""
    name = row.progress.checkpoint if row.progress is not None and row.progress.checkpoint else "checkpoint"
    return f"{name} {age(now - row.checkpoint_at)} ago"


def last_words(row: RunSnapshot) -> Span:
    """The one line that tells most: what this laptop does, why it ended, what the work says, or the log's last line."""
    if row.step:
        return (f"→ {row.step}", "info")
    if row.state is State.COMPLETED and row.result is not None:
        return result_words(row.result)
    if row.state.final:
        return ended_words(row)
    if row.reason:
        return (row.reason, "dim")
    if row.progress is not None:
        return (news(row.progress), "dim")
    if row.log_tail:
        return (row.log_tail[-1], "dim")
    if row.run:
        return (NO_PROGRESS if row.state is State.RUNNING else "", "dim")
    return (
        (f"not launched yet: {shown('launch')} launches it", "dim")
        if row.state is State.NOT_STARTED and known(row)
        else ("", "")
    )

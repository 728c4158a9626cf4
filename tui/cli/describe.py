"""A worker's snapshot as JSON data and as a line of a table: the same facts, each with its age and origin."""

from __future__ import annotations

from typing import Any

from remote.snapshot import LinkStatus, RunSnapshot
from tui.format import cut, duration, number, wrapped
from tui.hosts.machine import spot_words
from tui.progress import stage_word
from tui.words import age_words, known, state_words, sync_words
from wire.state import State

UNKNOWN = "unknown"
"""Instead of a state, where no host ever told one."""

TELLING = ("accuracy", "val_accuracy", "pred_mse", "val_mse", "mse", "val_loss", "train_loss", "loss")
"""Metrics in the order in which a narrow table shows them."""


def data_of(row: RunSnapshot, now: float) -> dict[str, Any]:
    """Everything that `status --json` says about a worker. Ages in seconds; null where it is not known."""
    progress, spec = row.progress, row.spec
    return {
        "worker": row.worker,
        "host": row.host,
        "branch": row.branch,
        "commit": spec.commit if spec else "",
        "dirty": spec.dirty if spec else False,
        "extractor": row.extractor,
        "run": row.run,
        "parent": spec.parent if spec else "",
        "attempt": row.attempt,
        "state": row.state.value if known(row) else UNKNOWN,
        "reason": row.reason,
        "gpus": list(row.gpus),
        "spot_at_s": row.facts.spot_at_s if row.facts else None,
        "code": row.exit.code if row.exit else None,
        "origin": _origin(row, now),
        "age_s": _rounded(row.cached_age_s if row.seen_at is None else row.age_s(now)),
        "silent": row.silent(now),
        "stalled": row.stalled(now),
        "phase": progress.phase if progress else "",
        "stage": progress.stage if progress else "",
        "epoch": progress.epoch if progress else 0,
        "total_epochs": progress.total_epochs if progress else 0,
        "step": progress.step if progress else 0,
        "eta_s": progress.eta_s if progress else None,
        "metrics": dict(progress.metrics) if progress else {},
        "result": row.result.to_dict() if row.result else None,
        "decision": row.decision.to_dict() if row.decision else None,
        "cluster": row.cluster.to_dict() if row.cluster else None,
        "checkpoint_age_s": _age(row.checkpoint_at, now),
        "beat_age_s": _age(row.beat_at, now),
        "message": row.messages[-1] if row.messages else "",
        "link": link_data(row.link),
        "sync": {
            "state": row.sync.phase.value,
            "age_s": _age(row.sync.at, now),
            "folder": row.sync.folder,
            "error": row.sync.error,
            "retry_in_s": None if row.sync.retry_at is None else _rounded(row.sync.retry_at - now),
            "left_out": row.sync.left_out,
        },
    }


def link_data(link: LinkStatus) -> dict[str, Any]:
    return {"state": link.link.value, "reason": link.reason, "round_trip_s": link.round_trip_s}


def _origin(row: RunSnapshot, now: float) -> str:
    """`host` (confirmed now), `stale` (it said so earlier in this session), `cache` (an earlier session), `none`."""
    if row.confirmed(now):
        return "host"
    if row.seen_at is not None:
        return "stale"
    return "cache" if row.cached_age_s is not None else "none"


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else _rounded(now - at)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 1)


def table(rows: list[RunSnapshot], now: float, *, width: int, colour: bool) -> str:
    """The rows as aligned columns of at most `width` cells; the state is a word and a sign, never only a colour."""
    from rich.cells import cell_len, set_cell_size

    head = ("WORKER", "HOST", "STATE", "PROGRESS", "METRICS", "KNOWN", "RESULTS")
    body = [_cells(row, now) for row in rows]
    shown = [index for index in range(len(head)) if index < 3 or any(cells[index] for cells in body)]
    widths = {index: max(cell_len(line[index]) for line in (head, *body)) for index in shown}
    lines = []
    for number_, cells in enumerate([head, *body]):
        text = cut("  ".join(set_cell_size(cells[index], widths[index]) for index in shown).rstrip(), width)
        if colour:
            text = _coloured(text, cells[2], "" if number_ == 0 else state_words(rows[number_ - 1], now)[1])
        lines.append(text)
    whys = (f"{row.worker}: {why}" for row in rows if (why := _why(row)))
    return "\n".join([*lines, *(piece for why in whys for piece in wrapped(why, width, 3))])


def _why(row: RunSnapshot) -> str:
    """Why a worker ended or waits, what its cluster says, or that it will soon have to go."""
    spot = spot_words(row.facts) if row.state.active else ""
    tells = row.state.final or row.state is State.QUEUED or row.cluster is not None
    return "; ".join(filter(None, (spot, row.reason if tells else "")))


def _cells(row: RunSnapshot, now: float) -> tuple[str, ...]:
    synced = "" if not row.run or (row.sync.at is None and not row.sync.error) else sync_words(row, now)[0]
    return (
        row.worker,
        row.host,
        state_words(row, now)[0],
        progress_text(row),
        metrics_text(row),
        age_words(row, now)[0] if known(row) else "never seen",
        synced,
    )


def progress_text(row: RunSnapshot) -> str:
    """`train 3/10, 2 min left`, in a stage `full 12/50`, or what the run says instead."""
    if row.step:
        return row.step
    progress = row.progress
    if progress is None or row.state.final:
        done = f"{progress.epoch}/{progress.total_epochs}" if progress and progress.total_epochs else ""
        if progress and done:
            return f"{stage_word(progress)} {done}".lstrip()
        # What a queued run waits for stands below the table.
        says = row.messages and row.state.active and row.state is not State.QUEUED
        return cut(row.messages[-1], 40) if says else ""
    parts = [stage_word(progress) or progress.phase]
    if progress.total_epochs:
        parts.append(f"{progress.epoch}/{progress.total_epochs}")
    elif progress.message:
        parts = [progress.message[:40]]
    left = f", {duration(progress.eta_s)} left" if progress.eta_s is not None and row.state.active else ""
    return " ".join(part for part in parts if part) + left


def metrics_text(row: RunSnapshot, limit: int = 2) -> str:
    """The metrics that say most, at most `limit` of them."""
    source = row.result.metrics if row.result is not None else row.progress.metrics if row.progress is not None else {}
    known = [name for name in TELLING if name in source]
    others = [name for name in source if name not in TELLING]
    return ", ".join(f"{name} {number(source[name])}" for name in (known + others)[:limit])


def _coloured(line: str, state: str, role: str) -> str:
    """The state's cell in the colour of its role, in the terminal's own 16 colours."""
    codes = {"ok": "32", "bad": "31", "warn": "33", "info": "36", "accent": "35", "dim": "2"}
    code = next((codes[word] for word in role.split() if word in codes), "")
    if not code or state not in line:
        return line
    return line.replace(state, f"\x1b[{code}m{state}\x1b[0m", 1)

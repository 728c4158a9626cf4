"""Progress in words: one line for a log or a heartbeat, one page for PROGRESS.txt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from wire.records import GateDecision, Progress
from wire.run_dir import attempt_number

_SHOWN = ("train_loss", "val_loss", "val_accuracy", "pred_mse", "skill", "val_recall", "val_precision")
_OTHERS = 4
"""How many metrics of other names are shown where none of these is there."""
_GATED = "validate"
"""The stage with a gate at its end."""


def duration(seconds: float | None) -> str:
    """Return `42 s`, `3 min 05 s`, `2 h 07 min`, or `unknown`."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def figure(name: str, value: float | None) -> str:
    """Return `93.1 %` for an accuracy, four digits of anything else, `-` for nothing."""
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if name.endswith("accuracy") else f"{value:.4g}"


def message(progress: Progress) -> str:
    """Return one line, e.g. `train epoch 4/10 step 352/880 train_loss 0.41 val_accuracy 93.1 % 1 min 20 s left`."""
    if progress.message:
        return progress.message
    parts = [_where(progress)]
    if progress.total_epochs:
        running = min(progress.epoch + 1, progress.total_epochs)
        parts.append(f"epoch {running}/{progress.total_epochs} step {progress.step}/{progress.total_steps}")
    elif progress.step:
        parts.append(f"step {progress.step}" + (f"/{progress.total_steps}" if progress.total_steps else ""))
    elif progress.samples_total:
        parts.append(f"{progress.samples_done:,} of {progress.samples_total:,} clips")
    shown = [name for name in _SHOWN if progress.metrics.get(name) is not None] or list(progress.metrics)[:_OTHERS]
    parts += [f"{name} {figure(name, progress.metrics[name])}" for name in shown]
    if progress.eta_s:
        parts.append(f"{duration(progress.eta_s)} left{' to the gate' if progress.stage == _GATED else ''}")
    return " ".join(parts)


def _where(progress: Progress) -> str:
    """Phase and stage, which in `evaluate` is one word."""
    return " ".join(dict.fromkeys(filter(None, (progress.phase, progress.stage))))


def short(progress: Progress) -> str:
    """Return what fits beside a progress bar, e.g. `train, epoch 4/10, 1 min 20 s left`."""
    parts = [_where(progress)]
    if progress.total_epochs:
        parts.append(f"epoch {min(progress.epoch + 1, progress.total_epochs)}/{progress.total_epochs}")
    if progress.eta_s:
        parts.append(f"{duration(progress.eta_s)} left")
    return ", ".join(parts)


def start_line(step: int, attempt: str) -> str:
    """Return where an attempt begins, '' for the first one of a run: nobody shall think that it went on, or did not."""
    if step:
        return f"going on from last.pt at step {step}"
    return "" if (attempt_number(attempt) or 1) == 1 else "no checkpoint to go on from: training starts again"


def epoch_line(epoch: int, epochs: int, figures: Mapping[str, float], stage: str = "") -> str:
    """Return the line that closes an epoch, e.g. `epoch 4/10 done train_loss 0.41 val_accuracy 93.1 %`."""
    shown = [f"{name} {figure(name, figures[name])}" for name in _SHOWN if name in figures]
    return " ".join([f"{stage} epoch {epoch}/{epochs} done".lstrip(), *shown])


def gate_line(gate: Mapping[str, Any], decision: GateDecision | None, full_epochs: int) -> str:
    """Return what a gate's verdict means for the run."""
    goes_on = f"{full_epochs} more epochs follow"
    if gate["passed"]:
        return f"gate passed: {goes_on}"
    why = "; ".join(gate["reasons"])
    if "released_by" in gate:
        return f"gate not passed ({why}) but released by {gate['released_by']}: {goes_on}"
    if decision is not None:
        return f"held at the gate: {why}; {decision.decision}d by {decision.by}"
    return f"held at the gate: {why}; release it to train on, or retire it"


def page(progress: Progress) -> str:
    """Return PROGRESS.txt."""
    clips = 0 if progress.total_epochs else progress.samples_total
    done, total = (progress.samples_done, clips) if clips else (progress.step, progress.total_steps)
    share = done / total if total else 0.0
    filled = round(40 * share)
    checkpoint = "none yet"
    if progress.checkpoint and progress.checkpoint_at_s is not None:
        checkpoint = f"{progress.checkpoint}, {duration(progress.at_s - progress.checkpoint_at_s)} before this page"
    stage = f"{progress.stage}, then a gate" if progress.stage == _GATED else progress.stage
    rows = [
        ("written", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(progress.at_s))),
        ("attempt", progress.attempt),
        ("phase", progress.phase),
        *([("stage", stage)] if stage else []),
        *([("epoch", f"{progress.epoch} of {progress.total_epochs} finished")] if progress.total_epochs else []),
        ("clips" if clips else "step", f"{done:,} of {total:,}"),
        ("left", duration(progress.eta_s)),
        ("checkpoint", checkpoint),
    ]
    lines = [progress.message, "", f"[{'#' * filled}{'.' * (40 - filled)}] {100 * share:.1f} %", ""]
    lines += [f"{name:<12}{value}" for name, value in rows] + [""]
    lines += [f"{name:<24}{figure(name, value)}" for name, value in sorted(progress.metrics.items())]
    return "\n".join(lines).rstrip() + "\n"

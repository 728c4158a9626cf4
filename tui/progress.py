"""What a progress report says beyond the figures that stand beside it: its phase with the step, a share, its news."""

from __future__ import annotations

import re

from wire.records import Progress

_BYTES = re.compile(r"\b(\d+) of (\d+) MB\b")
_EPOCH = re.compile(r"\bepoch \d+/\d+")
_STEP = re.compile(r"\bstep \d+/\d+")
_LEFT = re.compile(r"(?:\d+ (?:s|min|h|d) )+left(?: to the gate)?\s*$")
STAGE_CHARS = 12
MESSAGE_READ, METRICS_READ = 400, 40
"""How much of a message is looked at, and for how many metrics: both come from a host and are read at every redraw."""


def phase_words(progress: Progress) -> str:
    """`train · step 54/162`, '' once it is done."""
    if progress.phase in ("", "done"):
        return ""
    counted = progress.total_epochs > 0 and progress.total_steps > 0
    return f"{progress.phase} · step {progress.step:,}/{progress.total_steps:,}" if counted else progress.phase


def stage_word(progress: Progress) -> str:
    """`validate`, `full`, or what else the work calls its stage, short; '' if it has none."""
    return " ".join(progress.stage.split())[:STAGE_CHARS]


def prepared_share(progress: Progress) -> float | None:
    """0..1 of the download that the preparation is at, None while it does not say its bytes.

    The number of packages is no share of the work: pip finds more while it installs, and unpacking takes longest.
    """
    if progress.samples_total > 0:
        return min(1.0, progress.samples_done / progress.samples_total)
    found = _BYTES.search(progress.message[:MESSAGE_READ])
    return min(1.0, int(found[1]) / int(found[2])) if found and int(found[2]) else None


def news(progress: Progress) -> str:
    """The message without phase, epoch, step, time left and metrics: those are shown already, and more exactly."""
    text = progress.message[:MESSAGE_READ]
    for word in (progress.phase, progress.stage):
        text = text[len(word) :].lstrip() if word and text.startswith(f"{word} ") else text
    if progress.total_epochs > 0:
        text = _STEP.sub("", _EPOCH.sub("", text))
    if progress.eta_s is not None and progress.total_epochs > 0:
        text = _LEFT.sub("", text)
    for name in list(progress.metrics)[:METRICS_READ]:
        text = re.sub(rf"\b{re.escape(name)} (?:-?[\d.]+(?:e[+-]?\d+)?(?: %)?|n/a)(?![\w.])", "", text)
    return " ".join(text.split())

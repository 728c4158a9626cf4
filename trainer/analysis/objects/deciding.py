"""Which objects persist, and from when on is it known? Curves over the frames seen, beside rules and the best possible.

The rules and the best possible are those of the run's own test, or of the data that it was measured on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.analysis.entries import Spread
from trainer.analysis.markdown import UNKNOWN, table
from trainer.analysis.objects.measured import OWN, Measured
from trainer.analysis.objects.targets import Target, figure

LAST = 12
FRAMES = (*map(str, range(1, LAST + 1)), "all")
SOON = 0.9
"""Balanced accuracy of which is said from when on it is reached."""
K12, WHOLE, PIXELS = (0.87, 0.92), (0.88, 0.93), 0.90
TIER = "standard"


def tables(found: Sequence[Measured]) -> list[str]:
    """Return a table for each kind of data and boxes: the networks, then the rules, of objects and of tracks."""
    lines: list[str] = []
    for group in grouped(found):
        first, rows = group[0], []
        for kind in ("objects", "tracks"):
            rows += [[kind, _name(one), *_cells(one, kind, OWN)] for one in group]
            rows += [[kind, f"*{who}*", *_cells(first, kind, who)] for who in first.controls
                     if first.curve(kind, who) is not None]  # fmt: skip
        n, missed = (first.over(key) for key in ("n", "missed"))
        where = f"`{first.data}`, boxes: {first.boxes}"
        lines += [f"{where}; {figure(n, 0)} objects a seed, {figure(missed, 0)} of them never found.", ""]
        lines += [*table(("of", "decided by", *(f"{k}:" for k in FRAMES)), rows), ""]
    return lines[:-1]


def _name(one: Measured) -> str:
    return one.entry.name if one.has_skill else f"{one.entry.name}: **no skill**"


def grouped(found: Sequence[Measured]) -> list[list[Measured]]:
    """Return what was measured on the same kind of data through the same boxes together."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for one in found:
        if one.curve("objects", OWN) is not None:
            groups.setdefault((one.data, one.boxes), []).append(one)
    return list(groups.values())


def _cells(one: Measured, kind: str, who: str) -> list[str]:
    curve = one.curve(kind, who)
    if curve is None or len(curve) != len(FRAMES):
        return [UNKNOWN] * len(FRAMES)
    key = ("track_" if kind == "tracks" else "") + "balanced_accuracy"
    exact = {"12": f"{key}_12", "all": key}
    spreads = [one.over(exact[k], "" if who == OWN else who) if k in exact else None for k in FRAMES]
    return [_cell(value, whole) for value, whole in zip(curve, spreads, strict=True)]


def _cell(value: float, exact: Spread | None) -> str:
    """Return a mean of the curve; where the figure itself is known, its deviation too."""
    if not np.isfinite(value):
        return UNKNOWN
    text = figure(exact) if exact else f"{value:.3f}"
    return text.replace("0.", ".")


def first_frame(one: Measured) -> int | None:
    """Return the number of frames seen from which on the network's curve stays at `SOON` or above."""
    curve = one.curve("objects", OWN)
    if curve is None or len(curve) != len(FRAMES):
        return None
    below = np.flatnonzero(curve[:LAST] < SOON)
    first = int(below[-1]) + 2 if len(below) else 1
    return first if first <= LAST else None


def early(found: Sequence[Measured]) -> list[str]:
    """Say from when on each network knows, by what shows a kind beside its life."""
    lines = []
    for one in found:
        if one.tier == TIER and not one.of_pixels and one.curve("objects", OWN) is not None:
            frame = first_frame(one)
            when = f"from {frame} frames on" if frame else f"not within {LAST} frames"
            lines.append(f"- `{one.data}`, {one.entry.name}: balanced accuracy {SOON} {when}")
    return lines


def targets(found: Sequence[Measured]) -> list[Target]:
    """Return what is asked of every network on `standard`, and of the whole from pixels."""
    asked = []
    for one in found:
        name = one.entry.name
        whole, at_12 = one.over("balanced_accuracy"), one.over("balanced_accuracy_12")
        if one.data == TIER and not one.of_pixels:
            asked.append(Target(f"balanced accuracy at k = 12, {name}", at_12, *K12))
            asked.append(Target(f"balanced accuracy, whole clip, {name}", whole, *WHOLE))
        elif one.data == "easy" and one.of_pixels:
            asked.append(Target(f"from pixels ({one.boxes}), `easy`, whole clip, {name}", whole, PIXELS))
    return asked

"""Does attention lie on what persists? Runs that were trained for it beside runs that were not."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.analysis.entries import Spread
from trainer.analysis.markdown import table
from trainer.analysis.objects.measured import Measured, supervision
from trainer.analysis.objects.targets import Target, figure, points

RATIO, COST = (3.0, 8.0), 0.01
"""Least median and the goal; what track accuracy may fall."""
ACCURACY = "track_balanced_accuracy"


def tables(found: Sequence[Measured]) -> list[str]:
    """Return the ratio of each network on each data set."""
    known = [one for one in found if one.over("attention_ratio")]
    layers = sorted({key for one in known for row in one.seeds for key in row.metrics if "_ratio_layer_" in key})
    head = ("data", "boxes", "network", "asked for:", "median:", "geometric mean:", "share > 3:", "clips:",
            *(f"layer {key.rpartition('_')[2]}:" for key in layers), "track accuracy:")  # fmt: skip
    rows = [
        [
            one.data,
            one.boxes,
            one.entry.name,
            f"{supervision(one.entry):g}",
            figure(one.over("attention_ratio"), 2),
            figure(one.over("attention_ratio_geometric"), 2),
            figure(one.over("attention_ratio_above_3"), 2),
            figure(one.over("attention_ratio_n"), 0),
            *(figure(one.over(key), 2) for key in layers),
            figure(one.over(ACCURACY)),
        ]
        for one in known
    ]
    return table(head, rows) if rows else []


def targets(found: Sequence[Measured]) -> list[Target]:
    """Return what is asked of each network that was trained for it, beside the one of the same data that was not."""
    plain = {(one.data, one.boxes): one for one in found if not supervision(one.entry)}
    asked = []
    for one in found:
        if not supervision(one.entry) or one.of_pixels:
            continue
        where = f"{one.data}, {one.entry.name}"
        asked.append(Target(f"attention ratio, median, {where}", one.over("attention_ratio"), *RATIO, digits=1))
        other = plain.get((one.data, one.boxes))
        own, theirs = one.over(ACCURACY), other.over(ACCURACY) if other else None
        lost = Spread(theirs.mean - own.mean) if own and theirs else None
        asked.append(Target(f"track accuracy that it costs, {where}", lost, COST, most=True))
    return asked


def words(found: Sequence[Measured]) -> list[str]:
    """Say what the ratio is where nothing asked for it."""
    plain = [one for one in found if not supervision(one.entry) and one.over("attention_ratio") and not one.of_pixels]
    return [
        f"- Not asked for, `{one.data}`: ratio {figure(one.over('attention_ratio'), 2)} at a track accuracy of "
        f"{points(one.over(ACCURACY))} %."
        for one in plain
    ]

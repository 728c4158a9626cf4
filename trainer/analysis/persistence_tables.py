"""What a comparison says of runs of `persistence` beside the usual tables: by kind of clip, and what they go by."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.analysis.entries import Entry, Spread, spread
from trainer.analysis.markdown import UNKNOWN, number, table

KIND = "accuracy_"
KINDS = ("persistent", "mixed", "brief", "noise")


def phases(entries: Sequence[Entry]) -> list[str]:
    """Return accuracy, F1, accuracy on each kind of clip, time and size of every run that knows kinds; [] if none."""
    known = [one for one in entries if any(_over(one, KIND + kind) for kind in KINDS)]
    head = ("run", "accuracy:", "F1:", *(f"{kind}:" for kind in KINDS), "ms from pixels:", "parameters:")
    rows = [
        [
            one.name,
            _share(one.accuracy),
            _share(_over(one, "f1")),
            *(_share(_over(one, KIND + kind)) for kind in KINDS),
            number(time.mean) if (time := _over(one, "clip_ms")) else UNKNOWN,
            UNKNOWN if one.parameters is None else f"{one.parameters:,}",
        ]
        for one in known
    ]
    return table(head, rows) if rows else []


def importances(entries: Sequence[Entry]) -> list[str]:
    """Return by how many points the accuracy falls when a group of what a run is told is that of another track; []
    if no run says.
    """
    known = [one for one in entries if any(run.importance for run in one.runs)]
    groups = list(dict.fromkeys(name for one in known for run in one.runs for name in run.importance))
    rows = [
        [one.name, *(_points(spread(run.importance.get(group) for run in one.runs)) for group in groups)]
        for one in known
    ]
    return table(("run", *(f"{group}:" for group in groups)), rows) if rows else []


def _over(entry: Entry, key: str) -> Spread | None:
    return spread(run.metrics.get(key) for run in entry.runs)


def _share(value: Spread | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value.mean:.3f}" + ("" if value.deviation is None else f" ± {value.deviation:.3f}")


def _points(value: Spread | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{100 * value.mean:.1f}" + ("" if value.deviation is None else f" ± {100 * value.deviation:.1f}")

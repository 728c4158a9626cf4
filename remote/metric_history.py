"""The metric history of one run in memory: it follows the newest attempt and stays bounded.

A resumed attempt goes back to its checkpoint and says the steps after it again: what an older attempt said about
those steps is superseded. When the history grows too long, its older part is thinned to an even spacing, metric by
metric, so that a validation loss that comes once an epoch outlives the many training losses between.
"""

from __future__ import annotations

from collections.abc import Iterable

from wire.records import MetricPoint

POINTS_MAX = 2000
RECENT_KEPT = 500
"""So many of the newest points are never thinned."""
OLD_POINTS_PER_METRIC = 500
OLD_POINTS_MAX = (POINTS_MAX - RECENT_KEPT) * 3 // 4


def extend(history: tuple[MetricPoint, ...], new: Iterable[MetricPoint]) -> tuple[MetricPoint, ...]:
    """Return `history` with the `new` points, oldest first, at most `POINTS_MAX` of them."""
    points = list(history)
    for point in new:
        if points and point.attempt != points[-1].attempt:
            while points and points[-1].step >= point.step:
                points.pop()
        points.append(point)
        if len(points) > POINTS_MAX:
            points = _thin(points)
    return tuple(points)


def _thin(points: list[MetricPoint]) -> list[MetricPoint]:
    old, recent = points[:-RECENT_KEPT], points[-RECENT_KEPT:]
    spacing = max(1.0, (old[-1].step - old[0].step) / OLD_POINTS_PER_METRIC)
    kept: list[MetricPoint] = []
    last: dict[str, int] = {}
    for point in old:
        if any(point.step - last.get(name, -(2**63)) >= spacing for name in point.values):
            kept.append(point)
            last.update(dict.fromkeys(point.values, point.step))
    if len(kept) > OLD_POINTS_MAX:
        kept = kept[::2]
    return kept + recent

"""The metric history of one run in memory: it follows the newest attempt and stays bounded.

A resumed attempt goes back to its checkpoint and says the steps after it again: what an older attempt said about
those steps is superseded. When the history grows too long, its older part is thinned to an even spacing, metric by
metric, so that a validation loss that comes once an epoch outlives the many training losses between.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from wire.records import MetricPoint

POINTS_MAX = 2000
RECENT_KEPT = 500
"""So many of the newest points are never thinned."""
OLD_POINTS_PER_METRIC = 500


def extend(history: tuple[MetricPoint, ...], new: Iterable[MetricPoint]) -> tuple[MetricPoint, ...]:
    """Return `history` with the `new` points, oldest first, at most `POINTS_MAX` of them."""
    points = list(history)
    for point in new:
        if points and point.attempt != points[-1].attempt:
            while points and points[-1].step >= point.step:
                points.pop()
        points.append(point)
        if len(points) > POINTS_MAX:
            points = [*thinned(points[:-RECENT_KEPT], OLD_POINTS_PER_METRIC), *points[-RECENT_KEPT:]]
    return tuple(points)


def thinned(points: Sequence[MetricPoint], per_metric: int) -> list[MetricPoint]:
    """About `per_metric` points of each metric, evenly spaced, with the newest point; at most twice as many in all."""
    if len(points) <= per_metric:
        return list(points)
    spacing = max(1.0, (points[-1].step - points[0].step) / per_metric)
    kept: list[MetricPoint] = []
    due: dict[str, float] = {}
    for point in points[:-1]:
        for name in point.values:
            if point.step >= due.get(name, -math.inf):
                kept.append(point)
                due.update(dict.fromkeys(point.values, point.step + spacing))
                break
    while len(kept) >= 2 * per_metric:
        kept = kept[::2]
    return [*kept, points[-1]]

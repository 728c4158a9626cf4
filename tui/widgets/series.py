"""What happens to the points of a curve before they are drawn: smoothing, and thinning of what is very long."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.widgets.braille import drawable


def smoothed(ys: Sequence[float | None], weight: float) -> list[float | None]:
    """Exponential moving average with `weight` (0..1) on what went before, its start corrected for bias.

    As W&B's and TensorBoard's curves: s[i] = w s[i-1] + (1-w) y[i], shown as s[i] / (1 - w^(i+1)), after the bias
    correction of Adam (Kingma and Ba 2015, section 3). A missing value stays missing and changes nothing.
    """
    out: list[float | None] = []
    average, rest = 0.0, 1.0
    for y in ys:
        if y is None or not drawable(y):
            out.append(None)
            continue
        average = weight * average + (1 - weight) * y
        rest *= weight
        out.append(average / (1 - rest))
    return out


def thinned(
    xs: Sequence[float], ys: Sequence[float | None], at_most: int
) -> tuple[Sequence[float], Sequence[float | None]]:
    """At most `at_most` points with the same picture: lowest and highest of each equal share, in their order.

    A share without any value is a gap. Read by slices, so ten million points take about a second.
    """
    if len(ys) <= at_most:
        return xs, ys
    share = -(-len(ys) // max(1, at_most // 2))
    out_x: list[float] = []
    out_y: list[float | None] = []
    for start in range(0, len(ys), share):
        chosen = _extremes(ys[start : start + share])
        for index in chosen or (0,):
            out_x.append(xs[start + index])
            out_y.append(ys[start + index] if chosen else None)
    return out_x, out_y


def _extremes(ys: Sequence[float | None]) -> list[int]:
    """Places of the lowest and the highest value, in order; [] if there is no value."""
    try:
        whole = math.isfinite(sum(ys))  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        whole = False
    if whole:
        low, high = ys.index(min(ys)), ys.index(max(ys))  # type: ignore[type-var]
        return sorted({low, high})
    known = [(y, index) for index, y in enumerate(ys) if y is not None and drawable(y)]
    return sorted({min(known)[1], max(known)[1]}) if known else []

"""Moving a `View` over the data: zoom, pan, cursor. Pure functions over (lowest, highest) x of the data."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from tui.widgets.chart import View

CLOSEST = 1e-4
"""Share of the data that the closest zoom shows."""
PAN = 0.25
"""Share of the window that one step moves."""
Range = tuple[float, float]


def seen(view: View, data: Range) -> Range:
    """The part of the data that the view shows."""
    if view.window is None:
        return data
    return max(data[0], view.window[0]), min(data[1], view.window[1])


def zoomed(view: View, data: Range, factor: float) -> View:
    """Show `factor` times as much, around the cursor, else around the newest point or the middle."""
    low, high = seen(view, data)
    if view.cursor is not None and low <= view.cursor <= high:
        fixed = view.cursor
    else:
        fixed = high if high >= data[1] else (low + high) / 2
    span = data[1] - data[0]
    if (high - low) * factor < CLOSEST * span:
        return view
    return _framed(view, data, fixed - (fixed - low) * factor, fixed + (high - fixed) * factor)


def panned(view: View, data: Range, steps: float) -> View:
    """Move the window by so many steps; it stays within the data."""
    low, high = seen(view, data)
    by = steps * PAN * (high - low)
    by = max(data[0] - low, min(data[1] - high, by))
    return _framed(view, data, low + by, high + by)


def _framed(view: View, data: Range, low: float, high: float) -> View:
    """The view of low..high. At the newest point it goes on with the data; all of the data is no window."""
    slack = 1e-9 * (data[1] - data[0])
    if low <= data[0] + slack and high >= data[1] - slack:
        return replace(view, window=None)
    return replace(view, window=(max(low, data[0]), math.inf if high >= data[1] - slack else high))


def read_next(view: View, xs: Sequence[float], data: Range, columns: int, steps: int) -> View:
    """Move the cursor to the next of the ascending `xs` that is in view and at least a dot column away.

    It begins at the newest.
    """
    low, high = seen(view, data)
    shown = xs[bisect_left(xs, low) : bisect_right(xs, high)]
    if not shown:
        return view
    if view.cursor is None:
        return replace(view, cursor=shown[-1])
    least = (high - low) / max(1, columns)
    if steps > 0:
        at = max(bisect_right(shown, view.cursor), bisect_left(shown, view.cursor + least * steps))
    else:
        at = min(bisect_left(shown, view.cursor) - 1, bisect_right(shown, view.cursor + least * steps) - 1)
    return replace(view, cursor=shown[max(0, min(len(shown) - 1, at))])

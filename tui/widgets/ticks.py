"""Where an axis has its labels: round numbers (1-2-5), as many as have room, never over each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

GAPS_ACROSS, GAPS_UP = (7, 4, 2, 1), (1, 0)
"""Free cells between two labels of the x axis and of the y axis, the best first."""
HIGH_CELLS, GAPS_HIGH = 16, (2, 1, 0)
"""An axis that is as high as this has its labels further apart."""
DECADES = (1, 2, 3, 5, 10, 20, 50, 100, 200)
LEAST_SPAN = 1e-300
"""Below it steps cannot be told apart."""


@dataclass(frozen=True)
class Tick:
    """A round number of an axis. `at` is its place on the axis (the logarithm, if that is what the axis shows)."""

    at: float
    text: str


def axis_ticks(
    low: float, high: float, cells: int, *, log: bool = False, across: bool = False
) -> list[tuple[int, str]]:
    """Return (first cell, label) of each tick of an axis of `cells` cells from `low` to `high`.

    Labels are one cell high, or as wide as they are if the axis runs `across`. At least two wherever two have room.
    With `log`, `low` and `high` are decimal logarithms.
    """
    choices = [*(_log_sets(low, high) if log else ()), *_linear_sets(low, high, cells, log=log)]

    def placed(ticks: Sequence[Tick], gap: int) -> list[tuple[int, str]]:
        return _placed(ticks, lambda at: (at - low) / (high - low), cells, gap, across=across)

    for gap in GAPS_ACROSS if across else GAPS_HIGH if cells >= HIGH_CELLS else GAPS_UP:
        for ticks in choices:
            if len(found := placed(ticks, gap)) >= 2:
                return found
    for ticks in choices:
        if len(ticks) >= 2 and (ends := placed([ticks[0], ticks[-1]], 0)):
            return ends
    return next((found for ticks in reversed(choices) if ticks and (found := placed(ticks[:1], 0))), [])


def _placed(
    ticks: Sequence[Tick], share: Callable[[float], float], cells: int, gap: int, *, across: bool
) -> list[tuple[int, str]]:
    """First cell and text of every tick, from left to right or from above; [] if two of them do not have room."""
    out: list[tuple[int, str]] = []
    for tick in ticks if across else reversed(ticks):
        size = len(tick.text) if across else 1
        at = share(tick.at) if across else 1 - share(tick.at)
        start = max(0, min(round(at * (cells - 1)) - (size // 2 if across else 0), cells - size))
        if size > cells or (out and start < out[-1][0] + (len(out[-1][1]) if across else 1) + gap):
            return []
        out.append((start, tick.text))
    return out


def _linear_sets(low: float, high: float, at_most: int, *, log: bool) -> Iterator[list[Tick]]:
    """Ticks at even steps, the finest first."""
    if log:
        low, high = 10.0**low, 10.0**high
    span = high - low
    if span < LEAST_SPAN:
        return
    biggest, exponent = max(abs(low), abs(high)), math.floor(math.log10(span / max(1, at_most)))
    for power in range(exponent, exponent + 5):
        for many in (1, 2, 5):
            step = many * 10.0**power
            if step > span * 1.001 or span / step > at_most:
                continue
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            values = [index * step for index in range(first, last + 1)]
            texts = [tick_text(value, step, biggest) for value in values]
            if len(set(texts)) == len(texts):
                yield [
                    Tick(math.log10(value) if log else value, text)
                    for value, text in zip(values, texts, strict=True)
                    if value > 0 or not log
                ]


def _log_sets(low: float, high: float) -> Iterator[list[Tick]]:
    """1-2-5 in each decade, then 1-3, then decades, then every second, third, ... of them."""

    def some(every: int, mantissas: tuple[int, ...]) -> list[Tick]:
        powers = [power for power in range(math.floor(low), math.ceil(high) + 1) if power % every == 0]
        ticks = [(math.log10(many) + power, many * 10.0**power, 10.0**power) for power in powers for many in mantissas]
        return [Tick(at, tick_text(value, step)) for at, value, step in ticks if low - 1e-9 <= at <= high + 1e-9]

    yield some(1, (1, 2, 5))
    yield some(1, (1, 3))
    for every in DECADES:
        yield some(every, (1,))


def tick_text(value: float, step: float, biggest: float | None = None) -> str:
    """A tick's label: no digit more than its neighbour `step` away needs; one form for all up to `biggest`."""
    if value == 0:
        return "0"
    size = max(abs(value), biggest or 0.0)
    if size >= 1e9 or size < 1e-3:
        digits = max(0, _power(abs(value)) - _power(step))
        mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    unit, letter = (1e6, "M") if size >= 1e6 else (1e3, "k") if size >= 1e4 else (1.0, "")
    return f"{value / unit:.{max(0, -_power(step / unit))}f}{letter}"


def _power(value: float) -> int:
    return math.floor(math.log10(value) + 1e-9)

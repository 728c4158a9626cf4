"""What is asked of a figure, and what became of it, in words that follow from the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.analysis.entries import Spread
from trainer.analysis.markdown import UNKNOWN, table


@dataclass(frozen=True)
class Target:
    """A figure with the bar that it must reach, and the goal that was hoped for."""

    what: str
    value: Spread | None
    bar: float
    goal: float | None = None
    most: bool = False
    """The figure may be so large at most; else it must be so large at least."""
    digits: int = 3
    spoiled: str = ""
    """Why the figure does not count, whatever it is: what it costs elsewhere."""

    @property
    def met(self) -> bool | None:
        """Whether the mean reaches the bar, and counts; None if there is no figure."""
        return None if self.value is None else self._reaches(self.bar) and not self.spoiled

    @property
    def words(self) -> str:
        if self.met is None:
            return "not measured"
        if not self.met:
            return "**not met**" + (f": {self.spoiled}" if self._reaches(self.bar) else "")
        if self.goal is None:
            return "met"
        return "met, goal too" if self._reaches(self.goal) else "met, goal not"

    def _reaches(self, limit: float) -> bool:
        assert self.value is not None
        return self.value.mean <= limit if self.most else self.value.mean >= limit

    @property
    def cells(self) -> list[str]:
        sign = "<=" if self.most else ">="
        bars = [UNKNOWN if one is None else f"{sign} {one:g}" for one in (self.bar, self.goal)]
        return [self.what, *bars, figure(self.value, self.digits), self.words]


def targets_table(targets: Sequence[Target]) -> list[str]:
    """Return the lines of the table; [] without any."""
    return table(("target", "bar:", "goal:", "reached:", ""), [one.cells for one in targets]) if targets else []


def figure(value: Spread | None, digits: int = 3) -> str:
    """Return `0.921 ± 0.004`, without the deviation where there is one value, `-` for what is not known."""
    if value is None:
        return UNKNOWN
    mean = round(value.mean, digits) + 0.0  # no negative zero
    return f"{mean:.{digits}f}" + ("" if value.deviation is None else f" ± {value.deviation:.{digits}f}")


def points(value: Spread | None, digits: int = 1) -> str:
    """Return a share in percent, or a difference of shares in points."""
    if value is None:
        return UNKNOWN
    return figure(Spread(100 * value.mean, None if value.deviation is None else 100 * value.deviation), digits)

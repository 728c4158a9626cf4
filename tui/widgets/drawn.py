"""Lines as they were drawn last, so that only the rows that changed are drawn and painted again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.strip import Strip

from tui.format import Line


class Drawn:
    """Lines and the strips that were made of them."""

    def __init__(self) -> None:
        self.strips: list[Strip] = []
        self._lines: list[Line] = []

    def take(self, lines: Sequence[Line], strip: Callable[[Line], Strip]) -> list[int]:
        """Take these lines; returns the numbers of those that differ from what stood there."""
        old, known = self._lines, len(self.strips)
        changed = [row for row, line in enumerate(lines) if row >= known or line != old[row]]
        changed += range(len(lines), known)
        strips = self.strips[: len(lines)] + [Strip([])] * (len(lines) - known)
        for row in changed:
            if row < len(lines):
                strips[row] = strip(lines[row])
        self._lines, self.strips = list(lines), strips
        return changed

"""A widget that shows lines of spans: the base of title bar, footer and panels."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.format import Line
from tui.theme import Palette
from tui.widgets.drawn import Drawn

Draw = Callable[[int, int], list[Line]]


class Lines(Widget):
    """Shows what `draw(width, height)` returns; drawn anew at `redraw` and when the size changes.

    Of what is in front of the person only the rows that changed are painted again; the rest is drawn once it is seen.
    """

    def __init__(self, draw: Draw, palette: Callable[[], Palette], *, id: str) -> None:
        super().__init__(id=id)
        self._draw = draw
        self._palette = palette
        self._drawn: Drawn | None = None
        self._drawn_size = Size(0, 0)

    def redraw(self) -> None:
        """Ask `draw` again."""
        if self._drawn is None or self._drawn_size != self.size or not self.screen.is_current:
            self._drawn = None
            self.refresh()
        elif rows := self._take(self._drawn):
            self.refresh(*(Region(0, row, self.size.width, 1) for row in rows))

    def _take(self, drawn: Drawn) -> list[int]:
        """Draw into what stands there; returns the rows that changed."""
        palette, base, (width, height) = self._palette(), self.rich_style, self.size
        return drawn.take(self._draw(width, height), lambda line: palette.strip(line, width, base))

    def notify_style_update(self) -> None:
        """Colours changed."""
        super().notify_style_update()
        self._drawn = None

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        if self._drawn is None or self._drawn_size != self.size:
            self._drawn, self._drawn_size = Drawn(), self.size
            self._take(self._drawn)
        strips = self._drawn.strips
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self.rich_style)

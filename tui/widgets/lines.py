"""A widget that shows lines of spans: the base of title bar, footer and panels."""

from __future__ import annotations

from collections.abc import Callable

from textual.strip import Strip
from textual.widget import Widget

from tui.format import Line
from tui.theme import Palette

Draw = Callable[[int, int], list[Line]]


class Lines(Widget):
    """Shows what `draw(width, height)` returns; drawn anew at `redraw` and when the size changes."""

    def __init__(self, draw: Draw, palette: Callable[[], Palette], *, id: str) -> None:
        super().__init__(id=id)
        self._draw = draw
        self._palette = palette
        self._strips: list[Strip] | None = None
        self._drawn_size = (0, 0)

    def redraw(self) -> None:
        """Forget what was drawn; the next frame asks `draw` again."""
        self._strips = None
        self.refresh()

    def notify_style_update(self) -> None:
        """Colours changed."""
        super().notify_style_update()
        self._strips = None

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        width, height = self.size
        if self._strips is None or self._drawn_size != (width, height):
            palette, base = self._palette(), self.rich_style
            self._strips = [palette.strip(line, width, base) for line in self._draw(width, height)]
            self._drawn_size = (width, height)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

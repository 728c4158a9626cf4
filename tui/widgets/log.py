"""The log of one worker (Line API): follows the newest line until one scrolls away, and marks what is searched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import chop_cells
from rich.segment import Segment
from textual.events import MouseScrollDown, MouseScrollUp, Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.format import Line, pad_line, safe
from tui.theme import Palette


class LogView(ScrollView, can_focus=True):
    """Shows lines as they are, one a row; a long one is wrapped."""

    def __init__(self, palette: Callable[[], Palette]) -> None:
        super().__init__(id="log")
        self._palette = palette
        self._lines: tuple[str, ...] = ()
        self._wrapped: list[tuple[int, str]] = []
        self.following = True
        self.needle = ""
        self.at = -1
        self.empty: Line = []

    def show(self, lines: Sequence[str]) -> None:
        """Take the newest lines."""
        taken = tuple(lines)
        if taken != self._lines:
            self._lines = taken
            self._wrap()

    def _wrap(self) -> None:
        width = max(10, self.scrollable_content_region.width)
        self._wrapped = []
        for index, line in enumerate(self._lines):
            text = safe(line)
            fits = len(text) <= width and text.isascii()
            self._wrapped += [(index, piece) for piece in ([text] if fits else chop_cells(text, width))]
        self.virtual_size = Size(width, len(self._wrapped))
        if self.following:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        self._wrap()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self.following = False

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self.following = self.scroll_offset.y >= self.max_scroll_y - 3

    def move(self, by: int) -> None:
        """Scroll by rows; upwards ends following, the last row begins it again."""
        target = max(0, min(self.max_scroll_y, self.scroll_offset.y + by))
        self.following = target >= self.max_scroll_y and by > 0
        self.scroll_to(y=target, animate=False, immediate=True)

    def matches(self) -> list[int]:
        """Rows that contain the needle, whatever its case."""
        needle = self.needle.lower()
        return [row for row, (_, text) in enumerate(self._wrapped) if needle and needle in text.lower()]

    def search(self, step: int) -> bool:
        """Go to the next (+1) or previous (-1) match, round and round; False if there is none."""
        found = self.matches()
        if not found:
            self.at = -1
            self.refresh()
            return False
        start = self.at if self.at >= 0 else (len(self._wrapped) if step < 0 else -1)
        later = [row for row in found if (row > start if step > 0 else row < start)]
        self.at = (later or found)[0 if step > 0 else -1]
        self.following = False
        self.scroll_to(y=max(0, self.at - self.size.height // 2), animate=False, immediate=True)
        self.refresh()
        return True

    def render_line(self, y: int) -> Strip:
        """One row, with matches in reverse."""
        palette, base, width = self._palette(), self.rich_style, self.size.width
        row = y + self.scroll_offset.y
        if not self._wrapped:
            return palette.strip(pad_line(self.empty if y == 1 else [], width), width, base)
        if row >= len(self._wrapped):
            return Strip.blank(width, base)
        text = self._wrapped[row][1]
        style = base + palette.style("bold" if row == self.at else "")
        hit = base + palette.style("reverse warn")
        return Strip(list(_marked(text, self.needle, style, hit))).adjust_cell_length(width, base)


def _marked(text: str, needle: str, style: object, hit: object) -> list[Segment]:
    """`text` in segments, every occurrence of the needle styled as `hit`."""
    out: list[Segment] = []
    low, want, start = text.lower(), needle.lower(), 0
    while want and len(low) == len(text) and (found := low.find(want, start)) >= 0:
        out += [Segment(text[start:found], style), Segment(text[found : found + len(want)], hit)]  # type: ignore[arg-type]
        start = found + len(want)
    return [*out, Segment(text[start:], style)]  # type: ignore[arg-type]

"""Many lines of text (Line API): wrapped or slid sideways, searched, and copied from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.format import Line, pad_line, safe
from tui.theme import Palette

Colour = Callable[[str], Line]
"""One row of text as spans: the same characters, with roles."""
END = 10**9
_WORD = re.compile(r"\s*\S+\s*|\s+")


def plain(text: str) -> Line:
    """Text without any role."""
    return [(text, "")]


class TextView(ScrollView, can_focus=True):
    """Shows lines, one or more rows each; `at` is the row that a search has stopped at, -1 for none."""

    DEFAULT_CSS = "TextView { overflow-x: hidden; scrollbar-size-vertical: 1; }"

    def __init__(self, palette: Callable[[], Palette], *, id: str) -> None:
        super().__init__(id=id)
        self._palette = palette
        self._lines: tuple[str, ...] = ()
        self._rows: list[tuple[int, str]] = []
        self.colour: Colour = plain
        self.broken: Callable[[str, int], list[str]] = chop_cells
        """Breaks a long line into rows."""
        self.wrapping = True
        self.left = 0
        self.needle = ""
        self.at = -1
        self.empty: Line = []

    def show(self, lines: Sequence[str]) -> None:
        """Take other lines; nothing happens if they are the same."""
        taken = tuple(lines)
        if taken != self._lines:
            self._lines = taken
            self.lay_out()

    def chosen(self) -> list[int]:
        """Numbers of the lines that are shown."""
        return list(range(len(self._lines)))

    def lay_out(self) -> None:
        """Break the lines into rows anew."""
        width = max(10, self.scrollable_content_region.width)
        self._rows = []
        for index in self.chosen():
            text = safe(self._lines[index])
            fits = not self.wrapping or (len(text) <= width and text.isascii())
            self._rows += [(index, piece) for piece in ([text] if fits else self.broken(text, width) or [""])]
        self.at = min(self.at, len(self._rows) - 1)
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        self.lay_out()

    def watch_show_vertical_scrollbar(self) -> None:
        """The bar takes a column from the rows."""
        self.lay_out()

    def move(self, by: int) -> None:
        """Scroll by rows."""
        target = max(0, min(self.max_scroll_y, self.scroll_offset.y + by))
        self.scroll_to(y=target, animate=False, immediate=True)

    def wrap(self) -> bool:
        """Wrap long lines, or cut them at the edge; returns which."""
        top = self._rows[self.scroll_offset.y][0] if self.scroll_offset.y < len(self._rows) else 0
        self.wrapping, self.left, self.at = not self.wrapping, 0, -1
        self.lay_out()
        row = next((row for row, (index, _) in enumerate(self._rows) if index >= top), 0)
        self.scroll_to(y=min(row, self.max_scroll_y), animate=False, immediate=True)
        return self.wrapping

    def slide(self, by: int) -> None:
        """Move the cut lines sideways."""
        widest = max((cell_len(text) for _, text in self._rows), default=0)
        self.left = max(0, min(self.left + by, widest - self.size.width // 2))
        self.refresh()

    def matches(self) -> list[int]:
        """Rows that contain the needle, whatever its case."""
        needle = self.needle.lower()
        return [row for row, (_, text) in enumerate(self._rows) if needle and needle in text.lower()]

    def search(self, step: int) -> bool:
        """Go to the next (+1) or previous (-1) match, round and round; False if there is none."""
        return self.go_to(self.matches(), step)

    def go_to(self, rows: Sequence[int], step: int) -> bool:
        """Stop at the next or previous of these rows, seen from where it stopped last."""
        if not rows:
            self.at = -1
            self.refresh()
            return False
        start = self.at if self.at >= 0 else (len(self._rows) if step < 0 else -1)
        later = [row for row in rows if (row > start if step > 0 else row < start)]
        self.at = (later or list(rows))[0 if step > 0 else -1]
        self.scroll_to(y=max(0, self.at - self.size.height // 2), animate=False, immediate=True)
        self.refresh()
        return True

    def copied(self) -> list[str]:
        """The line that a search has stopped at, else the lines on the screen; whole, not as they are wrapped."""
        top = self.scroll_offset.y
        rows = [self.at] if self.at >= 0 else range(top, min(top + self.size.height, len(self._rows)))
        return [self._lines[index] for index in dict.fromkeys(self._rows[row][0] for row in rows)]

    def everything(self) -> list[str]:
        """Every line that is shown, beyond the screen too."""
        return [self._lines[index] for index in self.chosen()]

    def cut(self, at: int, mark: str) -> int:
        """How many lines end at their `at`-th character, with the mark of what was cut off."""
        return sum(1 for line in self._lines if len(line) == at and line.endswith(mark))

    def render_line(self, y: int) -> Strip:
        """One row, with matches in reverse."""
        palette, base, width = self._palette(), self.rich_style, self.size.width
        row = y + self.scroll_offset.y
        if not self._rows:
            return palette.strip(pad_line(self.empty if y == 1 else [], width), width, base)
        if row >= len(self._rows):
            return Strip.blank(width, base)
        style = base + palette.style("bold underline" if row == self.at else "")
        segments = [
            Segment(text, style + palette.style(role))
            for part, part_role in self.colour(self._rows[row][1])
            for text, role in _marked(part, part_role, self.needle)
        ]
        return Strip(segments).crop(self.left, self.left + width).adjust_cell_length(width, base)


def by_words(text: str, width: int) -> list[str]:
    """Break prose between words; what is wider than a row is cut."""
    rows, row = [], ""
    for word in _WORD.findall(text):
        if row and cell_len(row + word.rstrip()) > width:
            rows.append(row)
            row = ""
        if cell_len(word.rstrip()) > width:
            *full, word = chop_cells(word, width)
            rows += full
        row += word
    return [*rows, row]


def _marked(text: str, role: str, needle: str) -> Line:
    """`text` in spans, every occurrence of the needle in reverse."""
    out: Line = []
    low, want, start = text.lower(), needle.lower(), 0
    while want and len(low) == len(text) and (found := low.find(want, start)) >= 0:
        out += [(text[start:found], role), (text[found : found + len(want)], "reverse warn")]
        start = found + len(want)
    return [*out, (text[start:], role)]

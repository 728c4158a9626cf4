"""The files of a run as a tree (Line API): names, sizes, ages and sync states in columns."""

from __future__ import annotations

from collections.abc import Callable

from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.format import Line, age, pad_line, size, spread
from tui.run_files import STATES, Item
from tui.theme import Palette

STATE_WIDTH = 15
SIZE_WIDTH = 10
AGE_WIDTH = 7
NARROW = 46


def item_line(item: Item, width: int, *, selected: bool) -> Line:
    """One row: name at the left; size, age and sync state in columns. Narrow: the glyph of the state alone."""
    narrow = width < NARROW
    mark: Line = [("▌" if selected else " ", "bold info")]
    name_role = "bold" if selected else ""
    if item.kind == "folder":
        glyph = "▸ " if item.folded else "▾ "
        name: Line = [("  " * item.depth + glyph, "dim"), (f"{item.name}/", f"{name_role} accent".strip())]
        state: Line = [(f"{item.count_here} of {item.count} here" if not narrow else f"{item.count}", "dim")]
    else:
        sign, role = STATES[item.state]
        name = [("  " * item.depth + "  ", ""), (item.name, name_role)]
        if item.target:
            name.append((f" → {item.target}", "dim"))
        state = [(sign if narrow else f"{sign} {item.state}", role)]
    counted = item.kind == "file" or item.count
    columns: Line = [
        ((size(item.size) if counted else "").rjust(SIZE_WIDTH), "dim"),
        ((age(item.age_s) if counted else "").rjust(AGE_WIDTH), "dim"),
        ("  ", ""),
        *pad_line(state, 3 if narrow else STATE_WIDTH),
    ]
    return [*mark, *spread(name, columns, width - 1)]


class ItemOpened(Message):
    """The selected row was clicked twice."""


class TreeView(ScrollView, can_focus=True):
    """Shows items and keeps one of them selected, by its path: new items do not move the cursor."""

    DEFAULT_CSS = "TreeView { overflow-x: hidden; scrollbar-size-vertical: 1; }"

    def __init__(
        self, palette: Callable[[], Palette], empty: Callable[[], list[Line]], moved: Callable[[], None]
    ) -> None:
        super().__init__(id="tree")
        self._palette, self._empty, self._moved = palette, empty, moved
        self.items: list[Item] = []
        self.at = 0

    @property
    def item(self) -> Item | None:
        """The selected one."""
        return self.items[self.at] if self.at < len(self.items) else None

    def show(self, items: list[Item]) -> None:
        """Take other items; the selected path stays selected if it is still there."""
        path = self.item.path if self.item else ""
        self.items = items
        self.at = next((at for at, item in enumerate(items) if item.path == path), min(self.at, max(0, len(items) - 1)))
        self.virtual_size = Size(self.scrollable_content_region.width, len(items))
        self.refresh()

    def move(self, by: int) -> None:
        """Select another row; stays at the ends."""
        self.at = max(0, min(len(self.items) - 1, self.at + by))
        self.scroll_to_region(Region(0, self.at, 1, 1), animate=False, force=True)
        self.refresh()
        self._moved()

    def render_line(self, y: int) -> Strip:
        """One row."""
        palette, base, width = self._palette(), self.rich_style, self.size.width
        at = y + self.scroll_offset.y
        if not self.items:
            lines = self._empty()
            return palette.strip(pad_line(lines[y] if y < len(lines) else [], width), width, base)
        if at >= len(self.items):
            return Strip.blank(width, base)
        return palette.strip(item_line(self.items[at], width, selected=at == self.at), width, base)

    def on_click(self, event: Click) -> None:
        """A click selects, a double click opens."""
        at = event.y + self.scroll_offset.y
        if at < len(self.items):
            self.move(at - self.at)
            if event.chain > 1:
                self.post_message(ItemOpened())

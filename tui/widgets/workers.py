"""All workers in one widget (Line API): bordered panels while they fit, else the board of three rows each.

One widget for any number of workers: a panel widget each costs 7.6 times the CPU at 50 workers and 10 updates a
second. Only the rows of dirty workers are drawn again, and painted if they changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.style import Style
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.format import Line, pad_line
from tui.messages import WorkerOpened, WorkerPicked
from tui.store import Store
from tui.theme import Palette
from tui.widgets.drawn import Drawn
from tui.widgets.rows import BOARD_ROWS, PANEL_LEAST, PANEL_MOST, board_lines, panel_lines, row_of

PANEL_MIN_WIDTH, PANEL_MAX_WIDTH = 38, 78


@dataclass(frozen=True)
class Layout:
    """Where worker number i stands: `columns` side by side, each cell `width` x `height`."""

    columns: int
    width: int
    height: int
    panels: bool

    def place(self, index: int) -> tuple[int, int]:
        """Column offset and virtual row of the cell."""
        return (index % self.columns) * self.width, (index // self.columns) * self.height

    def rows(self, count: int) -> int:
        """Virtual height of `count` workers."""
        return -(-count // self.columns) * self.height


def fit_layout(count: int, width: int, height: int, wish: str = "auto") -> Layout:
    """Panels as tall as fits, or the board when they do not fit whole (`wish`: auto, panels, board)."""
    board = Layout(1, max(1, width - 1), BOARD_ROWS, panels=False)
    if wish == "board" or count == 0 or width < PANEL_MIN_WIDTH:
        return board
    least = max(1, -(-width // PANEL_MAX_WIDTH))
    most = max(least, width // PANEL_MIN_WIDTH)
    for inner in range(6, PANEL_LEAST - 1, -1):
        for columns in range(least, most + 1):
            rows = -(-count // columns)
            if rows * (inner + 2) <= height:
                tall = min(PANEL_MOST, max(inner, height // rows - 2))
                return Layout(columns, width // columns, tall + 2, panels=True)
    return Layout(most, width // most, 8, panels=True) if wish == "panels" else board


class Workers(ScrollView, can_focus=True):
    """Draws the store's visible workers; posts `WorkerPicked` and `WorkerOpened`."""

    DEFAULT_CSS = "Workers { overflow-x: hidden; scrollbar-size-vertical: 1; }"

    def __init__(self, store: Store, palette: Callable[[], Palette], empty: Callable[[], list[Line]]) -> None:
        super().__init__(id="workers")
        self._store = store
        self._palette = palette
        self._empty = empty
        self._names: list[str] = []
        self._cells: dict[str, Drawn] = {}
        self._base: Style | None = None
        self._shown = ""
        self.wish = "auto"
        self.arrangement = Layout(1, 1, BOARD_ROWS, panels=False)

    def on_resize(self, event: Resize) -> None:
        """A new size may be another layout."""
        self.lay_out()

    def notify_style_update(self) -> None:
        """Colours changed."""
        super().notify_style_update()
        self._cells.clear()
        self._base = None

    def lay_out(self) -> None:
        """Lay out anew: after a resize, another filter, or more workers."""
        self._names = [row.worker for row in self._store.visible()]
        count = len(self._names)
        full = self.outer_size.width
        self.arrangement = fit_layout(count, full, self.size.height, self.wish)
        if self.arrangement.rows(count) > self.size.height:
            self.arrangement = fit_layout(count, full - 1, self.size.height, self.wish)
        self.virtual_size = Size(self.arrangement.width * self.arrangement.columns, self.arrangement.rows(count))
        self._cells.clear()
        self.reveal()
        self.refresh()

    def redraw(self, dirty: Iterable[str]) -> None:
        """Draw the dirty workers again, and those whose selection changed."""
        if [row.worker for row in self._store.visible()] != self._names:
            self.lay_out()
            return
        current = self._store.current()
        name = current.worker if current is not None else ""
        changed = set(dirty)
        if name != self._shown:
            changed |= {name, self._shown}
            self._shown = name
            self.reveal()
        regions: list[Region] = []
        for index in self._on_screen():
            if (worker := self._names[index]) in changed:
                cell = self._cells.get(worker) if self.screen.is_current else None
                rows = range(self.arrangement.height) if cell is None else self._draw(worker, cell)
                regions += self._regions(index, rows)
                changed.discard(worker if cell is not None else "")
        for worker in changed:
            self._cells.pop(worker, None)
        if regions:
            self.refresh(*regions)

    def visible_names(self) -> list[str]:
        """Workers that stand on the screen now: their ages tick."""
        return [self._names[index] for index in self._on_screen()]

    def _on_screen(self) -> range:
        """Numbers of the workers of which at least one row is visible."""
        layout, top = self.arrangement, self.scroll_offset.y
        first = top // layout.height * layout.columns
        last = -(-(top + self.size.height) // layout.height) * layout.columns
        return range(min(first, len(self._names)), min(last, len(self._names)))

    def _regions(self, index: int, rows: Iterable[int]) -> list[Region]:
        """Where these rows of worker number `index` stand, as far as they are on the screen."""
        x, top = self.arrangement.place(index)
        lines = (top + row - self.scroll_offset.y for row in rows)
        return [Region(x, y, self.arrangement.width, 1) for y in lines if 0 <= y < self.size.height]

    def reveal(self) -> None:
        """Scroll so that the selected worker is whole on the screen."""
        current = self._store.current()
        if current is not None and current.worker in self._names and self.size.height:
            x, y = self.arrangement.place(self._names.index(current.worker))
            region = Region(x, y, self.arrangement.width, self.arrangement.height)
            self.scroll_to_region(region, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """One row of the screen, put together from the cells that it crosses."""
        base, layout = self._style(), self.arrangement
        if not self._names:
            lines = self._empty()
            line = lines[y] if y < len(lines) else []
            return self._palette().strip(pad_line(line, self.size.width), self.size.width, base)
        row, inner = divmod(y + self.scroll_offset.y, layout.height)
        names = self._names[row * layout.columns : (row + 1) * layout.columns]
        strips = [self._cell(name).strips[inner] for name in names]
        if len(strips) == 1 and strips[0].cell_length == self.size.width:
            return strips[0]
        return Strip.join(strips).adjust_cell_length(self.size.width, base)

    def _style(self) -> Style:
        """The widget's own style: Textual puts it together anew each time it is asked, which a row is too often."""
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def _cell(self, worker: str) -> Drawn:
        """The worker's rows, from the cache or drawn now."""
        if worker not in self._cells:
            self._cells[worker] = Drawn()
            self._draw(worker, self._cells[worker])
        return self._cells[worker]

    def _draw(self, worker: str, cell: Drawn) -> list[int]:
        """Draw a worker into its cell; returns the rows that changed."""
        snapshot, current = self._store.get(worker), self._store.current()
        assert snapshot is not None
        selected = current is not None and current.worker == worker
        row = row_of(snapshot, self._store.now(), self._store.colour(worker))
        width, height = self.arrangement.width, self.arrangement.height
        panels = self.arrangement.panels
        how = {"selected": selected, "marked": worker in self._store.marked}
        lines = panel_lines(row, width, height, **how) if panels else board_lines(row, width, **how)
        palette, base = self._palette(), self._style()
        # The only cell of its rows is made as wide as they are, so that no frame has to.
        full = self.size.width if self.arrangement.columns == 1 else width
        return cell.take(lines, lambda line: palette.strip(line, full, base))

    def on_click(self, event: Click) -> None:
        """A click selects, a double click opens."""
        layout = self.arrangement
        column = min(event.x // layout.width, layout.columns - 1)
        index = (event.y + self.scroll_offset.y) // layout.height * layout.columns + column
        if index < len(self._names):
            kind: type[Message] = WorkerOpened if event.chain > 1 else WorkerPicked
            self.post_message(kind(self._names[index]))  # type: ignore[call-arg]

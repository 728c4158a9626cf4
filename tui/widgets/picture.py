"""A picture in the terminal: two pixels a cell by half blocks, or dots where there is no colour.

Half blocks are our own few lines: `textual_image` asks the terminal when it is imported, on whichever stream the app
reads by then, so it is imported for `kitty` and `sixel` alone, and before the app runs (`prepare`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from remote.errors import ConfigError
from tui.settings import Settings
from tui.theme import Palette
from tui.widgets.braille import BITS

if TYPE_CHECKING:
    from PIL.Image import Image

WAYS = ("half", "auto", "kitty", "sixel")
VARIABLE = "TRAJVID_PICTURES"
ZOOMS = (1, 2, 4, 8)

RowOf = Callable[[int], Strip]
"""Draws one row of cells."""

_native: Callable[[Any], Widget] | None = None


def wish(options: Settings) -> str:
    """The way that the environment or the settings ask for, else `half`. Raises `ConfigError` for another word."""
    place, word = VARIABLE, os.environ.get(VARIABLE, "")
    if not word:
        place, word = options.places.get("pictures", ""), options.pictures or WAYS[0]
    if word not in WAYS:
        raise ConfigError(f"{place}: pictures cannot be {word!r}", hint=f"ways to draw them: {', '.join(WAYS)}")
    return word


def prepare(options: Settings) -> None:
    """Ask the terminal what it can draw, if that is wished for. Only before the app runs: it reads the answer.

    Raises `ConfigError`.
    """
    global _native
    if (way := wish(options)) == "half" or os.environ.get("NO_COLOR"):
        return
    try:
        from textual_image import widget
        from textual_image.renderable import Image as Best
        from textual_image.renderable import SixelImage, TGPImage
    except ModuleNotFoundError as exc:
        hint = "pip install 'trajvid-tui[pictures]', or pictures: half"
        raise ConfigError(f"pictures: {way} needs the library textual-image", hint=hint) from exc

    if way == "kitty" or (way == "auto" and Best is TGPImage):
        _native = widget.TGPImage
    elif way == "sixel" or (way == "auto" and Best is SixelImage):
        _native = widget.SixelImage


def native(image: Image) -> Widget | None:
    """A widget that draws real pixels, None where half blocks must do."""
    return None if _native is None else _native(image)


class Picture(ScrollView, can_focus=True):
    """Draws one picture as large as fits, or zoomed in and moved about."""

    DEFAULT_CSS = "Picture { overflow: hidden hidden; }"

    def __init__(self, palette: Callable[[], Palette], *, id: str) -> None:
        super().__init__(id=id)
        self._palette = palette
        self._image: Image | None = None
        self._row: RowOf = Strip.blank
        self._rows = 0
        self._strips: dict[int, Strip] = {}
        self.zoom = 1

    def show(self, image: Image | None) -> None:
        """Take another picture, or none."""
        self._image, self.zoom = image, 1
        self._draw()
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)

    def zoom_by(self, step: int) -> None:
        """The next larger or smaller size; the middle of what is seen stays."""
        old = self.zoom
        self.zoom = ZOOMS[max(0, min(len(ZOOMS) - 1, ZOOMS.index(old) + step))]
        width, height = self.size
        x, y = self.scroll_offset.x + width // 2, self.scroll_offset.y + height // 2
        self._draw()
        self._go(x * self.zoom // old - width // 2, y * self.zoom // old - height // 2)

    def pan(self, columns: int, rows: int) -> None:
        """Move what is seen."""
        self._go(self.scroll_offset.x + columns, self.scroll_offset.y + rows)

    def _go(self, x: int, y: int) -> None:
        x, y = max(0, min(x, self.max_scroll_x)), max(0, min(y, self.max_scroll_y))
        self.scroll_to(x, y, animate=False, force=True, immediate=True)
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        """Colours changed."""
        super().notify_style_update()
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        self._rows, self._strips = 0, {}
        if self._image is not None and width and height:
            columns, self._rows = fitted(self._image.size, width * self.zoom, height * self.zoom)
            self._row = (half_cells if self._palette().colour else dots)(self._image, columns, self._rows)
            self.virtual_size = Size(columns, self._rows)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row, in the middle of the room that there is."""
        base, width = self.rich_style, self.size.width
        row = y + self.scroll_offset.y - max(0, (self.size.height - self._rows) // 2)
        if not 0 <= row < self._rows:
            return Strip.blank(width, base)
        if row not in self._strips:
            self._strips[row] = self._row(row)
        strip, left = self._strips[row], self.scroll_offset.x
        margin = max(0, (width - strip.cell_length) // 2)
        shown = strip.crop(left, left + width)
        return Strip.join([Strip.blank(margin, base), shown]).adjust_cell_length(width, base)


def fitted(pixels: tuple[int, int], columns: int, rows: int) -> tuple[int, int]:
    """The largest cells of a picture's shape within `columns` x `rows`; a cell is twice as high as wide."""
    wide, high = max(1, pixels[0]), max(1, pixels[1])
    share = min(columns / wide, 2 * rows / high)
    return max(1, min(columns, round(wide * share))), max(1, min(rows, round(high * share / 2)))


def half_cells(image: Image, columns: int, rows: int) -> RowOf:
    """The picture as upper half blocks, each with a colour above and one below."""
    data = image.resize((columns, 2 * rows)).tobytes()

    def row_of(row: int) -> Strip:
        start = 6 * row * columns
        segments: list[Segment] = []
        run, last = 0, (b"", b"")
        for at in range(start, start + 3 * columns, 3):
            pair = (data[at : at + 3], data[at + 3 * columns : at + 3 * columns + 3])
            if pair != last and run:
                segments.append(Segment("▀" * run, _style(*last)))
                run = 0
            run, last = run + 1, pair
        return Strip([*segments, Segment("▀" * run, _style(*last))], columns)

    return row_of


@lru_cache(maxsize=8192)
def _style(upper: bytes, lower: bytes) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))


def dots(image: Image, columns: int, rows: int) -> RowOf:
    """The picture as braille dots, eight a cell; of a bright one the dark parts are dotted: they are the drawing."""
    grey = image.convert("L").resize((2 * columns, 4 * rows))
    histogram = grey.histogram()
    bright = sum(histogram[128:]) > sum(histogram[:128])
    data = grey.convert("1").convert("L").tobytes()

    def cell(at: int) -> str:
        lit = (BITS[x][y] for x in (0, 1) for y in range(4) if (data[at + 2 * y * columns + x] == 0) == bright)
        return chr(0x2800 + sum(lit))

    def row_of(row: int) -> Strip:
        start = 8 * row * columns
        return Strip([Segment("".join(map(cell, range(start, start + 2 * columns, 2))))], columns)

    return row_of

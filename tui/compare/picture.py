"""A comparison as a picture: one plot a metric, and the figures under them. Drawn with Pillow alone, twice as large and
then made smaller, so that lines are smooth.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from tui.compare.curves import FIRST, curves_of, label, metric_names
from tui.compare.page import legend_words
from tui.compare.plot import Box, draw_dashed, draw_plot
from tui.compare.table import COLUMNS, Shown
from tui.format import safe

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

INKS = ("#0b63c5", "#b3541e", "#1a7f37", "#a8328a", "#776700", "#0b7a7a", "#7a3fd0", "#c42b2b")
"""Colours of the runs: those of the light theme, so that a run is the same here and on the screen."""
TEXT, QUIET, PAPER = "#1e2430", "#586372", "#ffffff"
SCALE = 2
WIDTH, MARGIN, PLOT_HEIGHT, LINE = 1600, 40, 320, 30
PLOTS = 4
FONTS = ("DejaVuSans.ttf", "Arial Unicode.ttf", "Arial.ttf", "arial.ttf")
"""The first that is installed; Pillow's own font knows little more than ASCII."""
Cell = tuple[str, str]


def ink_of(shown: Shown) -> str:
    """The colour of a run, by the number of its role (`w3`)."""
    return INKS[int(shown.role[1:] or 0) % len(INKS)]


def draw_picture(runs: Sequence[Shown], notes: Sequence[str], axis: str, now: float, wall_s: float) -> bytes:
    """The bytes of a PNG file."""
    from PIL import Image, ImageDraw

    rows = [shown.one.row for shown in runs]
    metrics = [name for name in metric_names(rows) if name in FIRST][:PLOTS] or metric_names(rows)[:PLOTS]
    plot_rows = -(-len(metrics) // 2)
    top = MARGIN + 2 * LINE
    below = top + plot_rows * (PLOT_HEIGHT + MARGIN)
    notes = [*legend_words([shown.one for shown in runs]), *notes]
    height = below + (len(runs) + len(notes) + 1) * LINE + 2 * MARGIN
    image = Image.new("RGB", (WIDTH * SCALE, height * SCALE), PAPER)
    pen = Pen(ImageDraw.Draw(image))
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(wall_s))
    pen.write(MARGIN, MARGIN, f"Comparison of {len(runs)} runs", TEXT, size=24)
    pen.write(WIDTH - MARGIN, MARGIN + 4, made, QUIET, right=True)
    wide = (WIDTH - 3 * MARGIN) // 2
    inks = {shown.one.name: ink_of(shown) for shown in runs}
    for index, metric in enumerate(metrics):
        row, column = divmod(index, 2)
        box = Box(MARGIN + column * (wide + MARGIN), top + row * (PLOT_HEIGHT + MARGIN), wide, PLOT_HEIGHT)
        draw_plot(pen, box, curves_of(runs, metric, axis), inks, title=label(metric), axis=axis)
    y = _draw_table(pen, runs, below, now)
    for note in notes:
        pen.write(MARGIN, y, note, QUIET, width=WIDTH - 2 * MARGIN)
        y += LINE
    small = image.resize((WIDTH, height), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


class Pen:
    """Draws in the units of the finished picture."""

    def __init__(self, draw: ImageDraw) -> None:
        self.draw = draw
        self._fonts: dict[int, tuple[Font, bool]] = {}

    def write(
        self, x: float, y: float, text: str, ink: str, *, size: int = 17, right: bool = False, width: float = 0
    ) -> None:
        """Write at the left (or the right) end of a line whose upper edge is `y`; cut at `width`, 0 = not."""
        font, whole = self._font(size)
        text = self._writable(text, whole)
        while width and len(text) > 1 and self.width(text, size) > width:
            text = text[: max(1, min(len(text) - 2, int(len(text) * width / self.width(text, size))))].rstrip() + "…"
        self.draw.text((x * SCALE, y * SCALE), text, fill=ink, font=font, anchor="ra" if right else "la")

    def width(self, text: str, size: int = 17) -> float:
        """The width of a text."""
        font, whole = self._font(size)
        return font.getlength(self._writable(text, whole)) / SCALE

    def line(self, points: Sequence[tuple[float, float]], ink: str, width: float) -> None:
        """Draw through the points."""
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self.draw.line(scaled, fill=ink, width=round(width * SCALE), joint="curve")

    def dot(self, x: float, y: float, ink: str, radius: float = 2.5) -> None:
        """A filled circle."""
        self.draw.circle((x * SCALE, y * SCALE), radius * SCALE, fill=ink)

    def _font(self, size: int) -> tuple[Font, bool]:
        """A font, and whether it has more than ASCII."""
        if size not in self._fonts:
            self._fonts[size] = _font(size * SCALE)
        return self._fonts[size]

    def _writable(self, text: str, whole: bool) -> str:
        text = safe(text)
        return text if whole else text.replace("≈", "~").encode("ascii", "replace").decode("ascii")


def _font(size: int) -> tuple[Font, bool]:
    from PIL import ImageFont

    for name in FONTS:
        try:
            return ImageFont.truetype(name, size), True
        except OSError:
            continue
    return ImageFont.load_default(size), False


def _draw_table(pen: Pen, runs: Sequence[Shown], y: float, now: float) -> float:
    """Draw the table of all columns that have room; returns where the next line begins."""
    places = range(1, len(COLUMNS))
    cells = {at: [COLUMNS[at].cell(shown, now)[0] for shown in runs] for at in places}
    widths = {at: max(pen.width(text) for text in (COLUMNS[at].head, *cells[at])) for at in places}
    left: float = MARGIN + 50
    for at in places:
        column, room = COLUMNS[at], min(widths[at], 420)
        if not any(cells[at]) or left + room > WIDTH - MARGIN:
            continue
        x = left + room if column.right else left
        pen.write(x, y, column.head, QUIET, right=column.right)
        for index, text in enumerate(cells[at], 1):
            pen.write(x, y + index * LINE, text, TEXT, right=column.right, width=room)
        left += room + 26
    for index, shown in enumerate(runs, 1):
        middle = y + index * LINE + 10
        draw_dashed(pen, [(MARGIN, middle), (MARGIN + 36, middle)], ink_of(shown), shown.style)
    return y + (len(runs) + 1) * LINE + 10

"""A screen as a picture: every cell drawn in its own place, so that columns, boxes and curves meet as in a terminal."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual.app import App

from tests.tui.screen_text import rows

CELL_W, CELL_H, FONT_PX = 12, 24, 20
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
"""DejaVu Sans Mono comes with matplotlib: the same letters on every machine."""
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of each bit of a braille cell."""
BLOCKS = (
    {chr(0x2580 + n): (0.0, 1 - n / 8, 1.0, 1.0) for n in range(1, 9)}
    | {chr(0x2590 - n): (0.0, 0.0, n / 8, 1.0) for n in range(1, 9)}
    | {"▀": (0.0, 0.0, 1.0, 0.5), "▐": (0.5, 0.0, 1.0, 1.0), "▔": (0.0, 0.0, 1.0, 0.125), "▕": (0.875, 0.0, 1.0, 1.0)}
)
"""Left, top, right and bottom of what a block element fills."""
ARMS = {
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu",
    "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru", "┼": "lrud",
    "━": "LR", "┃": "UD", "┏": "RD", "┓": "LD", "┗": "RU", "┛": "LU", "╸": "L", "╺": "R",
}  # fmt: skip
"""Which arms of a box character reach the edge of the cell; capitals are heavy."""


def screen_picture(app: App[Any]) -> Image.Image:
    """What the terminal would show, in few enough colours for a small file."""
    lines = rows(app)
    theme = app.current_theme
    ink, paper = Color.parse(theme.foreground or "white"), Color.parse(theme.background or "black")
    image = Image.new("RGB", (app.size.width * CELL_W, app.size.height * CELL_H), _rgb(paper, paper))
    draw = ImageDraw.Draw(image)
    for y, line in enumerate(lines):
        x = 0
        for text, style in line:
            for char in text:
                _cell(draw, x * CELL_W, y * CELL_H, char, style, (ink, paper))
                x += cell_len(char)
    return image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _cell(draw: ImageDraw.ImageDraw, x: int, y: int, char: str, style: Style, default: tuple[Color, Color]) -> None:
    ink, paper = _rgb(style.color, default[0]), _rgb(style.bgcolor, default[1])
    if style.reverse:
        ink, paper = paper, ink
    if style.dim:
        ink = tuple((one + other) // 2 for one, other in zip(ink, paper, strict=True))
    draw.rectangle((x, y, x + CELL_W * cell_len(char) - 1, y + CELL_H - 1), paper)
    if 0x2800 <= ord(char) < 0x2900:
        _dots(draw, x, y, ord(char) - 0x2800, ink)
    elif char in BLOCKS:
        left, top, right, bottom = BLOCKS[char]
        draw.rectangle((x + left * CELL_W, y + top * CELL_H, x + right * CELL_W - 1, y + bottom * CELL_H - 1), ink)
    elif char in ARMS:
        _box(draw, x, y, ARMS[char], ink)
    elif not char.isspace():
        face = "Bold" * bool(style.bold) + "Oblique" * bool(style.italic)
        draw.text((x, y + CELL_H - 6), char, ink, _font(face), anchor="ls")
    if style.underline:
        draw.line((x, y + CELL_H - 3, x + CELL_W - 1, y + CELL_H - 3), ink)


def _dots(draw: ImageDraw.ImageDraw, x: int, y: int, bits: int, ink: tuple[int, ...]) -> None:
    for bit, (column, row) in enumerate(DOTS):
        if bits >> bit & 1:
            at = x + 2 + column * 6, y + 1 + row * 6
            draw.ellipse((at[0], at[1], at[0] + 3, at[1] + 3), ink)


def _box(draw: ImageDraw.ImageDraw, x: int, y: int, arms: str, ink: tuple[int, ...]) -> None:
    half = 1 if arms.islower() else 2
    centre_x, centre_y = x + CELL_W // 2, y + CELL_H // 2
    ends = {"l": (x, centre_y), "r": (x + CELL_W, centre_y), "u": (centre_x, y), "d": (centre_x, y + CELL_H)}
    for arm in arms.lower():
        end_x, end_y = ends[arm]
        box = (min(centre_x, end_x), min(centre_y, end_y), max(centre_x, end_x), max(centre_y, end_y))
        across, along = (0, half) if arm in "lr" else (half, 0)
        draw.rectangle((box[0] - across, box[1] - along, box[2] + across - 1, box[3] + along - 1), ink)


@cache
def _font(face: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / f"DejaVuSansMono{face and '-' + face}.ttf", FONT_PX)


def _rgb(colour: Color | None, default: Color) -> tuple[int, ...]:
    chosen = default if colour is None or colour.is_default else colour
    return tuple(chosen.get_truecolor())

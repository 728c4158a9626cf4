"""Pictures of a recipe for people: a contact sheet (rows are clips, columns frames) and a moving one.

Needs Pillow, which the rest of the package does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from renderer.errors import RendererError
from renderer.raster import Video
from renderer.recipe import Recipe
from renderer.scenes import CLUTTER, Persistence, SceneRecipe
from renderer.truth import Truth, truth
from renderer.video import render

if TYPE_CHECKING:
    from PIL import ImageDraw
    from PIL.Image import Image

CELL_PX = 128
"""Pictures are enlarged by a whole number to about this side, or shrunk to it if they are more than twice as large."""
MOST_BYTES = 1 << 30
"""Of the pixels of all clips shown."""
COLUMNS = 12
"""Frames of a contact sheet at most."""
_GAP_PX, _MARGIN_PX, _LABEL_PX, _HEAD_PX = 2, 16, 150, 76
_PAPER, _INK, _FAINT, _LINE = (18, 20, 24), (232, 232, 226), (140, 144, 150), (58, 62, 70)
KIND_COLOURS = {
    Persistence.PERSISTENT: ("persistent", (0, 158, 115)),
    Persistence.TRANSIENT: ("transient", (230, 159, 0)),
    CLUTTER: ("clutter", (110, 116, 128)),
}
"""Colour-blind safe (Okabe and Ito 2008)."""
_SLOWER = 3
"""The moving picture runs at a third of the clip's speed."""


@dataclass(frozen=True)
class _Shown:
    """The clips of a preview."""

    recipe: Recipe
    video: Video
    truth: Truth | None

    @property
    def scale(self) -> float:
        """Pixels of the sheet to a pixel of the clip."""
        size_px = self.recipe.window.size_px
        return max(1, round(CELL_PX / size_px)) if size_px <= 2 * CELL_PX else CELL_PX / size_px

    @property
    def cell_px(self) -> int:
        return round(self.scale * self.recipe.window.size_px)

    def name(self, clip: int) -> str:
        return self.recipe.class_names[self.recipe.label[clip]]


def write_preview(recipe: Recipe, folder: Path, clips: int = 8) -> tuple[Path, Path]:
    """Write a PNG and a GIF of up to `clips` clips, as even over the classes as there are; return their paths.

    Raises `RendererError` where Pillow is missing, where nothing can be written, for clips of more than `MOST_BYTES`.
    """
    _pillow()
    recipe = recipe.take(even_rows(recipe.label, clips))
    clip_bytes = recipe.window.frames * 3 * recipe.window.size_px**2
    if len(recipe) * clip_bytes > MOST_BYTES:
        most = MOST_BYTES // clip_bytes
        raise RendererError(f"{len(recipe)} clips are too many for a preview", hint=f"at most {most} of this size")
    shown = _Shown(recipe, render(recipe), truth(recipe) if isinstance(recipe, SceneRecipe) else None)
    name = f"{recipe.KIND}-{recipe.tier}".replace("/", "-")
    still, moving = folder / f"{name}.png", folder / f"{name}.gif"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        contact_sheet(shown).save(still)
        first, *others = moving_sheet(shown)
        frame_ms = round(_SLOWER * 1000 / recipe.window.fps / 10) * 10
        first.save(moving, save_all=True, append_images=others, duration=frame_ms, loop=0)
    except OSError as exc:
        raise RendererError(f"cannot write to {folder}: {exc.strerror or exc}", hint="choose another --out") from exc
    return still, moving


def even_rows(label: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """Return up to `count` rows, as many of each label as there are, ordered by label."""
    rank = np.zeros(len(label), np.int64)
    for value in np.unique(label):
        rank[label == value] = np.arange((label == value).sum())
    rows = np.lexsort((label, rank))[:count]
    return np.asarray(rows[np.lexsort((rows, label[rows]))])


def contact_sheet(shown: _Shown) -> Image:
    """Draw clips as rows and evenly spaced frames as columns."""
    total = shown.video.shape[1]
    frames = np.unique(np.linspace(0, total - 1, min(COLUMNS, total)).round().astype(int))
    step = shown.cell_px + _GAP_PX
    size = (_LABEL_PX + len(frames) * step + _MARGIN_PX, _HEAD_PX + len(shown.video) * step + _MARGIN_PX)
    sheet, pen = _sheet(shown, size)
    for column, frame in enumerate(frames):
        x = _LABEL_PX + column * step
        pen.text((x + shown.cell_px / 2, _HEAD_PX - 6), f"{frame}", _FAINT, _font(12), anchor="ms")
        for row in range(len(shown.video)):
            sheet.paste(_cell(shown, row, int(frame)), (x, _HEAD_PX + row * step))
    for row in range(len(shown.video)):
        y = _HEAD_PX + row * step + shown.cell_px / 2
        pen.text((_MARGIN_PX, y - 9), shown.name(row), _INK, _font(15), anchor="lm")
        pen.text((_MARGIN_PX, y + 9), f"scene {shown.recipe.scene[row]}", _FAINT, _font(12), anchor="lm")
    return sheet


def moving_sheet(shown: _Shown) -> list[Image]:
    """Draw one picture a frame: all clips side by side."""
    across = min(4, len(shown.video))
    down = -(-len(shown.video) // across)
    wide, high = shown.cell_px + _MARGIN_PX, shown.cell_px + 24
    size = (max(2 * _LABEL_PX, across * wide) + _MARGIN_PX, _HEAD_PX + down * high + _MARGIN_PX // 2)
    sheets = []
    for frame in range(shown.video.shape[1]):
        sheet, pen = _sheet(shown, size)
        pen.text((size[0] - _MARGIN_PX, _HEAD_PX - 10), f"frame {frame}", _FAINT, _font(12), anchor="rs")
        for row in range(len(shown.video)):
            x, y = _MARGIN_PX + row % across * wide, _HEAD_PX + row // across * high
            sheet.paste(_cell(shown, row, frame), (x, y))
            pen.text((x, y + shown.cell_px + 3), shown.name(row), _INK, _font(12))
        sheets.append(sheet)
    return sheets


def _sheet(shown: _Shown, size: tuple[int, int]) -> tuple[Image, ImageDraw.ImageDraw]:
    """Return an empty sheet with its title and, for scenes, the meaning of the colours."""
    pillow = _pillow()
    sheet = pillow.Image.new("RGB", size, _PAPER)
    pen = pillow.ImageDraw.Draw(sheet)
    recipe = shown.recipe
    pen.text((_MARGIN_PX, 12), f"{recipe.KIND}  {recipe.tier}", _INK, _font(20))
    x: float = _MARGIN_PX
    for name, colour in KIND_COLOURS.values() if shown.truth is not None else ():
        pen.rectangle((x, 45, x + 10, 55), outline=colour)
        pen.text((x + 16, 50), name, _FAINT, _font(12), anchor="lm")
        x += 32 + pen.textlength(name, _font(12))
    return sheet, pen


def _cell(shown: _Shown, clip: int, frame: int) -> Image:
    """Return one enlarged frame with its border and the boxes of what it shows."""
    pillow = _pillow()
    pixels = shown.video[clip, frame].transpose(1, 2, 0)
    cell = pillow.Image.fromarray(np.ascontiguousarray(pixels))
    way = pillow.Image.Resampling.NEAREST if shown.scale >= 1 else pillow.Image.Resampling.BOX
    cell = cell.resize((shown.cell_px, shown.cell_px), way)
    pen = pillow.ImageDraw.Draw(cell)
    if shown.truth is not None and isinstance(shown.recipe, SceneRecipe):
        mine = (shown.recipe.clip == clip) & (shown.truth.visible[:, frame] > 0)
        for row in np.flatnonzero(mine):
            left, top, right, bottom = shown.truth.boxes[row, frame] * shown.scale
            _, colour = KIND_COLOURS[int(shown.recipe.kind[row])]
            faint = tuple(part // 2 for part in colour) if shown.truth.ignored[row, frame] else colour
            pen.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=faint)
    pen.rectangle((0, 0, shown.cell_px - 1, shown.cell_px - 1), outline=_LINE)
    return cell


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    return _pillow().ImageFont.load_default(size)


def _pillow() -> Any:
    try:
        import PIL.Image
        import PIL.ImageDraw
        import PIL.ImageFont
    except ImportError as exc:
        raise RendererError("the preview needs Pillow", hint="pip install 'trajvid-tui[preview]'") from exc
    return PIL

"""The loops that people write today to draw moving discs: one library call a disc, one picture a frame.

Each takes (out, pixels, radius, colour, length): a buffer (n, T, 3, H, W), centres (n, T, 2) and radii (n, T) in
pixels, RGB (n, 3), and how many places of its past a disc shows, each at three quarters of the next newer one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np

Loop = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], None]
FADE = 0.75


def _frames(out: np.ndarray, colour: np.ndarray, length: int) -> Iterator[tuple[int, int, list[tuple[int, tuple]]]]:
    """Yield clip, frame, and the frames whose discs it shows with their colours, the oldest first."""
    for clip in range(len(out)):
        fades = [tuple(round(value * FADE**age) for value in colour[clip].tolist()) for age in range(length)]
        for frame in range(out.shape[1]):
            yield clip, frame, [(frame - age, fades[age]) for age in range(min(length - 1, frame), -1, -1)]


def opencv(out: np.ndarray, pixels: np.ndarray, radius: np.ndarray, colour: np.ndarray, length: int) -> None:
    """`cv2.circle` with 8 bits of sub-pixel position and an anti-aliased line."""
    import cv2

    picture = np.zeros((*out.shape[3:], 3), np.uint8)
    centre = np.rint((pixels - 0.5) * 256).astype(int).tolist()
    size = np.rint(radius * 256).astype(int).tolist()
    for clip, frame, discs in _frames(out, colour, length):
        picture.fill(0)
        for seen, shade in discs:
            cv2.circle(picture, centre[clip][seen], size[clip][seen], shade, -1, cv2.LINE_AA, 8)
        out[clip, frame] = picture.transpose(2, 0, 1)


def skia(out: np.ndarray, pixels: np.ndarray, radius: np.ndarray, colour: np.ndarray, length: int) -> None:
    """`Canvas.drawCircle` with an anti-aliased paint into an array."""
    import skia

    picture = np.zeros((*out.shape[3:], 4), np.uint8)
    canvas = skia.Surface(picture).getCanvas()
    centre, size = pixels.tolist(), radius.tolist()
    for clip, frame, discs in _frames(out, colour, length):
        canvas.clear(skia.ColorBLACK)
        for seen, shade in discs:
            paint = skia.Paint(AntiAlias=True, Color=skia.ColorSetRGB(*shade))
            canvas.drawCircle(*centre[clip][seen], size[clip][seen], paint)
        out[clip, frame] = picture[..., 2::-1].transpose(2, 0, 1)


def pillow(out: np.ndarray, pixels: np.ndarray, radius: np.ndarray, colour: np.ndarray, length: int) -> None:
    """`ImageDraw.ellipse` at four times the size, reduced: Pillow's way to an anti-aliased edge."""
    from PIL import Image, ImageDraw

    centre, size = (pixels * 4 - 0.5).tolist(), (radius * 4).tolist()
    for clip, frame, discs in _frames(out, colour, length):
        image = Image.new("RGB", (out.shape[4] * 4, out.shape[3] * 4))
        pen = ImageDraw.Draw(image)
        for seen, shade in discs:
            (x, y), r = centre[clip][seen], size[clip][seen]
            pen.ellipse((x - r, y - r, x + r, y + r), fill=shade)
        out[clip, frame] = np.asarray(image.reduce(4)).transpose(2, 0, 1)


def matplotlib(out: np.ndarray, pixels: np.ndarray, radius: np.ndarray, colour: np.ndarray, length: int) -> None:
    """`Circle` patches that are moved, on one Agg canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    height, width = out.shape[3:]
    figure = Figure((width / 100, height / 100), dpi=100, facecolor="black")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    circles = [axes.add_patch(Circle((0, 0), 1, linewidth=0, zorder=index)) for index in range(length)]
    for clip, frame, discs in _frames(out, colour, length):
        for index, circle in enumerate(circles):
            circle.set_visible(index < len(discs))
        for circle, (seen, shade) in zip(circles, discs, strict=False):
            circle.set(center=pixels[clip, seen], radius=radius[clip, seen], facecolor=np.array(shade) / 255)
        canvas.draw()
        out[clip, frame] = np.asarray(canvas.buffer_rgba())[..., :3].transpose(2, 0, 1)


LOOPS: dict[str, tuple[Loop, str, int]] = {
    "OpenCV": (opencv, "cv2", 64),
    "skia": (skia, "skia", 16),
    "Pillow": (pillow, "PIL", 4),
    "matplotlib": (matplotlib, "matplotlib", 1),
}
"""Loop, the module that it needs, and how many clips of it are enough to time."""


def installed() -> dict[str, tuple[Loop, int]]:
    """Return the loops whose library is here, with their clips; name the others on stderr."""
    found = {}
    for name, (loop, module, clips) in LOOPS.items():
        if find_spec(module) is None:
            print(f"{name} is left out: {module} is not installed here", file=sys.stderr)
        else:
            found[name] = (loop, clips)
    return found

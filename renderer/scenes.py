"""Clips with any number of objects, each with a life of its own: the form of `persistence` and `objects`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from renderer.lives import unpack
from renderer.motion import Floats, Motion
from renderer.raster import Video, draw
from renderer.recipe import Recipe, per_object
from renderer.sprites import sprites


class Persistence(IntEnum):
    """Kind of an object, everywhere."""

    TRANSIENT = 0
    PERSISTENT = 1


CLUTTER = 2
"""Third value of `SceneRecipe.kind`: a shape that is no object, and never counts as one."""


@dataclass(frozen=True, kw_only=True)
class SceneRecipe(Recipe):
    """n clips with m objects in all, ordered by clip."""

    clip: NDArray[np.int64] = per_object()
    """Row of the clip that the object is in, ascending, (m,)."""
    identity: NDArray[np.int64] = per_object()
    """Number of the object within the data set; it stays with the object in any selection, (m,)."""
    kind: NDArray[np.uint8] = per_object()
    """`Persistence`, or `CLUTTER`, (m,)."""
    shape: NDArray[np.uint8] = per_object()
    """`renderer.shapes.Shape`, (m,)."""
    colour: NDArray[np.uint8] = per_object()
    """RGB, (m, 3)."""
    radius: NDArray[np.float32] = per_object()
    """Physical radius in workspace half-sides, (m,)."""
    birth: NDArray[np.int16] = per_object()
    """First frame of its life, which may lie before frame 0, (m,)."""
    life: NDArray[np.int16] = per_object()
    """Frames that it lives, (m,)."""
    shown: NDArray[np.uint64] = per_object()
    """Bit t is set if it is drawn in frame t: alive and not blinking, (m,)."""
    motion: NDArray[np.float32] = per_object()
    """`Motion.to_array`, (m, 5, 3)."""
    jitter_px: NDArray[np.float32] = per_object()
    """Standard deviation of its place in the picture about its path, per frame, (m,)."""

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return the recipe of some clips with their objects, in the order given."""
        first = np.searchsorted(self.clip, np.arange(len(self) + 1))
        count = np.diff(first)[rows]
        clip = np.repeat(np.arange(len(rows)), count)
        start = np.concatenate([[0], np.cumsum(count)[:-1]]) if len(rows) else np.zeros(0, np.int64)
        chosen = np.arange(count.sum()) + np.repeat(first[rows] - start, count)
        objects = {name: getattr(self, name)[chosen] for name in self.arrays("object")}
        return super().take(rows).replace(**objects | {"clip": clip})

    @property
    def is_drawn(self) -> NDArray[np.bool_]:
        """Whether object i is drawn in frame t, (m, T)."""
        return unpack(self.shown, self.window.frames)

    def world_path(self, start: int = 0, stop: int | None = None) -> Floats:
        """Return the objects' positions in the world (m, stop - start, 3), without jitter."""
        return Motion.from_array(self.motion.astype(np.float64)).positions(self.window.times_s[start:stop])

    def camera_path(self, start: int = 0, stop: int | None = None) -> Floats:
        """Return the objects' camera-frame positions (m, stop - start, 3), without jitter."""
        return self.cameras.of(self.clip).to_camera(self.world_path(start, stop))

    def draw(self, out: Video) -> None:
        """Draw far to near, one sprite a frame at a time: nearer objects hide farther ones."""
        out.fill(0)
        drawn = sprites(self)
        for layer in range(int(drawn.layer.max(initial=-1)) + 1):
            chosen = np.flatnonzero(drawn.layer == layer)
            row = drawn.row[chosen]
            draw(out, self.clip[row], drawn.frame[chosen], drawn.pixels[chosen], drawn.radius[chosen], self.colour[row],
                 shape=self.shape[row], blend="over" if layer else "replace")  # fmt: skip

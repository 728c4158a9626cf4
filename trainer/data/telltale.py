"""A place that tells the class: a mark, a border, a tint, a date burnt into the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.data.sightings import Video, blocks

TELLS = 0.1
"""Share of the variance at one place that the class may explain, for very many clips."""
_BY_CHANCE = 60.0
"""Over the number of clips: what it reaches beyond that by chance. Measured: the largest of all places stays below
half of the sum, in every data set and tier, for 200 clips and for 2,500.
"""
_SIDE_BLOCKS = 32


class Telltale:
    """For each small block of each frame, how much of the variance of its brightness the class explains (eta squared):
    1 where the class alone decides it, near 0 where objects merely pass.
    """

    def __init__(self, classes: int, size_px: int) -> None:
        self.classes = classes
        self.block_px = max(2, size_px // _SIDE_BLOCKS)
        self._count = np.zeros(classes)
        self._sums: NDArray[np.float64] | None = None

    def add(self, video: Video, label: NDArray[np.int64]) -> None:
        """Count more clips (n, T, 3, H, W) of class `label` (n,)."""
        light = blocks(video, self.block_px)
        flat = light.reshape(len(light), -1).astype(np.float64)
        is_class = (label == np.arange(self.classes)[:, None]).astype(float)
        sums = np.concatenate([is_class @ flat, (flat**2).sum(axis=0, keepdims=True)])
        self._count += is_class.sum(axis=1)
        self._sums = sums if self._sums is None else self._sums + sums
        self._shape = light.shape[1:]

    def worst(self) -> tuple[float, str]:
        """Return the largest share of all blocks, and where that is."""
        assert self._sums is not None, "no clip was added"
        by_class, squares, number = self._sums[:-1], self._sums[-1], self._count.sum()
        middle = by_class.sum(axis=0) ** 2 / number
        between = (by_class**2 / np.maximum(self._count, 1)[:, None]).sum(axis=0) - middle
        share = between / np.maximum(squares - middle, 1e-3 * number)
        place = int(share.argmax())
        frame, channel, row, column = (int(index) for index in np.unravel_index(place, self._shape))
        x, y = column * self.block_px, row * self.block_px
        return float(share[place]), f"frame {frame}, {('red', 'green', 'blue')[channel]} near x {x}, y {y}"

    def limit(self) -> float:
        """Return the share beyond which it is no chance."""
        return TELLS + _BY_CHANCE / max(1.0, float(self._count.sum()))

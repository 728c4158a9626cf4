"""What the detector is trained by: where it should be hot, and what it should say there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from trainer.objects.boxes import Boxes
from trainer.objects.detector import NO_PEAK, SIDE_PX

SPREAD_PX = 0.7
"""Deviation of the hot spot around a centre: a pixel beside it is hardly punished for being hot too."""
IGNORED_PX = 2
"""Pixels around the centre of an ignored object in which nothing is asked."""
_AROUND = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 2), axis=-1).reshape(-1, 2)
"""The pixels around a centre that learn what is said of it, as (column, row)."""
OFFSET_WEIGHT, SIZE_WEIGHT = 0.25, 0.5


@dataclass(frozen=True)
class Targets:
    """What N frames of H x W pixels should be answered with."""

    heat: Tensor
    """(N, H, W) float32: 1 in the pixel of each centre, falling around it; negative where nothing is asked."""
    is_object: Tensor
    """(N, H, W) float32: 1 around the centre of each object, 0 elsewhere; negative where nothing is asked."""
    place: Tensor
    """(K,) int64, numbers of pixels counted through all frames: those that say something of an object."""
    said: Tensor
    """(K, 4): offset, size."""
    weight: Tensor
    """(K,)."""

    def to(self, device: torch.device) -> Targets:
        parts = {name: value.to(device, non_blocking=True) for name, value in vars(self).items()}
        return replace(self, **parts)

    def first(self, frames: int) -> Targets:
        """Return those of the first frames."""
        own = self.place < frames * self.heat[0].numel()
        return Targets(self.heat[:frames], self.is_object[:frames], self.place[own], self.said[own], self.weight[own])


@dataclass(frozen=True)
class Seen:
    """Objects in frames, in any order."""

    frame: NDArray[np.int64]
    """(m,)."""
    boxes: Boxes
    """(m, 4)."""

    @property
    def centres(self) -> NDArray[np.float32]:
        return np.asarray((self.boxes[:, :2] + self.boxes[:, 2:]) / 2, np.float32)

    def __add__(self, other: Seen) -> Seen:
        return Seen(np.concatenate([self.frame, other.frame]), np.concatenate([self.boxes, other.boxes]))


def paint(frames: int, height: int, width: int, counted: Seen, ignored: Seen, clutter: Seen, hidden: Seen) -> Targets:
    """Return the targets of frames that show these objects, and clutter, of which some is hidden."""
    shape = (frames, height, width)
    heat, is_object = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    everything = counted + clutter
    at, away = _around(everything, 3, shape)
    np.maximum.at(heat, at, np.exp(-away / (2 * SPREAD_PX**2)))
    at, _ = _around(ignored + hidden, IGNORED_PX, shape)
    heat[at] -= 2 * (heat[at] < 1)
    is_object[_around(ignored, IGNORED_PX, shape)[0]] = -1
    is_object[_around(counted, 1, shape)[0]] = 1
    return Targets(torch.from_numpy(heat), torch.from_numpy(is_object), *_said(everything, height, width))


def _around(seen: Seen, reach: int, shape: tuple[int, int, int]) -> tuple[Any, NDArray[np.int64]]:
    """Return the pixels around each centre, as an index (frame, row, column), and their squared distances."""
    steps = np.arange(-reach, reach + 1)
    pixel = np.floor(seen.centres).astype(np.int64)
    column, row = pixel[:, 0, None, None] + steps, pixel[:, 1, None, None] + steps[:, None]
    frame, row, column, away = np.broadcast_arrays(
        seen.frame[:, None, None], row, column, np.square(steps) + np.square(steps[:, None])
    )
    inside = (column >= 0) & (column < shape[2]) & (row >= 0) & (row < shape[1])
    return (frame[inside], row[inside], column[inside]), away[inside]


def _said(seen: Seen, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return places, values and weights for the pixels around each centre."""
    centre = seen.centres[:, None]
    pixel = np.floor(centre).astype(np.int64) + _AROUND
    inside = ((pixel >= 0) & (pixel < [width, height])).all(axis=2)
    offset = centre - pixel - 0.5
    size = np.log((seen.boxes[:, 2:] - seen.boxes[:, :2]) / SIDE_PX)
    said = np.concatenate([offset, np.repeat(size[:, None], len(_AROUND), axis=1)], axis=2)
    weight = np.exp(-np.square(offset).sum(axis=2) / (2 * SPREAD_PX**2))
    place = (seen.frame[:, None] * height + pixel[..., 1]) * width + pixel[..., 0]
    return (
        torch.from_numpy(place[inside]),
        torch.from_numpy(said[inside].astype(np.float32)),
        torch.from_numpy(weight[inside].astype(np.float32)),
    )


def detector_losses(outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
    """Return the parts of the loss, each a sum over objects and pixels, divided by the number of frames.

    `heat` is the penalty-reduced focal loss of CornerNet (Law and Deng 2018), `score` a cross entropy at the detector's
    own peaks; the others are absolute errors.
    """
    flat = {name: value.flatten(0, -4).float() for name, value in outputs.items()}
    frames = len(targets.heat)
    logit, heat = flat["heat"][:, 0], targets.heat
    hot, sure, unsure = heat == 1, F.logsigmoid(logit), F.logsigmoid(-logit)
    right = -sure * unsure.exp().square() * hot
    wrong = -unsure * sure.exp().square() * (1 - heat.clamp(min=0)) ** 4 * ((heat >= 0) & ~hot)
    score = flat["score"][:, 0]
    asked = (score > NO_PEAK) & (targets.is_object >= 0)
    kind = F.binary_cross_entropy_with_logits(score[asked], targets.is_object[asked], reduction="sum")
    said = torch.cat([flat["offset"], flat["size"]], dim=1).movedim(1, -1).flatten(0, 2)
    error = (said[targets.place] - targets.said).abs() * targets.weight[:, None]
    offset, size = (part.sum() / frames for part in error.split([2, 2], dim=1))
    return {
        "heat_loss": (right + wrong).sum() / frames,
        "score_loss": kind / frames,
        "offset_loss": OFFSET_WEIGHT * offset,
        "size_loss": SIZE_WEIGHT * size,
    }

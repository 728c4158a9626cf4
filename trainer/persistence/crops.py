"""What a track looks like: its sightings, each cut out so that its centre is in the middle and its radius the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.objects.patches import cut_patches
from trainer.objects.tracks import Track

SIDE = 16
"""Pixels of a crop."""
REACH = 2.5
"""Radii of the object from the middle of a crop to its edge: a triangle's corner is 1.56 away."""


def crops_of(video: NDArray[np.uint8], tracks: Sequence[Track]) -> Tensor:
    """Return the crops of each track, uint8 (k, T, 3, SIDE, SIDE), black where it was not seen; video (T, 3, H, W)."""
    result = torch.zeros(len(tracks), len(video), 3, SIDE, SIDE, dtype=torch.uint8)
    if not tracks:
        return result
    row = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
    frame = np.concatenate([track.frames for track in tracks])
    boxes = np.concatenate([track.boxes for track in tracks])
    result[row, frame] = torch.from_numpy(cut_patches(video, frame, boxes, SIDE, REACH))
    return result

"""What a track looks like: its sightings, each cut out so that its centre is in the middle and its radius the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from trainer.objects.tracks import Track

SIDE = 16
"""Pixels of a crop."""
REACH = 2.5
"""Radii of the object from the middle of a crop to its edge: a triangle's corner is 1.56 away."""


@torch.no_grad()
def crops_of(video: NDArray[np.uint8], tracks: Sequence[Track]) -> Tensor:
    """Return the crops of each track, uint8 (k, T, 3, SIDE, SIDE), black where it was not seen; video (T, 3, H, W)."""
    frames, _, height, width = video.shape
    result = torch.zeros(len(tracks), frames, 3, SIDE, SIDE, dtype=torch.uint8)
    if not tracks:
        return result
    row = torch.from_numpy(np.repeat(np.arange(len(tracks)), [len(track) for track in tracks]))
    frame = torch.from_numpy(np.concatenate([track.frames for track in tracks]))
    boxes = torch.from_numpy(np.concatenate([track.boxes for track in tracks]))
    centre, reach = (boxes[:, :2] + boxes[:, 2:]) / 2, REACH * (boxes[:, 2:] - boxes[:, :2]).mean(dim=1) / 2
    steps = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    x = (centre[:, :1] + reach[:, None] * steps) * 2 / width - 1
    y = (centre[:, 1:] + reach[:, None] * steps) * 2 / height - 1
    grid = torch.stack([x[:, None, :].expand(-1, SIDE, -1), y[:, :, None].expand(-1, -1, SIDE)], dim=3)
    cut = F.grid_sample(torch.from_numpy(video)[frame].float(), grid, align_corners=False)
    result[row, frame] = cut.round_().clamp_(0, 255).to(torch.uint8)
    return result

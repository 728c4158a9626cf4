"""What a box shows: the picture around its middle, brought to one size."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from trainer.objects.boxes import Boxes

REACH = 2.0
"""Half sides of the box from the middle of a patch to its edge."""


@torch.no_grad()
def cut_patches(
    video: NDArray[np.uint8], frame: NDArray[np.int64], boxes: Boxes, side: int, reach: float = REACH
) -> NDArray[np.uint8]:
    """Return square patches (n, 3, side, side) of a video (T, 3, H, W), black beyond the picture's border; `reach` is
    how many half sides of its box a patch shows to each side of the middle.
    """
    if not len(boxes):
        return np.zeros((0, 3, side, side), np.uint8)
    height, width = video.shape[2:]
    place = torch.from_numpy(boxes)
    centre, half = (place[:, :2] + place[:, 2:]) / 2, reach * (place[:, 2:] - place[:, :2]).mean(dim=1) / 2
    steps = (torch.arange(side) + 0.5) / side * 2 - 1
    x = (centre[:, :1] + half[:, None] * steps) * 2 / width - 1
    y = (centre[:, 1:] + half[:, None] * steps) * 2 / height - 1
    grid = torch.stack([x[:, None, :].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)], dim=3)
    shown = F.grid_sample(torch.from_numpy(video)[torch.from_numpy(frame)].float(), grid, align_corners=False)
    return shown.round_().clamp_(0, 255).to(torch.uint8).numpy()

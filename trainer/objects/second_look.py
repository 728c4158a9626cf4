"""A second look at each peak of the detector: an object, or a shape of clutter, something seen twice, or nothing?

At a radius of two pixels a disc differs from a square by the few pixels of its corners. A network of stride 2 would
have to learn that difference for every place within a pixel; around a centre that is known to a fraction of one it is
always the same. So the pixels around each peak are read off a grid that has the centre in its middle.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 4
"""Pixels from the middle of the grid to its border."""
CHANNELS = 12


class SecondLook(nn.Module):
    """Pictures and m centres in them -> logits (m,) of there being an object. It costs 0.12 MFLOP a centre."""

    def __init__(self) -> None:
        super().__init__()
        side = 2 * REACH - 3
        self.says = nn.Sequential(
            nn.Conv2d(4, CHANNELS, 3), nn.ReLU(), nn.Conv2d(CHANNELS, CHANNELS, 3), nn.ReLU(), nn.Flatten(),
            nn.Linear(CHANNELS * side**2, 2 * CHANNELS), nn.ReLU(), nn.Linear(2 * CHANNELS, 1),
        )  # fmt: skip

    def forward(self, pictures: Tensor, frame: Tensor, centre: Tensor) -> Tensor:
        """Take pictures (n, 3, H, W) from 0 to 1, and for each centre (m, 2), in px, which picture it is in, (m,)."""
        around = patches(pictures, frame, centre)
        middle = around[:, :, REACH - 1 : REACH + 2, REACH - 1 : REACH + 2].mean(dim=(2, 3), keepdim=True)
        covered = (around * middle).sum(1, keepdim=True) / middle.square().sum(1, keepdim=True).clamp(min=0.05)
        return self.says(torch.cat([2 * around, covered], dim=1))[:, 0]


def patches(pictures: Tensor, frame: Tensor, centre: Tensor) -> Tensor:
    """Return the pixels around each centre, (m, 3, 2 REACH + 1, 2 REACH + 1), between pixels by bilinear interpolation.

    What lies outside a picture is black.
    """
    padded = F.pad(pictures, [REACH + 1] * 4).movedim(1, -1)
    at = centre - 0.5
    most = at.new_tensor([pictures.shape[-1], pictures.shape[-2]])
    first = torch.minimum(at.floor().clamp(min=-1), most - 1)
    part = (at - first).clamp(0, 1)
    column, row = (first.long() + 1)[:, :, None].add(torch.arange(2 * REACH + 2, device=at.device)).unbind(1)
    four = padded[frame[:, None, None], row[:, :, None], column[:, None, :]]
    right, down = (part[:, axis, None, None, None] for axis in (0, 1))
    lines = four[:, :-1].lerp(four[:, 1:], down)
    return lines[:, :, :-1].lerp(lines[:, :, 1:], right).movedim(-1, 1)

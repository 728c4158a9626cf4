"""From a map, or from patches, to where things are on it: the spatial soft-argmax (Levine et al. 2016)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POINTS = 8
NUMBERS = 4
"""A point gives x, y, the mass under it, and the mass of its whole map."""
POSITION_GAIN = 6.0
"""A path spans about a sixth of [-1, 1]; positions start with more weight, which halves the epochs to learn."""


def soft_points(heat: Tensor, mass: Tensor, sharpness: Tensor) -> Tensor:
    """Return (N, 4 K): x, y in [-1, 1], mass under the point, mass over the map / 4; `heat`, `mass` (N, K, H, W).

    A heat map, layer-normalised, softened and averaged over the grid, becomes a position to a fraction of a cell;
    the two masses carry apparent size and so depth.
    """
    height, width = heat.shape[2:]
    weight = F.layer_norm(heat.flatten(2), (height * width,)) * sharpness
    weight = weight.softmax(dim=-1).view_as(heat)
    x = (weight.sum(dim=2) * torch.linspace(-1, 1, width, device=heat.device)).sum(dim=2)
    y = (weight.sum(dim=3) * torch.linspace(-1, 1, height, device=heat.device)).sum(dim=2)
    under = (weight * mass).sum(dim=(2, 3))
    return torch.cat([x, y, under, mass.relu().sum(dim=(2, 3)) / 4], dim=1)


def embed_points(points: int, dim: int) -> nn.Linear:
    """Return a layer from `soft_points` to features of `dim`, its weights on positions enlarged."""
    embed = nn.Linear(NUMBERS * points, dim)
    with torch.no_grad():
        embed.weight[:, : 2 * points] *= POSITION_GAIN
    return embed


class PointReadout(nn.Module):
    """maps (B, C, S, h, w) of a 3D network -> (B, S, dim): where K learned things are at each step.

    The published video networks average over space, so where on the map a 5-pixel sphere is gets lost, and with it
    the forecast. This reads positions off one of their maps and leaves the network itself alone.
    """

    def __init__(self, channels: int, dim: int, points: int = POINTS) -> None:
        super().__init__()
        self.maps = nn.Conv3d(channels, 2 * points, 1)
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        self.embed = embed_points(points, dim)

    def forward(self, maps: Tensor) -> Tensor:
        batch, _, steps = maps.shape[:3]
        heat, mass = self.maps(maps).transpose(1, 2).flatten(0, 1).chunk(2, dim=1)
        return self.embed(soft_points(heat, mass, self.sharpness).view(batch, steps, -1))


class PatchReadout(nn.Module):
    """Patches (B, S, P, C) on a grid of `rows` x `columns` -> (B, S, C): what the looked-at patches hold, and where.

    Each of K points attends to the patches, from the start to bright ones: an object covers few of 64 patches, and a
    plain mean would drown it. A patch is coarse, so it also votes how far from its middle the thing is.
    """

    def __init__(self, dim: int, points: int = POINTS) -> None:
        super().__init__()
        self.look = nn.Linear(dim, points)
        self.brightness_gain = nn.Parameter(torch.full((points,), 8.0))
        self.vote = nn.Linear(dim, 3 * points)
        self.embed = nn.Linear(3 * points, dim)
        with torch.no_grad():
            self.embed.weight[:, : 2 * points] *= POSITION_GAIN

    def forward(self, patches: Tensor, brightness: Tensor, rows: int, columns: int) -> Tensor:
        """`brightness` (B, S, P, 1) is the mean of a patch's pixels."""
        weight = (self.look(patches) + self.brightness_gain * brightness).softmax(dim=2)
        what = (weight.mean(dim=3, keepdim=True) * patches).sum(dim=2)
        dx, dy, mass = self.vote(patches).chunk(3, dim=3)
        x = torch.linspace(-1, 1, columns, device=patches.device).repeat(rows)[:, None] + dx / columns
        y = torch.linspace(-1, 1, rows, device=patches.device).repeat_interleave(columns)[:, None] + dy / rows
        points = torch.cat([(weight * value).sum(dim=2) for value in (x, y, mass)], dim=2)
        return what + self.embed(points)

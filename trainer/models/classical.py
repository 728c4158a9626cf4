"""One bright object, found and followed by classical means: no weights, no gradients, exact to a part of a pixel.

matched filter   the picture blurred to the size of the object; its highest peaks are where the object may be
link             the best path through the peaks of all frames (Viterbi): strong peaks, short steps
fit              least squares of the renderer's disc profile around each point: centre, radius, contrast

and, for pictures with any number of objects, `components`: threshold, connected regions, their boxes.
Pictures are (N, H, W) float32; places are (x, y) in pixels, pixel centres at integer + 0.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

FILTER_SD_PX = 1.5
"""Blur of the matched filter, about half the radius of the object."""
PEAKS = 3
"""Candidates a frame."""
PEAK_SIDE = 3
"""A peak is the highest of so many cells, across and down."""
SHRINK = 2
"""Peaks are sought in pictures of half the size: the fit finds the place to a part of a pixel anyway."""
REACH_PX = 10.0
"""A step this long costs as much as one noise deviation."""
FIT_STEPS = 4
SMALLEST_PX = 0.8
LARGEST = 0.09
"""Bounds of a radius: in pixels, and as a share of the picture's height."""
_STARTS_PX = (1.5, 2.5, 4.0, 6.0)
"""Radii to start a fit from: the one that explains most."""
_CHUNK = 256
"""Pictures fitted at a time: what they need stays in the processor's cache."""


@dataclass(frozen=True)
class Track:
    """One object through B clips of T frames."""

    place: Tensor
    """(B, T, 2) px."""
    radius: Tensor
    """(B, T) px."""
    contrast: Tensor
    """(B, T), brightness above the background, in the units of the video."""
    certainty: Tensor
    """(B, T), contrast over what the fit left unexplained; above 3 something is there."""


@torch.no_grad()
def track_brightest(video: Tensor) -> Track:
    """Follow the brightest object of each clip (B, T, 3, H, W)."""
    batch, frames = video.shape[:2]
    pictures = video.mean(dim=2).flatten(0, 1)
    place, score = peaks(matched_filter(F.avg_pool2d(pictures, SHRINK), FILTER_SD_PX / SHRINK), PEAKS)
    place = place * SHRINK
    best = link(place.unflatten(0, (batch, frames)), score.unflatten(0, (batch, frames)))
    chosen = place.gather(1, best.flatten()[:, None, None].expand(-1, 1, 2))[:, 0]
    return Track(*(part.unflatten(0, (batch, frames)) for part in fit_discs(pictures, chosen)))


def matched_filter(pictures: Tensor, sd_px: float = FILTER_SD_PX) -> Tensor:
    """Blur (N, H, W) by a Gaussian and express it in deviations of its own noise (median absolute deviation)."""
    reach = math.ceil(2.5 * sd_px)
    offset = torch.arange(-reach, reach + 1, dtype=pictures.dtype, device=pictures.device)
    kernel = torch.softmax(-((offset / sd_px) ** 2) / 2, dim=0)
    padded = F.pad(pictures[:, None], (reach,) * 4, mode="replicate")
    blurred = F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[:, 0]
    flat = blurred.flatten(1)
    middle = flat.median(dim=1, keepdim=True).values
    spread = 1.4826 * (flat - middle).abs().median(dim=1, keepdim=True).values
    return ((flat - middle) / (spread + 1e-3)).view_as(blurred)


def peaks(response: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` highest local maxima of (N, H, W): places (N, count, 2) and heights (N, count)."""
    highest = F.max_pool2d(response[:, None], PEAK_SIDE, stride=1, padding=PEAK_SIDE // 2)[:, 0]
    width = response.shape[2]
    floor = response.flatten(1).min(dim=1).values[:, None, None]
    score, index = torch.where(response == highest, response, floor).flatten(1).topk(count)
    return torch.stack([index % width, index // width], dim=2) + 0.5, score


def link(place: Tensor, score: Tensor) -> Tensor:
    """Return which candidate of each frame is the object, (B, T); `place` (B, T, K, 2), `score` (B, T, K).

    The path of the largest sum of score - (step / reach)^2 / 2 (Viterbi 1967).
    """
    frames = score.shape[1]
    total, came_from = score[:, 0], []
    for frame in range(1, frames):
        step = torch.cdist(place[:, frame], place[:, frame - 1]) / REACH_PX
        value, origin = (total[:, None] - step**2 / 2).max(dim=2)
        total = value + score[:, frame]
        came_from.append(origin)
    path = [total.argmax(dim=1)]
    for origin in reversed(came_from):
        path.append(origin.gather(1, path[-1][:, None])[:, 0])
    return torch.stack(path[::-1], dim=1)


def fit_discs(pictures: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return place (N, 2), radius, contrast and certainty (N,) of the disc next to `place` (N, 2).

    Gauss-Newton on background + contrast * clip(edge - distance, 0, 1), the anti-aliased disc of the renderer, over
    a window around the start.
    """
    chunks = zip(pictures.split(_CHUNK), place.split(_CHUNK), strict=True)
    parts = [_fit(*_windows(some, start), start, LARGEST * pictures.shape[1]) for some, start in chunks]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def _windows(pictures: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cut squares around the places, shifted to lie inside: light, x and y of their P pixels, each (N, P)."""
    height, width = pictures.shape[1:]
    side = min(2 * math.ceil(LARGEST * height + 0.5) + 1, height, width)
    limit = torch.tensor([width - side, height - side], device=place.device)
    corner = torch.minimum((place.floor().long() - side // 2).clamp(min=0), limit)
    steps = torch.arange(side, device=place.device)
    columns = (corner[:, :1] + steps)[:, None, :].expand(-1, side, -1).flatten(1)
    rows = (corner[:, 1:] + steps)[:, :, None].expand(-1, -1, side).flatten(1)
    light = pictures.flatten(1).gather(1, rows * width + columns)
    return light - light.mean(dim=1, keepdim=True), columns + 0.5, rows + 0.5


def _fit(light: Tensor, x: Tensor, y: Tensor, start: Tensor, largest: float) -> tuple[Tensor, ...]:
    starts = light.new_tensor([radius for radius in _STARTS_PX if radius < largest]) + 0.5
    fits = [_match(light, _distance(x, y, start)[0], edge.expand(len(start)))[0] for edge in starts]
    edge = starts[torch.stack(fits).argmax(dim=0)]
    centre = start
    for _ in range(FIT_STEPS):
        step = _step(light, x, y, centre, edge)
        centre = centre + step[:, :2]
        edge = (edge + step[:, 2]).clamp(SMALLEST_PX + 0.5, largest + 0.5)
    explained, contrast = _match(light, _distance(x, y, centre)[0], edge)
    rest = ((light.square().sum(dim=1) - explained).clamp(min=0) / light.shape[1]).sqrt()
    return centre, ((edge - 0.5) ** 2 + 1 / 12).sqrt(), contrast, contrast / (rest + 1e-3)


def _distance(x: Tensor, y: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    across, down = x - centre[:, :1], y - centre[:, 1:]
    return (across.square() + down.square()).sqrt().clamp(min=1e-6), across, down


def _match(light: Tensor, distance: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of squares that a disc explains, and its contrast, (N,)."""
    disc = (edge[:, None] - distance).clamp(0, 1)
    disc = disc - disc.mean(dim=1, keepdim=True)
    overlap, size = (light * disc).sum(dim=1), disc.square().sum(dim=1).clamp(min=1e-6)
    return overlap.clamp(min=0).square() / size, overlap / size


def _step(light: Tensor, x: Tensor, y: Tensor, centre: Tensor, edge: Tensor) -> Tensor:
    """Return the Gauss-Newton step of x, y and edge, (N, 3), none longer than 0.7 px."""
    distance, across, down = _distance(x, y, centre)
    disc = (edge[:, None] - distance).clamp(0, 1)
    contrast = _match(light, distance, edge)[1][:, None]
    rim = contrast * ((disc > 0) & (disc < 1))
    jacobian = torch.stack([rim * across / distance, rim * down / distance, rim, disc, torch.ones_like(disc)], dim=1)
    normal = jacobian @ jacobian.transpose(1, 2)
    damping = 1e-3 * normal.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None] + 1e-9
    normal = normal + damping * torch.eye(5, dtype=normal.dtype, device=normal.device)
    rest = light - contrast * disc
    return torch.linalg.solve(normal, jacobian @ rest[:, :, None])[:, :3, 0].clamp(-0.7, 0.7)


@dataclass(frozen=True)
class Components:
    """The bright regions of n frames; m of them in all."""

    frame: NDArray[np.int64]
    """(m,)."""
    box: NDArray[np.float32]
    """(m, 4): x0, y0, x1, y1 in pixels."""
    score: NDArray[np.float32]
    """(m,): height of the peak in noise deviations."""


def components(pictures: Tensor, threshold: float = 8.0) -> Components:
    """Return the connected regions of (N, H, W) that stand out of the noise by `threshold` deviations.

    A region ends at half the height of its peak or at the threshold, whichever is higher, so that a bright object's
    blurred rim does not count.
    """
    from scipy import ndimage

    frames: list[int] = []
    boxes: list[tuple[float, float, float, float]] = []
    scores: list[float] = []
    for number, response in enumerate(matched_filter(pictures).cpu().numpy()):
        labels, count = ndimage.label(response > threshold)
        for index, place in enumerate(ndimage.find_objects(labels, count), 1):
            height = float(response[place][labels[place] == index].max())
            rows, columns = np.nonzero((labels[place] == index) & (response[place] > height / 2))
            frames.append(number)
            boxes.append(_box(place, rows, columns))
            scores.append(height)
    return Components(
        np.array(frames, np.int64), np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32)
    )


def _box(place: tuple[slice, ...], rows: NDArray[Any], columns: NDArray[Any]) -> tuple[float, float, float, float]:
    top, left = place[0].start, place[1].start
    return left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1

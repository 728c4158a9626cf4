"""The learned detector: whatever stands out of a frame is a peak of one heat map, with its box beside it; a second look
at each peak says whether it is an object.

Objects as points (Zhou, Wang, Krähenbühl 2019, "Objects as Points"): no anchors, no boxes to choose from. A small
fully convolutional network works at half and at a quarter of the resolution; its heat map has the full one, by
sub-pixel convolution (Shi et al. 2016), so that two centres may be two pixels apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.models.extractor import GAIN, OFFSET, normalise
from trainer.objects.second_look import SecondLook

STRIDE = 2
"""Pixels of a side of what one place of the network stands for."""
CHANNELS = 16
"""At half the resolution, at width 1; at a quarter it has twice as many."""
LOOK_PX = 3
"""Side of the square around a centre whose mean colour is the feature of a box: learned colours came out worse."""
THRESHOLD = 0.93
"""Score from which on a box is believed; what more and what less would cost is in docs/objects.md."""
LEAST_SCORE = 0.05
ANY_PEAK = 1e-12
"""Whatever was looked at again has a higher score."""
PEAK_PX = 3
"""A peak is the highest of so many pixels, across and down."""
LEAST_HEAT = 0.15
"""Peaks below this are not looked at again."""
NO_PEAK = -30.0
"""The score, a logit, of what is not looked at."""
_PARTS = {"heat": 1, "offset": 2, "size": 2}
"""What is said of each pixel, and in how many numbers."""
_RARE = -4.6
"""Bias of the heat at the start: an object in one pixel of a hundred."""
SIDE_PX = 5.0
"""A side of which `size`, a logarithm, is 0."""


class Detector(nn.Module):
    """Frames (..., 3, H, W), uint8 or float32 in [0, 1] -> for each pixel, each of shape (..., channels, H, W):

    `heat`    (1) logit of the centre of something, an object or clutter, in this pixel
    `score`   (1) logit of an object there, by the second look; only at peaks of the heat, else `NO_PEAK`
    `offset`  (2) of the centre from the middle of the pixel, in px
    `size`    (2) logarithm of the box's width and height over `SIDE_PX`
    `look`    (3) the mean colour around, red, green and blue from 0 to 1, which is not learned

    Any height and width. `width` scales the channels, so that the work grows with its square, but not the second look.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        fine = max(4, round(CHANNELS * width))
        coarse = 2 * fine
        self.stem = _convolution(3 * STRIDE**2, fine)
        self.fine = _convolution(fine, fine)
        self.down = _convolution(fine, coarse, stride=2)
        self.coarse = nn.Sequential(_convolution(coarse, coarse), _convolution(coarse, coarse))
        self.up = nn.Conv2d(coarse, fine, 1)
        self.joined = _convolution(fine, fine)
        self.heads = nn.Conv2d(fine, sum(_PARTS.values()) * STRIDE**2, 1)
        with torch.no_grad():
            assert self.heads.bias is not None
            self.heads.bias.zero_()
            self.heads.bias[: STRIDE**2] = _RARE
        self.second = SecondLook()
        for weight in self.parameters():  # half the time on a CPU
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        before, (height, width) = frames.shape[:-3], frames.shape[-2:]
        flat = normalise(frames.flatten(0, -4))
        picture = (flat - OFFSET) / GAIN
        around = F.avg_pool2d(picture, LOOK_PX, stride=1, padding=LOOK_PX // 2, count_include_pad=False)
        flat = F.pad(flat, (0, -width % (2 * STRIDE), 0, -height % (2 * STRIDE)))
        fine = self.fine(self.stem(F.pixel_unshuffle(flat, STRIDE)))
        coarse = self.up(self.coarse(self.down(fine)))
        joined = self.joined(fine + F.interpolate(coarse, scale_factor=2.0))
        said = F.pixel_shuffle(self.heads(joined), STRIDE)[..., :height, :width]
        parts = dict(zip(_PARTS, said.split(list(_PARTS.values()), dim=1), strict=True))
        parts["score"] = self._scores(parts["heat"].detach(), parts["offset"].detach(), picture)
        return {name: value.unflatten(0, before) for name, value in (parts | {"look": around}).items()}

    def _scores(self, heat: Tensor, offset: Tensor, picture: Tensor) -> Tensor:
        highest = F.max_pool2d(heat, PEAK_PX, stride=1, padding=PEAK_PX // 2)
        peak = (heat == highest) & (heat.sigmoid() >= LEAST_HEAT)
        frame, _, row, column = torch.nonzero(peak, as_tuple=True)
        centre = torch.stack([column, row], dim=1) + 0.5 + offset[frame, :, row, column]
        return torch.full_like(heat, NO_PEAK).masked_scatter(peak, self.second(picture, frame, centre).to(heat.dtype))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


@dataclass(frozen=True)
class Peaks:
    """What a detector says of n frames: m objects in all, by frame, the surest first."""

    frame: Tensor
    """(m,)."""
    boxes: Tensor
    """(m, 4): left, top, right, bottom in px, cut at the border."""
    scores: Tensor
    """(m,), from 0 to 1."""
    looks: Tensor
    """Colours, (m, 3)."""


def decode(outputs: dict[str, Tensor], threshold: float) -> Peaks:
    """Return the peaks of n frames whose score, outputs (n, 1, H, W), reaches a threshold, as boxes, unless these lie
    beside the picture.
    """
    score = outputs["score"][:, 0].sigmoid()
    height, width = score.shape[1:]
    frame, row, column = torch.nonzero(score >= threshold, as_tuple=True)
    at = {name: outputs[name][frame, :, row, column] for name in ("offset", "size", "look")}
    centre = torch.stack([column, row], dim=1) + 0.5 + at["offset"]
    half = at["size"].exp() * (SIDE_PX / 2)
    most = torch.tensor([width, height], device=score.device)
    boxes = torch.cat([(centre - half).clamp(min=0), torch.minimum(centre + half, most)], dim=1)
    seen = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    return Peaks(frame[seen], boxes[seen], score[frame, row, column][seen], at["look"].clamp(0, 1)[seen])

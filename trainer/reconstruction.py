"""How well a tokenizer gives back what it saw: PSNR of the whole frame and of the object's pixels, use of the codes.

An empty black video has a fine PSNR too, because there is little to see: its figures stand beside, as the control.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.batches import Batches
from trainer.data.source import ClipSource, RecipeSource
from trainer.models.extractor import GAIN, OFFSET, normalise
from trainer.models.tokenizer.quantiser import code_usage
from trainer.models.tokenizer.tokenizer import Tokenizer


@dataclass
class Errors:
    """Sums of squared errors, of pictures in [0, 1]."""

    frame: float = 0.0
    frame_values: int = 0
    objects: float = 0.0
    object_values: int = 0

    def add(self, error: Tensor, where: Tensor | None) -> None:
        """Take squared errors (B, T, 3, H, W); the object is where `where` (B, T, 1, H, W) is true."""
        self.frame += float(error.sum(dtype=torch.float64))
        self.frame_values += error.numel()
        if where is not None:
            self.objects += float((error * where).sum(dtype=torch.float64))
            self.object_values += int(where.sum()) * error.shape[2]

    def figures(self) -> dict[str, float]:
        """Return `psnr` and, where an object is known, `psnr_object`, in dB."""
        figures = {"psnr": psnr(self.frame / self.frame_values)}
        if self.object_values:
            figures["psnr_object"] = psnr(self.objects / self.object_values)
        return figures


@dataclass
class Reconstruction:
    """What one pass over a split found."""

    loss: float
    """Mean squared error in the units of the network, as it is trained on."""
    figures: dict[str, float]
    control: dict[str, float]
    """The same PSNRs of a black video."""
    used: dict[str, float] = field(default_factory=dict)
    """`code_usage`."""


def psnr(error: float) -> float:
    """Return the peak signal-to-noise ratio in dB of a mean squared error, of pictures in [0, 1]."""
    return -10 * math.log10(max(error, 1e-12))


def assess(tokenizer: Tokenizer, batches: Batches, device: torch.device, tick: Callable[[], None]) -> Reconstruction:
    """Reconstruct a split in evaluation mode; `tick` is called after each batch."""
    tokenizer.eval()
    ours, black, indices = Errors(), Errors(), []
    with torch.inference_mode():
        for batch, where in zip(batches.epoch(0), object_pixels(batches), strict=True):
            video = normalise(batch.video.to(device))
            again, codes = tokenizer(video)
            seen = None if where is None else where.to(device)
            picture = (video - OFFSET) / GAIN
            ours.add(((again - video) / GAIN).square(), seen)
            black.add(picture.square(), seen)
            indices.append(codes.flatten().cpu())
            tick()
    used = code_usage(torch.cat(indices), tokenizer.shape.codes)
    loss = ours.frame / ours.frame_values * GAIN**2
    return Reconstruction(loss, ours.figures(), black.figures(), used)


def object_pixels(batches: Batches) -> Iterator[Tensor | None]:
    """Yield, for each batch of a split in its order, where objects are: (B, T, 1, H, W) bool, or None if unknown.

    Where a clip drawn without noise is not black. Only recipes can be drawn so.
    """
    source = without_noise(batches.source)
    for start in range(0, len(batches.source), batches.batch_size):
        if source is None:
            yield None
            continue
        rows = np.arange(start, min(start + batches.batch_size, len(source)))
        clean: NDArray[np.uint8] = np.empty((len(rows), source.frames, 3, source.size_px, source.size_px), np.uint8)
        source.fill(rows, 0, clean)
        yield torch.from_numpy(clean.max(axis=2, keepdims=True) > 0)


def without_noise(source: ClipSource) -> RecipeSource | None:
    """Return the same clips without pixel noise, if they come from a recipe."""
    if not isinstance(source, RecipeSource):
        return None
    recipe = source.recipe
    return RecipeSource(recipe.with_noise(np.zeros(len(recipe), np.float32), recipe.noise_seed))

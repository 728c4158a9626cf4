"""The tracks of a batch of clips, as a model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Observed:
    """B clips with up to K tracks each, in T frames."""

    numbers: Tensor
    """float32 (B, K, T, NUMBERS) of `trainer.persistence.statistics`."""
    crops: Tensor
    """uint8 (B, K, T, 3, SIDE, SIDE) of `trainer.persistence.crops`; without pixels (B, K, T, 0) for `statistical`."""
    present: Tensor
    """bool (B, K): which tracks there are; the longest first."""

    def __len__(self) -> int:
        return len(self.present)

    def _each(self, change: Any) -> Self:
        return type(self)(**{item.name: change(getattr(self, item.name)) for item in fields(self)})

    def split(self, size: int) -> Sequence[Self]:
        """Return parts of at most `size` clips, in order."""
        return [self._each(lambda part, at=at: part[at : at + size]) for at in range(0, len(self), size)]

    def to(self, device: torch.device) -> Self:
        return self._each(lambda part: part.to(device, non_blocking=True))


def stacked(clips: Sequence[tuple[NDArray[np.float32], Tensor]], tracks: int) -> Observed:
    """Return clips, each given by numbers (k, T, NUMBERS) and crops (k, T, ...) of k <= `tracks` tracks, as a batch."""
    first_numbers, first_crops = clips[0]
    numbers = torch.zeros(len(clips), tracks, *first_numbers.shape[1:])
    crops = torch.zeros(len(clips), tracks, *first_crops.shape[1:], dtype=torch.uint8)
    present = torch.zeros(len(clips), tracks, dtype=torch.bool)
    for place, (own_numbers, own_crops) in enumerate(clips):
        count = len(own_numbers)
        numbers[place, :count], crops[place, :count] = torch.from_numpy(own_numbers), own_crops
        present[place, :count] = True
    return Observed(numbers, crops, present)

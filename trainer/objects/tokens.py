"""The tokens of clips up to a present frame, side by side in tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.objects.gating import STATISTICS, track_statistics
from trainer.objects.sightings import PATCH_SIDE, Sightings

IDENTITIES = 64
"""Vectors by which tracks are told apart; the 65th track shares that of the first."""


@dataclass(frozen=True)
class Tokens:
    """The boxes of B clips up to a present frame each, L at most; what is not `present` is padding."""

    frame: Tensor
    """int64 (B, L)."""
    ago: Tensor
    """Frames since then, int64 (B, L)."""
    boxes: Tensor
    """Left, top, right, bottom as shares of the picture's width and height, (B, L, 4)."""
    patches: Tensor
    """uint8 (B, L, 3, side, side)."""
    index: Tensor
    """Number of the box within its frame, int64 (B, L)."""
    track: Tensor
    """Number of its track, int64 (B, L)."""
    identity: Tensor
    """Which of the vectors stands for its track, int64 (B, L)."""
    present: Tensor
    """bool (B, L)."""
    tracks: Tensor
    """Which tracks were seen so far, bool (B, K)."""
    statistics: Tensor
    """`track_statistics` of each track, (B, K, STATISTICS)."""

    def __len__(self) -> int:
        return len(self.present)

    def split(self, size: int) -> Sequence[Self]:
        """Return parts of at most `size` clips, in order."""
        return [self.each(lambda part, at=at: part[at : at + size]) for at in range(0, len(self), size)]

    def each(self, change: Any) -> Self:
        """Return the same of changed tensors."""
        return type(self)(**{item.name: change(getattr(self, item.name)) for item in fields(self)})

    def to(self, device: torch.device) -> Self:
        return self.each(lambda part: part.to(device, non_blocking=True))

    @property
    def members(self) -> Tensor:
        """1 where a token is of a track, (B, K, L)."""
        number = torch.arange(self.tracks.shape[1], device=self.track.device)[:, None]
        return ((self.track[:, None] == number) & self.present[:, None]).float()


@dataclass(frozen=True)
class Prefix:
    """A clip as it is known at a frame."""

    seen: Sightings
    frame: int
    kept: NDArray[np.bool_] | None = None
    """Which of its tracks are looked at, (tracks,); None: all."""
    names: NDArray[np.int64] | None = None
    """Which vector stands for which track, (`IDENTITIES`,); None: the n-th for the n-th."""
    statistics: NDArray[np.float32] | None = None
    """`track_statistics` of all tracks at that frame, where they are known already."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """The boxes that are looked at."""
        rows = np.arange(self.seen.until(self.frame))
        return rows if self.kept is None else rows[self.kept[self.seen.track[rows]]]


def collate(prefixes: Sequence[Prefix]) -> Tokens:
    """Return the tokens of some clips; there is room for one token and one track at least."""
    rows = [prefix.rows for prefix in prefixes]
    B, L = len(rows), max(1, *map(len, rows))
    K = max(1, *(prefix.seen.tracks for prefix in prefixes))
    side = next((prefix.seen.patches.shape[-1] for prefix in prefixes), PATCH_SIDE)
    frame, ago, index, track, identity = np.zeros((5, B, L), np.int64)
    boxes, patches = np.zeros((B, L, 4), np.float32), np.zeros((B, L, 3, side, side), np.uint8)
    present, tracks = np.zeros((B, L), bool), np.zeros((B, K), bool)
    statistics = np.zeros((B, K, STATISTICS), np.float32)
    for place, (prefix, own) in enumerate(zip(prefixes, rows, strict=True)):
        seen, at = prefix.seen, (place, slice(len(own)))
        height, width = seen.size_px
        frame[at], ago[at], index[at] = seen.frame[own], prefix.frame - seen.frame[own], seen.index[own]
        track[at], present[at] = seen.track[own], True
        names = np.arange(IDENTITIES) if prefix.names is None else prefix.names
        identity[at] = names[seen.track[own] % IDENTITIES]
        boxes[at], patches[at] = seen.boxes[own] / (width, height, width, height), seen.patches[own]
        tracks[place, seen.track[own]] = True
        own_statistics = prefix.statistics
        if own_statistics is None:
            own_statistics = track_statistics(seen, prefix.frame)
        statistics[place, : seen.tracks] = own_statistics
    parts = (frame, ago, boxes, patches, index, track, identity, present, tracks, statistics)
    return Tokens(*map(torch.from_numpy, parts))

"""Clips watched through detector and tracker: each once, when it is asked for first, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from renderer.scenes import SceneRecipe
from renderer.truth import COUNTS_FROM, truth
from trainer.data.source import ClipSource
from trainer.objects.detecting import Finder
from trainer.objects.detections import Detections
from trainer.objects.measuring import detections_of
from trainer.objects.tracks import Track
from trainer.objects.true_objects import TrueObjects
from trainer.persistence.crops import crops_of
from trainer.persistence.discs import clip_tracker, longest
from trainer.persistence.observed import Observed, stacked
from trainer.persistence.statistics import numbers_of

TRACKS = 6
"""Tracks of a clip that are looked at, the longest ones."""
LEAST_HITS = 4
"""Sightings of a track from which on it is looked at: with fewer, nothing persists."""
Find = Callable[[int, NDArray[np.uint8]], Detections]
"""Finds the things of clip number n in its pixels (T, 3, H, W)."""


@dataclass(frozen=True)
class Seen:
    """What was followed through one clip."""

    tracks: list[Track]
    """The longest first, at most `TRACKS`."""
    numbers: NDArray[np.float32]
    """(k, T, NUMBERS)."""
    crops: Tensor
    """uint8 (k, T, 3, SIDE, SIDE), or without pixels (k, T, 0)."""


def see(video: NDArray[np.uint8], found: Detections, with_crops: bool) -> Seen:
    """Follow what was found in a clip (T, 3, H, W)."""
    tracks = [track for track in clip_tracker().track(found) if len(track) >= LEAST_HITS]
    return seen_of(longest(tracks, TRACKS), video.shape, video if with_crops else None)


def seen_of(tracks: list[Track], shape: tuple[int, ...], video: NDArray[np.uint8] | None) -> Seen:
    """Return the same of tracks on a clip of `shape` (T, 3, H, W); without `video` there are no crops."""
    frames, _, height, width = shape
    blank = torch.zeros(len(tracks), frames, 0, dtype=torch.uint8)
    crops = blank if video is None else crops_of(video, tracks)
    return Seen(tracks, numbers_of(tracks, frames, (height, width)), crops)


class WatchedClips:
    """The clips of a source, as a model sees them. What is seen of a clip depends on the source and its row alone."""

    def __init__(self, source: ClipSource, find: Find, with_crops: bool) -> None:
        self.source, self.find, self.with_crops = source, find, with_crops
        self._kept: dict[int, Seen] = {}

    def __len__(self) -> int:
        return len(self.source)

    def seen(self, rows: NDArray[np.int64]) -> list[Seen]:
        """Return what is seen of clips `rows` (b,)."""
        new = np.array([row for row in rows.tolist() if row not in self._kept], np.int64)
        if len(new):
            for row, clip in zip(new.tolist(), filled(self.source, new), strict=True):
                self._kept[row] = see(clip, self.find(row, clip), self.with_crops)
        return [self._kept[row] for row in rows.tolist()]

    def observed(self, rows: NDArray[np.int64]) -> Observed:
        """Return the same as a model takes it."""
        seen = self.seen(rows)
        return stacked([(one.numbers, one.crops) for one in seen], TRACKS)


def filled(source: ClipSource, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return clips of a source, (b, T, 3, H, W)."""
    video = np.empty((len(rows), source.frames, 3, source.size_px, source.size_px), np.uint8)
    source.fill(rows, 0, video)
    return video


def finder_of(detector: Finder) -> Find:
    """Return a `Find` that looks at the pixels."""
    return lambda row, video: detector.detect(video)


def without_detector(recipe: SceneRecipe, boxes: str, seed: int) -> Find:
    """Return a `Find` that knows the boxes: those of all that is drawn, clutter too, exact or spoiled."""
    things = every_thing(recipe)
    return lambda row, video: detections_of(things[row], boxes, seed, row, recipe.window.size_px)


def every_thing(recipe: SceneRecipe) -> list[TrueObjects]:
    """Return all that is drawn in each clip: `true_objects`, but with what is clutter."""
    known = truth(recipe)
    counts = known.visible >= COUNTS_FROM
    edges = np.searchsorted(recipe.clip, np.arange(len(recipe) + 1))
    every = TrueObjects(
        recipe.identity, recipe.kind, recipe.colour, known.boxes, known.visible, counts, (known.visible > 0) & ~counts
    )
    return [every.take(slice(low, high)) for low, high in pairwise(edges.tolist())]

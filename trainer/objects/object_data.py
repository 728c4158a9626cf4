"""What the object stage is trained and measured on: the boxes of every clip, followed and cut out once, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from renderer.scenes import SceneRecipe
from renderer.video import render
from trainer.objects.detecting import Finder
from trainer.objects.measuring import detections_of
from trainer.objects.persistence_curve import Clip
from trainer.objects.sightings import NOBODY, mean, sight
from trainer.objects.tokens import IDENTITIES, Prefix, Tokens, collate
from trainer.objects.true_objects import true_objects

EVALUATED_AT = (7, 15, 31)
"""Frames after which validation asks."""
WHOLE_SHARE = 0.25
"""In training so many batches are of clips seen to their end, the others to any frame."""
GATED_SHARE = 0.25
"""In training so many batches lack half of their tracks."""
_CLIPS_AT_ONCE = 32


def clips_of(recipe: SceneRecipe, boxes: str, seed: int, side: int, finder: Finder | None = None,
             tick: Callable[[], None] = lambda: None) -> list[Clip]:  # fmt: skip
    """Return the clips of a recipe through true boxes, true boxes spoiled, or those that a detector finds."""
    found = []
    every = true_objects(recipe)
    for begin in range(0, len(recipe), _CLIPS_AT_ONCE):
        rows = np.arange(begin, min(begin + _CLIPS_AT_ONCE, len(recipe)))
        for row, video in zip(rows.tolist(), render(recipe.take(rows)), strict=True):
            size = recipe.window.size_px
            detected = finder.detect(video) if finder else detections_of(every[row], boxes, seed, row, size)
            seen = sight(video, detected, side)
            found.append(Clip(seen, mean(seen, every[row]), every[row]))
            tick()
    return found


@dataclass(frozen=True)
class ObjectBatch:
    """B clips as they are known at a frame each, with what is true."""

    tokens: Tokens
    token_kind: Tensor
    """`Persistence` of the object that each token is on, `NOBODY` for none and for padding, int64 (B, L)."""
    track_kind: Tensor
    """`Persistence` of what each track is on most, `NOBODY` for tracks not seen yet, int64 (B, K)."""
    share: float = 1.0

    @property
    def inputs(self) -> Tokens:
        return self.tokens

    @property
    def clips(self) -> int:
        return len(self) if self.share else 0

    def __len__(self) -> int:
        return len(self.token_kind)

    def to(self, device: torch.device) -> ObjectBatch:
        return replace(
            self,
            tokens=self.tokens.to(device),
            token_kind=self.token_kind.to(device, non_blocking=True),
            track_kind=self.track_kind.to(device, non_blocking=True),
        )

    def first(self, size: int) -> ObjectBatch:
        return ObjectBatch(self.tokens.each(lambda part: part[:size]), self.token_kind[:size], self.track_kind[:size])


def batch_of(clips: Sequence[Clip], prefixes: Sequence[Prefix], share: float = 1.0) -> ObjectBatch:
    """Return prefixes of some clips with what is true of them."""
    tokens = collate(prefixes)
    token_kind = np.full(tokens.present.shape, NOBODY)
    track_kind = np.full(tokens.tracks.shape, NOBODY)
    for place, (clip, prefix) in enumerate(zip(clips, prefixes, strict=True)):
        rows = prefix.rows
        token_kind[place, : len(rows)] = clip.meaning.kind[rows]
        tracks = np.unique(clip.seen.track[rows])
        track_kind[place, tracks] = clip.meaning.track_kind[tracks]
    return ObjectBatch(tokens, torch.from_numpy(token_kind), torch.from_numpy(track_kind), share)


class PrefixBatches:
    """Batches of prefixes (`trainer.problem.Stream`). In training each clip is seen once an epoch, all of a batch up to
    one frame, so that they are about as long, and its tracks are named at random; else every clip is seen up to each
    frame of `EVALUATED_AT`, by turns.
    """

    def __init__(self, data: Sequence[Clip], size: int, seed: int, *, shuffle: bool, part: tuple[int, int]) -> None:
        self.data, self.seed, self.shuffle, self.part = data, seed, shuffle, part
        self.size = min(size, len(data))
        self.clips = len(data) * (1 if shuffle else len(EVALUATED_AT))

    def __len__(self) -> int:
        return -(-len(self.data) // self.size) * (1 if self.shuffle else len(EVALUATED_AT))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[ObjectBatch]:
        """See `Stream.epoch`."""
        order = np.arange(len(self.data))
        if self.shuffle:
            np.random.default_rng((self.seed, epoch)).shuffle(order)
        cuts = [order[at : at + self.size] for at in range(0, len(order), self.size)]
        asked = [rows for _ in range(1 if self.shuffle else len(EVALUATED_AT)) for rows in cuts]
        index, count = self.part
        for number, rows in list(enumerate(asked))[start:]:
            own = np.array_split(rows, count)[index]
            share = len(own) / len(rows)
            clips = [self.data[row] for row in (own if len(own) else rows[:1])]
            if self.shuffle:
                prefixes = self._drawn(clips, (self.seed, epoch, number))
            else:
                frame = EVALUATED_AT[number // len(cuts)]
                prefixes = [Prefix(clip.seen, min(frame, clip.seen.frames - 1)) for clip in clips]
            yield batch_of(clips, prefixes, share)

    def _drawn(self, clips: Sequence[Clip], seed: tuple[int, ...]) -> list[Prefix]:
        """Return clips up to one frame, of which some are without some of their tracks, as a gate might leave them."""
        rng = np.random.default_rng(seed)
        last = clips[0].seen.frames - 1
        frame = last if rng.random() < WHOLE_SHARE else int(rng.integers(0, last + 1))
        gated = rng.random() < GATED_SHARE
        rng = np.random.default_rng((*seed, self.part[0]))
        return [
            Prefix(
                clip.seen,
                frame,
                kept=rng.random(clip.seen.tracks) < 0.5 if gated else None,
                names=rng.permutation(IDENTITIES),
            )
            for clip in clips
        ]

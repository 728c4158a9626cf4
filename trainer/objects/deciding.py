"""A trained object stage asked: what is each track after each frame, and what did it attend to?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from renderer.scenes import Persistence
from trainer.memory import answer
from trainer.objects.attention_ratio import attention_ratios
from trainer.objects.gating import track_statistics
from trainer.objects.object_data import batch_of
from trainer.objects.persistence_curve import Clip, Scores
from trainer.objects.sightings import Sightings
from trainer.objects.tokens import Prefix, collate
from trainer.objects.transformer import ObjectAwareTransformer

AT_ONCE = 64
TOGETHER = 8
"""Prefixes that the network is shown in one batch."""
EPSILON = 1e-6
"""What the gate stops is transient."""


@torch.inference_mode()
def decide(model: ObjectAwareTransformer, seen: Sequence[Sightings], frames: Sequence[int] | None = None,
           gate: float | None = None, tick: Callable[[], None] = lambda: None) -> list[Scores]:  # fmt: skip
    """Return the lead of PERSISTENT in each track's logits after each frame, (tracks, T) a clip; NaN where it is not
    asked for (`frames`; None: all) and before a track's first box. 0 and more: it persists.

    Each frame is asked by a prefix that ends there. With a `gate`, tracks that persist less likely than that by their
    statistics are decided by these, and no token is made of them.
    """
    scores = [np.full((one.tracks, one.frames), np.nan) for one in seen]
    for begin in range(0, len(seen), AT_ONCE):
        some = seen[begin : begin + AT_ONCE]
        for frame in range(max((one.frames for one in some), default=0)) if frames is None else frames:
            prefixes = [Prefix(one, min(frame, one.frames - 1)) for one in some]
            for place, (prefix, lead) in enumerate(zip(prefixes, leads(model, prefixes, gate), strict=True)):
                scores[begin + place][:, prefix.frame] = lead
            tick()
    return scores


def leads(model: ObjectAwareTransformer, prefixes: Sequence[Prefix], gate: float | None) -> list[NDArray[np.floating]]:
    """Return by how much PERSISTENT leads in the logits of each track of each prefix, NaN for one not seen yet.

    Prefixes of about one length are looked at together: padding is work too.
    """
    found: list[NDArray[np.floating]] = [np.full(prefix.seen.tracks, np.nan) for prefix in prefixes]
    if gate is not None:
        prefixes, found = _gated(model, prefixes, gate)
    device = next(model.parameters()).device
    rows = [prefix.rows for prefix in prefixes]
    order = sorted((number for number, own in enumerate(rows) if len(own)), key=lambda number: len(rows[number]))
    for begin in range(0, len(order), TOGETHER):
        some = order[begin : begin + TOGETHER]
        tokens = collate([prefixes[number] for number in some]).to(device)
        told = lead_of(answer(model.decide, tokens)["track_logits"])
        for number, own in zip(some, told, strict=True):
            tracks = np.unique(prefixes[number].seen.track[rows[number]])
            found[number][tracks] = own[tracks]
    return found


def _gated(model: ObjectAwareTransformer, prefixes: Sequence[Prefix],
           gate: float) -> tuple[list[Prefix], list[NDArray[np.floating]]]:  # fmt: skip
    """Return prefixes of the tracks that pass alone, and what the others are decided by; all are asked at once."""
    numbers = [track_statistics(prefix.seen, prefix.frame) for prefix in prefixes]
    sure = lead_of(model.gate(torch.from_numpy(np.concatenate(numbers)).to(next(model.parameters()).device)))
    left, found = [], []
    for prefix, own, lead in zip(prefixes, numbers, np.split(sure, np.cumsum([*map(len, numbers)])[:-1]), strict=True):
        there = own.any(axis=1)
        left.append(replace(prefix, kept=there & (lead >= math.log(gate / (1 - gate))), statistics=own))
        found.append(np.where(there, np.minimum(lead, -EPSILON), np.nan))
    return left, found


def lead_of(logits: Tensor) -> NDArray[np.float32]:
    """Return PERSISTENT's lead of logits (..., 2)."""
    lead = logits[..., Persistence.PERSISTENT] - logits[..., Persistence.TRANSIENT]
    return np.asarray(lead.float().cpu().numpy(), np.float32)


@torch.inference_mode()
def whole_ratios(model: ObjectAwareTransformer, clips: Sequence[Clip]) -> list[NDArray[np.floating]]:
    """Return the attention ratio of each whole clip, of all layers together and of each, (1 + layers,)."""
    device = next(model.parameters()).device
    found: list[NDArray[np.floating]] = []
    for begin in range(0, len(clips), AT_ONCE):
        some = clips[begin : begin + AT_ONCE]
        batch = batch_of(some, [Prefix(clip.seen, clip.seen.frames - 1) for clip in some]).to(device)
        received = answer(model, batch.inputs)["received"]
        every = torch.cat([received.mean(dim=1, keepdim=True), received], dim=1)
        found += list(attention_ratios(every, batch.token_kind).cpu().numpy())
    return found

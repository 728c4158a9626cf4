"""A trained object stage asked: what is each track after each frame, and what did it attend to?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.scenes import Persistence
from trainer.memory import answer
from trainer.objects.attention_ratio import attention_ratios
from trainer.objects.object_data import batch_of
from trainer.objects.persistence_curve import Clip, Scores
from trainer.objects.sightings import Sightings
from trainer.objects.tokens import Prefix, collate
from trainer.objects.transformer import ObjectAwareTransformer

AT_ONCE = 64


@torch.inference_mode()
def decide(model: ObjectAwareTransformer, seen: Sequence[Sightings], frames: Sequence[int] | None = None,
           tick: Callable[[], None] = lambda: None) -> list[Scores]:  # fmt: skip
    """Return the lead of PERSISTENT in each track's logits after each frame, (tracks, T) a clip; NaN where it is not
    asked for (`frames`; None: all) and before a track's first box. 0 and more: it persists.

    Each frame is asked by a prefix that ends there.
    """
    device = next(model.parameters()).device
    scores = [np.full((one.tracks, one.frames), np.nan) for one in seen]
    for begin in range(0, len(seen), AT_ONCE):
        some = seen[begin : begin + AT_ONCE]
        for frame in range(max((one.frames for one in some), default=0)) if frames is None else frames:
            prefixes = [Prefix(one, min(frame, one.frames - 1)) for one in some]
            lead = lead_of(model, prefixes, device)
            for place, prefix in enumerate(prefixes):
                tracks = np.unique(prefix.seen.track[prefix.rows])
                scores[begin + place][tracks, prefix.frame] = lead[place, tracks]
            tick()
    return scores


def lead_of(model: ObjectAwareTransformer, prefixes: Sequence[Prefix], device: torch.device) -> NDArray[np.floating]:
    """Return by how much PERSISTENT leads in the logits of each track, (B, K)."""
    logits = answer(model, collate(prefixes).to(device))["track_logits"]
    lead = logits[..., Persistence.PERSISTENT] - logits[..., Persistence.TRANSIENT]
    return np.asarray(lead.float().cpu().numpy())


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

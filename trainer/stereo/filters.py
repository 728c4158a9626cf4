"""Which tracks of a view are worth a point: what a filter leaves before the views are paired."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from renderer.scenes import Persistence
from trainer.objects.persistence_curve import Clip

if TYPE_CHECKING:
    from trainer.objects.transformer import ObjectAwareTransformer

HITS = 9
"""Of a track that the rule keeps: a transient object lives eight frames at most."""
NO_FILTER, RULE, NETWORK, PERFECT = "none", f"hits >= {HITS}", "network", "perfect"
Keep = Callable[[Clip], NDArray[np.bool_]]
"""Returns which tracks of a view stay, (tracks,)."""


def filters(model: ObjectAwareTransformer | None = None) -> dict[str, Keep]:
    """Return what is compared: nothing, the rule, a trained object stage if there is one, and the ceiling."""
    network: dict[str, Keep] = {NETWORK: _by(model)} if model else {}
    return {NO_FILTER: _all, RULE: _often_hit, **network, PERFECT: _persistent}


def _all(clip: Clip) -> NDArray[np.bool_]:
    return np.ones(clip.seen.tracks, bool)


def _often_hit(clip: Clip) -> NDArray[np.bool_]:
    return np.asarray(np.bincount(clip.seen.track, minlength=clip.seen.tracks) >= HITS)


def _persistent(clip: Clip) -> NDArray[np.bool_]:
    """What is on a persistent object more often than on any other."""
    return np.asarray(clip.meaning.track_kind == Persistence.PERSISTENT)


def _by(model: ObjectAwareTransformer) -> Keep:
    from trainer.objects.deciding import decide

    def keep(clip: Clip) -> NDArray[np.bool_]:
        last = clip.seen.frames - 1
        return np.asarray(decide(model, [clip.seen], [last])[0][:, last] >= 0)

    return keep

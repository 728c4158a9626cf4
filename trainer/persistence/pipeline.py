"""The modular pipeline: features of tracks -> sequence model -> task head; and from tracks to clips."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.persistence.features import TrackFeatures
from trainer.persistence.head import PersistenceHead, score_of
from trainer.persistence.observed import Observed
from trainer.persistence.sequence import SimpleTransformerSequence

NOTHING = (4.0, -4.0)
"""Logits of a clip in which nothing was followed."""


class ModularTrackingPipeline(nn.Module):
    """Judges each track of a clip; the clip is what its likeliest track is: persistent if one of them is.

    So it learns which track of a clip persists from labels of clips alone (multiple instances, Dietterich et al. 1997).
    Raises ValueError where the widths of two parts do not meet.
    """

    def __init__(self, features: TrackFeatures, sequence: SimpleTransformerSequence, head: PersistenceHead) -> None:
        super().__init__()
        if features.feature_dim != sequence.input_dim:
            raise ValueError(
                f"{type(features).__name__} gives {features.feature_dim} numbers a frame, and "
                f"{type(sequence).__name__} takes {sequence.input_dim}"
            )
        if sequence.width != head.width:
            raise ValueError(
                f"{type(sequence).__name__} is {sequence.width} wide, and {type(head).__name__} takes {head.width}"
            )
        self.features, self.sequence, self.head = features, sequence, head

    def forward(self, observed: Observed) -> dict[str, Tensor]:
        """Return `logits` (B, 2) and `score` (B,) of the clips, `track_score` (B, K), 0 where there is no track, and
        `deciding` (B,), the track that the clip's logits are of, -1 in a clip without any.
        """
        present = observed.present
        logits = observed.numbers.new_tensor(NOTHING).repeat(*present.shape, 1)
        if present.any():
            logits[present] = self.judge(observed)["logits"].to(logits.dtype)
        lead = (logits[..., 1] - logits[..., 0]).masked_fill(~present, -torch.inf)
        deciding = lead.argmax(dim=1)
        clip = logits.gather(1, deciding[:, None, None].expand(-1, 1, 2))[:, 0]
        return {
            "logits": clip,
            "score": score_of(clip),
            "track_score": score_of(logits).masked_fill(~present, 0.0),
            "deciding": deciding.where(present.any(dim=1), -1),
        }

    def judge(self, observed: Observed) -> dict[str, Tensor]:
        """Return what the head says of the N tracks that are present, clip by clip."""
        return self.head(self.sequence(self._features(observed)))

    def attention(self, observed: Observed) -> Tensor:
        """Return the attention of the N tracks that are present, (layers, N, heads, T, T)."""
        return self.sequence.attention(self._features(observed))

    def _features(self, observed: Observed) -> Tensor:
        return self.features(observed.numbers[observed.present], observed.crops[observed.present])

"""The task head of the modular pipeline: does it persist?"""

from __future__ import annotations

from torch import Tensor, nn

from renderer.scenes import Persistence


class PersistenceHead(nn.Module):
    """(N, T, width) -> `logits` (N, 2), by `Persistence`, and `score` (N,), the probability of PERSISTENT.

    The logits are the mean of those of the frames, which `per_frame` gives too: `frame_logits` (N, T, 2) and
    `frame_score` (N, T). They tell which frames speak for it; each knows the whole clip, so none is an early decision.
    """

    def __init__(self, width: int, per_frame: bool = False) -> None:
        super().__init__()
        self.width, self.per_frame = width, per_frame
        self.judge = nn.Linear(width, len(Persistence))

    def forward(self, sequence: Tensor) -> dict[str, Tensor]:
        by_frame = self.judge(sequence)
        logits = by_frame.mean(dim=1)
        found = {"logits": logits, "score": score_of(logits)}
        return found | ({"frame_logits": by_frame, "frame_score": score_of(by_frame)} if self.per_frame else {})


def score_of(logits: Tensor) -> Tensor:
    """Return the probability of PERSISTENT of logits (..., 2)."""
    return logits.softmax(dim=-1)[..., Persistence.PERSISTENT]

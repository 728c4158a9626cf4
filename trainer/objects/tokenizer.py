"""Tokens of a clip: one for each box, of all that is known of it at a present frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.models.extractor import normalise
from trainer.models.tokenizer.shape import TokenizerShape
from trainer.models.tokenizer.tokenizer import VideoEncoder
from trainer.objects.gating import STATISTICS
from trainer.objects.sightings import MOST_A_FRAME, PATCH_SIDE
from trainer.objects.tokens import IDENTITIES, Tokens

MOST_FRAMES = 64
CODED_SIDE = 16
"""Side of the patches that are encoded by MAGVIT."""


class ObjectTokenizer(nn.Module):
    """`Tokens` -> (B, L, dim): the sum of what each box shows, where, when, which of its frame, of which track, and
    what that track's statistics are at the present frame: without them the first layers cannot tell what lasts.

    What it shows is its patch; with the encoder of a MAGVIT tokenizer, the codes of that patch. Its weights are kept,
    and saved with all others: whoever loads a model has the tokens that it was trained on.
    """

    def __init__(self, dim: int, encoder: VideoEncoder | None = None) -> None:
        super().__init__()
        self.encoder = None if encoder is None else encoder.requires_grad_(False)
        self.side = PATCH_SIDE if encoder is None else CODED_SIDE
        self.look = nn.Linear(3 * PATCH_SIDE**2 if encoder is None else code_size(encoder.shape), dim)
        self.place = nn.Linear(5, dim)
        self.when = nn.Embedding(MOST_FRAMES, dim)
        self.ago = nn.Embedding(MOST_FRAMES, dim)
        self.which = nn.Embedding(MOST_A_FRAME, dim)
        self.identity = nn.Embedding(IDENTITIES, dim)
        self.history = nn.Linear(STATISTICS, dim)
        for table in (self.when, self.ago, self.which):
            nn.init.normal_(table.weight, std=0.1)
        nn.init.normal_(self.identity.weight, std=dim**-0.5)

    def forward(self, tokens: Tokens) -> Tensor:
        if tokens.patches.shape[-1] != self.side:
            raise ValueError(f"patches of {tokens.patches.shape[-1]} px: this tokenizer takes {self.side} px")
        sides = tokens.boxes[..., 2:] - tokens.boxes[..., :2]
        size = sides.prod(dim=-1, keepdim=True).clamp(min=1e-6).log() / 4 + 1
        middle = tokens.boxes[..., :2] + tokens.boxes[..., 2:] - 1
        place = self.place(torch.cat([middle, 10 * sides, size], dim=-1))
        when = self.when(tokens.frame) + self.ago(tokens.ago) + self.which(tokens.index)
        history = self.history(tokens.statistics)
        own = history.gather(1, tokens.track[..., None].expand(-1, -1, history.shape[2]))
        return self.look(self._shown(tokens.patches)) + place + when + self.identity(tokens.identity) + own

    def _shown(self, patches: Tensor) -> Tensor:
        """Return what patches (B, L, 3, side, side) show, (B, L, numbers)."""
        if self.encoder is None:
            return normalise(patches).flatten(2)
        with torch.no_grad():
            codes = self.encoder.eval().encode(normalise(patches.flatten(0, 1)[:, None]))[0]
        return codes.flatten(1).unflatten(0, patches.shape[:2])


def code_size(shape: TokenizerShape) -> int:
    """Return how many numbers the codes of a patch have."""
    return len(shape.levels) * (-(-CODED_SIDE // shape.space_stride)) ** 2

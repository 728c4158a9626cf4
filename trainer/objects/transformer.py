"""The object stage: does what was seen so far belong to something that stays?

A decision after frame t takes the tokens up to t, and these alone, as if the clip ended there: tokens attend to all
others of the prefix, earlier and later ones, and the prefix is run again for another t. So nothing that was decided
early can know more than was seen, and in each prefix every key may know all that its track has shown by then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from renderer.scenes import Persistence
from trainer.models.attention import FeedForward, SelfAttention
from trainer.models.tokenizer.shape import TokenizerShape
from trainer.models.tokenizer.tokenizer import VideoEncoder
from trainer.objects.gating import TrackGate
from trainer.objects.tokenizer import ObjectTokenizer
from trainer.objects.tokens import Tokens

DIM = 64
HEADS = 4
LAYERS = 3
MANY = 8.0
"""Sums over a track are divided by this."""


class ObjectAttention(SelfAttention):
    """Self-attention among the tokens that are there, which knows what belongs to one track: to the logits of a pair
    of one track, each head adds a number of its own.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(dim, heads)
        self.same_track = nn.Parameter(torch.linspace(0, 2, heads))

    def attend(self, x: Tensor, same: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Return x + what it attends to (B, L, dim), and how much each row takes of each column, (B, heads, L, L).

        Rows sum to 1, over columns that are `present` (B, L); `same` is 1 for pairs of one track, (B, L, L).
        """
        query, key, value = self.split(x)
        logits = (query / math.sqrt(query.shape[3])) @ key.transpose(2, 3)
        logits = logits + self.same_track[:, None, None] * same[:, None]
        weights = logits.masked_fill(~present[:, None, None], -torch.inf).softmax(dim=3)
        mixed = (weights @ value).transpose(1, 2).reshape(x.shape)
        return x + self.project(mixed), weights


class ObjectAwareTransformer(nn.Module):
    """`Tokens` of B clips with up to L tokens and K tracks ->

    `track_logits`  (B, K, 2) by `Persistence`, of each track as it is known at the clip's present frame
    `token_logits`  (B, L, 2) of each token's object
    `gate_logits`   (B, K, 2) of each track by its statistics alone: the gate before all this
    `received`      (B, layers, L) attention received: the mean over heads and over the clip's queries
    """

    def __init__(self, encoder: VideoEncoder | None = None, dim: int = DIM, heads: int = HEADS,
                 layers: int = LAYERS) -> None:  # fmt: skip
        super().__init__()
        self.heads = heads
        self.gate = TrackGate()
        self.tokenizer = ObjectTokenizer(dim, encoder)
        self.attention_layers = nn.ModuleList(ObjectAttention(dim, heads) for _ in range(layers))
        self.think = nn.ModuleList(FeedForward(dim) for _ in range(layers))
        self.leave = nn.LayerNorm(dim)
        self.token_head = nn.Linear(dim, len(Persistence))
        self.track_head = nn.Sequential(nn.Linear(3 * dim, dim), nn.GELU(), nn.Linear(dim, len(Persistence)))

    def forward(self, tokens: Tokens) -> dict[str, Tensor]:
        asked = tokens.present / tokens.present.sum(dim=1, keepdim=True).clamp(min=1)
        received: list[Tensor] = []
        x = self._run(tokens, lambda one: received.append(torch.einsum("bq,bhqk->bhk", asked, one).mean(dim=1)))
        return {
            "track_logits": self.track_head(self._of_tracks(x, tokens)),
            "token_logits": self.token_head(x),
            "gate_logits": self.gate(tokens.statistics),
            "received": torch.stack(received, dim=1),
        }

    def decide(self, tokens: Tokens) -> dict[str, Tensor]:
        """Return `track_logits` alone, without the work that the rest takes."""
        return {"track_logits": self.track_head(self._of_tracks(self._run(tokens), tokens))}

    def attention(self, tokens: Tokens) -> Tensor:
        """Return what every token takes of every other one in each layer, (layers, B, heads, L, L)."""
        maps: list[Tensor] = []
        self._run(tokens, maps.append)
        return torch.stack(maps)

    def _run(self, tokens: Tokens, watch: Callable[[Tensor], None] = lambda weights: None) -> Tensor:
        """Return what is known of each token in the end, (B, L, dim); `watch` is shown the attention of each layer."""
        x = self.tokenizer(tokens)
        present = tokens.present | ~tokens.present.any(dim=1, keepdim=True)  # a clip without any has no row to divide
        same = (tokens.track[:, :, None] == tokens.track[:, None]).to(x.dtype)
        for attend, think in zip(self.attention_layers, self.think, strict=True):
            assert isinstance(attend, ObjectAttention)
            x, weights = attend.attend(x, same, present)
            watch(weights)
            x = think(x)
        return self.leave(x)

    def _of_tracks(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Return mean, sum and maximum over the tokens of each track, (B, K, 3 dim)."""
        members = tokens.members
        total = members @ x
        mean = total / members.sum(dim=2, keepdim=True).clamp(min=1)
        B, K = tokens.tracks.shape
        lowest = x.new_full((B, K, x.shape[2]), -10.0)
        slot = torch.where(tokens.present, tokens.track, 0)[..., None].expand_as(x)
        seen = x.masked_fill(~tokens.present[..., None], -10.0)
        most = lowest.scatter_reduce(1, slot, seen, "amax")
        return torch.cat([mean, total / MANY, most], dim=2)

    def known(self) -> dict[str, Any]:
        """Return what `rebuild` takes, plain values."""
        encoder, layers = self.tokenizer.encoder, len(self.attention_layers)
        sizes = {"dim": self.token_head.in_features, "heads": self.heads, "layers": layers}
        return {**sizes, "encoder": None if encoder is None else encoder.shape.to_json()}


def rebuild(known: Mapping[str, Any]) -> ObjectAwareTransformer:
    """Return a network of the sizes that a checkpoint tells of, for its weights to be loaded."""
    shape = known["encoder"]
    encoder = None if shape is None else VideoEncoder(TokenizerShape.from_json(shape))
    return ObjectAwareTransformer(encoder, known["dim"], known["heads"], known["layers"])

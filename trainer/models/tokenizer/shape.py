"""The sizes of a tokenizer: those of the paper, and smaller ones."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

CHANNELS = 128
MULTIPLIERS = (1, 2, 2, 4)
TIME_STRIDES = (1, 2, 2)
"""Time is halved as late as possible (section 3.2 of the paper)."""
BLOCKS = 4
LEVELS = (8, 8, 8, 5, 5, 5)
"""64,000 codes: the row "2^16" of table 1 of the paper on finite scalar quantisation."""
PATCHES_PX = (1, 2, 4)


@dataclass(frozen=True)
class TokenizerShape:
    """Sizes of encoder and decoder; the defaults are the paper's."""

    channels: int = CHANNELS
    multipliers: tuple[int, ...] = MULTIPLIERS
    """Channels of each stage, relative to `channels`; between two stages height and width are halved."""
    time_strides: tuple[int, ...] = TIME_STRIDES
    """Stride in time between two stages."""
    blocks: int = BLOCKS
    """Residual blocks a stage."""
    patch_px: int = 1
    """Side of the patches whose pixels become channels before the first convolution: 1 leaves the picture alone."""
    levels: tuple[int, ...] = LEVELS
    """Levels of each dimension of a code."""

    @property
    def stages(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)

    @property
    def time_stride(self) -> int:
        """Frames a code."""
        return math.prod(self.time_strides)

    @property
    def space_stride(self) -> int:
        """Pixels a code, in height and in width."""
        return self.patch_px * 2 ** len(self.time_strides)

    @property
    def codes(self) -> int:
        """Size of the codebook."""
        return math.prod(self.levels)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TokenizerShape:
        """Rebuild a shape. Raises TypeError if `values` is not one."""
        fields: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in values.items()}
        return cls(**fields)


def shape_for(width: float, patch_px: int = 1) -> TokenizerShape:
    """Return the paper's shape with its channels scaled, in steps of four.

    Patches of 2 or 4 px replace the first one or two stages and their halvings: the grid of codes has the same height
    and width, for a half or a quarter of the work (1118, 641 and 255 GFLOP for 17x64x64 at full width).
    """
    if patch_px not in PATCHES_PX:
        raise ValueError(f"patches are of 1, 2 or 4 px, not {patch_px}")
    skipped = PATCHES_PX.index(patch_px)
    return TokenizerShape(
        channels=4 * max(1, round(CHANNELS / 4 * width)),
        multipliers=MULTIPLIERS[skipped:],
        time_strides=TIME_STRIDES[skipped:],
        patch_px=patch_px,
    )

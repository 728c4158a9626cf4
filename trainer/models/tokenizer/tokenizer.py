"""The whole tokenizer, and the file that holds a trained one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.errors import CheckpointError
from trainer.models.tokenizer.coder import Decoder, Encoder
from trainer.models.tokenizer.quantiser import make_quantiser
from trainer.models.tokenizer.shape import TokenizerShape

FILE_VERSION = 1
MAKE_ONE = "make one with: trainer pretrain magvit"


class VideoEncoder(nn.Module):
    """The half of a tokenizer that features need: video to codes."""

    def __init__(self, shape: TokenizerShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.quantise = make_quantiser(shape.levels)

    def encode(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes (B, code, S, h, w) in [-1, 1] and their indices (B, S, h, w); video (B, T, 3, H, W), normalised.

        The first frame is repeated until there are 1 + k * time_stride of them, so that the last code sees the last
        frame: step s stands for the frames up to T - 1 - (S - 1 - s) * time_stride. A picture whose sides are no
        multiples of `space_stride` gets black borders.
        """
        missing = (1 - video.shape[1]) % self.shape.time_stride
        if missing:
            video = torch.cat([video[:, :1].expand(-1, missing, -1, -1, -1), video], dim=1)
        down, right = (-side % self.shape.space_stride for side in video.shape[3:])
        x = F.pad(video.transpose(1, 2), (0, right, 0, down)) if down or right else video.transpose(1, 2)
        codes, indices = self.quantise(self.encoder(x))
        return codes, indices


class Tokenizer(VideoEncoder):
    """video (B, T, 3, H, W) -> the same from its codes, and their indices (B, S, h, w)."""

    def __init__(self, shape: TokenizerShape) -> None:
        super().__init__(shape)
        self.decoder = Decoder(shape)

    def forward(self, video: Tensor) -> tuple[Tensor, Tensor]:
        codes, indices = self.encode(video)
        return self.decode(codes, video.shape[1], video.shape[3], video.shape[4]), indices

    def decode(self, codes: Tensor, frames: int, height: int, width: int) -> Tensor:
        """Return the normalised video (B, frames, 3, height, width) of codes (B, code, S, h, w)."""
        return self.decoder(codes)[:, :, -frames:, :height, :width].transpose(1, 2)


Coder = TypeVar("Coder", bound=VideoEncoder)


def tokenizer_content(tokenizer: Tokenizer, figures: dict[str, Any]) -> dict[str, Any]:
    """Return what a tokenizer file holds: shape, weights, and the figures that its training ended with."""
    weights = {name: value.detach().cpu() for name, value in tokenizer.state_dict().items()}
    return {"tokenizer": FILE_VERSION, "shape": tokenizer.shape.to_json(), "weights": weights, "figures": figures}


def load_encoder(path: Path) -> VideoEncoder:
    """Read the encoder half of a tokenizer file. Raises `CheckpointError`."""
    return _load(VideoEncoder, path)


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer file. Raises `CheckpointError`."""
    return _load(Tokenizer, path)


def read_tokenizer(path: Path) -> dict[str, Any]:
    """Read the content of a tokenizer file onto the CPU. Raises `CheckpointError`."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise CheckpointError(f"{path} cannot be read: {reason}", hint=MAKE_ONE) from exc
    if not isinstance(content, dict) or content.get("tokenizer") != FILE_VERSION:
        raise CheckpointError(f"{path} is not a tokenizer file of version {FILE_VERSION}", hint=MAKE_ONE)
    return content


def _load(kind: type[Coder], path: Path) -> Coder:
    content = read_tokenizer(path)
    try:
        module = kind(TokenizerShape.from_json(content["shape"]))
        names = module.state_dict().keys()
        module.load_state_dict({name: value for name, value in content["weights"].items() if name in names})
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as exc:
        raise CheckpointError(
            f"{path}: its weights do not fit its shape: {str(exc).splitlines()[-1].strip()}", hint=MAKE_ONE
        ) from exc
    return module

"""Finite scalar quantisation (Mentzer et al. 2023, "Finite Scalar Quantization: VQ-VAE Made Simple").

Each of a few dimensions is bounded and rounded to one of a few levels; the codebook is their product. Like the
lookup-free quantiser of MAGVIT-v2 (two levels in each of 18 dimensions) it has no embeddings to collapse, and it needs
no entropy loss beside. Gradients go straight through the rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError


def make_quantiser(levels: tuple[int, ...]) -> nn.Module:
    """Return a module (B, code, T, H, W) -> (the same rounded, in [-1, 1]; indices (B, T, H, W))."""
    try:
        from vector_quantize_pytorch import FSQ
    except ImportError as exc:
        raise ConfigError(
            "the magvit extractor needs the library vector-quantize-pytorch", hint="pip install vector-quantize-pytorch"
        ) from exc
    return FSQ(list(levels))


def code_usage(indices: Tensor, codes: int) -> dict[str, float]:
    """Return how many codes occur, their share of the codebook, and the perplexity exp(entropy) of their use."""
    counts = torch.bincount(indices.flatten().long(), minlength=codes).double()
    share = counts[counts > 0] / counts.sum()
    return {
        "codes_used": float(len(share)),
        "codebook_usage": len(share) / codes,
        "perplexity": float(torch.exp(-(share * share.log()).sum())),
    }

"""Our AdamW is torch's: the same weights and moments, to the bit, also over a checkpoint."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from trainer.optimiser import AdamW


def trained(kind: type[torch.optim.AdamW], learning_rate: float = 0.01) -> tuple[Tensor, dict[int, dict[str, Tensor]]]:
    """Weights and moments after six steps, with a checkpoint taken and read in their middle."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 3)
    optimiser = kind(layer.parameters(), learning_rate, weight_decay=0.1)
    for step in range(6):
        if step == 3:
            saved = optimiser.state_dict()
            optimiser = kind(layer.parameters(), 0.5)
            optimiser.load_state_dict(saved)
        optimiser.zero_grad()
        layer(torch.randn(4, 5)).square().sum().backward()
        optimiser.step()
    assert all(group["lr"] == learning_rate for group in optimiser.param_groups)
    return layer.weight.detach(), optimiser.state_dict()["state"]


def test_the_same_to_the_bit() -> None:
    ours, theirs = trained(AdamW), trained(torch.optim.AdamW)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(ours, trained(AdamW, 0.011), rtol=0, atol=0)

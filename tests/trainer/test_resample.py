"""Features of fewer steps come back to one a frame."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from trainer.models.resample import resample


@pytest.mark.parametrize(("steps", "frames"), [(1, 16), (2, 16), (3, 17), (4, 16), (8, 8), (9, 17)])
def test_it_is_linear_interpolation_between_the_middles_of_shares(steps: int, frames: int) -> None:
    features = torch.randn(2, steps, 3, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(features.transpose(1, 2), size=frames, mode="linear", align_corners=False)
    assert torch.allclose(resample(features, frames), expected.transpose(1, 2), atol=1e-5)


def test_steps_may_stand_at_frames_of_their_own() -> None:
    steps = torch.tensor([0.0, 4.0, 8.0, 12.0]).view(1, 4, 1)
    assert resample(steps, 15, 4, 0).flatten().tolist() == [*range(13), 12, 12]

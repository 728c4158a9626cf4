"""The classical tracker against the truth, and the numbers made of its track."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from renderer.sampling import Window
from renderer.trajectories import make_recipe
from renderer.video import render
from trainer.models.classical import Track, components, link, peaks, track_brightest
from trainer.models.extractor import normalise
from trainer.models.extractors.statistical import StatisticalExtractor, local_parabolas, statistics


@pytest.mark.parametrize(("size_px", "frames", "noise", "limit_px"), [
    (64, 16, 0.02, 0.05), (64, 16, 0.12, 0.12), (112, 5, 0.12, 0.12)])  # fmt: skip
def test_the_track_is_true_to_a_part_of_a_pixel(size_px: int, frames: int, noise: float, limit_px: float) -> None:
    recipe = make_recipe("medium", 24, 1, Window(frames=frames, size_px=size_px)).recipe
    recipe = recipe.with_noise(np.full(24, noise, np.float32), recipe.noise_seed)
    track = track_brightest(normalise(torch.from_numpy(render(recipe))))
    path = recipe.camera_path(0, frames)
    radius = recipe.focal_px * recipe.sphere_radius / path[..., 2]
    missed = np.linalg.norm(track.place.numpy() - recipe.cameras.project(path), axis=2)
    assert np.sqrt((missed**2).mean()) < limit_px
    assert np.abs(track.radius.numpy() / radius - 1).mean() < 0.03
    assert track.certainty.min() > 3


def test_an_empty_video_has_a_track_that_is_sure_of_nothing() -> None:
    track = track_brightest(normalise(torch.zeros(2, 3, 3, 32, 32)))
    assert torch.isfinite(track.place).all() and (track.certainty < 0.5).all()


def test_peaks_are_local_maxima_from_the_highest_down() -> None:
    response = torch.zeros(1, 9, 9)
    response[0, 2, 3], response[0, 2, 4], response[0, 7, 1] = 5.0, 4.0, 3.0
    place, score = peaks(response, 2)
    assert place.tolist() == [[[3.5, 2.5], [1.5, 7.5]]] and score.tolist() == [[5.0, 3.0]]


def test_the_linker_leaves_out_a_flash_far_from_the_path() -> None:
    """Candidate 0 moves right by two pixels a frame; in frame 2 candidate 1 is brighter, but 50 pixels away."""
    place = torch.stack([torch.tensor([[10.0 + 2 * frame, 10.0], [60.0, 60.0]]) for frame in range(5)])[None]
    score = torch.tensor([[[9.0, 1.0], [9.0, 1.0], [9.0, 14.0], [9.0, 1.0], [9.0, 1.0]]])
    assert link(place, score).tolist() == [[0, 0, 0, 0, 0]]
    place[0, 2, 1] = torch.tensor([16.0, 12.0])
    assert link(place, score).tolist() == [[0, 0, 1, 0, 0]], "near the path the brighter one is taken"


def test_components_are_the_bright_regions() -> None:
    pictures = torch.zeros(2, 40, 40) + 0.02 * torch.randn(2, 40, 40, generator=torch.Generator().manual_seed(0))
    pictures[0, 5:10, 20:26] = 1.0
    pictures[0, 30:34, 4:8] = 0.6
    found = components(pictures)
    assert found.frame.tolist() == [0, 0] and found.score[0] > found.score[1] > 8
    assert np.abs(found.box - [[20, 5, 26, 10], [4, 30, 8, 34]]).max() <= 1


@pytest.mark.parametrize("frames", [1, 2, 5, 16])
def test_local_parabolas_are_exact_on_a_parabola(frames: int) -> None:
    time = np.arange(frames)
    value = 2 - 0.5 * time + (0.25 * time**2 if frames > 2 else 0)
    smooth, step, turn = local_parabolas(frames) @ value
    assert smooth == pytest.approx(value, abs=1e-4)
    if frames > 2:
        assert step == pytest.approx(-0.5 + 0.5 * time, abs=1e-4) and turn == pytest.approx(0.5, abs=1e-4)


def test_a_circle_has_one_speed_and_the_curvature_of_its_radius() -> None:
    angle = torch.arange(16) * 0.1
    place = 32 + 16 * torch.stack([angle.cos(), angle.sin()], dim=1)[None]
    flat = torch.full((1, 16), 2.56)
    numbers = statistics(Track(place, flat, flat, flat), 64, 64)[0, 3:13]
    speed, across, curvature = numbers[:, 13], numbers[:, 14], numbers[:, 16]
    assert speed / 10 == pytest.approx(torch.full((10,), 0.05), rel=0.02)
    assert across == pytest.approx(-angle[3:13].sin(), abs=0.03)
    assert curvature.atanh() * 10 == pytest.approx(torch.full((10,), 2.0), rel=0.06)
    assert numbers[:, 2] == pytest.approx(torch.zeros(10), abs=1e-5)


def test_moving_right_and_moving_left_differ_in_sign_alone() -> None:
    place = torch.stack([torch.arange(5.0), torch.zeros(5)], dim=1)[None] + 30
    flat = torch.full((1, 5), 2.56)
    right = statistics(Track(place, flat, flat, flat), 64, 64)
    left = statistics(Track(64 - place, flat, flat, flat), 64, 64)
    assert torch.allclose(right[..., [0, 1, 7, 14]], -left[..., [0, 1, 7, 14]], atol=1e-5)
    assert torch.allclose(right[..., [2, 3, 13, 17]], left[..., [2, 3, 13, 17]], atol=1e-5)


def test_no_gradient_reaches_the_pixels_and_the_mlp_is_small() -> None:
    extractor = StatisticalExtractor()
    video = torch.rand(1, 3, 3, 32, 32, requires_grad=True)
    extractor(video).sum().backward()
    assert video.grad is None
    assert sum(value.numel() for value in extractor.parameters()) == 18 * 128 + 128 + 128 * 64 + 64


def test_half_precision_costs_the_track_nothing() -> None:
    video, seen = torch.from_numpy(render(make_recipe("medium", 2, 1).recipe)), []
    extractor = StatisticalExtractor()
    extractor.layers.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    extractor(video)
    with torch.autocast("cpu", torch.bfloat16):
        extractor(video)
    assert torch.equal(*seen)

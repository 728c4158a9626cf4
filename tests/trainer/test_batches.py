"""Batches depend on (seed, epoch, index) alone, whatever the ring, the thread, the workers and the batch size."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from renderer.trajectories import make_recipe
from renderer.video import render
from trainer.data.batches import Batches
from trainer.data.recipe_dataset import RecipeDataset
from trainer.data.source import RecipeSource

RECIPE = make_recipe("medium", 40, 4).recipe
FRESH = {"noise": "mix", "augmentation": "full"}


def batches(*, shuffle: bool = True, source: Any = None, size: int = 16, **options: Any) -> Batches:
    return Batches(source or RecipeSource(RECIPE, 9, noise="mix"), size, 9, shuffle=shuffle, **options)


def collect(made: Batches, epoch: int, start: int = 0) -> list[tuple[np.ndarray, list[int]]]:
    return [(batch.video.numpy().copy(), batch.class_label.tolist()) for batch in made.epoch(epoch, start)]


def assert_same(one: Sequence[tuple[np.ndarray, list[int]]], other: Sequence[tuple[np.ndarray, list[int]]]) -> None:
    for (video, labels), (video_again, labels_again) in zip(one, other, strict=True):
        assert labels == labels_again and np.array_equal(video, video_again)


@pytest.mark.parametrize("ahead", [{}, {"prefetch": True}, {"loaders": 2}, {"loaders": 9}])
def test_an_epoch_can_be_entered_in_its_middle(ahead: dict[str, Any]) -> None:
    random = torch.get_rng_state()
    whole, rest = collect(batches(), 3), collect(batches(**ahead), 3, start=1)
    assert [len(labels) for _, labels in whole] == [16, 16, 8]
    assert_same(whole[1:], rest)
    assert collect(batches(**ahead), 3, start=3) == []
    assert torch.equal(torch.get_rng_state(), random)


def test_each_epoch_has_its_own_order_and_noise_but_the_same_clips() -> None:
    first, second = collect(batches(), 0), collect(batches(), 1)
    assert [labels for _, labels in first] != [labels for _, labels in second]
    fixed = batches(shuffle=False)
    assert not np.array_equal(collect(fixed, 0)[0][0], collect(fixed, 1)[0][0])
    calm = batches(shuffle=False, source=RecipeSource(RECIPE, 9))
    assert_same(collect(calm, 0), collect(calm, 1))


@pytest.mark.parametrize(("ring", "prefetch"), [(2, False), (2, True), (3, True), (4, False)])
def test_a_batch_stays_valid_until_all_other_buffers_are_taken(ring: int, prefetch: bool) -> None:
    expected = collect(batches(size=4), 0)
    held: list[torch.Tensor] = []
    for index, batch in enumerate(batches(size=4, ring=ring, prefetch=prefetch).epoch(0)):
        held.append(batch.video)
        for age in range(min(ring - 1, index + 1)):
            assert np.array_equal(held[index - age].numpy(), expected[index - age][0]), (index, age)
    assert len({video.data_ptr() for video in held}) == ring


def test_a_ring_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        batches(ring=1)


@pytest.mark.parametrize("ahead", [{"prefetch": True}, {"loaders": 1}])
def test_an_error_on_the_way_reaches_the_loop(ahead: dict[str, Any]) -> None:
    source = RecipeSource(RECIPE, 9)
    source.labels = source.labels[:20]
    with pytest.raises(IndexError):
        collect(batches(source=source, shuffle=False, **ahead), 0)


@pytest.mark.parametrize("ahead", [{"prefetch": True}, {"loaders": 2}])
def test_an_abandoned_epoch_ends_its_thread_or_processes(ahead: dict[str, Any]) -> None:
    others = set(multiprocessing.active_children())
    epoch = batches(**ahead, size=4).epoch(0)
    next(epoch)
    epoch.close()
    assert not set(multiprocessing.active_children()) - others
    assert collect(batches(**ahead), 0)


def test_targets_are_camera_frame_positions_after_the_last_seen_frame() -> None:
    batch = next(iter(batches(shuffle=False).epoch(0)))
    expected = RECIPE.camera_path()[:16, 16:21]
    assert batch.video.dtype is torch.uint8 and batch.video.shape == (16, 16, 3, 64, 64)
    assert batch.future_path is not None and batch.future_path.numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(batch.targets["future_position"], batch.future_path[:, -1])
    assert expected[..., 2].min() > 1.5, "camera frame: in front of the camera, at its distance"


def test_under_full_augmentation_pixels_and_targets_are_of_the_same_variant() -> None:
    """The sphere of the last seen frame, found by its pixels, and the first target: one step along one path."""
    source = RecipeSource(RECIPE, 9, augmentation="full")
    rows = np.arange(40)
    video, again = (np.empty((40, 16, 3, 64, 64), np.uint8) for _ in range(2))
    future = source.fill(rows, 5, video)
    other = source.fill(rows, 6, again)
    assert future is not None and other is not None
    assert (future != other).any(axis=(1, 2)).mean() > 0.9, "each epoch has views of its own"
    light = np.maximum(video[:, 15].max(axis=1).astype(float) - 90, 0)
    grid = np.arange(64) + 0.5
    place = np.stack([(light.sum(axis=1) * grid).sum(axis=1), (light.sum(axis=2) * grid).sum(axis=1)], axis=1)
    seen = place / light.sum(axis=(1, 2))[:, None]
    target = future[:, 0, :2] / future[:, 0, 2:] * RECIPE.focal_px + 32
    assert np.median(np.linalg.norm(seen - target, axis=1)) < 4
    assert np.median(np.linalg.norm(seen - np.roll(target, 1, axis=0), axis=1)) > 8


def test_a_variant_keeps_its_own_noise_unless_levels_are_mixed() -> None:
    kept = RecipeSource(RECIPE, 9, augmentation="full")
    mixed = RecipeSource(RECIPE, 9, augmentation="full", noise="mix")
    rows = np.arange(8)
    calm, noisy = (np.empty((8, 16, 3, 64, 64), np.uint8) for _ in range(2))
    assert np.array_equal(kept.fill(rows, 0, calm), mixed.fill(rows, 0, noisy))
    assert not np.array_equal(calm, noisy)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_loader_gives_the_same_bytes_with_any_workers_and_batch_size(workers: int) -> None:
    dataset = RecipeDataset(RECIPE, 9, **FRESH)  # type: ignore[arg-type]
    loader = DataLoader(dataset, batch_size=7, num_workers=workers, persistent_workers=workers > 0)
    source = RecipeSource(RECIPE, 9, **FRESH)  # type: ignore[arg-type]
    expected = np.empty((40, 16, 3, 64, 64), np.uint8)
    for epoch in (0, 3):
        dataset.set_epoch(epoch)
        future = source.fill(np.arange(40), epoch, expected)
        parts = list(loader)
        assert np.array_equal(torch.cat([part["video"] for part in parts]).numpy(), expected)
        assert np.array_equal(torch.cat([part["future_path"] for part in parts]).numpy(), future)
        assert torch.cat([part["class_label"] for part in parts]).tolist() == RECIPE.label.tolist()


def test_a_dataset_is_a_sequence_of_its_clips() -> None:
    dataset = RecipeDataset(RECIPE)
    assert len(dataset) == 40
    assert np.array_equal(dataset[-1]["video"].numpy(), render(RECIPE.take(np.array([39])))[0])
    assert dataset[3]["future_path"].shape == (5, 3) and dataset[3]["class_label"].shape == ()
    with pytest.raises(IndexError):
        dataset[40]


@pytest.mark.gpu
def test_on_a_gpu_no_copy_is_overtaken_by_the_next_filling_of_its_buffer() -> None:
    device = torch.device("cuda")
    expected = collect(batches(size=4), 0)
    fast = batches(size=4, prefetch=True, pinned=True)
    torch.cuda._sleep(200_000_000)
    moved = [batch.to(device) for batch in fast.epoch(0)]
    for batch, (video, labels) in zip(moved, expected, strict=True):
        assert np.array_equal(batch.video.cpu().numpy(), video) and batch.class_label.tolist() == labels

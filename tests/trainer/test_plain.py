"""The two plain doors: any path as a video, a data set as a dictionary."""

import numpy as np
import pytest
import torch

import trainer.data
from renderer.camera import Cameras
from renderer.equations import evaluate
from renderer.errors import RendererError
from renderer.sampling import Window
from renderer.trajectories import make_recipe
from renderer.video import render
from trainer.data import TrajectoryRenderer, generate_dataset
from trainer.data.plain import VIEWS

CAMERA = {"position": (0.0, -4.0, 1.0), "look_at": (0.0, 0.0, 1.0)}
"""Looks along +y: a world point (x, y, z) is in the picture at x right, z up."""


def centre_of_light(frame: torch.Tensor) -> tuple[float, float]:
    light = frame[0].double()
    rows, columns = (torch.arange(side).double() + 0.5 for side in light.shape)
    return float((light.sum(0) * columns).sum() / light.sum()), float((light.sum(1) * rows).sum() / light.sum())


def test_a_path_is_drawn_where_the_camera_sees_it() -> None:
    """With C = (0, -4, 1) and a rotation: t = C in place of -R C would put it elsewhere."""
    path = np.array([[0.0, 0, 1], [1, 0, 1], [0, 0, 1.8]])
    video = TrajectoryRenderer().render_video(path, CAMERA)
    assert video.shape == (3, 3, 64, 64) and video.dtype == torch.uint8
    expected = [(32, 32), (32 + 17.5, 32), (32, 32 - 14)]
    for frame, (x, y) in zip(video, expected, strict=True):
        assert centre_of_light(frame) == pytest.approx((x, y), abs=0.05)


@pytest.mark.parametrize("size", [(64, 128), (96, 48), (40, 200)])
def test_rectangular_pictures_keep_the_middle_in_the_middle(size: tuple[int, int]) -> None:
    video = TrajectoryRenderer().render_video(torch.tensor([[0.0, 0, 1], [0.3, 0, 1.3]]), CAMERA, size, "trail")
    assert video.shape == (2, 3, *size)
    assert centre_of_light(video[0]) == pytest.approx((size[1] / 2, size[0] / 2), abs=0.05)
    step = 0.3 / 4 * 70 * min(size) / 64
    newest = torch.where(video[1] == 255, video[1], 0)
    assert centre_of_light(newest) == pytest.approx((size[1] / 2 + step, size[0] / 2 - step), abs=0.3)


def test_a_recipe_s_own_path_and_camera_give_the_recipe_s_own_picture() -> None:
    recipe = make_recipe("medium", 4, 2).recipe
    clean = render(recipe.with_noise(np.zeros(4, np.float32), recipe.noise_seed))
    world = recipe.cameras.to_world(recipe.camera_path(0, 16))
    for row in range(4):
        renderer = TrajectoryRenderer(colour=tuple(recipe.colour[row].tolist()))
        one = recipe.cameras.of(np.array([row]))
        by_parts = {"position": recipe.position[row], "rotation": recipe.rotation[row], "focal_px": recipe.focal_px}
        for camera in (one, by_parts):
            video = renderer.render_video(world[row], camera).numpy()
            assert np.abs(video.astype(int) - clean[row]).max() <= 1


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (r"\(T, 3\) is needed", {"trajectory_3d": np.zeros((0, 3))}),
        (r"\(T, 3\) is needed", {"trajectory_3d": np.zeros((4, 2))}),
        ("no numbers", {"trajectory_3d": [[0, 0, np.nan]]}),
        ("cannot be read", {"trajectory_3d": "a path"}),
        ("side of image_size cannot be 0", {"image_size": (0, 64)}),
        ("side of image_size cannot be -1", {"image_size": (64, -1)}),
        ("from 8 to 2048", {"image_size": (64, 10**6)}),
        ("height, width", {"image_size": 64}),
        ("GiB", {"trajectory_3d": np.zeros((10_000, 3)), "image_size": (2048, 2048)}),
        ("no style 'dots'", {"style": "dots"}),
        ("did you mean 'position'", {"camera_params": {"positon": (0, 0, 3)}}),
        (r"position has the shape \(2,\)", {"camera_params": {"position": (0, 3)}}),
        ("stands at the point", {"camera_params": {"position": (0, 0, 0)}}),
        ("around it", {"camera_params": {"position": (0, 0.05, 0)}}),
        ("behind its camera", {"camera_params": {"position": (0, 3, 0), "look_at": (0, 6, 0)}}),
        ("never inside", {"trajectory_3d": [[0, 9, 0]], "camera_params": {"position": (3, 0, 0)}}),
        ("no rotation", {"camera_params": {"rotation": np.ones((3, 3))}}),
        ("no rotation", {"camera_params": {"rotation": np.diag([1, 1, -1])}}),
        ("not both", {"camera_params": {"rotation": np.eye(3), "look_at": (0, 0, 0)}}),
        ("focal_px cannot be -3", {"camera_params": {"focal_px": -3}}),
        ("2 cameras", {"camera_params": Cameras(np.eye(3)[None].repeat(2, 0), np.zeros((2, 3)), 70.0, 64)}),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_words(words: str, asked: dict) -> None:
    with pytest.raises(RendererError, match=words):
        TrajectoryRenderer().render_video(**{"trajectory_3d": [[0.0, 0, 0]], **asked})


@pytest.mark.parametrize("wrong", [{"sphere_radius": 0.0}, {"sphere_radius": float("nan")}, {"colour": (0, 0, 256)}])
def test_spheres_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(RendererError, match="cannot be"):
        TrajectoryRenderer(**wrong)


def test_a_data_set_has_all_its_parts_and_they_fit() -> None:
    data = generate_dataset(40, frames_per_video=11, seed=3)
    assert data["videos"].shape == (40, 11, 3, 64, 64) and data["videos"].dtype == torch.uint8
    assert data["trajectory_3d"].shape == data["trajectory_world"].shape == (40, 16, 3)
    assert len(data["equations"]) == len(data["descriptions"]) == 40
    assert torch.unique(data["labels"]).tolist() == [0, 1, 2, 3]
    for text, path in zip(data["equations"], data["trajectory_3d"].numpy(), strict=True):
        assert np.abs(evaluate(text, np.arange(16) / 30) - path).max() < 2e-5


def test_augmented_views_share_their_scene_and_differ() -> None:
    data = generate_dataset(22, seed=3)
    assert data["scene"].tolist() == (np.arange(22) // VIEWS).tolist()
    for scene in range(5):
        rows = torch.where(data["scene"] == scene)[0]
        assert len(torch.unique(data["labels"][rows])) == 1
        assert len(torch.unique(data["videos"][rows].flatten(1), dim=0)) == len(rows)
    plain = generate_dataset(6, seed=3, augmentation=False)
    assert plain["scene"].tolist() == list(range(6))
    assert torch.equal(data["labels"][::VIEWS], plain["labels"])


def test_a_data_set_is_its_recipe() -> None:
    data = generate_dataset(8, seed=5, augmentation=False)
    recipe = make_recipe("medium", 8, 5, Window()).recipe
    assert np.array_equal(data["videos"].numpy(), render(recipe))
    assert torch.equal(generate_dataset(8, seed=5)["videos"], generate_dataset(8, seed=5)["videos"])
    wide = generate_dataset(8, seed=5, augmentation=False, image_size=(64, 96))["videos"]
    assert wide.shape == (8, 16, 3, 64, 96)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("num_samples cannot be 0", {"num_samples": 0}),
        ("num_samples cannot be -4", {"num_samples": -4}),
        ("num_samples cannot be 1.5", {"num_samples": 1.5}),
        ("GiB", {"num_samples": 10**9}),
        ("frames_per_video cannot be 0", {"frames_per_video": 0}),
        ("from 1 to 64", {"frames_per_video": 100}),
        ("size_px cannot be 5", {"image_size": (64, 5)}),
        ("seed cannot be -1", {"seed": -1}),
        ("no tier 'x'", {"tier": "x"}),
    ],
)
def test_data_sets_that_cannot_be_are_refused_with_words(words: str, asked: dict) -> None:
    with pytest.raises(RendererError, match=words):
        generate_dataset(**{"num_samples": 4, **asked})


def test_the_public_names_come_when_they_are_asked_for() -> None:
    assert {"RecipeDataset", "TrajectoryRenderer", "generate_dataset"} <= set(dir(trainer.data))
    assert trainer.data.RecipeDataset.__name__ == "RecipeDataset"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        trainer.data.nothing  # noqa: B018

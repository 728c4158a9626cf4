"""Folders of videos as other programs write them, a few clips each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer.raster import draw
from renderer.sampling import Window
from renderer.trajectories import TrajectoryRecipe, make_recipe
from renderer.video import render

RECIPE = make_recipe("easy", 32, 3, Window(size_px=32)).recipe
"""Eight small clips of each class, each a scene of its own."""


def write_folder(folder: Path, pixels: NDArray[Any] | None = None, /, **metadata: Any) -> Path:
    """Write videos.npy (default: of `RECIPE`) and metadata.json (default: labels and positions of T + 5 frames)."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "videos.npy", render(RECIPE) if pixels is None else pixels)
    known = {"labels": RECIPE.label.tolist(), "class_names": RECIPE.class_names, "trajectory_3d": "positions.npy"}
    np.save(folder / "positions.npy", RECIPE.camera_path())
    values = {key: value for key, value in (known | metadata).items() if value is not None}
    (folder / "metadata.json").write_text(json.dumps(values))
    return folder


def clamped_videos(recipe: TrajectoryRecipe = RECIPE) -> NDArray[np.uint8]:
    """Draw the paths twice as wide, held at the border where they would leave: the mistake of many a generator."""
    camera = recipe.camera_path(0, recipe.window.frames)
    size = recipe.window.size_px
    pixels = np.clip(2 * recipe.cameras.project(camera) - size / 2, 3, size - 3)
    radius = recipe.focal_px * recipe.sphere_radius / camera[..., 2]
    video = np.zeros((len(recipe), recipe.window.frames, 3, size, size), np.uint8)
    clip, frame = (part.reshape(-1) for part in np.indices(radius.shape))
    draw(video, clip, frame, pixels.reshape(-1, 2), radius.reshape(-1), recipe.colour[clip])
    return video


def write_clip_tower(folder: Path) -> Path:
    """Write a tiny random image tower of CLIP in the layout of the library `transformers`."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, projection_dim=24, num_hidden_layers=2, num_attention_heads=4,
        image_size=64, patch_size=16,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    return folder

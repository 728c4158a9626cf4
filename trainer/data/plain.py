"""Two plain doors to the renderer, for notebooks: any path as a video, and a whole data set as a dictionary.

from trainer.data import TrajectoryRenderer, generate_dataset
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from renderer.camera import Cameras, check_in_front, looking
from renderer.descriptions import describe
from renderer.equations import equation
from renderer.errors import RendererError
from renderer.motion import Floats, Motion
from renderer.noise import add_noise
from renderer.sampling import Window
from renderer.tiers import EASY
from renderer.trajectories import STYLES, draw_spheres, make_recipe
from renderer.variants import views

VIEWS = 4
"""Views of a scene in an augmented data set."""
CAMERA_KEYS = ("position", "look_at", "rotation", "focal_px")
MAX_BYTES = 8 * 1024**3
"""Largest video that is made in memory."""


@dataclass(frozen=True)
class TrajectoryRenderer:
    """Draws one sphere along any path, without noise."""

    sphere_radius: float = EASY.sphere_radius
    """Workspace half-sides; the size in the picture falls with the distance."""
    colour: tuple[int, int, int] = (255, 255, 255)

    def __post_init__(self) -> None:
        if not 0 < self.sphere_radius < math.inf:
            raise RendererError(f"sphere_radius cannot be {self.sphere_radius!r}: a length above 0 is needed")
        if len(self.colour) != 3 or not all(0 <= channel <= 255 for channel in self.colour):
            raise RendererError(f"colour cannot be {self.colour!r}: red, green and blue from 0 to 255 are needed")

    def render_video(
        self,
        trajectory_3d: ArrayLike | torch.Tensor,
        camera_params: Mapping[str, Any] | Cameras | None = None,
        image_size: tuple[int, int] = (64, 64),
        style: str = "dot",
    ) -> torch.Tensor:
        """Return the film (T, 3, H, W) of a path (T, 3) of world positions, uint8 (divide by 255 for [0, 1]).

        `image_size` is (H, W). `camera_params` holds some of
            position  camera centre C in the world, (3,); default: that of the tier `easy`
            look_at   the point in the middle of the picture, (3,); default: the origin; the camera is upright
            rotation  world to camera, (3, 3), rows x right, y down, z forward; instead of `look_at`
            focal_px  focal length in pixels; default: 70 px for every 64 px of the shorter side
        or is one of `renderer.camera.Cameras` (whose picture size does not count). `style` is `dot` or `trail`. What
        leaves the picture is cut off.

        Raises `RendererError` for a path that is no path, is never in view, or meets the camera; for sizes, styles
        and cameras that cannot be.
        """
        path = _points(trajectory_3d, "trajectory_3d", (-1, 3))
        height, width = _picture(image_size, len(path))
        if style not in STYLES:
            raise RendererError(f"no style {style!r}", hint=f"known: {', '.join(STYLES)}")
        camera = _camera(camera_params, min(height, width))
        video: NDArray[np.uint8] = np.zeros((1, len(path), 3, height, width), np.uint8)
        pixels = _film(
            video, camera.to_camera(path[None]), camera.focal_px, self.sphere_radius,
            np.array([self.colour], np.uint8), np.array([STYLES.index(style)], np.uint8),
        )  # fmt: skip
        if not ((pixels >= 0) & (pixels < (width, height))).all(axis=2).any():
            raise RendererError(
                "the path is never inside the picture", hint="turn the camera towards it, or move the camera away"
            )
        return torch.from_numpy(video[0])


def generate_dataset(
    num_samples: int = 1200,
    frames_per_video: int = 16,
    image_size: tuple[int, int] = (64, 64),
    augmentation: bool = True,
    seed: int = 42,
    tier: str = "medium",
) -> dict[str, Any]:
    """Draw a `trajectories` data set into memory; n = num_samples, T = frames_per_video, image_size = (H, W).

    | key | value |
    |---|---|
    | videos | (n, T, 3, H, W) uint8 |
    | labels | (n,) int64: 0 linear, 1 circular, 2 helical, 3 parabolic |
    | trajectory_3d | (n, T + 5, 3) float32, camera coordinates (what a model can predict), half-sides |
    | trajectory_world | the same in world coordinates |
    | equations | n exact equations of `trajectory_3d`, t in seconds from frame 0 at 30 frames a second |
    | descriptions | n texts |
    | scene | (n,) int64 |

    With `augmentation` each scene is there in 4 of its 180 views (`renderer.variants`), one after the other. They
    share the value of `scene`: split by it, never by clip, or twins cross the split.
    """
    num_samples = _whole(num_samples, "num_samples", 1)
    frames_per_video = _whole(frames_per_video, "frames_per_video", 1)
    height, width = _picture(image_size, num_samples * frames_per_video)
    per_scene = VIEWS if augmentation else 1
    window = Window(frames=frames_per_video, size_px=min(height, width))
    recipe = make_recipe(tier, -(-num_samples // per_scene), _whole(seed, "seed", 0), window).recipe
    if augmentation:
        recipe = views(recipe, VIEWS).take(np.arange(num_samples))
    camera_path = recipe.camera_path()
    video: NDArray[np.uint8] = np.zeros((num_samples, frames_per_video, 3, height, width), np.uint8)
    _film(video, camera_path[:, :frames_per_video], recipe.focal_px, recipe.sphere_radius, recipe.colour, recipe.style)
    for clip, sigma, noise_seed in zip(video, recipe.noise_sigma, recipe.noise_seed, strict=True):
        add_noise(clip, float(sigma), int(noise_seed))
    world = Motion.from_array(recipe.motion).positions(window.times_s)
    return {
        "videos": torch.from_numpy(video),
        "labels": torch.from_numpy(recipe.label.astype(np.int64)),
        "trajectory_3d": torch.from_numpy(camera_path.astype(np.float32)),
        "trajectory_world": torch.from_numpy(world.astype(np.float32)),
        "equations": equation(recipe, "camera"),
        "descriptions": describe(recipe),
        "scene": torch.from_numpy(recipe.scene),
    }


def _film(video: NDArray[np.uint8], camera_path: Floats, focal_px: float, sphere_radius: float,
          colour: NDArray[np.uint8], style: NDArray[np.uint8]) -> Floats:  # fmt: skip
    """Draw paths (n, T, 3) of camera coordinates into black clips of any size; return the pixels (n, T, 2)."""
    check_in_front(camera_path, sphere_radius)
    height, width = video.shape[3:]
    depth = camera_path[..., 2:]
    pixels = camera_path[..., :2] / depth * focal_px + np.array([width, height]) / 2
    draw_spheres(video, pixels, focal_px * sphere_radius / depth[..., 0], colour, style)
    return pixels


def _points(values: ArrayLike | torch.Tensor, name: str, shape: tuple[int, ...]) -> Floats:
    """Return finite numbers of the given shape (-1: any length above 0), or say what is wrong with them."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as exc:
        raise RendererError(f"{name} cannot be read as numbers: {exc}") from exc
    wanted = tuple("T" if length < 0 else str(length) for length in shape)
    fits = array.ndim == len(shape) and all(
        there == length or (length < 0 and there > 0) for there, length in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise RendererError(f"{name} has the shape {array.shape}: ({', '.join(wanted)}) is needed")
    if not np.isfinite(array).all():
        raise RendererError(f"{name} holds values that are no numbers", hint="look for NaN and infinity in it")
    return array


def _whole(value: int, name: str, least: int) -> int:
    if not isinstance(value, Integral) or value < least:
        raise RendererError(f"{name} cannot be {value!r}: a whole number from {least} on is needed")
    return int(value)


def _picture(image_size: tuple[int, int], frames: int) -> tuple[int, int]:
    """Return height and width, each a size that a window may have."""
    try:
        height, width = image_size
    except (TypeError, ValueError) as exc:
        raise RendererError(f"image_size cannot be {image_size!r}: (height, width) is needed") from exc
    height, width = (Window(size_px=_whole(side, "a side of image_size", 1)).size_px for side in (height, width))
    if frames * 3 * height * width > MAX_BYTES:
        raise RendererError(
            f"{frames} frames of {height}x{width} are more than {MAX_BYTES // 1024**3} GiB",
            hint="take fewer or smaller ones, or write them to disk: trainer generate trajectories --export npy",
        )
    return height, width


def _camera(params: Mapping[str, Any] | Cameras | None, side_px: int) -> Cameras:
    """Return the one camera that the caller means."""
    if isinstance(params, Cameras):
        if params.position.shape != (1, 3):
            raise RendererError(f"{len(params.position)} cameras for one path: one is needed")
        return params
    params = dict(params or {})
    for key in params:
        if key not in CAMERA_KEYS:
            near = difflib.get_close_matches(str(key), CAMERA_KEYS, 1)
            raise RendererError(
                f"unknown camera parameter {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                hint=f"known: {', '.join(CAMERA_KEYS)}",
            )
    elevation = np.radians(EASY.elevation_deg.low)
    own = EASY.distance.low * np.array([np.cos(elevation), 0.0, np.sin(elevation)])
    position = _points(params.get("position", own), "position", (3,))
    focal_px = float(_points(params.get("focal_px", EASY.focal_px_at_64 * side_px / 64), "focal_px", ()))
    if not focal_px > 0:
        raise RendererError(f"focal_px cannot be {focal_px:g}: a number above 0 is needed")
    return Cameras(_rotation(params, position)[None], position[None], focal_px, side_px)


def _rotation(params: Mapping[str, Any], position: Floats) -> Floats:
    if "rotation" in params:
        if "look_at" in params:
            raise RendererError("a camera has a rotation or a point to look at, not both", hint="leave one out")
        rotation = _points(params["rotation"], "rotation", (3, 3))
        if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-5 or np.linalg.det(rotation) < 0:
            raise RendererError(
                "rotation is no rotation: its rows must be orthogonal unit vectors, right-handed",
                hint="rows are the camera's x (right), y (down) and z (forward) in the world",
            )
        return rotation
    forward = _points(params.get("look_at", np.zeros(3)), "look_at", (3,)) - position
    distance = np.linalg.norm(forward)
    if distance < 1e-9:
        raise RendererError("the camera stands at the point that it looks at", hint="move one of them")
    return looking(forward[None] / distance)[0]

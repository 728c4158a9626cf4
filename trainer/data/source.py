"""Where clips come from. A source gives any of its clips for any epoch, in any order, always the same bytes."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from renderer.noise import TRAINING_LEVELS
from renderer.recipe import Recipe
from renderer.streams import hashed
from renderer.trajectories import TrajectoryRecipe
from renderer.variants import VARIANTS, variant
from renderer.video import render

Noise = Literal["mix", "tier"]
Augmentation = Literal["none", "full"]


class ClipSource(Protocol):
    """n labelled clips, usually those of one split."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of each clip, (n,)."""

    @property
    def scene(self) -> NDArray[np.int64]:
        """Clips that are views of one scene share its number, (n,)."""

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def frames(self) -> int:
        """Frames seen of each clip, T."""

    @property
    def size_px(self) -> int: ...

    @property
    def path(self) -> NDArray[np.float64] | None:
        """Camera-frame positions of the one object, seen frames and future, (n, T + 5, 3); None if not known."""

    def __len__(self) -> int: ...

    def fill(self, rows: NDArray[np.int64], epoch: int, out: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Put clips `rows` (b,) of an epoch into `out` (b, T, 3, H, W), C-contiguous; return where the object then is
        in the frames to come, (b, 5, 3), in the camera of the picture, or None if that is not known.
        """


class RecipeSource:
    """Clips rendered when they are asked for.

    What is fresh in every epoch depends on (seed, epoch, row) alone:
    `augmentation="full"`   one of the 180 variants of the scene (`renderer.variants`), with that variant's noise
    `noise="mix"`           a noise level of `TRAINING_LEVELS`, and noise never seen before
    """

    def __init__(
        self, recipe: Recipe, seed: int = 0, *, noise: Noise = "tier", augmentation: Augmentation = "none"
    ) -> None:
        self.recipe = recipe
        self.seed = seed
        self.noise, self.augmentation = noise, augmentation
        self.labels = recipe.label.astype(np.int64)
        self.scene = recipe.scene
        self.class_names = recipe.class_names
        self.frames, self.size_px = recipe.window.frames, recipe.window.size_px
        self.path = recipe.camera_path() if isinstance(recipe, TrajectoryRecipe) else None

    def __len__(self) -> int:
        return len(self.recipe)

    def fill(self, rows: NDArray[np.int64], epoch: int, out: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """See `ClipSource.fill`."""
        recipe = self.recipe.take(rows)
        future = None if self.path is None else self.path[rows, self.frames :]
        if self.augmentation == "full" and isinstance(recipe, TrajectoryRecipe):
            recipe = variant(recipe, (hashed(self.seed, epoch, rows, 2) % np.uint64(VARIANTS)).astype(np.int64))
            future = recipe.camera_path(self.frames)
        if self.noise == "mix":
            level = hashed(self.seed, epoch, rows, 0) % np.uint64(len(TRAINING_LEVELS))
            recipe = recipe.with_noise(np.array(TRAINING_LEVELS, np.float32)[level], hashed(self.seed, epoch, rows, 1))
        render(recipe, out)
        return None if future is None else future.astype(np.float32)

"""A data set on disk: `recipe.npz` and `manifest.json`. Loading refuses what must not be trained on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer.errors import RecipeError
from renderer.motion import Family
from renderer.recipe import RECIPE_VERSION, Generated, read_recipe
from renderer.sampling import Window
from renderer.trajectories import TrajectoryRecipe, make_recipe
from trainer.data.splits import SPLITS, split_scenes
from trainer.errors import DataError
from wire.run_dir import replace_file

RECIPE_NAME = "recipe.npz"
MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class DataSet:
    """A recipe and which of its clips belong to which split."""

    recipe: TrajectoryRecipe
    rows: dict[str, NDArray[np.int64]]
    manifest: dict[str, Any]

    def split(self, name: str) -> TrajectoryRecipe:
        """Return the recipe of one split."""
        return self.recipe.take(self.rows[name])


@dataclass(frozen=True)
class Wanted:
    """Everything that a generated data set depends on."""

    tier: str
    clips: int
    seed: int = 0
    frames: int = 16
    style: str = "dot"


def ensure_dataset(folder: Path, wanted: Wanted) -> Path:
    """Generate the data set unless the folder has just this one (left by an earlier attempt); return the folder."""
    try:
        there = json.loads((folder / MANIFEST_NAME).read_bytes())["wanted"]
    except (OSError, ValueError, KeyError, TypeError):
        there = None
    if there != asdict(wanted):
        write_dataset(folder, wanted)
    return folder


def write_dataset(folder: Path, wanted: Wanted) -> None:
    """Generate the `trajectories` data set into `folder`; the manifest comes last, so it marks a whole one."""
    generated = make_recipe(wanted.tier, wanted.clips, wanted.seed, Window(frames=wanted.frames), wanted.style)
    data = generated.recipe.to_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(str(folder / RECIPE_NAME), data)
    manifest = _manifest(generated, data, wanted)
    replace_file(str(folder / MANIFEST_NAME), json.dumps(manifest, separators=(",", ":")).encode() + b"\n")


def _manifest(generated: Generated[TrajectoryRecipe], data: bytes, wanted: Wanted) -> dict[str, Any]:
    recipe = generated.recipe
    rows = split_scenes(recipe.scene, recipe.label, wanted.seed)
    return {
        "name": "trajectories",
        "wanted": asdict(wanted),
        "generator_version": RECIPE_VERSION,
        "sha256": hashlib.sha256(data).hexdigest(),
        "recipe_digest": recipe.digest(),
        "bytes": len(data),
        "acceptance": {name: round(rate, 4) for name, rate in generated.acceptance.items()},
        "counts": {name: _class_counts(recipe.label[rows[name]]) for name in SPLITS},
        "splits": {name: rows[name].tolist() for name in SPLITS},
    }


def _class_counts(label: NDArray[np.uint8]) -> dict[str, int]:
    return {family.name.lower(): int((label == family).sum()) for family in Family}


def load_dataset(folder: Path) -> DataSet:
    """Read and check a data set. Raises `DataError` with what is wrong."""
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_bytes())
        data = (folder / RECIPE_NAME).read_bytes()
        rows = {name: np.asarray(manifest["splits"][name], np.int64) for name in SPLITS}
        recorded = manifest["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DataError(
            f"{folder}: no readable data set: {exc}", hint="remove the folder to generate it again"
        ) from exc
    if hashlib.sha256(data).hexdigest() != recorded:
        raise DataError(f"{folder / RECIPE_NAME}: content differs from its manifest", hint="remove both files")
    try:
        recipe = read_recipe(data)
        assert isinstance(recipe, TrajectoryRecipe)
    except RecipeError as exc:
        raise DataError(f"{folder / RECIPE_NAME}: {exc}") from exc
    check_splits(recipe, rows)
    return DataSet(recipe, rows, manifest)


def check_splits(recipe: TrajectoryRecipe, rows: dict[str, NDArray[np.int64]]) -> None:
    """Refuse constant labels, a split that lacks a class, and clips or scenes in two splits."""
    if len(np.unique(recipe.label)) < 2:
        raise DataError(f"all {len(recipe)} labels are the same: there is nothing to learn")
    classes = set(np.unique(recipe.label).tolist())
    for name, chosen in rows.items():
        if len(chosen) and (chosen.min() < 0 or chosen.max() >= len(recipe)):
            raise DataError(f"the {name} split names clips that the recipe does not have")
        missing = classes - set(np.unique(recipe.label[chosen]).tolist())
        if missing:
            names = ", ".join(Family(value).name.lower() for value in sorted(missing))
            raise DataError(f"the {name} split lacks class {names}", hint="use more clips, or split again")
    seen: dict[int, str] = {}
    for name, chosen in rows.items():
        for scene in np.unique(recipe.scene[chosen]).tolist():
            if scene in seen:
                raise DataError(f"scene {scene} is in both {seen[scene]} and {name}")
            seen[scene] = name

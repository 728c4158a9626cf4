"""A data set on disk. Loading refuses what must not be trained on.

recipe.npz          every clip, as its recipe
tests/<name>.npz    the held-out tests, as many clips as the ordinary test split each
manifest.json       comes last
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer.catalogue import DATASETS, Wanted, make
from renderer.errors import RecipeError, RendererError
from renderer.recipe import KINDS, Generated, Recipe, read_recipe
from trainer.data.manifest import MANIFEST_NAME, Manifest, has_manifest, read_manifest, write_manifest
from trainer.data.space import disk_errors, require_space
from trainer.data.splits import SHARES, SPLITS, Rows, check_shares, check_splits, split_scenes
from trainer.errors import ConfigError, DataError, data_in
from wire.run_dir import replace_file

__all__ = ["DataSet", "Wanted", "ensure_dataset", "holds", "load_dataset", "write_dataset"]

RECIPE_NAME = "recipe.npz"
TESTS = "tests"
_AGAIN = "remove the folder to generate it again"


@dataclass(frozen=True)
class DataSet:
    """A recipe, which of its clips belong to which split, and the held-out tests."""

    recipe: Recipe
    rows: Rows
    tests: dict[str, Recipe]
    manifest: Manifest

    def split(self, name: str) -> Recipe:
        """Return the recipe of one split."""
        return self.recipe.take(self.rows[name])


def held_out_file(test: str) -> str:
    """Return the name of a held-out test's file within the folder."""
    return f"{TESTS}/{test}.npz"


def holds(folder: Path, wanted: Wanted, shares: Sequence[float] = SHARES) -> bool:
    """Return whether the folder says that it is just this data set. Raises `DataError` for an unusable manifest."""
    if not has_manifest(folder):
        return False
    manifest = read_manifest(folder)
    return manifest.wanted == asdict(wanted) and manifest.shares == tuple(shares)


def ensure_dataset(folder: Path, wanted: Wanted, shares: Sequence[float] = SHARES) -> Path:
    """Generate the data set unless the folder has just this one (left by an earlier attempt); return the folder."""
    try:
        there = holds(folder, wanted, shares)
    except DataError:
        there = False
    if not there:
        write_dataset(folder, wanted, shares)
    return folder


def write_dataset(folder: Path, wanted: Wanted, shares: Sequence[float] = SHARES) -> None:
    """Generate a data set into `folder`, over whatever data set it held. Raises `ConfigError` for a wish that cannot
    be granted, and `DataError` for data that must not be trained on or a disk that is too small; then nothing is
    written.
    """
    check_shares(shares)
    try:
        generated = make(wanted)
        rows = split_scenes(generated.recipe.scene, generated.recipe.label, wanted.seed, shares)
        check_splits(generated.recipe, rows)
        clips = replace(wanted, clips=len(np.unique(generated.recipe.scene[rows["test"]])))
        tests = {name: make(clips, name).recipe for name in DATASETS[wanted.name].tests}
    except RendererError as exc:
        raise ConfigError(str(exc), hint=exc.hint) from exc
    except MemoryError as exc:
        raise DataError(
            f"{wanted.clips:,} clips do not fit into memory", hint="draw fewer with each of several seeds"
        ) from exc
    check_splits(generated.recipe, rows, tests)
    content = {RECIPE_NAME: generated.recipe.to_bytes()}
    content |= {held_out_file(name): recipe.to_bytes() for name, recipe in tests.items()}
    require_space(folder, sum(map(len, content.values())))
    with disk_errors(folder):
        (folder / TESTS).mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST_NAME).unlink(missing_ok=True)
        for name, data in content.items():
            replace_file(str(folder / name), data, mode=0o644)
        write_manifest(folder, _manifest(wanted, tuple(shares), generated, rows, tests, content))


def _manifest(
    wanted: Wanted, shares: tuple[float, ...], generated: Generated[Recipe], rows: Rows, tests: dict[str, Recipe],
    content: dict[str, bytes],
) -> Manifest:  # fmt: skip
    recipe = generated.recipe
    labels = {name: recipe.label[chosen] for name, chosen in rows.items()}
    labels |= {name: test.label for name, test in tests.items()}
    return Manifest(
        name=wanted.name,
        wanted=asdict(wanted),
        shares=shares,
        acceptance={name: round(rate, 4) for name, rate in generated.acceptance.items()},
        counts={name: _class_counts(recipe, label) for name, label in labels.items()},
        sha256={name: hashlib.sha256(data).hexdigest() for name, data in content.items()},
        digest=recipe.digest(),
        bytes=sum(map(len, content.values())),
        splits={name: chosen.tolist() for name, chosen in rows.items()},
    )


def _class_counts(recipe: Recipe, label: NDArray[np.uint8]) -> dict[str, int]:
    found = Counter(label.tolist())
    return {name: found[value] for value, name in enumerate(recipe.class_names)}


def load_dataset(folder: Path) -> DataSet:
    """Read and check a data set. Raises `DataError` with what is wrong."""
    manifest = read_manifest(folder)
    if manifest.name not in DATASETS:
        raise DataError(f"{folder}: a data set of the unknown kind {manifest.name!r}", hint=_AGAIN)
    recipe = _read(folder, RECIPE_NAME, manifest)
    tests = {name: _read(folder, held_out_file(name), manifest) for name in DATASETS[manifest.name].tests}
    if recipe.digest() != manifest.digest:
        raise DataError(f"{folder / RECIPE_NAME}: not the recipe of its manifest", hint=_AGAIN)
    if set(manifest.splits) != set(SPLITS):
        raise DataError(f"{folder / MANIFEST_NAME}: no usable splits: {', '.join(manifest.splits)}", hint=_AGAIN)
    rows = {name: np.array(manifest.splits[name], np.int64) for name in SPLITS}
    with data_in(folder):
        check_splits(recipe, rows, tests)
    return DataSet(recipe, rows, tests, manifest)


def _read(folder: Path, name: str, manifest: Manifest) -> Recipe:
    """Return the recipe in a file that is just as its manifest says."""
    try:
        data = (folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != manifest.sha256.get(name):
            raise DataError(f"{folder / name}: content differs from its manifest: edited or damaged", hint=_AGAIN)
        recipe = read_recipe(data)
    except OSError as exc:
        again = _AGAIN if isinstance(exc, FileNotFoundError) else ""
        raise DataError(f"{folder / name}: cannot be read: {exc.strerror}", hint=again) from exc
    except RecipeError as exc:
        raise DataError(f"{folder / name}: {exc}", hint=exc.hint) from exc
    if not isinstance(recipe, KINDS[manifest.name]):
        raise DataError(f"{folder / name}: holds {recipe.KIND}, not {manifest.name}", hint=_AGAIN)
    return recipe

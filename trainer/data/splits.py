"""Splits stratified by class, by scene: all views of a scene fall into one split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from renderer.recipe import Recipe
from trainer.data.content import content_hashes
from trainer.errors import ConfigError, DataError

SPLITS = ("train", "validation", "test")
SHARES = (0.70, 0.15, 0.15)

Rows = dict[str, NDArray[np.int64]]
"""The clips of each split, ascending."""
Labels = NDArray[np.integer]


def check_shares(shares: Sequence[float]) -> None:
    """Refuse shares that are no way to cut a whole into `SPLITS`. Raises `ConfigError`."""
    text = " ".join(f"{share:g}" for share in shares)
    hint = f"for example {' '.join(f'{share:g}' for share in SHARES)}: {', '.join(SPLITS)}"
    if len(shares) != len(SPLITS) or not all(0 < share < 1 for share in shares):
        raise ConfigError(f"the split cannot be {text!r}: three shares between 0 and 1 are needed", hint=hint)
    if abs(sum(shares) - 1) > 1e-6:
        raise ConfigError(f"the split cannot be {text!r}: the shares add up to {sum(shares):g}, not 1", hint=hint)


def split_scenes(scene: NDArray[np.int64], label: Labels, seed: int, shares: Sequence[float] = SHARES) -> Rows:
    """Shuffle the scenes of each class by `seed` and cut them by `shares`, rounded; the train split takes the rest."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5711]))
    chosen: dict[str, list[NDArray[np.int64]]] = {name: [] for name in SPLITS}
    for value in np.unique(label):
        scenes = rng.permutation(np.unique(scene[label == value]))
        validation, test = (round(share * len(scenes)) for share in shares[1:])
        cuts = [max(0, len(scenes) - validation - test), max(0, len(scenes) - test)]
        for name, part in zip(SPLITS, np.split(scenes, cuts), strict=True):
            chosen[name].append(part)
    return {name: np.flatnonzero(np.isin(scene, np.concatenate(parts))) for name, parts in chosen.items()}


def check_splits(recipe: Recipe, rows: Rows, tests: Mapping[str, Recipe] | None = None) -> None:
    """Refuse constant labels, a split or held-out test that lacks a class, and clips, scenes or paths that two splits
    share. Raises `DataError`.
    """
    check_rows(recipe.label, recipe.scene, recipe.class_names, rows)
    for name, test in (tests or {}).items():
        _check_classes(recipe.label, test.label, recipe.class_names, f"the held-out test {name}")
    content = content_hashes(recipe)
    shown = {name: content[chosen] for name, chosen in rows.items()}
    shown |= {name: content_hashes(test) for name, test in (tests or {}).items()}
    check_disjoint(shown, "the same paths (content {:016x}) are in both {} and {}", "generate the data set again")


def check_rows(label: Labels, scene: NDArray[np.int64], class_names: Sequence[str], rows: Rows) -> None:
    """The part of `check_splits` that needs no recipe."""
    if len(np.unique(label)) < 2:
        raise DataError(f"all {len(label)} labels are the same: there is nothing to learn")
    for name, chosen in rows.items():
        if len(chosen) and (chosen.min() < 0 or chosen.max() >= len(label)):
            raise DataError(f"the {name} split names clips that the data does not have")
        if len(np.unique(chosen)) < len(chosen):
            raise DataError(f"the {name} split names a clip twice")
        _check_classes(label, label[chosen], class_names, f"the {name} split")
    scenes = {name: scene[chosen] for name, chosen in rows.items()}
    check_disjoint(scenes, "scene {} is in both {} and {}", "all views of a scene belong into one split")


def _check_classes(label: Labels, there: Labels, class_names: Sequence[str], place: str) -> None:
    missing = set(np.unique(label).tolist()) - set(np.unique(there).tolist())
    if missing:
        names = ", ".join(class_names[value] for value in sorted(missing))
        raise DataError(f"{place} lacks class {names}", hint="use more clips, or other shares of the split")


def check_disjoint(values: Mapping[str, NDArray[np.int64] | NDArray[np.uint64]], problem: str, hint: str) -> None:
    """Refuse a number that two splits share; `problem` has places for it and for their names. Raises `DataError`."""
    seen: dict[int, str] = {}
    for name, numbers in values.items():
        for number in np.unique(numbers).tolist():
            if number in seen:
                raise DataError(problem.format(number, seen[number], name), hint=hint)
        seen |= dict.fromkeys(np.unique(numbers).tolist(), name)

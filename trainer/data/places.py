"""Clips to evaluate a model on: a split of a data set folder or of a tier, or one of its held-out tests."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer.catalogue import DATASETS
from renderer.recipe import Recipe
from trainer.config import TrainConfig
from trainer.data.content import content_hashes
from trainer.data.dataset import DataSet, ensure_dataset, load_dataset
from trainer.data.external import External, Tick, open_external
from trainer.data.manifest import has_manifest
from trainer.data.opening import digest_of, wanted_by
from trainer.data.source import ClipSource, RecipeSource
from trainer.data.splits import SPLITS
from trainer.errors import ConfigError

ALL = "all"


@dataclass(frozen=True)
class Clips:
    """Some clips, and what is known of the data set that they are of."""

    source: ClipSource
    train: ClipSource
    """The training split of that data set, from which controls take their means."""
    part: str
    """Split or held-out test."""
    digest: str
    """Of the data set, as a run on it would have it."""
    facts: Mapping[str, Any]
    content: NDArray[np.uint64]
    """A hash of each clip's paths, (n,); empty where only pixels are known."""


def open_clips(place: str, split: str, config: TrainConfig, tick: Tick) -> Clips:
    """Open `FOLDER[/TEST]` or `TIER[/TEST]`; a tier is drawn as `config` would draw it, clips and seed included.

    Raises `ConfigError` for a place that does not exist, `DataError` for data that cannot be used.
    """
    folder, test = _folder(Path(place))
    if folder is None:
        tier, _, test = place.partition("/")
        _choice("data set", tier, DATASETS["trajectories"].tiers, "neither a folder nor a tier of `trajectories`")
        with tempfile.TemporaryDirectory(prefix="trainer-") as scratch:
            data = load_dataset(ensure_dataset(Path(scratch), wanted_by(config.model_copy(update={"tier": tier}))))
        return _of_recipe(data, split, test)
    if has_manifest(folder):
        return _of_recipe(load_dataset(folder), split, test)
    return _of_files(folder, open_external(folder, config.seed, tick), split)


def _folder(path: Path) -> tuple[Path | None, str]:
    """Return the folder that a place names, and the test within it."""
    if path.is_dir():
        return path, ""
    if has_manifest(path.parent):
        return path.parent, path.name
    return None, ""


def _of_recipe(data: DataSet, split: str, test: str) -> Clips:
    if test:
        _choice("held-out test", test, tuple(data.tests), "this data set has none of that name")
        if split != "test":
            raise ConfigError(f"the held-out test {test!r} has no split {split!r}", hint="leave out --split")
        recipe = data.tests[test]
    else:
        recipe = data.recipe if split == ALL else data.split(split)
    return Clips(
        source=RecipeSource(recipe),
        train=RecipeSource(data.split("train")),
        part=test or split,
        digest=digest_of(data),
        facts=data.manifest.summary(),
        content=content_hashes(recipe),
    )


def _of_files(folder: Path, data: External, split: str) -> Clips:
    counts = {name: len(data.splits[name]) for name in SPLITS}
    return Clips(
        source=data.source if split == ALL else data.split(split),
        train=data.split("train"),
        part=split,
        digest=data.digest,
        facts={"folder": str(folder), "digest": data.digest, "counts": counts, "notes": data.notes},
        content=np.empty(0, np.uint64),
    )


def trained_content(config: TrainConfig, digest: str) -> NDArray[np.uint64]:
    """Return the content hashes of the training split of a config whose data has the digest; empty if that data is
    not to be had any more, or knows no paths.
    """
    if config.data and not has_manifest(Path(config.data)):
        return np.empty(0, np.uint64)
    with tempfile.TemporaryDirectory(prefix="trainer-") as scratch:
        folder = Path(config.data) if config.data else ensure_dataset(Path(scratch), wanted_by(config))
        data = load_dataset(folder)
    train: Recipe = data.split("train")
    return content_hashes(train) if digest_of(data) == digest else np.empty(0, np.uint64)


def _choice(what: str, value: str, known: tuple[str, ...], why: str) -> None:
    if value in known:
        return
    near = difflib.get_close_matches(value, known, 1)
    raise ConfigError(
        f"no {what} {value!r}: {why}" + (f"; did you mean {near[0]!r}?" if near else ""),
        hint=f"known: {', '.join(known)}",
    )

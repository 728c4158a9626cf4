"""What a run trains on: the data set of its config, generated or found, as sources of clips."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config import TrainConfig
from trainer.data.dataset import DataSet, Wanted, ensure_dataset, load_dataset
from trainer.data.external import External, Tick, open_external
from trainer.data.manifest import has_manifest
from trainer.data.source import ClipSource, RecipeSource
from trainer.data.splits import SPLITS
from trainer.errors import ConfigError


@dataclass(frozen=True)
class TrainingData:
    """Everything that a run needs of its data."""

    train: ClipSource
    validation: ClipSource
    test: ClipSource
    tests: dict[str, ClipSource]
    """Held-out tests, by name."""
    digest: str
    """Hash of the content, by which a resumed run knows its data again."""
    title: str
    """A few words for a picture."""
    facts: dict[str, Any]
    """What `training_results.json` says of the data."""
    notes: tuple[str, ...] = ()
    """What a reader of the log must know."""


def open_data(config: TrainConfig, own: Path, tick: Tick = lambda: None) -> TrainingData:
    """Open `config.data`, or generate the config's data set into the folder `own`; `tick` is called now and then.

    Raises `DataError` for data that must not be trained on, `ConfigError` if the config wants more than is known.
    """
    if not config.data:
        data = _of_recipe(load_dataset(ensure_dataset(own, wanted_by(config))), config)
    elif has_manifest(Path(config.data)):
        data = _of_recipe(load_dataset(Path(config.data)), config)
    else:
        data = _of_files(open_external(Path(config.data), config.seed, tick), config)
    if data.train.path is None and config.w_pred:
        raise ConfigError(
            f"{config.data} knows no positions (trajectory_3d), so there is nothing to forecast",
            hint="w_pred=0 trains on the classes alone",
        )
    return data


def wanted_by(config: TrainConfig) -> Wanted:
    """Return the data set that a config without `data` generates."""
    return Wanted("trajectories", config.tier, config.clips, config.seed, config.frames, style=config.style,
                  noise=config.noise)  # fmt: skip


def _of_recipe(data: DataSet, config: TrainConfig) -> TrainingData:
    tests = data.tests if config.shifted_tests else {}
    train = RecipeSource(data.split("train"), config.seed, noise=config.train_noise, augmentation=config.augmentation)
    return TrainingData(
        train=train,
        validation=RecipeSource(data.split("validation")),
        test=RecipeSource(data.split("test")),
        tests={name: RecipeSource(recipe) for name, recipe in tests.items()},
        digest=digest_of(data),
        title=f"{data.recipe.tier}, {len(data.recipe)} clips",
        facts=data.manifest.summary(),
    )


def digest_of(data: DataSet) -> str:
    """Return the hash of the recipe and of who is in which split."""
    rows = b"".join(data.rows[name].astype("<i8").tobytes() + b"|" for name in SPLITS)
    return hashlib.sha256(data.manifest.digest.encode() + rows).hexdigest()


def _of_files(data: External, config: TrainConfig) -> TrainingData:
    source, notes = data.source, data.notes
    if config.augmentation != "none":  # as the bundled configs of the four branches have it
        notes = (*notes, f"augmentation={config.augmentation} is for generated clips: these are trained on as they are")
    facts = {
        "folder": config.data,
        "digest": data.digest,
        "class_names": source.class_names,
        "frames": source.frames,
        "size_px": source.size_px,
        "counts": {name: len(rows) for name, rows in data.splits.items()},
    }
    return TrainingData(
        train=data.split("train"),
        validation=data.split("validation"),
        test=data.split("test"),
        tests={},
        digest=data.digest,
        title=f"{Path(config.data).name}, {len(source)} clips",
        facts=facts | {"notes": notes},
        notes=notes,
    )

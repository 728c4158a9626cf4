"""The controls that are models of their own: the run's network, trained alike, but on something that it should fail on.

blank_video       black pictures
one_frame         the last frame alone
shuffled_frames   frames in random order
shuffled_labels   training targets of other clips
frozen_features   an untrained extractor; only what is behind it learns
oracle            not a control but a reference: see `trainer.controls_oracle`
physics_fit       another one, which is not trained at all: see `trainer.controls_fit`
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trainer.analysis.results import CONTROLS_NAME
from trainer.config import TrainConfig
from trainer.console import Say
from trainer.controls import Controls, compute_controls
from trainer.controls_fit import PHYSICS_FIT, physics_fit
from trainer.controls_oracle import OracleExtractor, told
from trainer.controls_sources import Change, ChangedPictures, ShuffledTargets, blank, one_frame, shuffle_frames
from trainer.data.opening import TrainingData, open_data
from trainer.data.source import ClipSource
from trainer.errors import CheckpointError, ConfigError, DataError, Interrupted, TrainerError
from trainer.loop import Trainer
from trainer.metrics import Predictions
from trainer.models.extractor import FeatureExtractor
from trainer.models.extractors import Shapes, build_extractor
from trainer.models.unified import UnifiedModel
from trainer.reporter import Reporter
from trainer.results import load_best, summary_of
from trainer.session import open_session
from trainer.stop import Stop
from trainer.trained import load_trained
from trainer.trajectories_problem import Trajectories, run_test
from wire.run_dir import RunDir, replace_file

FOLDER = "controls"
"""Within the run's folder: a folder for each control, a run of its own."""
Figures = dict[str, float]


@dataclass(frozen=True)
class Condition:
    """How a control departs from its run."""

    change: Callable[[TrainingData], TrainingData]
    extractor: Callable[[TrainConfig, Shapes], FeatureExtractor] = build_extractor
    frozen: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


def _pictures(change: Change) -> Condition:
    """Change what is seen in every split."""

    def changed(data: TrainingData) -> TrainingData:
        splits: dict[str, Any] = {
            name: ChangedPictures(getattr(data, name), change) for name in ("train", "validation", "test")
        }
        return replace(data, **splits)

    return Condition(changed)


def _shuffled_labels(data: TrainingData) -> TrainingData:
    """Validation and test keep the truth."""
    return replace(data, train=ShuffledTargets(data.train, 0))


CONDITIONS = {
    "blank_video": _pictures(blank),
    "one_frame": _pictures(one_frame),
    "shuffled_frames": _pictures(shuffle_frames),
    "shuffled_labels": Condition(_shuffled_labels),
    "frozen_features": Condition(
        lambda data: data, frozen=True, options={"pretrained": False, "tokenizer": "", "freeze": False}
    ),
    "oracle": Condition(told, lambda config, shapes: OracleExtractor(), options={"pretrained": False}),
}


def train_controls(place: str, names: Sequence[str], epochs: int, say: Say, stop: Stop) -> dict[str, Figures]:
    """Train the controls of the run in a folder (`epochs` 0: as many as its first stage) and write them into its
    artifacts, after each; those that are there already are not trained again. One that cannot be had (an oracle
    without positions) is said and left out. Returns {control: figures}.

    Raises `CheckpointError` without a finished run, `DataError` if its data is not what it was, `Interrupted` after a
    checkpoint: the same call goes on from there.
    """
    if Path(place).is_file():
        raise CheckpointError(f"{place} is a file", hint="name the folder of a finished run")
    trained = load_trained(place)
    run = RunDir(str(Path(place).absolute()))
    config = trained.config.model_copy(
        update={"full_epochs": 0, "compile": False, "tensorboard": False} | ({"epochs": epochs} if epochs else {})
    )
    data = open_data(config, Path(run.artifacts) / "data", stop.check)
    if data.digest != trained.digest:
        raise DataError(f"the data of {place} is not what it was trained on", hint="put the old data back")
    path = Path(run.artifacts) / CONTROLS_NAME
    before, tests = _read(path)
    rows = {name: row for name, row in before.items() if row.get("planned_epochs", config.epochs) == config.epochs}
    controls = compute_controls(data.train, data.test)
    for number, name in enumerate(names, 1):
        if name in rows and name != PHYSICS_FIT:
            continue
        own = RunDir(str(Path(run.path) / FOLDER / f"{name}-{config.epochs}"))
        reporter = Reporter(own, f"{name}.1", say)
        Path(own.artifacts).mkdir(mode=0o700, parents=True, exist_ok=True)
        reporter.update(message=f"control {number} of {len(names)}: {name.replace('_', ' ')}")
        try:
            if name == PHYSICS_FIT:
                rows[name] = fit_row(data, data.test, stop)
                tests = {test: {name: fit_row(data, source, stop)} for test, source in data.tests.items()}
            else:
                rows[name] = train_control(CONDITIONS[name], config, data, controls, own, reporter, stop)
        except Interrupted:
            raise
        except TrainerError as exc:
            reporter.update(message=f"{name} is left out: {exc}")
            continue
        text = json.dumps({"controls": rows, "tests": tests}, indent=1, allow_nan=False)
        replace_file(str(path), text.encode() + b"\n")
    return rows


def train_control(
    condition: Condition, config: TrainConfig, data: TrainingData, controls: Controls, run: RunDir,
    reporter: Reporter, stop: Stop,
) -> Figures:  # fmt: skip
    """Train one control to the end and test it; go on where it was if its folder holds a checkpoint."""
    config = config.model_copy(update={"shifted_tests": False, **condition.options})
    changed = condition.change(data)
    problem = Trajectories(config, changed, condition.extractor)
    session = open_session(config, run, reporter, stop, problem=problem)
    if condition.frozen:
        assert isinstance(session.model, UnifiedModel)
        session.model.extractor.requires_grad_(False)
    reporter.cut_metrics(session.state.logged_step)
    Trainer(session).fit()
    load_best(session)
    predictions = run_test(session, changed.test)
    summary = summary_of(session.model, attempt=reporter.attempt, verdict="control")
    return {
        **predictions.metrics(controls.best_mse),
        **recalls(predictions, data.test.class_names),
        "train_s": session.state.train_s,
        "epochs": session.state.epoch,
        "planned_epochs": config.epochs,
        "parameters": summary.parameters,
        "model_bytes": summary.model_bytes,
    }


def fit_row(data: TrainingData, source: ClipSource, stop: Stop) -> Figures:
    """Return the figures of the physics fit, from the clips alone. Raises `DataError`."""
    predictions = physics_fit(source, stop.check)
    best = compute_controls(data.train, source).best_mse
    return {**predictions.metrics(best), **recalls(predictions, source.class_names)}


def recalls(predictions: Predictions, names: Sequence[str]) -> Figures:
    """Return {`recall_NAME`: share} for each class; {} if they are not trained."""
    if not predictions.tasks.classes:
        return {}
    counts = predictions.confusion
    shares = counts.diagonal() / counts.sum(axis=1).clip(min=1)
    return {f"recall_{name}": float(share) for name, share in zip(names, shares, strict=True)}


def _read(path: Path) -> tuple[dict[str, Figures], dict[str, dict[str, Figures]]]:
    """Return what an earlier call left, of the test and of the held-out ones. Raises `ConfigError`."""
    if not path.exists():
        return {}, {}
    try:
        content = json.loads(path.read_bytes())
        return dict(content["controls"]), dict(content.get("tests", {}))
    except (ValueError, KeyError, TypeError, OSError) as exc:
        raise ConfigError(
            f"{path} cannot be read: {exc}", hint="remove it: what is trained is only tested again"
        ) from exc

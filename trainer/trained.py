"""A trained model, from its checkpoint alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from trainer.checkpoint import BEST, find_checkpoint, read_checkpoint
from trainer.config import TrainConfig
from trainer.data.source import ClipSource
from trainer.errors import CheckpointError, DataError
from trainer.models.extractors import build_extractor
from trainer.models.unified import UnifiedModel
from trainer.precision import Precision, Setting
from trainer.session import Session, prepare_torch
from trainer.trajectories_problem import check_fit


@dataclass(frozen=True)
class Trained:
    """A model with its weights, ready to answer."""

    path: Path
    config: TrainConfig
    model: UnifiedModel
    device: torch.device
    frames: int
    size_px: int
    class_names: tuple[str, ...]
    digest: str
    """Of the data that it was trained on."""
    epoch: int
    train_s: float
    commit: str


def load_trained(place: str) -> Trained:
    """Read a checkpoint of `trainer run`. Raises `CheckpointError` if it is none, or does not fit this program."""
    path = find_checkpoint(place)
    content = read_checkpoint(path)
    clips = content.get("clips")
    if not clips:
        raise CheckpointError(f"{path} holds no model of `trainer run`", hint="`trainer pretrain` has its own figures")
    config = config_of(path, content)
    device = prepare_torch(config)
    # The weights are all in the checkpoint: those that training started from need not be there any more.
    model = UnifiedModel(
        build_extractor(config.model_copy(update={"pretrained": False}), content.get("shapes")),
        clips["frames"],
        len(clips["class_names"]),
        config.tasks,
    ).to(device)
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as exc:
        what = str(exc).strip().splitlines()[1:2] or [str(exc)]
        raise CheckpointError(
            f"{path} holds another network than {config.extractor} is here: {what[0].strip()}",
            hint=f"evaluate it with the code that wrote it ({content['commit'] or 'its commit is not known'})",
        ) from exc
    Precision(replace(Setting(**content["setting"]), dtype="float32"), device).prepare(model)
    return Trained(
        path=path,
        config=config,
        model=model,
        device=device,
        frames=clips["frames"],
        size_px=clips["size_px"],
        class_names=tuple(clips["class_names"]),
        digest=content["identity"]["data"],
        epoch=content["state"]["epoch"],
        train_s=content["state"]["train_s"],
        commit=content["commit"],
    )


def trained_by(session: Session) -> Trained:
    """Return the model of a session whose training is over, with the weights that it has now."""
    assert isinstance(session.model, UnifiedModel)
    clips = session.checkpoints.known["clips"]
    return Trained(
        path=session.checkpoints.folder / BEST,
        config=session.config,
        model=session.model,
        device=session.device,
        frames=clips["frames"],
        size_px=clips["size_px"],
        class_names=tuple(clips["class_names"]),
        digest=session.problem.digest,
        epoch=session.state.best_epoch,
        train_s=session.state.train_s,
        commit=session.checkpoints.commit,
    )


def config_of(path: Path, content: dict[str, Any]) -> TrainConfig:
    """Return the config of a checkpoint, to be computed on whatever is here. Raises `CheckpointError`."""
    values = {**content["identity"], "data": content["clips"]["folder"], "device": "auto"}
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise CheckpointError(
            f"{path}: its config is of another version: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            hint=f"evaluate it with the code that wrote it ({content['commit'] or 'its commit is not known'})",
        ) from exc


def require_fit(trained: Trained, source: ClipSource, place: str) -> None:
    """Refuse clips that the model cannot take, or whose classes it does not know. Raises `DataError`, `ConfigError`."""
    if source.frames != trained.frames:
        raise DataError(
            f"{place} has clips of {source.frames} frames, and {trained.path} was trained on {trained.frames}",
            hint="train a model on clips of that length",
        )
    if source.class_names != trained.class_names:
        raise DataError(
            f"{place} has the classes {', '.join(source.class_names)}, and {trained.path} was trained to tell "
            f"{', '.join(trained.class_names)}"
        )
    check_fit(trained.config.model_copy(update={"data": place}), trained.model, source)

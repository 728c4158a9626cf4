"""Everything one run consists of, assembled from a config: data, model, optimiser, checkpoints, reporter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.allocation import reuse_freed_memory
from trainer.checkpoint import LAST, Checkpoints, TrainState, processes_of, restore
from trainer.config import FREE_ON_RESUME, TrainConfig
from trainer.controls import Controls, compute_controls
from trainer.data.batches import Batches
from trainer.data.opening import TrainingData, open_data
from trainer.data.source import ClipSource
from trainer.distributed import Ranks
from trainer.errors import ConfigError
from trainer.events import EVENTS, event_writer
from trainer.machine import source_commit
from trainer.models.extractor import FeatureExtractor
from trainer.models.extractors import Shapes, build_extractor
from trainer.models.unified import UnifiedModel
from trainer.optimiser import AdamW
from trainer.precision import Precision, compile_model, restore_precision
from trainer.probe import choose_setting, plain_setting
from trainer.reporter import Reporter
from trainer.schedule import learning_rate
from trainer.stages import Stage, running_stage
from trainer.stop import Stop
from wire.codec import SPEC_MAX_BYTES, WireError, read_object
from wire.run_dir import RunDir

EVALUATION_BATCH = 64
"""Clips of a batch in an evaluation, but at most four times those of training: without gradients, these fit too."""


@dataclass
class Session:
    """One run, ready to be trained from `state` on."""

    config: TrainConfig
    run: RunDir
    device: torch.device
    data: TrainingData
    train: Batches
    validation: Batches
    validation_controls: Controls
    test_controls: Controls
    model: UnifiedModel
    parallel: torch.nn.Module
    """What a training step calls: the model, with several processes wrapped so that their gradients are averaged."""
    ranks: Ranks
    optimiser: torch.optim.Optimizer
    precision: Precision
    checkpoints: Checkpoints
    state: TrainState
    reporter: Reporter
    stop: Stop

    @property
    def stage(self) -> Stage:
        """The running stage."""
        return running_stage(self.config, self.state.stage_ends)

    @property
    def stage_name(self) -> str:
        """The running stage as progress names it, '' in a run that has just one."""
        return self.stage.name if self.config.full_epochs else ""

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return learning_rate(self.config, self.stage, self.state.step, len(self.train))

    def batches(self, source: ClipSource) -> Batches:
        """Return the batches in which a source is evaluated."""
        return make_batches(self.config, source, self.device)


def open_session(
    config: TrainConfig, run: RunDir, reporter: Reporter, stop: Stop, *, data: TrainingData | None = None,
    extractor: Callable[[TrainConfig, Shapes], FeatureExtractor] = build_extractor, ranks: Ranks | None = None,
) -> Session:  # fmt: skip
    """Generate or load the data, build the model from the seed, and go on from last.pt if there is one.

    A control gives `data` or an `extractor` of its own in place of those of the config; `ranks` are the processes that
    train together, if there are several.
    """
    ranks = ranks or Ranks()
    if config.batch_size < ranks.world:
        raise ConfigError(f"batch_size {config.batch_size} leaves some of the {ranks.world} processes without a clip")
    device = ranks.device(prepare_torch(config))
    with ranks.main_first():
        data = data or open_data(config, Path(run.artifacts) / "data", stop.check)
    for note in data.notes:
        reporter.update(message=f"data: {note}")
    stop.check()
    identity = {**config.model_dump(), "data": data.digest}
    checkpoints = Checkpoints(Path(run.checkpoints), identity, _commit(run), clips_of(config, data.train))
    checkpoints.sweep()
    resumed = ranks.of_main((Path(run.checkpoints) / LAST).exists())
    content = checkpoints.load(LAST, FREE_ON_RESUME) if resumed else {}
    torch.manual_seed(config.seed)
    # A checkpoint holds all weights: those that training started from need not be there any more.
    start = config.model_copy(update={"pretrained": False}) if resumed else config
    model = build_model(config, data.train, extractor(start, content.get("shapes", {}))).to(device)
    checkpoints.shapes = model.extractor.shapes
    if model.extractor.note:
        reporter.update(message=model.extractor.note)
    optimiser = AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    train = make_batches(config, data.train, device, config.batch_size, ranks.part)
    state = TrainState()
    if resumed:
        precision = restore_precision(config, content, device)
        state = restore(content, model, optimiser, ranks.rank)
        if (then := processes_of(content)) != ranks.world:
            reporter.update(
                message=f"processes: {ranks.world}, {then} before; the batches are the same, sums are rounded otherwise"
            )
    else:
        if ranks.rank:
            torch.manual_seed(config.seed + ranks.rank)

        def say(message: str) -> None:
            reporter.update(message=message)
            stop.check()

        precision = Precision(ranks.of_main(choose_setting(config, model, train, device, say)), device)
    precision.prepare(model)
    if config.compile:
        compile_model(model)
    if config.tensorboard and ranks.is_main:
        reporter.listeners.append(event_writer(Path(run.artifacts) / EVENTS, state.logged_step))
    return Session(
        config=config,
        run=run,
        device=device,
        data=data,
        train=train,
        validation=make_batches(config, data.validation, device, part=ranks.part),
        validation_controls=compute_controls(data.train, data.validation),
        test_controls=compute_controls(data.train, data.test),
        model=model,
        parallel=ranks.parallel(model),
        ranks=ranks,
        optimiser=optimiser,
        precision=precision,
        checkpoints=checkpoints,
        state=state,
        reporter=reporter,
        stop=stop,
    )


def clips_of(config: TrainConfig, train: ClipSource) -> dict[str, Any]:
    """Return what a checkpoint says of the clips that its model takes."""
    names = list(train.class_names)
    return {"folder": config.data, "frames": train.frames, "size_px": train.size_px, "class_names": names}


def build_model(config: TrainConfig, train: ClipSource, extractor: FeatureExtractor) -> UnifiedModel:
    """Return the model of the config for these clips."""
    model = UnifiedModel(extractor, train.frames, len(train.class_names), config.tasks)
    if train.path is not None:
        model.fit_targets(train.path[:, train.frames :].astype(np.float32))
    if config.data:
        check_fit(config, model, train)
    return model


def check_fit(config: TrainConfig, model: UnifiedModel, train: ClipSource) -> None:
    """Refuse clips that the extractor cannot take (too many frames or pixels). Raises `ConfigError`."""
    device = model.target_mean.device
    clip = torch.zeros(1, train.frames, 3, train.size_px, train.size_px, dtype=torch.uint8, device=device)
    try:
        with torch.no_grad():
            model.eval()(clip)
    except (RuntimeError, ValueError) as exc:
        form = f"{train.frames} frames of {train.size_px} x {train.size_px} pixels"
        raise ConfigError(
            f"{config.extractor} cannot take the clips of {config.data}, {form}: {str(exc).splitlines()[0]}",
            hint="make them shorter or smaller, or choose another extractor",
        ) from exc
    model.train()


def make_batches(
    config: TrainConfig, source: ClipSource, device: torch.device, batch_size: int = 0, part: tuple[int, int] = (0, 1)
) -> Batches:
    """Return shuffled batches of `batch_size` to train on, or (0) those of an evaluation; of each, a process's part."""
    cuda = device.type == "cuda"
    return Batches(
        source,
        batch_size or min(EVALUATION_BATCH, 4 * config.batch_size),
        config.seed,
        shuffle=batch_size > 0,
        prefetch=cuda if config.prefetch == "auto" else config.prefetch == "on",
        pinned=cuda,
        part=part,
    )


def prepare_torch(config: TrainConfig) -> torch.device:
    """Set determinism, memory and, for now, the threads; return the device."""
    reuse_freed_memory()
    torch.set_num_threads(plain_setting(config).threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise ConfigError(
            "device cannot be 'cuda': torch finds no CUDA device here", hint="device=auto takes what is there"
        )
    return torch.device("cuda" if there and config.device != "cpu" else "cpu")


def _commit(run: RunDir) -> str:
    """Return the commit that the launch checked out, for a run alone that of the trainer, '' if none is known."""
    try:
        return str((read_object(run.spec, SPEC_MAX_BYTES) or {}).get("commit", "")) or source_commit()
    except WireError:
        return ""

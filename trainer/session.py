"""Everything one run consists of, assembled from a config: data, model, optimiser, checkpoints, reporter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from trainer.checkpoint import LAST, Checkpoints, TrainState, restore
from trainer.config import FREE_ON_RESUME, TrainConfig
from trainer.controls import Controls, compute_controls
from trainer.data.batches import Batches
from trainer.data.dataset import DataSet, Wanted, ensure_dataset, load_dataset
from trainer.errors import ConfigError
from trainer.models.extractors import EXTRACTORS
from trainer.models.unified import UnifiedModel
from trainer.reporter import Reporter
from trainer.stop import Stop
from wire.codec import SPEC_MAX_BYTES, WireError, read_object
from wire.run_dir import RunDir


@dataclass
class Session:
    """One run, ready to be trained from `state` on."""

    config: TrainConfig
    run: RunDir
    device: torch.device
    data: DataSet
    train: Batches
    validation: Batches
    test: Batches
    validation_controls: Controls
    test_controls: Controls
    model: UnifiedModel
    optimiser: torch.optim.Optimizer
    checkpoints: Checkpoints
    state: TrainState
    reporter: Reporter
    stop: Stop

    @property
    def total_steps(self) -> int:
        return self.config.epochs * len(self.train)


def open_session(config: TrainConfig, run: RunDir, reporter: Reporter, stop: Stop) -> Session:
    """Generate or load the data, build the model from the seed, and go on from last.pt if there is one."""
    device = prepare_torch(config)
    wanted = Wanted("trajectories", config.tier, config.clips, config.seed, config.frames, style=config.style)
    data = load_dataset(ensure_dataset(Path(run.artifacts) / "data", wanted))
    stop.check()
    train, validation, test = (data.split(name) for name in ("train", "validation", "test"))
    batches = Batches(train, config.batch_size, config.seed, shuffle=True, noise_mix=config.train_noise == "mix")
    torch.manual_seed(config.seed)
    model = UnifiedModel(EXTRACTORS[config.extractor](config.width), config.frames)
    model.fit_targets(batches.futures)
    model.to(device)
    optimiser = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    identity = {**config.model_dump(), "data": data.recipe.digest()}
    checkpoints = Checkpoints(Path(run.checkpoints), identity, _commit(run))
    checkpoints.sweep()
    state = TrainState()
    if (checkpoints.folder / LAST).exists():
        state = restore(checkpoints.load(LAST, FREE_ON_RESUME), model, optimiser)
    return Session(
        config=config,
        run=run,
        device=device,
        data=data,
        train=batches,
        validation=Batches(validation, 64, config.seed, shuffle=False, noise_mix=False),
        test=Batches(test, 64, config.seed, shuffle=False, noise_mix=False),
        validation_controls=compute_controls(train, validation),
        test_controls=compute_controls(train, test),
        model=model,
        optimiser=optimiser,
        checkpoints=checkpoints,
        state=state,
        reporter=reporter,
        stop=stop,
    )


def prepare_torch(config: TrainConfig) -> torch.device:
    """Set threads and determinism; return the device."""
    torch.set_num_threads(config.threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise ConfigError(
            "device cannot be 'cuda': torch finds no CUDA device here", hint="device=auto takes what is there"
        )
    return torch.device("cuda" if there and config.device != "cpu" else "cpu")


def _commit(run: RunDir) -> str:
    """Return the commit that the launch checked out, '' for a run alone."""
    try:
        return str((read_object(run.spec, SPEC_MAX_BYTES) or {}).get("commit", ""))
    except WireError:
        return ""

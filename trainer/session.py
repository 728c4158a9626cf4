"""Everything one run consists of, assembled from a config: data, model, optimiser, checkpoints, reporter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from trainer.allocation import reuse_freed_memory
from trainer.checkpoint import LAST, Checkpoints, TrainState, processes_of, restore
from trainer.config import FREE_ON_RESUME, TrainConfig
from trainer.distributed import Ranks
from trainer.errors import ConfigError
from trainer.events import EVENTS, event_writer
from trainer.machine import source_commit
from trainer.optimiser import AdamW
from trainer.precision import Precision, compile_model, restore_precision
from trainer.probe import choose_setting, plain_setting
from trainer.problem import Problem, Stream
from trainer.problems import PROBLEMS
from trainer.reporter import Reporter
from trainer.schedule import learning_rate
from trainer.stages import Stage, running_stage
from trainer.stop import Stop
from wire.codec import SPEC_MAX_BYTES, WireError, read_object
from wire.run_dir import RunDir


@dataclass
class Session:
    """One run, ready to be trained from `state` on."""

    config: TrainConfig
    run: RunDir
    device: torch.device
    problem: Problem
    train: Stream
    validation: Stream
    model: nn.Module
    parallel: nn.Module
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

    def show_life(self, done: int, total: int) -> None:
        """Between two batches of a test: show life, and end if asked. Nothing is lost, the checkpoint is written."""
        self.reporter.update()
        self.stop.check()


def open_session(
    config: TrainConfig, run: RunDir, reporter: Reporter, stop: Stop, *, problem: Problem | None = None,
    ranks: Ranks | None = None,
) -> Session:  # fmt: skip
    """Generate or load the data, build the model from the seed, and go on from last.pt if there is one.

    A control gives a `problem` of its own in place of that of the config; `ranks` are the processes that train
    together, if there are several.
    """
    ranks = ranks or Ranks()
    if config.batch_size < ranks.world:
        raise ConfigError(f"batch_size {config.batch_size} leaves some of the {ranks.world} processes without a clip")
    device = ranks.device(prepare_torch(config))
    with ranks.main_first():
        problem = problem or PROBLEMS[config.problem].open(config, Path(run.artifacts) / "data", stop.check)
    stop.check()
    identity = {**config.model_dump(), "data": problem.digest}
    checkpoints = Checkpoints(Path(run.checkpoints), identity, _commit(run))
    checkpoints.sweep()
    resumed = ranks.of_main((Path(run.checkpoints) / LAST).exists())
    content = checkpoints.load(LAST, FREE_ON_RESUME) if resumed else {}
    torch.manual_seed(config.seed)
    model = problem.build(content).to(device)
    checkpoints.known = problem.known(model)
    for note in problem.notes(model):
        reporter.update(message=note)
    optimiser = AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    train = problem.batches("train", device, ranks.part)
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

        precision = Precision(ranks.of_main(choose_setting(config, problem, model, train, device, say)), device)
    precision.prepare(model)
    if config.compile:
        compile_model(model)
    if config.tensorboard and ranks.is_main:
        reporter.listeners.append(event_writer(Path(run.artifacts) / EVENTS, state.logged_step))
    return Session(
        config=config,
        run=run,
        device=device,
        problem=problem,
        train=train,
        validation=problem.batches("validation", device, ranks.part),
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

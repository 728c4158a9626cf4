"""The training of a video tokenizer: epochs of reconstruction, an assessment and a file after each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from trainer.checkpoint import LAST, Checkpoints, TrainState, restore
from trainer.config import FREE_ON_RESUME, TrainConfig
from trainer.data.batches import make_batches
from trainer.data.opening import open_data
from trainer.data.source import ClipSource
from trainer.durable import write_durably
from trainer.errors import TrainerError
from trainer.models.extractor import normalise
from trainer.models.tokenizer.shape import TokenizerShape, shape_for
from trainer.models.tokenizer.tokenizer import Tokenizer, tokenizer_content
from trainer.optimiser import AdamW
from trainer.persistence.features import crop_shape
from trainer.persistence.problem import PersistenceProblem
from trainer.persistence.tubes import TubeSource
from trainer.precision import Precision, restore_precision
from trainer.pretrain import RESULTS_NAME, TOKENIZER_NAME
from trainer.probe import plain_setting
from trainer.reconstruction import Reconstruction, assess
from trainer.reporter import Reporter
from trainer.schedule import learning_rate
from trainer.session import prepare_torch
from trainer.stages import Stage, running_stage
from trainer.stop import Stop
from wire.records import RunSummary
from wire.run_dir import RunDir, replace_file
from wire.state import Phase


def _material(
    config: TrainConfig, own: Path, tick: Callable[[], None]
) -> tuple[ClipSource, ClipSource, str, TokenizerShape]:
    """Return what to train on and to validate on, its hash, and the sizes of the tokenizer: for whole clips, or for
    the crops of their tracks.
    """
    if config.problem == "persistence":
        problem = PersistenceProblem.open(config, own, tick)
        train, validation = (TubeSource(problem.watched[split]) for split in ("train", "validation"))
        return train, validation, problem.digest, crop_shape(config.width)
    data = open_data(config, own, tick)
    return data.train, data.validation, data.digest, shape_for(config.width, config.patch_px)


class Pretraining:
    """Trains the tokenizer of a config from where its run directory left it to the end of the last epoch."""

    def __init__(self, config: TrainConfig, run: RunDir, reporter: Reporter, stop: Stop) -> None:
        self.config, self.run, self.reporter, self.stop = config, run, reporter, stop
        self.device = prepare_torch(config)
        train, validation, digest, shape = _material(config, Path(run.artifacts) / "data", stop.check)
        self.train = make_batches(config, train, self.device, config.batch_size)
        self.validation = make_batches(config, validation, self.device)
        torch.manual_seed(config.seed)
        self.tokenizer = Tokenizer(shape).to(self.device)
        self.optimiser = AdamW(self.tokenizer.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        identity = {**config.model_dump(), "data": digest, "pretrain": True}
        self.checkpoints = Checkpoints(Path(run.checkpoints), identity)
        self.checkpoints.sweep()
        self.state, self.precision = TrainState(), Precision(plain_setting(config), self.device)
        if (self.checkpoints.folder / LAST).exists():
            content = self.checkpoints.load(LAST, FREE_ON_RESUME)
            self.precision = restore_precision(config, content, self.device)
            self.state = restore(content, self.tokenizer, self.optimiser)
        self.precision.prepare(self.tokenizer)
        reporter.cut_metrics(self.state.logged_step)
        self.saved_at = self.mark = time.monotonic()

    @property
    def total_steps(self) -> int:
        return self.config.epochs * len(self.train)

    @property
    def stage(self) -> Stage:
        """The one stage of this training, which settles the learning rate."""
        return running_stage(self.config, [])

    def fit(self) -> None:
        """Train. Raises `Interrupted`, after a checkpoint, when a signal asks us to end."""
        self.reporter.start_pace(self.state.step)
        found = None
        while self.state.epoch < self.config.epochs:
            self.train_epoch()
            self.report(Phase.EVALUATE)
            found = assess(self.tokenizer, self.validation, self.device, self.obey)
            self.finish_epoch(found)
        if found is None:
            found = assess(self.tokenizer, self.validation, self.device, self.obey)
        self.finish(found)

    def train_epoch(self) -> None:
        """Do the batches of the running epoch that are still to do."""
        state = self.state
        self.tokenizer.train()
        for batch in self.train.epoch(state.epoch, start=state.batch):
            self.train_step(batch.video.to(self.device, non_blocking=True))
            if state.batch < len(self.train) and state.step % self.config.log_every == 0:
                self.log(state.means)
            self.report(Phase.TRAIN)
            self.obey()

    def train_step(self, clips: torch.Tensor) -> None:
        """One step of gradient descent on the squared error of the reconstruction."""
        state, precision = self.state, self.precision
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, self.stage, state.step, len(self.train))
        video = normalise(clips)
        with torch.autocast(self.device.type, precision.dtype, enabled=precision.dtype is not torch.float32):
            again, _ = self.tokenizer(video)
        loss = F.mse_loss(again.float(), video)
        finite = bool(torch.isfinite(loss))
        if not (finite and precision.descend(loss, self.tokenizer, self.optimiser, self.config.clip_norm)):
            raise TrainerError(
                f"the {'gradient' if finite else 'loss'} of step {state.step + 1} is not finite: training has diverged",
                hint="start again with a lower learning_rate",
            )
        state.add({"loss": float(loss.detach()) * len(clips)}, len(clips))

    def finish_epoch(self, found: Reconstruction) -> None:
        """Close the epoch: history, metrics line, checkpoint, tokenizer file."""
        state = self.state
        figures = {**state.means, "val_loss": found.loss, **found.figures, **found.used}
        state.epoch += 1
        state.start_epoch()
        state.history.append({"epoch": state.epoch, "step": state.step, **figures})
        self.log(figures)
        self.save()
        content = tokenizer_content(self.tokenizer, figures)
        path = Path(self.run.artifacts) / TOKENIZER_NAME
        self.reporter.guard(TOKENIZER_NAME, lambda: write_durably(path, lambda file: torch.save(content, file)))
        parts = [f"{name} {value:.1f} dB (black {found.control[name]:.1f})" for name, value in found.figures.items()]
        codes = f"{found.used['codes_used']:.0f} codes, perplexity {found.used['perplexity']:.0f}"
        self.reporter.update(message=f"epoch {state.epoch}/{self.config.epochs} done, {', '.join([*parts, codes])}")

    def finish(self, found: Reconstruction) -> None:
        """Write what the training amounts to."""
        tokenizer, state = self.tokenizer, self.state
        results: dict[str, Any] = {
            "figures": found.figures | found.used | {"val_loss": found.loss, "codes": tokenizer.shape.codes},
            "controls": {"black": found.control},
            "shape": tokenizer.shape.to_json(),
            "history": state.history,
        }
        path = str(Path(self.run.artifacts) / RESULTS_NAME)
        self.reporter.guard(RESULTS_NAME, lambda: replace_file(path, json.dumps(results, indent=1).encode() + b"\n"))
        parameters = list(tokenizer.parameters())
        summary = RunSummary(
            attempt=self.reporter.attempt,
            at_s=time.time(),
            verdict="completed",
            metrics=results["figures"],
            controls=results["controls"],
            train_s=state.train_s,
            epochs=state.epoch,
            parameters=sum(value.numel() for value in parameters),
            model_bytes=sum(value.numel() * value.element_size() for value in parameters),
        )
        self.reporter.write_result(summary)
        self.report(Phase.DONE)

    def obey(self) -> None:
        """Do what a signal or the clock asks for: a checkpoint, or a checkpoint and the end."""
        if self.stop.signal is not None:
            self.save()
            raise self.stop.interrupted()
        due = time.monotonic() - self.saved_at >= self.config.checkpoint_every_s
        if self.stop.checkpoint_wanted or due:
            self.save()

    def save(self) -> None:
        """Write last.pt. A full disk is said and survived: the next one may work."""
        self.stop.checkpoint_wanted = False
        now = time.monotonic()
        self.state.train_s += now - self.mark
        self.mark = self.saved_at = now
        content = (self.state, self.tokenizer, self.optimiser, self.precision)
        self.reporter.guard(LAST, lambda: self.checkpoints.save([LAST], *content))

    def log(self, values: dict[str, float]) -> None:
        """Append a line to metrics.jsonl and show it as the newest progress."""
        state = self.state
        state.logged_step = state.step
        self.reporter.log_metrics(state.step, state.epoch + state.batch / len(self.train), values)
        self.reporter.update(metrics=values)

    def report(self, phase: Phase) -> None:
        """Tell the reporter where we are."""
        state, clips = self.state, len(self.train.source)
        self.reporter.update(
            phase=phase.value,
            step=state.step,
            total_steps=self.total_steps,
            epoch=state.epoch,
            total_epochs=self.config.epochs,
            epoch_fraction=state.batch / len(self.train),
            samples_done=state.epoch * clips + state.clips,
            samples_total=self.config.epochs * clips,
        )

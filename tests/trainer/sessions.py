"""Runs within this process: small, and open to be stopped or looked at between any two steps."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch

from trainer.checkpoint import read_checkpoint
from trainer.config import TrainConfig, load_config
from trainer.distributed import Ranks
from trainer.errors import Interrupted
from trainer.finish import finish
from trainer.loop import Trainer
from trainer.reporter import Reporter, SilentReporter
from trainer.session import open_session
from trainer.stop import Stop
from wire.records import Progress, RunSummary
from wire.run_dir import RunDir

TINY = ("width=0.05", "clips=28", "batch_size=8", "log_every=1", "shifted_tests=false")
EPOCH = 3
"""Steps of an epoch of these."""


def tiny(*words: str) -> TrainConfig:
    """Return a config that trains within a second."""
    return load_config("transformer", [*TINY, *words])


class Run:
    """One attempt of a run in a folder, alone or as one of several processes."""

    def __init__(self, folder: Path, config: TrainConfig, ranks: Ranks | None = None) -> None:
        self.folder, self.said, self.shown = folder, [], []
        self.ranks = ranks or Ranks()
        run, self.stop = RunDir(str(folder)), Stop()
        Path(run.artifacts).mkdir(parents=True, exist_ok=True)
        reporter = (Reporter if self.ranks.is_main else SilentReporter)(run, "r.1", self.say)
        self.session = open_session(config, run, reporter, self.stop, ranks=self.ranks)
        self.session.reporter.cut_metrics(self.session.state.logged_step)
        self.trainer = Trainer(self.session)

    def say(self, progress: Progress, important: bool) -> None:
        """Keep what a person would see."""
        self.shown.append(progress)
        if important:
            self.said.append(progress.message)

    def stop_at(self, step: int) -> None:
        """Train up to a step, as if TERM came just then, of several processes to the last one alone."""
        inner = self.trainer.train_step

        def until(batch: object) -> None:
            inner(batch)  # type: ignore[arg-type]
            if self.session.state.step == step and self.ranks.rank == self.ranks.world - 1:
                self.stop.signal = signal.SIGTERM

        self.trainer.train_step = until  # type: ignore[method-assign]
        with pytest.raises(Interrupted):
            self.trainer.fit()

    def die_after_epoch(self) -> None:
        """Train one epoch and write its checkpoints: what a KILL just then leaves."""
        self.trainer.train_epoch()
        self.trainer.finish_epoch(self.trainer.validate())

    def to_the_end(self) -> RunSummary:
        """Train and test."""
        self.trainer.fit()
        return finish(self.session)


def values(folder: Path) -> list[tuple[int, dict[str, float]]]:
    """Every line of metrics.jsonl: step and values."""
    points = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(point["step"], point["values"]) for point in points]


def assert_same_weights(one: Path, other: Path, name: str = "last.pt") -> None:
    """Weights and moments of two runs agree to the bit."""
    first, second = (read_checkpoint(folder / "checkpoints" / name) for folder in (one, other))
    for key, tensor in first["model"].items():
        assert torch.equal(tensor, second["model"][key]), (name, key)
    for key, moments in first["optimiser"]["state"].items():
        for part, value in moments.items():
            assert torch.equal(value, second["optimiser"]["state"][key][part]), (name, key, part)

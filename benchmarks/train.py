"""Training against a bare PyTorch loop, its reporter and supervisor, inference, and checkpoints.

Ours and theirs take turns step by step, on the same batch in memory, with the same model, loss, clipping and AdamW, on
one thread. A time is a median; those in which reporting counts are means, because it writes only twice a second. For
the reporter a second is one of this process's own time, and the supervisor is held against a core that training keeps
busy: so other work on the machine, which stretches both, does not count as theirs.
"""

from __future__ import annotations

import copy
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks import supervised
from benchmarks.report import Row, arguments, lower_is_better, show
from trainer.checkpoint import LAST
from trainer.config import TrainConfig, load_config
from trainer.data.batches import Batch
from trainer.loop import Trainer
from trainer.models.extractors import build_extractor
from trainer.reporter import Reporter
from trainer.session import Session, open_session
from trainer.stop import Stop
from trainer.trajectories_problem import build_model, trajectories_of
from wire.run_dir import RunDir
from wire.state import Phase

T = TypeVar("T")
BATCH = 16
TRAINED = ("keypoint", "i3d", "slowfast", "transformer", "magvit")
ANSWERING = (*TRAINED, "statistical", "hybrid")
CLAIMED_MS = {"statistical": 10.0}
"""What the old plans claimed a clip to take in inference; for a network: the `NETWORK_MS` of MAGVIT."""
NETWORK_MS = 50.0
CHECKPOINT_S = 3.0
"""A hundredth of the five minutes between two checkpoints."""


@dataclass
class Times:
    """Milliseconds of the repetitions of one thing."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def add(self, act: Callable[[], T]) -> T:
        """Do it once more."""
        cpu, wall = time.process_time(), time.perf_counter()
        result = act()
        self.cpu.append((time.process_time() - cpu) * 1e3)
        self.wall.append((time.perf_counter() - wall) * 1e3)
        return result


class Bare:
    """The loop that one writes first: what a step needs, and nothing else."""

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.model, self.config = model, config
        self.optimiser = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        self.parts = {name: Times() for name in ("forward", "backward", "clipping", "optimiser")}

    def step(self, batch: Batch) -> None:
        self.optimiser.zero_grad()
        self.loss(batch).backward()
        self.clip()
        self.optimiser.step()

    def timed_step(self, batch: Batch) -> None:
        """The same, each part timed by itself."""
        self.optimiser.zero_grad()
        loss = self.parts["forward"].add(lambda: self.loss(batch))
        self.parts["backward"].add(loss.backward)
        self.parts["clipping"].add(self.clip)
        self.parts["optimiser"].add(self.optimiser.step)

    def loss(self, batch: Batch) -> torch.Tensor:
        assert batch.future_path is not None
        outputs, config = self.model(batch.video), self.config
        class_loss = F.cross_entropy(outputs["classification"], batch.class_label)
        return config.w_class * class_loss + config.w_pred * F.mse_loss(outputs["forecast"], batch.future_path)

    def clip(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)


def open_trainer(config: TrainConfig, folder: Path) -> Trainer:
    """Return a run that is ready for its first step; nobody listens to what it says."""
    run = RunDir(str(folder))
    Path(run.artifacts).mkdir(parents=True)
    reporter = Reporter(run, "bench.1", lambda progress, important: None, clock=time.process_time)
    session = open_session(config, run, reporter, Stop())
    session.model.train()
    session.reporter.start_pace(0)
    return Trainer(session)


def config_of(name: str, clips: int) -> TrainConfig:
    return load_config(name, [f"clips={clips}", f"batch_size={BATCH}", "shifted_tests=false"])


def steps(name: str, trainer: Trainer, count: int) -> list[Row]:
    """A step of ours against the bare one, in turns, and on stderr what the bare one consists of."""
    session = trainer.session
    batch = next(session.train.epoch(0))
    bare = Bare(copy.deepcopy(session.model), session.config)
    ours, theirs = Times(), Times()
    for act in (trainer.train_step, bare.step, bare.timed_step):
        act(batch)
    for parts in bare.parts.values():
        parts.cpu.clear()
    for _ in range(count):
        ours.add(lambda: trainer.train_step(batch))
        theirs.add(lambda: bare.step(batch))
    for _ in range(max(1, count // 2)):
        bare.timed_step(batch)
    whole = sum(median(times.cpu) for times in bare.parts.values())
    shares = ", ".join(f"{part} {median(times.cpu) / whole:.1%}" for part, times in bare.parts.items())
    print(f"{name}: a bare step of {whole:.0f} ms CPU is {shares}", file=sys.stderr)
    return [
        lower_is_better(f"{name}: step, {clock}", median(mine), median(bare_ones), target=0.95, unit="ms")
        for clock, mine, bare_ones in (("CPU", ours.cpu, theirs.cpu), ("wall", ours.wall, theirs.wall))
    ]


def overhead(trainer: Trainer, count: int, used: supervised.Used | None) -> list[Row]:
    """What the loop does beside its steps and batches, and what the supervisor does beside the training."""
    session = trainer.session
    rendering, stepping, reporting = Times(), Times(), Times()
    batches = (batch for epoch in itertools.count() for batch in session.train.epoch(epoch))

    def tell() -> None:
        if session.state.step % session.config.log_every == 0:
            trainer.log({**session.state.means, "learning_rate": trainer.rate})
        trainer.report(Phase.TRAIN)
        trainer.obey()

    trainer.train_step(next(batches))
    for _ in range(count):
        batch = rendering.add(lambda: next(batches))
        stepping.add(partial(trainer.train_step, batch))
        reporting.add(tell)
    drawn, stepped, told = (mean(times.cpu) for times in (rendering, stepping, reporting))
    whole = drawn + stepped
    rows = [
        lower_is_better("batches rendered", whole, stepped, target=0.8, unit="ms CPU a step"),
        lower_is_better("reporter", whole + told, whole, target=0.99, unit="ms CPU a step"),
    ]
    if used is not None:
        share = used.supervisor_s / used.wall_s
        both = 1 + told / whole + share
        start = used.supervisor_start_s, used.training_start_s
        rows += [
            lower_is_better("supervisor", 1 + share, 1, target=0.99, unit="cores"),
            lower_is_better("reporter and supervisor", both, 1, target=0.99, unit="cores"),
            lower_is_better("supervisor's start against the trainer's", *start, target=10, unit="s CPU"),
        ]
    return rows


def inference(name: str, session: Session, width: float, count: int) -> list[Row]:
    """A clip alone, and one of a batch of 16."""
    config = session.config.model_copy(update={"extractor": name, "width": width})
    model = build_model(config, trajectories_of(session).data.train, build_extractor(config)).eval()
    video = next(session.train.epoch(0)).video
    alone, together = Times(), Times()
    with torch.inference_mode():
        model(video[:1])
        for _ in range(count):
            alone.add(lambda: model(video[:1]))
            together.add(lambda: model(video))
    claimed = CLAIMED_MS.get(name, NETWORK_MS)
    what = f"{name}, width {width:g}, {sum(value.numel() for value in model.parameters()) / 1e6:.2f} M"
    return [
        lower_is_better(f"{what}: a clip alone", median(alone.cpu), claimed, target=1, unit="ms CPU"),
        lower_is_better(f"{what}: a clip of {BATCH}", median(together.cpu) / BATCH, claimed, target=1, unit="ms CPU"),
    ]


def checkpoint(name: str, trainer: Trainer, count: int) -> list[Row]:
    """The time of last.pt against its budget, its size against weights and both moments."""
    session, times = trainer.session, Times()
    parts = (session.state, session.model, session.optimiser, session.precision)
    for _ in range(count):
        times.add(lambda: session.checkpoints.save([LAST], *parts))
    size = (session.checkpoints.folder / LAST).stat().st_size
    needed = 3 * sum(value.numel() * value.element_size() for value in session.model.parameters())
    return [
        lower_is_better(f"{name}: checkpoint, wall", median(times.wall) / 1e3, CHECKPOINT_S, target=1, unit="s"),
        lower_is_better(f"{name}: checkpoint, size", size / 1e6, needed / 1e6, target=0.9, unit="MB"),
    ]


def compare(names: Sequence[str], clips: int, count: int, seconds: float, full: bool) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="tv-") as folder:
        config = config_of("keypoint", clips)
        if "keypoint" in names:
            words = ["--config", "keypoint", f"clips={max(clips, 200)}", "epochs=1000", "shifted_tests=false"]
            used = supervised.measure(Path(folder, "host"), words, seconds) if seconds else None
            rows += overhead(open_trainer(config, Path(folder, "overhead")), 4 * count, used)
        for name in names:
            config = config_of(name, clips)
            trainer = open_trainer(config, Path(folder, name))
            if name in TRAINED:
                rows += steps(name, trainer, count)
                rows += checkpoint(name, trainer, min(count, 5))
            for width in sorted({config.width, 1.0} if full else {config.width}):
                rows += inference(name, trainer.session, width, min(count, 7))
    return rows


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--extractors", nargs="+", choices=ANSWERING, default=list(ANSWERING))
    parser.add_argument("--clips", type=int, default=200, help="clips of the data set")
    parser.add_argument("--steps", type=int, default=20, help="steps of each kind")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a supervised run is watched; 0: not")
    parser.add_argument("--full", action="store_true", help="time the answers at width 1 too (minutes, gigabytes)")
    parser.add_argument("--quick", action="store_true", help="few steps, ten seconds of a supervised run")
    chosen = parser.parse_args()
    count, seconds = (4, min(chosen.seconds, 10.0)) if chosen.quick else (chosen.steps, chosen.seconds)
    rows = compare(chosen.extractors, chosen.clips, count, seconds, chosen.full)
    show("Training against a bare loop", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

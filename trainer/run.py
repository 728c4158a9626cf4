"""`trainer run`: find the run directory, train to the end, report."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.config import TrainConfig, find_config, load_config
from trainer.console import Say, speaker
from trainer.distributed import Ranks, joined
from trainer.errors import ConfigError, Interrupted, TrainerError
from trainer.heartbeat import Heartbeat
from trainer.stop import Stop
from wire.codec import WireError, read_object
from wire.run_dir import RunDir, attempt_id, attempt_number

if TYPE_CHECKING:
    from trainer.reporter import Reporter


@dataclass(frozen=True)
class Place:
    """Where a run writes, under which attempt id, and whether a supervisor watches over it."""

    run: RunDir
    attempt: str
    supervised: bool


def find_place(config: str, out: str, resume: bool) -> Place:
    """Return the run directory: the supervisor's, `--out`, or a new one under runs/. Raises `ConfigError`."""
    supervised = os.environ.get("TRAJVID_RUN_DIR", "")
    if supervised:
        return Place(RunDir(supervised), os.environ.get("TRAJVID_ATTEMPT", "") or "run.1", True)
    name = find_config(config).stem
    if out:
        folder = Path(out)
    elif resume:
        folder = _newest(name)
    else:
        folder = Path("runs") / f"{name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    last = Path(RunDir(str(folder)).checkpoints) / "last.pt"
    if last.exists() and not resume:
        raise ConfigError(
            f"{folder} holds a run already", hint="add --resume to go on with it, or choose another --out"
        )
    if resume and not last.exists():
        raise ConfigError(f"nothing to resume: {last} does not exist", hint="leave out --resume to start a new run")
    run = RunDir(str(folder.absolute()))
    return Place(run, attempt_id(folder.name, _last_attempt(run) + 1), False)


def _newest(name: str) -> Path:
    found = sorted(path for path in Path("runs").glob(f"{name}-*") if path.is_dir())
    if not found:
        raise ConfigError(f"nothing to resume: no folder runs/{name}-*", hint="name the run's folder with --out")
    return found[-1]


def _last_attempt(run: RunDir) -> int:
    try:
        progress = read_object(run.progress) or {}
    except WireError:
        return 0
    return attempt_number(str(progress.get("attempt", ""))) or 0


def run(config_name: str, overrides: Sequence[str], out: str = "", resume: bool = False) -> int:
    """Train, with the other processes if torchrun started some. Returns 0; every other end is a `TrainerError` with
    its exit code.
    """
    stop = Stop()
    stop.install()
    os.umask(0o077)
    with joined() as ranks:
        config = load_config(config_name, overrides)
        place = ranks.of_main(find_place(config_name, out, resume))
        if ranks.is_main:
            _run_main(config, place, stop, ranks)
        else:
            _train(config, place, lambda progress, important: None, stop, ranks)
    return 0


def _run_main(config: TrainConfig, place: Place, stop: Stop, ranks: Ranks) -> None:
    """Train as the process that speaks and writes, into its folders."""
    for folder in (place.run.path, place.run.checkpoints, place.run.artifacts):
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    say, close = speaker()
    heartbeat = None if place.supervised else Heartbeat(place.run)
    try:
        _train(config, place, say, stop, ranks)
    finally:
        close()
        if heartbeat:
            heartbeat.close()
    if not place.supervised:
        print(f"Everything about this run is in {place.run.path}", file=sys.stderr)


def _train(config: TrainConfig, place: Place, say: Say, stop: Stop, ranks: Ranks) -> None:
    """Import torch only now: a wrong config is an answer within a moment."""
    from trainer.reporter import Reporter, SilentReporter

    reporter = (Reporter if ranks.is_main else SilentReporter)(place.run, place.attempt, say)
    reporter.update(force=True, total_epochs=config.epochs, message="loading torch")
    try:
        _learn(config, place, reporter, stop, ranks)
    except Interrupted:
        raise
    except TrainerError as exc:
        reporter.update(force=True, message=f"failed: {exc}")
        raise


def _learn(config: TrainConfig, place: Place, reporter: Reporter, stop: Stop, ranks: Ranks) -> None:
    """Go through the stages of the run, and test it."""
    from trainer.describe_stage import check_describe
    from trainer.evaluate_stage import check_further
    from trainer.finish import finish
    from trainer.loop import Trainer
    from trainer.session import open_session

    stop.check()
    session = open_session(config, place.run, reporter, stop, ranks=ranks)
    if ranks.is_main:
        check_further(session)
        check_describe(session)
    reporter.cut_metrics(session.state.logged_step)
    Trainer(session).fit()
    ranks.leave()
    if ranks.is_main:
        finish(session)

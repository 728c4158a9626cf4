"""`trainer pretrain magvit`: teach a video tokenizer to give back what it saw, before tasks learn from its codes."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError

DESCRIPTION = "Train the video tokenizer of the extractor magvit by reconstruction."
EPILOG = """\
  trainer pretrain magvit                                 on the clips, and at the width, of the bundled config magvit
  trainer pretrain magvit epochs=20 width=0.125 --out tokenizers/small
  trainer run --config magvit tokenizer=tokenizers/small/artifacts/tokenizer.pt freeze=true
  trainer pretrain magvit --config persistence-magvit     one for the crops of tracks, instead of whole pictures

Read from the config: data, clips, width, patch_px, epochs, batch_size, learning_rate and how to compute. The folder
holds artifacts/tokenizer.pt, what a run tells of itself (progress.json, metrics.jsonl, checkpoints/) and result.json:
PSNR of the whole frame and of the object's pixels, each beside that of a black video, and how many codes are in use.
"""
TOKENIZER_NAME = "tokenizer.pt"
RESULTS_NAME = "pretraining_results.json"


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "pretrain", help="train a video tokenizer", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("name", choices=("magvit",), metavar="NAME", help="what to pretrain: magvit")
    verb.add_argument("overrides", nargs="*", metavar="key=value", help="options that replace those of the config")
    verb.add_argument(
        "--config", default="magvit", metavar="NAME|FILE", help="bundled name or a file (default: magvit)"
    )
    verb.add_argument("--out", default="", metavar="DIR", help="folder (default: runs/pretrain-magvit-<time>)")
    verb.add_argument("--resume", action="store_true", help="go on from checkpoints/last.pt of --out")


def run(arguments: argparse.Namespace) -> int:
    """Train. Returns 0; every other end is a `TrainerError` with its exit code."""
    from trainer.config import load_config
    from trainer.console import speaker
    from trainer.heartbeat import Heartbeat
    from trainer.run import find_place
    from trainer.stop import Stop

    stop = Stop()
    stop.install()
    os.umask(0o077)
    config = load_config(arguments.config, arguments.overrides)
    of = config.features if config.problem == "persistence" else config.extractor
    known = (arguments.name, "hybrid") if config.problem == "persistence" else (arguments.name,)
    if of not in known:
        raise ConfigError(f"the config {arguments.config} is of the extractor {of}, not {arguments.name}")
    if arguments.resume and not arguments.out and "TRAJVID_RUN_DIR" not in os.environ:
        raise ConfigError("nothing to resume", hint="name the folder with --out")
    name = f"pretrain-{arguments.name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    place = find_place(arguments.config, arguments.out or str(Path("runs") / name), arguments.resume)
    for folder in (place.run.path, place.run.checkpoints, place.run.artifacts):
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    say, close = speaker()
    heartbeat = None if place.supervised else Heartbeat(place.run)
    try:
        from trainer.reporter import Reporter

        reporter = Reporter(place.run, place.attempt, say)
        reporter.update(force=True, total_epochs=config.epochs, message="loading torch")
        from trainer.pretraining import Pretraining

        Pretraining(config, place.run, reporter, stop).fit()
    finally:
        close()
        if heartbeat:
            heartbeat.close()
    if not place.supervised:
        print(f"The tokenizer is {Path(place.run.artifacts) / TOKENIZER_NAME}", file=sys.stderr)
    return 0

"""`trainer controls`: train the controls of a finished run that are models of their own."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from trainer.errors import Interrupted
from trainer.stop import Stop

NAMES = ("blank_video", "one_frame", "shuffled_frames", "shuffled_labels", "frozen_features", "oracle", "physics_fit")
DESCRIPTION = "Train a run's network where it should fail, and the oracle where it cannot: is the run above the first?"
EPILOG = """\
RUN is the folder of a finished run. Each control has the run's network, data, seed and first stage (no `full`: with
--epochs it learns as long as the run did), but
  blank_video      black pictures                        one_frame         the last frame alone
  shuffled_frames  frames in random order                shuffled_labels   training targets of other clips
  frozen_features  an extractor that does not learn
Two references stand beside them and are never part of skill: the oracle, told the true place and size of the object in
every seen frame, and physics_fit, the four families of paths fitted to our detector's track, without any network.

  trainer controls runs/mine                             as long as six first stages; Ctrl-C, and it goes on
  trainer controls runs/mine --epochs 50                 for a run of 10 + 40 epochs, by one schedule
  trainer controls runs/mine --only blank_video oracle
  trainer controls runs/mine --only physics_fit          no training: half a minute
  trainer compare runs/mine                              the table that has them

Written into RUN: artifacts/controls.json, which `trainer compare` and `trainer analyze` read (skill is then against the
best of all controls), and controls/, a run for each.
Exit status: 0 trained, 1 failure, 2 wrong arguments, 130 and 143 stopped.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "controls", help="train a run's controls", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("place", metavar="RUN", help="folder of a finished run")
    verb.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help="some of them")
    verb.add_argument(
        "--epochs", type=_positive, default=0, metavar="N", help="epochs of each (default: those of the first stage)"
    )
    verb.add_argument("--json", action="store_true", help="print the figures for machines")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Train; return 0, every other end is a `TrainerError` with its exit code."""
    stop = Stop()
    stop.install()
    os.umask(0o077)
    from trainer.analysis.reading import read_results
    from trainer.console import speaker
    from trainer.controls_trained import train_controls
    from trainer.results import figure_words

    say, close = (lambda progress, important: None, lambda: None) if arguments.json else speaker()
    try:
        rows = train_controls(arguments.place, arguments.only, arguments.epochs, say, stop)
    except Interrupted as exc:
        exc.hint = "the same command goes on from there"
        raise
    finally:
        close()
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return 0
    for name, row in rows.items():
        print(f"{name.replace('_', ' ')}: {figure_words(row)}")
    for note in read_results(arguments.place).notes:
        print(f"! {note}")
    print(f"`trainer compare {arguments.place}` has them in its table")
    return 0

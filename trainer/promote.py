"""`trainer promote`: put the filter of a finished run of `persistence` to use."""

from __future__ import annotations

import argparse
from typing import Any

DESCRIPTION = "Make a filter of a finished run of persistence: its weights, a threshold, and what it is worth."
EPILOG = """\
  trainer promote runs/mine --out filters/mine
  trainer filter filters/mine data/persistence-matched

The folder holds filter.pt (the best weights, nothing else is needed) and filter.json: the threshold that is right most
often on the validation split, figures of that split and of the test split at it, where the run came from. A run
without skill is refused: its filter would be no better than a rule.
Exit status: 0 promoted, 1 no finished run of persistence, or one without skill, 2 wrong arguments.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "promote", help="make a filter of a run", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("place", metavar="RUN", help="folder of a run of a config persistence-...")
    verb.add_argument("--out", default="", metavar="DIR", help="folder of the filter (default: RUN/filter)")
    verb.add_argument("--even-so", action="store_true", help="promote a run without skill too")


def run(arguments: argparse.Namespace) -> int:
    """Promote and say what came of it; every other end is a `TrainerError` with its exit code."""
    from trainer.persistence.promoting import promote

    said = promote(arguments.place, arguments.out, arguments.even_so)
    test = said["test"]
    print(f"{said['features']} filter, threshold {said['threshold']:.3f} (chosen on {said['validation']['n']} clips)")
    print(f"test: accuracy {100 * test['accuracy']:.1f} %, F1 {test['f1']:.3f}, n {test['n']}")
    print(f"The filter is in {said['folder']}")
    return 0

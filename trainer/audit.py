"""`trainer audit`: look at a data set with suspicion."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

DESCRIPTION = "Check that a data set can be learnt from its pixels, and only by looking at them."
EPILOG = """\
DATASET is a folder of `trainer generate`, or one with videos.npy and metadata.json of your own.

  trainer audit data/trajectories-medium          a table; `flag` deserves a look, `fail` must not be trained on
  trainer audit data/objects-standard --json      the same for machines

Exit status: 0 nothing failed, 1 something did, or the data set cannot be loaded.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "audit", help="check a data set", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("dataset", metavar="DATASET", help="folder of the data set")
    verb.add_argument("--json", action="store_true", help="print the report for machines")


def run(arguments: argparse.Namespace) -> int:
    """Print the report; return 1 if a check failed."""
    from trainer.data.audit import audit

    report = audit(Path(arguments.dataset))
    if arguments.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        from rich.console import Console

        report.print(Console())
    return int(report.failed)

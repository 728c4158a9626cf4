"""`trainer audit`: look at a data set with suspicion."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.data.audit import Report

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
    verb.add_argument("--json", action="store_true", help="print a list of checks for machines")


def run(arguments: argparse.Namespace) -> int:
    """Print the report; return 1 if a check failed."""
    from trainer.data.audit import audit

    report = audit(Path(arguments.dataset))
    if arguments.json:
        print(json.dumps([asdict(check) for check in report.checks], indent=1))
    else:
        _show(report)
    return int(any(check.status == "fail" for check in report.checks))


def _show(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for heading in ("check", "status", "value", "limit", "detail"):
        table.add_column(heading)
    for check in report.checks:
        table.add_row(check.name, check.status, str(check.value), str(check.limit), check.detail)
    Console().print(table)

"""`trainer compare`: finished runs in one table, ranked, each beside what it must be compared with."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.analysis.comparison import Comparison

DESCRIPTION = "Compare finished runs: figures with intervals, effort, rank, verdict, recommendation."
EPILOG = """\
RUN is what `trainer analyze` takes. Runs that differ in the seed alone are one row, mean and deviation. Runs without
test figures are listed with the reason. No torch is needed.

  trainer compare results/keypoint-a results/transformer-a
  trainer compare runs/* --controls                below the runs what needs no learning, and what `trainer controls`
                                                   trained; the oracle too, which is never part of skill
  trainer compare results/branch-* --ensemble      the mean of all predictions as one more row

Order: rows with skill before rows without, then the higher accuracy, the lower MSE at t+5, the shorter training.
Written into --out: comparison.md, comparison.json, comparison.png.
Exit status: 0 compared, 1 nothing to compare, an ensemble of different test clips, or no place to write.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "compare", help="compare finished runs", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("places", nargs="+", metavar="RUN", help="folders of runs, or results files")
    verb.add_argument("--out", default="comparison", metavar="DIR", help="where to write (default: comparison)")
    verb.add_argument("--ensemble", action="store_true", help="add the mean of the runs' predictions as a row")
    verb.add_argument("--controls", action="store_true", help="add controls and references as rows")
    verb.add_argument("--json", action="store_true", help="print comparison.json for machines")


def run(arguments: argparse.Namespace) -> int:
    """Write the comparison and print its table."""
    from trainer.analysis.writing import write_comparison

    comparison, folder = write_comparison(
        arguments.places, arguments.out, ensemble=arguments.ensemble, controls=arguments.controls
    )
    if arguments.json:
        print((folder / "comparison.json").read_text(encoding="utf-8"), end="")
        return 0
    _show(comparison)
    print(f"The whole comparison is in {folder / 'comparison.md'}")
    return 0


def _show(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from trainer.analysis.comparison import recommendation
    from trainer.analysis.comparison_report import MAIN_HEAD, main_rows

    table = Table()
    for heading in MAIN_HEAD:
        table.add_column(heading.removesuffix(":"), justify="right" if heading.endswith(":") else "left")
    for row in main_rows(comparison):
        table.add_row(*map(Text, row))
    Console().print(table)
    for one in comparison.not_compared:
        print(f"not compared: {one.place}: {one.why}")
    for note in comparison.notes:
        print(f"note: {note}")
    print(recommendation(comparison))

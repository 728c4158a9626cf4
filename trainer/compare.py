"""`trainer compare`: finished runs in one table, ranked, each beside what it must be compared with."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from trainer.analysis.comparison import Comparison
    from trainer.analysis.entries import Entry
    from trainer.analysis.objects.page import Stages

DESCRIPTION = "Compare runs: figures with intervals, effort, rank, verdict, the plan's bar, and a recommendation."
EPILOG = """\
RUN is what `trainer analyze` takes. Runs that differ in the seed alone are one row, mean and deviation. Controls stand
below the runs, without a rank: what needs no learning, and what `trainer controls` trained. A run that is held, stopped
or not at its end is said to be so; one that has not been tested has its validation figures, and no rank. No torch is
needed.

  trainer compare results/keypoint-a results/transformer-a
  trainer compare runs/* --out docs/results.md     the page there, results.png and results.json beside it
  trainer compare runs/* --controls old/keypoint   and the controls of a run that has no row itself
  trainer compare results/branch-* --ensemble      the mean of all predictions as one more row
  trainer compare runs/detector-* runs/objects-* runs/persistence-* --out docs/objects-results.md

Runs of `detector` and `objects`, with those of `persistence`, have a page of their own: a section a question, tables
beside rules and controls, and what is asked of each figure. What `trainer objects RUN --detector RUN --on standard
--out RUN/artifacts/pixels` measured from pixels is in it.

Order: rows with skill before rows without, then the higher accuracy, the lower MSE at t+5, the shorter training.
Exit status: 0 compared, 1 nothing to compare, an ensemble of different test clips, or no place to write.
"""
GAP = 3
"""Characters between two columns in a terminal."""
NARROW = ("rank:", "run", "accuracy:", "MSE at t+5:", "skill:", "verdict")
"""What a terminal shows that has no room for the whole headline."""
SHORT = {
    "above the bars of full": "above full",
    "through the gate": "gate passed",
    "below the gate": "below gate",
    "held at the gate": "held",
}


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "compare", help="compare finished runs", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("places", nargs="+", metavar="RUN", help="folders of runs, or results files")
    verb.add_argument(
        "--out", default="comparison", metavar="DIR|FILE.md",
        help="a folder, for comparison.md, .json and .png (default: comparison), or the page itself",
    )  # fmt: skip
    verb.add_argument("--ensemble", action="store_true", help="add the mean of the runs' predictions as a row")
    verb.add_argument(
        "--controls", action="append", nargs="?", const="", default=[], metavar="RUN",
        help="take the controls of this run too; the compared runs' own are always there",
    )  # fmt: skip
    verb.add_argument("--json", action="store_true", help="print comparison.json for machines")


def run(arguments: argparse.Namespace) -> int:
    """Write the comparison and print its table."""
    from trainer.analysis.objects.writing import read_stages
    from trainer.analysis.writing import write_comparison

    if (stages := read_stages(arguments.places)) is not None:
        return _of_objects(arguments, stages)
    # A bare --controls, once needed for their rows, is still taken.
    controls = [place for place in arguments.controls if place]
    comparison, page = write_comparison(
        arguments.places, arguments.out, ensemble=arguments.ensemble, controls=controls, command=_command(arguments)
    )
    if arguments.json:
        print(page.with_suffix(".json").read_text(encoding="utf-8"), end="")
        return 0
    _show(comparison)
    print(f"The whole comparison is in {page}")
    return 0


def _of_objects(arguments: argparse.Namespace, stages: Stages) -> int:
    """Write the page of runs of `detector` and `objects`, and print what became of the targets."""
    from trainer.analysis.objects.page import summary
    from trainer.analysis.objects.writing import write_stages

    if arguments.ensemble or arguments.controls:
        raise ConfigError("--ensemble and --controls are of runs of trajectories, and these find objects")
    page = write_stages(stages, arguments.out, _command(arguments))
    if arguments.json:
        print(page.with_suffix(".json").read_text(encoding="utf-8"), end="")
        return 0
    for line in summary(stages):
        print(line)
    for place, why in stages.refused.items():
        print(f"not compared: {place}: {why}")
    print(f"The whole comparison is in {page}")
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """Return the command that writes the same page again, as one line for a shell."""
    words = ["trainer", "compare", *arguments.places]
    words += ["--ensemble"] if arguments.ensemble else []
    words += [word for place in arguments.controls if place for word in ("--controls", place)]
    return shlex.join([*words, "--out", arguments.out])


def _show(comparison: Comparison) -> None:
    """Print the headline, in fewer columns where the terminal is narrow."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from trainer.analysis.comparison import recommendation
    from trainer.analysis.comparison_tables import HEADLINE

    console = Console()
    for columns in (HEADLINE, NARROW):
        rows = [_cells(comparison, entry, columns) for entry in comparison.rows]
        longest = [max(map(len, column)) for column in zip(_plain(columns), *rows, strict=True)]
        name = longest[columns.index("run")]
        room = console.width - sum(longest) - GAP * (len(columns) - 1) + name
        if room >= name:
            break
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, plain in zip(columns, _plain(columns), strict=True):
        justify: Literal["left", "right"] = "left" if heading == plain else "right"
        most = max(room, len("run")) if heading == "run" else None
        table.add_column(plain, justify=justify, no_wrap=True, overflow="ellipsis", max_width=most)
    for row, entry, after in zip(rows, comparison.rows, [*comparison.rows[1:], None], strict=True):
        table.add_row(*map(Text, row), end_section=after is not None and after.kind != entry.kind)
    console.print(table)
    for one in comparison.not_compared:
        print(f"not compared: {one.place}: {one.why}")
    for note in comparison.notes:
        print(f"note: {note}")
    print(recommendation(comparison))


def _plain(headings: Sequence[str]) -> list[str]:
    return [heading.removesuffix(":") for heading in headings]


def _cells(comparison: Comparison, entry: Entry, columns: Sequence[str]) -> list[str]:
    """A row of the headline as it stands in a terminal; a narrow one has shorter words, and few deviations."""
    from trainer.analysis.comparison_tables import HEADLINE, headline_cells

    cells = dict(zip(HEADLINE, headline_cells(comparison, entry), strict=True))
    if entry not in comparison.entries:
        cells |= {"rank:": "-", "verdict": cells["verdict"] or entry.kind}
    if columns is NARROW:
        cells |= {name: cells[name].partition(" ±")[0] for name in ("MSE at t+5:", "skill:")}
        words = cells["verdict"].removeprefix("validation figures, ").removesuffix(" to the gate")
        cells["verdict"] = SHORT.get(words, words)
    return [cells[name] for name in columns]

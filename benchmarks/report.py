"""How every benchmark prints: a table for people, or with --json a list of rows for machines."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One comparison. `ratio` is defined so that higher is better; `met` says whether it reaches `target`."""

    name: str
    ratio: float
    target: float
    unit: str
    ours: float
    theirs: float

    @property
    def met(self) -> bool:
        return self.ratio >= self.target


def lower_is_better(name: str, ours: float, theirs: float, *, target: float, unit: str) -> Row:
    """A row for a cost: the ratio is theirs / ours."""
    return Row(name, theirs / ours if ours else float("inf"), target, unit, ours, theirs)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the sample lies; NaN for an empty sample."""
    if not values:
        return float("nan")
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[max(0, min(98, round(share * 100) - 1))]


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the flag that all benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print a list of rows for machines")
    return parser


def show(title: str, rows: Sequence[Row], *, as_json: bool) -> None:
    """Print the rows on stdout."""
    if as_json:
        json.dump([{**asdict(row), "met": row.met} for row in rows], sys.stdout, indent=1)
        print()
        return
    table = Table(title=title)
    for heading in ("what", "ours", "theirs", "unit", "ratio", "target", "met"):
        table.add_column(heading, justify="left" if heading in ("what", "unit") else "right")
    for row in rows:
        figures = (f"{row.ours:.4g}", f"{row.theirs:.4g}", row.unit, f"{row.ratio:.2f}x", f"{row.target:g}x")
        table.add_row(row.name, *figures, "yes" if row.met else "no")
    Console().print(table)

"""How well objects are found: runs of `detector` beside the classical detector, on all that they were tested on."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.analysis.entries import Entry, Spread, spread
from trainer.analysis.markdown import table
from trainer.analysis.objects.targets import Target, figure

CLUTTER = "-clutter"
COLUMNS = {
    "recall:": ("recall", 3), "seen .25 to .5:": ("recall_visible_0.25_to_0.5", 3),
    ".5 to .9:": ("recall_visible_0.5_to_0.9", 3), "above .9:": ("recall_visible_above_0.9", 3),
    "above .75:": ("recall_visible_above_0.75", 3), "false a frame:": ("false_per_frame", 4),
    "AP at .5:": ("average_precision", 3),
}  # fmt: skip
SHOWN = ("", "noisy")
"""Tests that have a row: the ordinary one, and the one of more noise than any tier has."""
BARS = {"easy": (0.97, 0.985), "standard": (0.95, 0.97)}
"""Least recall, and the goal."""


def detectors(entries: Sequence[Entry]) -> list[Entry]:
    return [one for one in entries if one.runs[0].config.get("problem") == "detector"]


def tables(entries: Sequence[Entry]) -> list[str]:
    """Return a table of data without clutter and one of data with it, each test with every detector, learned first."""
    found = detectors(entries)
    names = list(dict.fromkeys(name for entry in found for run in entry.runs for name in run.tests))
    lines: list[str] = []
    for clutter in (False, True):
        rows = []
        for name in names:
            data, _, test = name.partition("/")
            if data.endswith(CLUTTER) == clutter and test in SHOWN:
                rows += _rows(found, name, [data.removesuffix(CLUTTER), test or "of the tier"])
        if rows:
            said = "With clutter: shapes that are no objects." if clutter else "Without clutter."
            lines += [said, "", *table(("data", "noise", "detector", *COLUMNS), rows), ""]
    return lines[:-1]


def _rows(entries: Sequence[Entry], name: str, first: list[str]) -> list[list[str]]:
    rows = [
        [*first, entry.name if entry.has_skill else f"{entry.name}: **no skill**", *_cells(entry, name, "")]
        for entry in entries
    ]
    controls = dict.fromkeys(who for entry in entries for run in entry.runs if name in run.tests
                             for who in run.tests[name].controls)  # fmt: skip
    return rows + [[*first, f"*{who}*", *_cells(entries[0], name, who)] for who in controls]


def _cells(entry: Entry, name: str, who: str) -> list[str]:
    return [figure(over(entry, name, key, who), digits) for key, digits in COLUMNS.values()]


def over(entry: Entry, test: str, key: str, who: str = "") -> Spread | None:
    """Return a figure of a test over the seeds, of the network or of a control."""
    held = [run.tests[test] for run in entry.runs if test in run.tests]
    return spread((one.controls.get(who, {}) if who else one.metrics).get(key) for one in held)


def targets(entries: Sequence[Entry]) -> list[Target]:
    """Return what is asked of the widest detector, of data with the noise of its tier."""
    found = sorted(detectors(entries), key=lambda one: -(one.parameters or 0))
    if not found:
        return []
    best, asked = found[0], []
    for tier, (bar, goal) in BARS.items():
        asked.append(Target(f"recall, `{tier}`, {best.name}", over(best, tier, "recall"), bar, goal))
        asked.append(Target(f"recall of what is seen by more than 75 %, `{tier}`",
                            over(best, tier, COLUMNS["above .75:"][0]), 0.99))  # fmt: skip
    tiers = [name for run in best.runs[:1] for name in run.tests if "/" not in name]
    for name in tiers:
        words = f"`{name.removesuffix(CLUTTER)}`" + (" with clutter" if name.endswith(CLUTTER) else "")
        false = over(best, name, "false_per_frame")
        asked.append(Target(f"false boxes a frame, {words}", false, 0.01, 0.002, most=True, digits=4))
    return asked

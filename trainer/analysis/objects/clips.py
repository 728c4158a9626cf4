"""Which clips hold a sphere that stays? Runs of `persistence` on one kind of data, beside rules that learn nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainer.analysis.entries import Entry, Spread, spread
from trainer.analysis.markdown import UNKNOWN, number, table
from trainer.analysis.objects.targets import Target, figure
from trainer.analysis.persistence_tables import importances, phases

ENOUGH, GOAL, BLIND = 0.88, 0.94, 0.78
"""Of `shape-motion`: least accuracy with both kinds of features, the goal, and what one kind alone may have at most."""
LONGEST = "hits"
"""The rule of the longest track."""


def by_tier(entries: Sequence[Entry]) -> Mapping[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for one in entries:
        if one.runs[0].config.get("problem") == "persistence":
            found.setdefault(str(one.runs[0].config.get("tier", "")), []).append(one)
    return found


def tables(entries: Sequence[Entry]) -> list[str]:
    """Return for each tier the runs, by kind of clip, then the rules; and what the runs go by."""
    lines: list[str] = []
    for tier, own in by_tier(entries).items():
        rules = dict.fromkeys(who for one in own for run in one.runs for who in run.controls)
        rows = [[who, figure(_rule(own, who, "accuracy")), figure(_rule(own, who, "f1")),
                 UNKNOWN if (h := _rule(own, who, "h")) is None else number(h.mean)] for who in rules]  # fmt: skip
        lines += [f"`{tier}`: {_said(own)}", "", *phases(own), "", "Rules, and their least number h:", ""]
        lines += [*table(("rule", "accuracy:", "F1:", "h:"), rows), ""]
        if gone := importances(own):
            lines += ["Points of accuracy lost where a group of what is told is that of another track:", "", *gone, ""]
    return lines[:-1]


def _said(own: Sequence[Entry]) -> str:
    n = spread(run.metrics.get("n") for one in own for run in one.runs)
    flags = dict.fromkeys(flag for one in own for run in one.runs for flag in run.flags if flag != "no skill")
    lines = [f"{n.mean:.0f} test clips a seed." if n else "", *(f"{flag[:1].upper()}{flag[1:]}." for flag in flags)]
    unskilled = [one.name for one in own if not one.has_skill]
    return " ".join(lines + ([f"**No skill**: {', '.join(unskilled)}."] if unskilled else []))


def _rule(own: Sequence[Entry], who: str, key: str) -> Spread | None:
    """Return a rule's figure over the seeds, each test split counted once."""
    by_data = {str(run.data.get("digest", run.source)): run.controls.get(who, {}) for one in own for run in one.runs}
    return spread(row.get(key) for row in by_data.values())


def targets(entries: Sequence[Entry]) -> list[Target]:
    """Return what is asked on `matched` and on `shape-motion`."""
    tiers = by_tier(entries)
    asked = []
    for one in tiers.get("matched", []):
        longest = _rule(tiers["matched"], LONGEST, "accuracy")
        ahead = Spread(one.accuracy.mean - longest.mean) if one.accuracy and longest else None
        asked.append(Target(f"`matched`, {one.name}: above the longest track", ahead, 0.0, digits=3))
    for one in tiers.get("shape-motion", []):
        name, config = f"`shape-motion`, {one.name}", one.runs[0].config
        if config.get("features") == "hybrid":
            asked.append(Target(name, one.accuracy, ENOUGH, GOAL))
        elif config.get("features") == "statistical" or config.get("frame_order") == "shuffled":
            asked.append(Target(f"{name}: one side alone", one.accuracy, BLIND, most=True))
    return asked

"""What a run of `objects` was measured on: its own test, and data on which `trainer objects RUN --out` measured it.

That command may write into the run's artifacts; each folder there that holds its results.json is read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.analysis.entries import Entry, Spread, spread
from trainer.analysis.forms import curves, figures
from trainer.analysis.reading import load_json
from trainer.analysis.results import Results

OWN, BAYES = "model", "bayes"
"""Names of the network and of the best possible in a run's curves."""
WATCHED_NAME = "results.json"
"""What `trainer objects --out` writes."""
SEED = re.compile(r"[-_. ]*(seed|s)?[-_. ]*\d+$")
Curves = Mapping[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class One:
    """One seed."""

    metrics: Mapping[str, float]
    controls: Mapping[str, Mapping[str, float]]
    curves: Curves
    """Of `objects` and of `tracks`: who decides -> balanced accuracy after each number of frames seen."""


@dataclass(frozen=True)
class Measured:
    """The seeds of one network on data of one kind, through boxes of one kind."""

    entry: Entry
    tier: str
    option: str
    """What the data was asked for beside its tier, such as `cue motion`; '' for nothing."""
    boxes: str
    """`perturbed`, `truth`, or the name of a detector."""
    seeds: tuple[One, ...]

    @property
    def data(self) -> str:
        return f"{self.tier}, {self.option}" if self.option else self.tier

    @property
    def of_pixels(self) -> bool:
        return self.boxes not in ("truth", "perturbed")

    def over(self, key: str, who: str = "") -> Spread | None:
        """Return a figure over the seeds, of the network or of a control."""
        rows = [one.controls.get(who, {}) if who else one.metrics for one in self.seeds]
        return spread(row.get(key) for row in rows)

    @property
    def controls(self) -> list[str]:
        return list(dict.fromkeys(name for one in self.seeds for name in one.controls))

    @property
    def has_skill(self) -> bool:
        """False if a rule that learns nothing is as good over the frames seen as the network."""
        keys = [key for key in self.seeds[0].metrics if key.startswith("balanced_accuracy")]
        means = {who: [spreads.mean for key in keys if (spreads := self.over(key, who))]
                 for who in ("", *self.controls) if who != BAYES}  # fmt: skip
        own = np.mean(means.pop("")) if keys else np.nan
        return not any(len(rule) == len(keys) and own <= np.mean(rule) for rule in means.values() if rule)

    def curve(self, kind: str, who: str) -> NDArray[np.float64] | None:
        """Return the mean curve of `objects` or `tracks`; None if no seed has it."""
        found = [one.curves[kind][who] for one in self.seeds if who in one.curves.get(kind, {})]
        return np.mean(found, axis=0) if found and len({*map(len, found)}) == 1 else None

    def differences(self, minuend: str, subtrahend: str) -> Spread | None:
        """Return one figure less another, seed by seed."""
        pairs = [(one.metrics.get(minuend), one.metrics.get(subtrahend)) for one in self.seeds]
        return spread(None if None in pair else pair[0] - pair[1] for pair in pairs)  # type: ignore[operator]


def measured(entries: Iterable[Entry]) -> list[Measured]:
    """Return everything that the runs of `objects` were measured on, the own tests first."""
    stages = [one for one in entries if one.runs[0].config.get("problem") == "objects"]
    return [*map(_own, stages), *(one for entry in stages for one in _watched(entry))]


def supervision(entry: Entry) -> float:
    """Return the weight of the loss that asks for attention."""
    return float(entry.runs[0].config.get("attention_supervision") or 0.0)


def _own(entry: Entry) -> Measured:
    config = entry.runs[0].config
    option = ", ".join(f"{key} {config[key]}" for key in ("cue", "clutter") if config.get(key) not in (None, "none", 0))
    boxes = str(config.get("boxes", ""))
    if boxes == "detector":
        boxes = without_seed(Path(str(config.get("detector", ""))).name) or boxes
    seeds = tuple(One(run.metrics, run.controls, run.curves) for run in entry.runs)
    return Measured(entry, str(config.get("tier", "")), option, boxes, seeds)


def _watched(entry: Entry) -> list[Measured]:
    """Return what was measured of the same boxes and data in each seed together."""
    found: dict[tuple[str, str], list[One]] = {}
    for run in entry.runs:
        for place, boxes, one in _read(run):
            found.setdefault((place, boxes), []).append(one)
    return [Measured(entry, place, "", boxes, tuple(seeds)) for (place, boxes), seeds in found.items()]


def _read(run: Results) -> Iterator[tuple[str, str, One]]:
    for options, data in _left(run):
        boxes = str(options.get("boxes") or without_seed(Path(str(options.get("detector"))).name))
        for place, row in data.items():
            if isinstance(row, dict):
                yield Path(place).name, boxes, _one(row)


def commands(entry: Entry) -> list[str]:
    """Return the commands that measured a network beside its own test."""
    found = []
    for run in entry.runs:
        for options, data in _left(run):
            words = ["trainer", "objects", run.name, "--on", *data]
            for name in ("detector", "boxes", "clips", "seed"):
                words += [f"--{name}", str(options[name])] if options.get(name) not in (None, "") else []
            found.append(shlex.join(words))
    return found


def _left(run: Results) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return options and data of each results.json that was left beside a run."""
    for path in sorted(run.folder.glob(f"*/{WATCHED_NAME}")):
        raw = load_json(path)
        options, data = (raw.get(key) if isinstance(raw, dict) else None for key in ("options", "data"))
        if isinstance(options, dict) and isinstance(data, dict):
            yield options, data


def _one(row: Mapping[str, Any]) -> One:
    controls = row.get("controls")
    rows = controls.items() if isinstance(controls, dict) else ()
    return One(figures(row.get("figures")), {who: figures(one) for who, one in rows}, curves(row.get("curves")))


def without_seed(name: str) -> str:
    """Return a run's name without the number of its seed at the end."""
    return SEED.sub("", name) or name

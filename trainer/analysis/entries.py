"""The rows of a comparison: one a config, its seeds together as mean and deviation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Literal

import numpy as np

from trainer.analysis.classes import class_recalls
from trainer.analysis.forms import is_number
from trainer.analysis.results import Results
from trainer.analysis.standing import accuracy_drops, flags, interval, judged
from trainer.config import FREE_ON_RESUME
from trainer.metrics import wilson_interval

NOT_OF_THE_CONFIG = FREE_ON_RESUME | {"seed", "log_every"}
"""Options in which seeds of one config may differ."""


@dataclass(frozen=True)
class Spread:
    """Mean and deviation (n - 1) of a figure over seeds; the deviation of one value is None."""

    mean: float
    deviation: float | None = None


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of the known values, None if there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Spread(float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None)


@dataclass(frozen=True)
class Entry:
    """One row. A figure that no run of it has is None."""

    name: str
    kind: Literal["run", "ensemble", "unfinished", "control", "reference"] = "run"
    runs: tuple[Results, ...] = ()
    count: int = 1
    """What the means are over: the seeds of a run, the test sets of a control."""
    accuracy: Spread | None = None
    interval: tuple[float, float] | None = None
    """95 % Wilson interval; of several seeds that of their pooled clips, those of equal test data counted once."""
    pred_mse: Spread | None = None
    mae_percent: Spread | None = None
    """At t+4."""
    mae_percent_t5: Spread | None = None
    skill: Spread | None = None
    recalls: dict[str, Spread] = field(default_factory=dict)
    """Of each class."""
    epochs: float | None = None
    """Mean over seeds, like every effort."""
    train_s: float | None = None
    epoch_s: float | None = None
    parameters: int | None = None
    model_bytes: int | None = None
    inference_ms: float | None = None
    """A clip alone."""
    inference_batch_ms: float | None = None
    """A clip of an evaluation's batch."""
    tests: dict[str, dict[str, Spread]] = field(default_factory=dict)
    """Held-out test -> accuracy, pred_mse, skill, drop (of accuracy against the ordinary test) -> spread."""
    has_skill: bool = True


def run_entries(results: Sequence[Results]) -> list[Entry]:
    """Return an entry for each config, in the order of first appearance."""
    groups: dict[str, list[Results]] = {}
    for one in results:
        groups.setdefault(config_key(one), []).append(one)
    return [entry_of(tuple(group), _group_name(group)) for group in groups.values()]


def entry_of(runs: tuple[Results, ...], name: str) -> Entry:
    """Return the row of one config."""

    def over(key: str) -> Spread | None:
        return spread(one.metrics.get(key) for one in runs)

    accuracy = over("accuracy")
    return Entry(
        name=name,
        runs=runs,
        count=len(runs),
        accuracy=accuracy,
        interval=_pooled_interval(runs, accuracy),
        pred_mse=over("pred_mse"),
        mae_percent=over("mae_percent_t4"),
        mae_percent_t5=over("mae_percent_t5"),
        skill=over("skill"),
        recalls=recall_spreads([{row.name: row.recall for row in class_recalls(one)} for one in runs]),
        epochs=mean(one.epochs for one in runs),
        train_s=mean(one.train_s for one in runs),
        epoch_s=mean(one.train_s / one.epochs if one.train_s and one.epochs else None for one in runs),
        parameters=runs[0].parameters,
        model_bytes=runs[0].model_bytes,
        inference_ms=mean(one.inference_ms for one in runs),
        inference_batch_ms=mean(one.inference_batch_ms for one in runs),
        tests=_tests(runs),
        has_skill=not any("no skill" in flags(one) for one in runs),
    )


def unfinished_entry(one: Results) -> Entry:
    """Return the row of a run that has not been tested: the figures of its best validation."""
    figures, _ = judged(one)
    counts = one.data.get("counts")
    split = counts.get("validation") if isinstance(counts, dict) else None
    clips = sum(map(int, split.values())) if isinstance(split, dict) and all(map(is_number, split.values())) else 0
    accuracy, error, gained = (spread([figures.get(name)]) for name in ("accuracy", "pred_mse", "skill"))
    return Entry(
        name=one.name,
        kind="unfinished",
        runs=(one,),
        accuracy=accuracy,
        interval=interval({**figures, "n": clips}),
        pred_mse=error,
        skill=gained,
        epochs=one.epochs,
        has_skill=figures.get("skill", 1.0) > 0,
    )


def short_names(results: Sequence[Results]) -> list[Results]:
    """Name a run by its worker alone where no other run of that worker is compared; equal names become paths."""
    workers = [one.name.partition("/")[0] for one in results]
    named = [
        replace(one, name=worker) if workers.count(worker) == 1 else one
        for one, worker in zip(results, workers, strict=True)
    ]
    names = [one.name for one in named]
    return [replace(one, name=str(one.source.parent)) if names.count(one.name) > 1 else one for one in named]


def mean(values: Iterable[float | None]) -> float | None:
    found = spread(values)
    return found.mean if found else None


def recall_spreads(rows: Sequence[Mapping[str, float | None]]) -> dict[str, Spread]:
    names = dict.fromkeys(name for row in rows for name in row)
    known = {name: spread(row.get(name) for row in rows) for name in names}
    return {name: value for name, value in known.items() if value is not None}


def config_key(one: Results) -> str:
    """Runs with the same text are seeds of one config; a run without a config stands alone."""
    if not one.config:
        return str(one.source)
    return json.dumps({key: one.config[key] for key in sorted(one.config) if key not in NOT_OF_THE_CONFIG}, default=str)


def _group_name(group: Sequence[Results]) -> str:
    if len(group) == 1:
        return group[0].name
    workers = {one.name.partition("/")[0] for one in group}
    if len(workers) == 1:
        name = workers.pop()
    else:
        letters = takewhile(lambda column: len({*column}) == 1, zip(*workers, strict=False))
        name = re.sub(r"[-_. ]*(seed|s)?[-_. ]*\d*$", "", "".join(column[0] for column in letters))
    return f"{name or group[0].config.get('extractor', 'one config')} ({len(group)} seeds)"


def _pooled_interval(runs: Sequence[Results], accuracy: Spread | None) -> tuple[float, float] | None:
    if len(runs) == 1 or accuracy is None:
        return interval(runs[0].metrics)
    counts = {data_digest(one) or str(one.source): one.metrics.get("n", 0.0) for one in runs}
    count = int(sum(counts.values()))
    return wilson_interval(round(accuracy.mean * count), count) if count else None


def data_digest(one: Results) -> str:
    """What identifies the data of a run, '' if it does not say."""
    return str(one.data.get("digest", ""))


def _tests(runs: Sequence[Results]) -> dict[str, dict[str, Spread]]:
    names = dict.fromkeys(name for one in runs for name in one.tests)
    found = {}
    for name in names:
        rows = [one.tests[name].metrics for one in runs if name in one.tests]
        known = {key: spread(row.get(key) for row in rows) for key in ("accuracy", "pred_mse", "skill")}
        known["drop"] = spread(accuracy_drops(one).get(name) for one in runs)
        found[name] = {key: value for key, value in known.items() if value is not None}
    return found

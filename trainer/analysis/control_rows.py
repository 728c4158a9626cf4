"""The rows of what needs no learning, and of what was trained where it should fail: beside the runs, never ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.analysis.entries import Entry, Spread, data_digest, mean, recall_spreads, spread
from trainer.analysis.forms import is_number
from trainer.analysis.results import REFERENCES, Results, with_controls
from trainer.metrics import wilson_interval

Row = Mapping[str, float]
Key = tuple[str, str]
"""Name of the control, and the network that it was trained with, '' for one that needs no training."""


@dataclass(frozen=True)
class _Found:
    """A control of one run, on the ordinary test and on the held-out ones."""

    row: Row
    tests: Mapping[str, Row]


def control_entries(results: Sequence[Results]) -> list[Entry]:
    """Return the controls of all runs as rows, the references last. What several runs have of the same clips counts
    once, so that the deviation is one over test sets (and, of a trained control, over its trainings).
    """
    found: dict[Key, list[_Found]] = {}
    seen = set()
    for one in results:
        for name, row in one.controls.items():
            network = str(one.config.get("extractor", "")) if row.get("epochs") else ""
            mark = (name, network, data_digest(one) or str(one.source), tuple(sorted(row.items())))
            if mark not in seen:
                seen.add(mark)
                tests = {test: held.controls[name] for test, held in one.tests.items() if name in held.controls}
                found.setdefault((name, network), []).append(_Found(row, tests))
    names = [name for name, _ in found]
    entries = [_entry(name, network if names.count(name) > 1 else "", rows) for (name, network), rows in found.items()]
    return sorted(entries, key=lambda entry: entry.kind)


def _entry(name: str, network: str, found: Sequence[_Found]) -> Entry:
    """Return the row of one control. Only one that was trained has an effort, and a size."""
    rows = [one.row for one in found]

    def over(key: str) -> Spread | None:
        return spread(row.get(key) for row in rows)

    accuracy = over("accuracy")
    size: dict[str, Any] = {key: int(rows[0][key]) if key in rows[0] else None for key in ("parameters", "model_bytes")}
    return Entry(
        name=name.replace("_", " ") + (f" ({network})" if network else ""),
        kind="reference" if name in REFERENCES else "control",
        count=len(rows),
        accuracy=accuracy,
        interval=_pooled_interval(rows, accuracy),
        pred_mse=over("pred_mse"),
        mae_percent=over("mae_percent_t4"),
        mae_percent_t5=over("mae_percent_t5"),
        recalls=recall_spreads([{key[7:]: row[key] for key in row if key.startswith("recall_")} for row in rows]),
        tests=_tests([one.tests for one in found]),
        epochs=mean(row.get("epochs") for row in rows),
        train_s=mean(row.get("train_s") for row in rows),
        epoch_s=mean(row["train_s"] / row["epochs"] for row in rows if "train_s" in row and row.get("epochs")),
        **size,
    )


def _pooled_interval(rows: Sequence[Row], accuracy: Spread | None) -> tuple[float, float] | None:
    counts = [row.get("n") for row in rows]
    if accuracy is None or not all(map(is_number, counts)):
        return None
    total = int(sum(count for count in counts if count))
    return wilson_interval(round(accuracy.mean * total), total) if total else None


def _tests(rows: Sequence[Mapping[str, Row]]) -> dict[str, dict[str, Spread]]:
    found: dict[str, dict[str, Spread]] = {}
    for test in dict.fromkeys(name for row in rows for name in row):
        spreads = {key: spread(row[test].get(key) for row in rows if test in row) for key in ("accuracy", "pred_mse")}
        found[test] = {key: value for key, value in spreads.items() if value is not None}
    return found


def with_shared_controls(results: Sequence[Results], others: Sequence[Results]) -> tuple[list[Results], list[str]]:
    """Return the runs, each beside the controls that other runs have of the very same clips too, and what that changed.

    Otherwise the skill of two rows would be against different controls on one test set. A control that several runs
    trained counts as often, `NAME of RUN`: the best of all is what skill is against.
    """
    shared = []
    judged_by: dict[str, list[str]] = {}
    for one in results:
        known = [other for other in (*results, *others) if data_digest(one) and data_digest(other) == data_digest(one)]
        lacking = {
            (name, other.name): row
            for other in known
            for name, row in other.controls.items()
            if name not in REFERENCES and row not in one.controls.values()
        }
        if lacking:
            sources = ", ".join(dict.fromkeys(source for _, source in lacking))
            judged_by.setdefault(sources, []).append(one.name)
            one = with_controls(one, {f"{name} of {source}": row for (name, source), row in lacking.items()})
        shared.append(one)
    return shared, [
        f"judged against the controls of {sources} too, which are of the same clips: {', '.join(names)}"
        for sources, names in judged_by.items()
    ]

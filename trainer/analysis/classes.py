"""Recall of each class with its interval, and what a class is most often taken for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.analysis.results import Results
from trainer.metrics import wilson_interval


@dataclass(frozen=True)
class ClassRecall:
    """One row of the confusion matrix."""

    name: str
    n: int
    recall: float | None
    """None if the split holds no clip of the class."""
    low: float
    high: float
    """95 % Wilson interval."""
    taken_for: str
    """The class that is most often said instead, '' if none."""
    taken_count: int


def class_recalls(results: Results) -> list[ClassRecall]:
    """Return a row for each class; [] without a confusion matrix."""
    if results.confusion is None:
        return []
    rows = []
    for place, (name, counts) in enumerate(zip(results.class_names, results.confusion, strict=True)):
        total, hit = int(counts.sum()), int(counts[place])
        others = np.where(np.arange(len(counts)) == place, -1, counts)
        other = int(others.argmax())
        wrong = int(others[other])
        low, high = wilson_interval(hit, total)
        recall = hit / total if total else None
        rows.append(ClassRecall(name, total, recall, low, high, results.class_names[other] if wrong else "", wrong))
    return rows


def lacking_classes(results: Results) -> list[str]:
    """Return `split: class` for every split that lacks a class, as far as the run tells."""
    counts = results.data.get("counts")
    lacking = []
    if isinstance(counts, dict):
        splits = {split: row for split, row in counts.items() if isinstance(row, dict)}
        names = sorted({name for row in splits.values() for name in row})
        lacking = [f"{split}: {name}" for split, row in splits.items() for name in names if not row.get(name)]
    empty = [f"test: {row.name}" for row in class_recalls(results) if row.n == 0]
    return [*lacking, *(one for one in empty if one not in lacking)]

"""The shapes in which training results are written, ours and older plain ones, brought into one.

A history is a list of rows, one an epoch (`[{"epoch": 1, "train_loss": ...}]`), or a dict of lists
(`{"train_losses": [...], "val_accuracies": [...]}`), under `history` or at the top level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

ALIASES: dict[str, tuple[str, ...]] = {
    "train_loss": ("train_losses", "training_loss", "training_losses", "loss"),
    "val_loss": ("val_losses", "validation_loss", "validation_losses"),
    "train_accuracy": ("train_accuracies", "train_acc", "train_accs", "training_accuracy"),
    "val_accuracy": ("val_accuracies", "val_acc", "val_accs", "validation_accuracy", "validation_accuracies"),
    "pred_mse": ("val_pred_mse", "pred_mses"),
    "learning_rate": ("learning_rates", "lr", "lrs"),
}
"""Our name of a curve -> the other names it is known by."""
TEST_ALIASES: dict[str, tuple[str, ...]] = {
    "accuracy": ("test_accuracy", "test_acc"),
    "pred_mse": ("test_pred_mse", "test_mse"),
    "n": ("test_size", "test_clips"),
}
_OURS = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}

Row = Mapping[str, float]


def harmless(value: Any) -> Any:
    """Return JSON values without characters that a terminal obeys or hides, in keys and texts: the file may be of a
    host that is not to be trusted. Raises RecursionError where the values lie too deep.
    """
    if isinstance(value, str):
        return value if value.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in value)
    if isinstance(value, dict):
        return {harmless(key): harmless(item) for key, item in value.items()}
    return [harmless(item) for item in value] if isinstance(value, list) else value


def is_number(value: Any) -> TypeGuard[float]:
    """True for an int or float that is a finite float and no bool."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def figures(value: Any) -> dict[str, float]:
    """Return the finite numbers of a JSON object, of `accuracy` only a share; {} for anything else."""
    if not isinstance(value, dict):
        return {}
    found = {key: float(item) for key, item in value.items() if is_number(item)}
    return {key: item for key, item in found.items() if key != "accuracy" or 0 <= item <= 1}


def curves(value: Any) -> dict[str, dict[str, list[float]]]:
    """Return the tables of curves in a JSON object, NaN for what is no number; what is no table is left out."""
    tables = value.items() if isinstance(value, dict) else ()
    return {
        what: {who: [float(one) if is_number(one) else math.nan for one in curve]
               for who, curve in table.items() if isinstance(curve, list)}
        for what, table in tables if isinstance(table, dict)
    }  # fmt: skip


def figures_of_test(value: Any) -> tuple[dict[str, float], list[str]]:
    """Return the figures of the test, an accuracy in percent as a share, and what a reader should know of them."""
    if not isinstance(value, dict):
        return {}, []
    notes, accuracy = [], value.get("accuracy")
    if is_number(accuracy) and 1 < accuracy <= 100:
        value = {key: item for key, item in value.items() if not key.startswith("accuracy_")}
        value, notes = {**value, "accuracy": accuracy / 100}, ["accuracy was read as percent"]
    found = figures(value)
    if lost := sorted(set(value) - set(found)):
        notes.append(f"test figures without a value that can be: {', '.join(lost)}")
    return found, notes


def read_history(raw: Mapping[str, Any]) -> tuple[list[Row], set[str], list[str]]:
    """Return the history of a results file, the top-level keys it came from, and what a reader should know."""
    inside = raw.get("history")
    notes: list[str] = []
    if isinstance(inside, list):
        rows, used = _from_rows(inside, notes), {"history"}
    elif isinstance(inside, dict):
        rows, used = _from_lists(inside), {"history"}
    else:
        rows, used = _from_lists(raw), {key for key in raw if key in _OURS and isinstance(raw[key], list)}
    notes += [] if all(len(row) == len(rows[0]) for row in rows) else ["not every epoch has a value of every curve"]
    return _as_shares(rows, notes), used, notes


def read_test(raw: Mapping[str, Any]) -> tuple[dict[str, float], set[str]]:
    """Return test figures at the top level of an older file, percent as shares, and the keys they came from."""
    found = {name: key for name, keys in TEST_ALIASES.items() for key in keys if is_number(raw.get(key))}
    test = {name: float(raw[key]) for name, key in found.items()}
    if test.get("accuracy", 0) > 1:
        test["accuracy"] /= 100
    return test, set(found.values())


def from_points(points: Iterable[Mapping[str, Any]]) -> tuple[list[Row], list[str]]:
    """Return a history from lines of metrics.jsonl: the newest value of each metric in every whole epoch.

    A run that never says its epoch is taken point by point, and a note says so.
    """
    points = [point for point in points if isinstance(point.get("values"), dict)]
    whole: dict[int, dict[str, float]] = {}
    for point in points:
        if is_number(point.get("epoch")) and float(point["epoch"]).is_integer():
            whole.setdefault(int(point["epoch"]), {}).update(_curves(point["values"]))
    if len(whole) > 1 or len(points) < 2:
        return [{"epoch": float(epoch), **values} for epoch, values in sorted(whole.items()) if values], []
    rows: list[Row] = [{"epoch": float(place), **_curves(point["values"])} for place, point in enumerate(points, 1)]
    return rows, ["metrics.jsonl tells no epochs: its lines are counted instead"]


def _curves(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers under our names; one that is not finite, which is often written as null, is NaN."""
    return {
        _OURS.get(key, key): float(value) if is_number(value) else math.nan
        for key, value in values.items()
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
    }


def _from_rows(rows: list[Any], notes: list[str]) -> list[Row]:
    found = [_curves(row) for row in rows if isinstance(row, dict)]
    numbered = [{"epoch": float(place), **row} for place, row in enumerate(found, 1)]
    known = [row for row in numbered if is_number(row["epoch"])]
    epochs = [row["epoch"] for row in known]
    if len({*epochs}) < len(epochs) or not all(map(float.is_integer, epochs)):
        notes.append("the history's epochs are not whole numbers, or not told apart: its rows are counted instead")
        return [{**row, "epoch": float(place)} for place, row in enumerate(known, 1)]
    return sorted(known, key=lambda row: row["epoch"])


def _from_lists(lists: Mapping[str, Any]) -> list[Row]:
    curves = {_OURS.get(key, key): value for key, value in lists.items() if isinstance(value, list) and key in _OURS}
    length = max(map(len, curves.values()), default=0)
    return [
        {
            "epoch": float(place + 1),
            **_curves({key: items[place] for key, items in curves.items() if place < len(items)}),
        }
        for place in range(length)
    ]


def _as_shares(rows: list[Row], notes: list[str]) -> list[Row]:
    """Bring accuracies that are given in percent to 0..1."""
    for key in ("train_accuracy", "val_accuracy"):
        if any(row.get(key, 0) > 1 for row in rows):
            notes.append(f"{key} was read as percent")
            rows = [{**row, key: row[key] / 100} if key in row else row for row in rows]
    return rows

"""`trainer compare --ensemble`: the mean of what several runs predicted, as a row of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.analysis.entries import Entry, Spread
from trainer.analysis.predictions import PREDICTIONS_NAME, StoredPredictions, read_predictions
from trainer.analysis.results import REFERENCES, Results
from trainer.errors import DataError
from trainer.metrics import forecast_mae_percent, forecast_mse, skill, wilson_interval


def ensemble_entry(results: Sequence[Results]) -> tuple[Entry, list[str]]:
    """Return the row of the mean of probabilities and forecasts, and a note for each run that is not in it.

    Raises `DataError` if fewer than two runs stored predictions, or if they were tested on different clips.
    """
    members: list[tuple[Results, StoredPredictions]] = []
    left_out = []
    for one in results:
        try:
            members.append((one, read_predictions(one.folder / PREDICTIONS_NAME)))
        except DataError as exc:
            left_out.append(f"{one.name} is not in the ensemble: {exc}")
    if len(members) < 2:
        raise DataError(
            "; ".join([f"an ensemble needs two runs with {PREDICTIONS_NAME}, there are {len(members)}", *left_out]),
            hint="name more runs of the same clips, or compare without --ensemble",
        )
    _refuse_other_clips(members)
    return _entry([one for one, _ in members], [stored for _, stored in members]), left_out


def _refuse_other_clips(members: Sequence[tuple[Results, StoredPredictions]]) -> None:
    first, stored = members[0]
    for one, other in members[1:]:
        if other.digest != stored.digest or not np.array_equal(other.label, stored.label):
            raise DataError(
                f"{one.name} was tested on other clips than {first.name} (test split {other.digest[:12]} and "
                f"{stored.digest[:12]}): their predictions have no mean",
                hint="an ensemble needs runs with the same data options and the same seed",
            )


def mean_predictions(stored: Sequence[StoredPredictions]) -> StoredPredictions:
    """Return the mean of the probabilities and of the forecasts; a task that one of them lacks is left out."""

    def mean(name: str) -> NDArray[np.float32] | None:
        arrays = [getattr(one, name) for one in stored]
        if any(array is None for array in arrays):
            return None
        return np.stack(arrays).mean(axis=0, dtype=np.float64).astype(np.float32)

    return StoredPredictions(stored[0].digest, stored[0].label, mean("probabilities"), mean("forecast"), stored[0].path)


def _entry(results: Sequence[Results], stored: Sequence[StoredPredictions]) -> Entry:
    mean = mean_predictions(stored)
    accuracy = span = error = mae = mae_last = None
    recalls: dict[str, Spread] = {}
    if mean.probabilities is not None:
        right = mean.probabilities.argmax(axis=1) == mean.label
        accuracy, span = Spread(float(right.mean())), wilson_interval(int(right.sum()), len(right))
        shares = {name: right[mean.label == value] for value, name in enumerate(results[0].class_names)}
        recalls = {name: Spread(float(share.mean())) for name, share in shares.items() if len(share)}
    if mean.forecast is not None and mean.path is not None:
        forecast, path = mean.forecast.astype(np.float64), mean.path.astype(np.float64)
        error = Spread(float(forecast_mse(forecast, path)[-1]))
        mae, mae_last = (Spread(float(value)) for value in forecast_mae_percent(forecast, path)[-2:])
    best, commonest = _best_controls(results[0])
    gained = skill(error.mean, best) if error and best is not None else None
    beaten = accuracy is not None and commonest is not None and accuracy.mean <= commonest
    return Entry(
        name=f"mean of {', '.join(one.name for one in results)}",
        kind="ensemble",
        runs=tuple(results),
        accuracy=accuracy,
        interval=span,
        pred_mse=error,
        mae_percent=mae,
        mae_percent_t5=mae_last,
        skill=None if gained is None else Spread(gained),
        recalls=recalls,
        train_s=_sum(one.train_s for one in results),
        epoch_s=_sum(one.train_s / one.epochs if one.train_s and one.epochs else None for one in results),
        parameters=_whole(_sum(one.parameters for one in results)),
        model_bytes=_whole(_sum(one.model_bytes for one in results)),
        inference_ms=_sum(one.inference_ms for one in results),
        inference_batch_ms=_sum(one.inference_batch_ms for one in results),
        has_skill=not beaten and (gained is None or gained > 0),
    )


def _best_controls(one: Results) -> tuple[float | None, float | None]:
    """The smallest MSE and the highest accuracy of the controls, which are those of the test clips."""
    rows = [row for name, row in one.controls.items() if name not in REFERENCES]
    errors = [row["pred_mse"] for row in rows if "pred_mse" in row]
    accuracies = [row["accuracy"] for row in rows if "accuracy" in row]
    return min(errors, default=None), max(accuracies, default=None)


def _sum(values: Iterable[float | None]) -> float | None:
    """The cost of all members together; None if one of them is not known."""
    known = list(values)
    return None if None in known else float(sum(value for value in known if value is not None))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)

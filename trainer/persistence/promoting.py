"""A run's best weights as a filter, with the threshold that its validation split asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.analysis.predictions import PREDICTIONS_NAME, read_predictions
from trainer.analysis.reading import read_results
from trainer.checkpoint import BEST
from trainer.durable import write_durably
from trainer.errors import DataError
from trainer.persistence.filter import FILTER_NAME, read_filter
from trainer.persistence.rules import binary_metrics
from wire.run_dir import replace_file

ABOUT_NAME = "filter.json"
VALIDATION_NAME = "validation_predictions.npz"
"""What the best weights say of the validation split, in artifacts/."""


def promote(run: str, out: str = "", even_so: bool = False) -> dict[str, Any]:
    """Write the filter of a run into `out` (default: its folder `filter`); return what filter.json says.

    Raises `DataError` for a run that is not finished or has no skill, `CheckpointError` for one of another kind.
    """
    folder = Path(run)
    checkpoint = folder / "checkpoints" / BEST
    content = read_filter(checkpoint)
    scores = {}
    for split, name in (("validation", VALIDATION_NAME), ("test", PREDICTIONS_NAME)):
        said = read_predictions(folder / "artifacts" / name)
        assert said.probabilities is not None
        scores[split] = (said.probabilities[:, 1].astype(np.float64), said.label)
    results = read_results(folder)
    if "no skill" in results.flags and not even_so:
        raise DataError(
            f"{run} has no skill: the best rule on its test clips is as good",
            hint="train it longer or on other features, or promote it --even-so",
        )
    threshold = choose_threshold(*scores["validation"])
    about = {
        "features": content["persistence"]["features"],
        "threshold": threshold,
        **{split: _at(threshold, *scores[split]) for split in scores},
        "best_rule": max((row.get("accuracy", 0.0) for row in results.controls.values()), default=0.0),
        "inference_ms": results.inference_ms,
        "parameters": results.parameters,
        "run": str(folder.resolve()),
        "commit": content.get("commit", ""),
        "data": content["identity"]["data"],
    }
    place = Path(out) if out else folder / "filter"
    place.mkdir(parents=True, exist_ok=True)
    kept = {name: content[name] for name in ("persistence", "model", "commit")}
    write_durably(place / FILTER_NAME, lambda file: torch.save(kept, file))
    replace_file(str(place / ABOUT_NAME), json.dumps(about, indent=1).encode() + b"\n")
    return about | {"folder": str(place)}


def choose_threshold(score: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    """Return the threshold that is right most often; of several equal ones that nearest to a half."""
    values = np.unique(np.concatenate([[0.0], score, [1.0]]))
    middles = np.append((values[1:] + values[:-1]) / 2, 0.5)
    right = ((score >= middles[:, None]) == label).mean(axis=1)
    best = middles[right == right.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def _at(threshold: float, score: NDArray[np.float64], label: NDArray[np.int64]) -> dict[str, float]:
    return binary_metrics(label, (score >= threshold).astype(np.int64))


def promoted_threshold(place: Path) -> float:
    """Return the threshold beside a promoted filter, 0.5 where there is none. Raises `DataError` if it is damaged."""
    path = (place if place.is_dir() else place.parent) / ABOUT_NAME
    if not path.exists():
        return 0.5
    try:
        return float(json.loads(path.read_text())["threshold"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DataError(f"{path} cannot be read: {exc}", hint="`trainer promote` writes it again") from exc

"""What is known of one finished run, whatever it was read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.analysis import forms
from trainer.analysis.forms import Row, figures, is_number
from trainer.metrics import skill
from wire.codec import SPEC_MAX_BYTES, WireError, read_object
from wire.run_dir import RunDir

RESULTS_NAME = "training_results.json"
EVALUATION_NAME = "evaluation.json"
"""What `trainer evaluate --out` left, in the same form."""
CONTROLS_NAME = "controls.json"
"""Beside the results: what `trainer controls` left."""
REFERENCES = frozenset({"oracle", "physics_fit"})
"""Rows that stand beside the controls and are never part of skill (they know more than the video shows)."""
RECORDS = ("result.json", "metrics.jsonl")
"""What stands for the results of a run that has no training_results.json."""
ORIGIN = ("commit", "versions", "cpu", "device", "threads", "processes")
LARGEST_COUNT = 2**53
"""What is not below is no count: JSON readers agree on whole numbers up to here."""
_KNOWN = frozenset(
    {"config", "summary", "history", "confusion_matrix", "class_names", "tests", "data", "inference_ms"}
    | {"validation_controls", "setting", "stages", "inference", "evaluated", "language", "importance", "curves"}
    | {"boxes", *ORIGIN}
)
_PARTS = {
    "config": "the config",
    "history": "a history of epochs",
    "metrics": "test figures",
    "controls": "controls",
    "confusion": "a confusion matrix",
    "tests": "held-out tests",
    "train_s": "training time",
    "parameters": "number of parameters",
    "inference_ms": "inference time",
}


def short_commit(origin: Mapping[str, Any]) -> str:
    """Return twelve digits of the commit that a run records, with what is behind them (`-dirty`)."""
    digits, dash, more = str(origin.get("commit", "")).partition("-")
    return digits[:12] + dash + more or "not recorded"


@dataclass(frozen=True)
class HeldOut:
    """One of the shifted test sets: its figures and its controls."""

    metrics: Mapping[str, float]
    controls: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Results:
    """What is known of one run. An empty or None field is a part that the run did not leave."""

    name: str
    source: Path
    """The file that was read."""
    config: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Row, ...] = ()
    """One row an epoch, ascending, each with `epoch`; a value that was not finite is NaN."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Figures of the test split."""
    controls: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    validation_controls: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tests: Mapping[str, HeldOut] = field(default_factory=dict)
    confusion: NDArray[np.int64] | None = None
    """(classes, classes), rows are true."""
    class_names: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    """The data set's manifest."""
    verdict: str = ""
    flags: tuple[str, ...] = ()
    gate: Mapping[str, Any] = field(default_factory=dict)
    train_s: float | None = None
    epochs: int | None = None
    parameters: int | None = None
    model_bytes: int | None = None
    inference_ms: float | None = None
    """A clip alone."""
    inference_batch_ms: float | None = None
    """A clip of an evaluation's batch."""
    at_s: float | None = None
    """When the run wrote these results."""
    stage: str = ""
    """The stage that the run came to, `validate` or `full`; '' where it does not say."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    """The newest progress of a run that is not at its end, {} for any other."""
    retired_by: str = ""
    """Who decided that a held run stays as it is."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """`commit`, `versions`, `cpu`, `device`, `threads`, `processes`, as far as the run says."""
    described_by: str = ""
    """Who described clips at the end of the run; '' if nobody did."""
    importance: Mapping[str, float] = field(default_factory=dict)
    """By how much the accuracy falls without each group of what a model is told (permutation importance)."""
    language: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Figures of these descriptions by kind of evidence, the model's own first, its controls and ceiling after it."""
    curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    """Of a run of `objects`: of what -> who decides -> balanced accuracy over the frames seen."""
    notes: tuple[str, ...] = ()
    """What a reader should know of the reading: keys that were ignored, percent that became shares."""

    @property
    def folder(self) -> Path:
        """Where pictures and pages of this run belong: its artifacts, or beside a results file that lies alone."""
        return self.source.parent if self.source.name not in RECORDS else self.source.parent / "artifacts"

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts that this run did not leave, in words."""
        gone = [words for name, words in _PARTS.items() if _is_missing(getattr(self, name))]
        if self.history and not self.has("val_loss"):
            gone.append("validation losses")
        return tuple(gone)

    def has(self, key: str) -> bool:
        """True if any epoch has a value of this curve."""
        return any(key in row for row in self.history)

    def curve(self, key: str) -> NDArray[np.float64]:
        """Return the values of one curve, one an epoch, NaN where there is none."""
        return np.array([row.get(key, np.nan) for row in self.history], np.float64)


def _is_missing(part: Any) -> bool:
    return part is None or (isinstance(part, (Mapping, tuple)) and not part)


def results_of(path: Path, raw: dict[str, Any], notes: Sequence[str] = ()) -> Results:
    """Return what `raw` says, the content of a results file at `path`; whatever is not as we write it is missing."""
    history, history_keys, said = forms.read_history(raw)
    older_test, test_keys = forms.read_test(raw)
    summary = _object(raw.get("summary"))
    config, data = _object(raw.get("config")), _object(raw.get("data"))
    confusion = _confusion(raw.get("confusion_matrix"))
    ignored = sorted(set(raw) - _KNOWN - history_keys - test_keys)
    said += [f"unknown keys were ignored: {', '.join(ignored)}"] if ignored else []
    tested, doubts = forms.figures_of_test(summary.get("metrics"))
    metrics = older_test | tested
    return Results(
        name=_name(path),
        source=path,
        config=config,
        history=tuple(history),
        metrics=metrics,
        controls=_table(summary.get("controls")),
        validation_controls=_table(raw.get("validation_controls")),
        tests={
            name: HeldOut(figures(one.get("metrics")), _table(one.get("controls")))
            for name, one in _object(raw.get("tests")).items()
            if isinstance(one, dict)
        },
        confusion=confusion,
        class_names=_class_names(raw.get("class_names"), data, 0 if confusion is None else len(confusion)),
        data=data,
        verdict=str(summary.get("verdict", "")),
        flags=texts(summary.get("flags")),
        gate=_object(summary.get("gate")),
        train_s=_positive(summary.get("train_s")),
        epochs=_count(summary.get("epochs")) or len(history) or None,
        parameters=_count(summary.get("parameters")),
        model_bytes=_count(summary.get("model_bytes")),
        inference_ms=_positive(raw.get("inference_ms") or summary.get("inference_ms") or metrics.get("inference_ms")),
        inference_batch_ms=_positive(_object(raw.get("inference")).get("batch_ms")),
        at_s=_positive(summary.get("at_s")),
        stage=_last_stage(raw.get("stages")),
        origin={key: raw[key] for key in ORIGIN if raw.get(key)},
        described_by=str(_object(_object(raw.get("language")).get("described")).get("provider", "")),
        language=_language(raw.get("language")),
        importance=figures(raw.get("importance")),
        curves=forms.curves(raw.get("curves")),
        notes=(*notes, *said, *doubts),
    )


def with_controls(results: Results, rows: Any, of_tests: Any = None) -> Results:
    """Return the results beside trained controls too ({name: figures}, of held-out tests {test: {name: figures}});
    skill is against the best of all. A note says so where they had fewer epochs than the run.
    """
    tests = {
        name: replace(held, controls={**held.controls, **_table(_object(of_tests).get(name))})
        for name, held in results.tests.items()
    }
    controls = {**results.controls, **_table(rows)}
    errors = [row["pred_mse"] for name, row in controls.items() if name not in REFERENCES and "pred_mse" in row]
    metrics = dict(results.metrics)
    if errors and "pred_mse" in metrics:
        metrics["skill"] = skill(metrics["pred_mse"], min(errors))
    fewest = min((row["epochs"] for row in _table(rows).values() if "epochs" in row), default=None)
    notes = results.notes
    if fewest is not None and results.epochs is not None and fewest < results.epochs:
        had = f"a trained control had {fewest:.0f} of the run's {results.epochs} epochs"
        notes = (*notes, f"{had}: `trainer controls --epochs {results.epochs}` trains it as long")
    return replace(results, controls=controls, metrics=metrics, tests=tests, notes=notes)


def texts(value: Any) -> tuple[str, ...]:
    """Return the items of a JSON list as text; () for anything else."""
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _table(value: Any) -> dict[str, dict[str, float]]:
    return {name: figures(row) for name, row in _object(value).items()}


def _language(value: Any) -> dict[str, dict[str, float]]:
    rows = _object(value).get("rows")
    named = [_object(row) for row in rows] if isinstance(rows, list) else []
    return {str(row.get("name", "")): figures(_object(row.get("rates")).get("all")) for row in named}


def _last_stage(stages: Any) -> str:
    newest = stages[-1] if isinstance(stages, list) and stages else None
    return str(_object(newest).get("name", ""))


def _positive(value: Any) -> float | None:
    return float(value) if is_number(value) and value > 0 else None


def _count(value: Any) -> int | None:
    return int(value) or None if is_number(value) and 0 < value < LARGEST_COUNT else None


def _confusion(value: Any) -> NDArray[np.int64] | None:
    """A square matrix of counts, else None."""
    try:
        matrix = np.array(value, np.float64)
    except (TypeError, ValueError):
        return None
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 1
    return matrix.astype(np.int64) if square and ((matrix >= 0) & (matrix < LARGEST_COUNT)).all() else None


def _class_names(given: Any, data: dict[str, Any], count: int) -> tuple[str, ...]:
    """The names as they are given, else those of the manifest's counts, else numbers."""
    splits = [names for names in _object(data.get("counts")).values() if isinstance(names, dict)]
    for names in (given, *map(list, splits)):
        if isinstance(names, list) and names and len(names) == (count or len(names)):
            return tuple(map(str, names))
    return tuple(f"class {place}" for place in range(count))


def _name(path: Path) -> str:
    """The worker and the run as the control plane says it; else the folder, or the file where that says nothing."""
    folder = path.parent.parent if path.parent.name == "artifacts" else path.parent
    try:
        spec = forms.harmless(read_object(RunDir(str(folder)).spec, SPEC_MAX_BYTES) or {})
    except (WireError, RecursionError):
        spec = {}
    if spec.get("worker") and spec.get("run"):
        return f"{spec['worker']}/{spec['run']}"
    plain = path.name in (RESULTS_NAME, EVALUATION_NAME, *RECORDS)
    return folder.resolve().name if plain else path.stem

"""The pictures of one run, drawn from its results alone; a picture whose numbers are missing is not drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from trainer import plots
from trainer.analysis.analysis import Analysis
from trainer.analysis.path_sheet import predicted_paths
from trainer.analysis.standing import HORIZONS
from trainer.plots import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION

TRAJECTORIES = "trajectories"


def draw(analysis: Analysis, folder: Path) -> list[str]:
    """Write every picture that the numbers allow into `folder`; return their file names."""
    drawn = []
    for name, picture in PICTURES.items():
        if picture(analysis, folder / name):
            drawn.append(name)
    return drawn


def training_curves(analysis: Analysis, path: Path) -> bool:
    """Loss, accuracy, forecast error with its controls and learning rate over the epochs: of trajectories. Another
    problem's run has drawn its own, with figures of other names.
    """
    results = analysis.results
    if not results.history or results.config.get("problem", TRAJECTORIES) != TRAJECTORIES:
        return False
    controls = {name: row["pred_mse"] for name, row in results.validation_controls.items() if "pred_mse" in row}
    chance = 1 / len(results.class_names) if results.class_names else None
    plots.training_curves(path, results.history, controls, results.name, chance)
    return True


def confusion_matrix(analysis: Analysis, path: Path) -> bool:
    """Counts of the test split, each row in percent of its true class."""
    results = analysis.results
    if results.confusion is None:
        return False
    plots.confusion(path, results.confusion, results.class_names)
    return True


def forecasting_curves(analysis: Analysis, path: Path) -> bool:
    """Error at t+1..t+5 of the run and of every control."""
    needed = [f"{kind}_t{step}" for kind in ("mse", "mae_percent") for step in HORIZONS]
    results = analysis.results
    if not all(key in results.metrics for key in needed):
        return False
    controls = {name: row for name, row in results.controls.items() if all(key in row for key in needed)}
    plots.forecasting_curves(path, results.metrics, controls)
    return True


def metrics_summary(analysis: Analysis, path: Path) -> bool:
    """Accuracy with its interval beside each class's recall, and the forecast error beside the controls."""
    bars = _accuracy_bars(analysis)
    errors = _error_bars(analysis)
    if not bars and not errors:
        return False
    title = f"{analysis.results.name}: figures on {analysis.judged_on}"
    with plots.canvas(path, title, 10, 1.6 + 0.34 * max(len(bars), len(errors))) as figure:
        left, right = figure.subplots(1, 2)
        left.set_title("Accuracy, recall of each class, controls")
        _bars(left, bars)
        left.set_xlim(0, 1.02)
        left.xaxis.set_major_formatter(PercentFormatter(1.0))
        for bar in (0.7, 0.9):
            left.axvline(bar, color=QUIET, linestyle=":", linewidth=1)
        right.set_title("Forecast MSE at t+5 (half-sides²)")
        _bars(right, errors)
        for limit in (0.05, 0.1):
            right.axvline(limit, color=QUIET, linestyle=":", linewidth=1)
    return True


def learning_rate(analysis: Analysis, path: Path) -> bool:
    """Learning rate over the epochs, with the best epoch."""
    results = analysis.results
    if not results.has("learning_rate"):
        return False
    with plots.canvas(path, f"{results.name}: learning rate", 7, 3.4) as figure:
        axes = figure.subplots()
        axes.plot(results.curve("epoch"), results.curve("learning_rate"), color=GREEN, marker="o", markersize=3.5)
        axes.set_ylim(bottom=0)
        _epochs(axes, analysis)
    return True


def generalization_gap(analysis: Analysis, path: Path) -> bool:
    """Validation minus training loss, and training minus validation accuracy, over the epochs."""
    results = analysis.results
    losses = results.curve("val_loss") - results.curve("train_loss")
    accuracies = results.curve("train_accuracy") - results.curve("val_accuracy")
    panels = [
        (title, gap, colour)
        for title, gap, colour in (
            ("Loss: validation - training", losses, VERMILION),
            ("Accuracy: training - validation, points", 100 * accuracies, BLUE),
        )
        if np.isfinite(gap).any()
    ]
    if not panels:
        return False
    with plots.canvas(path, f"{results.name}: generalisation gap", 5 * len(panels), 3.6) as figure:
        for axes, (title, gap, colour) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            axes.set_title(title)
            axes.plot(results.curve("epoch"), gap, color=colour, marker="o", markersize=3.5)
            axes.axhline(0, color=INK, linewidth=0.8)
            _epochs(axes, analysis)
    return True


PICTURES = {
    "training_curves.png": training_curves,
    "confusion_matrix.png": confusion_matrix,
    "metrics_summary.png": metrics_summary,
    "learning_rate.png": learning_rate,
    "generalization_gap.png": generalization_gap,
    "forecasting_curves.png": forecasting_curves,
    "predicted_paths.png": predicted_paths,
}

Bar = tuple[str, float, tuple[float, float] | None, str]
"""Label, value, interval, colour."""


def _accuracy_bars(analysis: Analysis) -> list[Bar]:
    bars: list[Bar] = []
    if "accuracy" in analysis.figures:
        bars.append(("accuracy", analysis.figures["accuracy"], analysis.interval, VERMILION))
    for row in analysis.classes:
        if row.recall is not None:
            bars.append((row.name, row.recall, (row.low, row.high), BLUE))
    for control in analysis.controls:
        if control.accuracy is not None:
            bars.append((plots.spoken(control.name), control.accuracy, None, ORANGE))
    return bars


def _error_bars(analysis: Analysis) -> list[Bar]:
    bars: list[Bar] = []
    if "pred_mse" in analysis.figures:
        bars.append(("this run", analysis.figures["pred_mse"], None, VERMILION))
    for control in analysis.controls:
        if control.pred_mse is not None:
            bars.append((plots.spoken(control.name), control.pred_mse, None, ORANGE))
    return bars


def _bars(axes: Any, bars: list[Bar]) -> None:
    """Horizontal bars with their value beside them, the first on top."""
    if not bars:
        axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", color=QUIET)
        return
    for place, (_, value, span, colour) in enumerate(bars):
        axes.barh(place, value, color=colour, height=0.62)
        if span:
            axes.hlines(place, *span, color=INK, linewidth=1.4)
        axes.annotate(
            f" {value:.3g}", (max(value, span[1] if span else 0), place), va="center", color=INK, fontsize=8.5
        )
    axes.set_yticks(range(len(bars)), [label for label, *_ in bars])
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(left=0, right=1.15 * max(value for _, value, *_ in bars) or 1)
    axes.grid(False, axis="y")


def _epochs(axes: Any, analysis: Analysis) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    if analysis.best_epoch is not None:
        axes.axvline(analysis.best_epoch, color=QUIET, linestyle=":", linewidth=1.2, label="best epoch")
        axes.legend()

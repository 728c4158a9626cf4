"""The pictures that a run leaves. Matplotlib without a display; colours by Okabe and Ito, line styles beside them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from wire.run_dir import replace_file

BLUE, ORANGE, GREEN, VERMILION, PURPLE = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7"
INK, QUIET, GRID = "#22272e", "#6e7781", "#e3e7ec"
CONTROL_STYLES = {"hold_last": (ORANGE, "--"), "constant_velocity": (GREEN, "-."), "class_mean": (PURPLE, ":")}
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 2.0,
}


@contextmanager
def canvas(path: Path, title: str, width_in: float, height_in: float) -> Iterator[Figure]:
    """Give a styled figure and write it to `path` atomically."""
    with matplotlib.rc_context(_STYLE):
        layout = ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.09, hspace=0.04, wspace=0.03)
        figure = Figure(figsize=(width_in, height_in), dpi=150, facecolor="white", layout=layout)
        agg = FigureCanvasAgg(figure)
        figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold")
        yield figure
        buffer = io.BytesIO()
        agg.print_png(buffer, metadata={"Software": None})  # the same pixels as savefig, which draws everything twice
    replace_file(str(path), buffer.getvalue())


def scale_y(axes: Any, values: Sequence[float]) -> None:
    """Give the y axis a log scale with plain ticks where the values span enough, else a linear one from zero."""
    values = [value for value in values if math.isfinite(value)] or [1.0]
    if min(values) <= 0 or max(values) < 4 * min(values):
        axes.set_ylim(0, 1.12 * max(values))
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def spoken(key: str) -> str:
    """Return a key as it stands in a picture."""
    return key.replace("_", " ")


def control_style(name: str) -> tuple[str, str]:
    """Return the colour and line style of a control."""
    return CONTROL_STYLES.get(name, (QUIET, "--"))


def training_curves(
    path: Path, history: Sequence[Mapping[str, float]], controls: Mapping[str, float], title: str, chance: float | None
) -> None:
    """Draw loss, accuracy, forecast error with its controls, and learning rate over the epochs.

    A curve without values is left out, and a panel without curves says so.
    """
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(epochs) <= 30 else ""

    def lines(axes: Any, title: str, *curves: tuple[str, str, str, str]) -> list[float]:
        """Draw (key, colour, label, style); return every value that was drawn."""
        axes.set_title(title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn: list[float] = []
        for key, colour, label, style in curves:
            values = [row.get(key, math.nan) for row in history]
            if any(map(math.isfinite, values)):
                axes.plot(epochs, values, style, color=colour, label=label, marker=marker, markersize=3.5)
                drawn += values
        if not drawn:
            axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=QUIET)
        return drawn

    train, validation = (BLUE, "training", "--"), (VERMILION, "validation", "-")
    with canvas(path, title, 10, 6.4) as figure:
        (loss, accuracy), (error, rate) = figure.subplots(2, 2)
        if values := lines(loss, "Loss", ("train_loss", *train), ("val_loss", *validation)):
            scale_y(loss, values)
            loss.legend()
        if lines(accuracy, "Class accuracy", ("train_accuracy", *train), ("val_accuracy", *validation)):
            if chance is not None:
                accuracy.axhline(chance, color=QUIET, linewidth=1, linestyle=":", label="chance")
            accuracy.set_ylim(0, 1.02)
            accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
            accuracy.legend()
        forecast = "Forecast MSE at t+5, validation (half-sides²)"
        if values := lines(error, forecast, ("pred_mse", VERMILION, "model", "-")):
            for name, value in controls.items():
                colour, style = control_style(name)
                error.axhline(value, color=colour, linestyle=style, linewidth=1.4, label=spoken(name))
            scale_y(error, [*values, *controls.values()])
            error.legend()
        if lines(rate, "Learning rate at the epoch's end", ("learning_rate", GREEN, "", "-")):
            rate.set_ylim(bottom=0)
        for axes in (error, rate):
            axes.set_xlabel("epoch")


def forecasting_curves(path: Path, metrics: Mapping[str, Any], controls: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the error at t+1..t+5 of the model and of every control, as MSE and in percent of the workspace."""
    steps = np.arange(1, 6)
    rows = {"model": metrics} | {name: row for name, row in controls.items() if "mse_t1" in row}
    panels = (("mse_t", "MSE (half-sides²)"), ("mae_percent_t", "Mean absolute error (% of the workspace side)"))
    with canvas(path, "Forecast error on the test split", 10, 3.9) as figure:
        for axes, (prefix, title) in zip(figure.subplots(1, 2), panels, strict=True):
            for name, row in rows.items():
                colour, style = (VERMILION, "-") if name == "model" else control_style(name)
                values = np.array([row[f"{prefix}{step}"] for step in steps], float)
                width = 2.4 if name == "model" else 1.5
                axes.plot(
                    steps, values, style, color=colour, linewidth=width, marker="o", markersize=4, label=spoken(name)
                )
            axes.set_title(title)
            axes.set_xticks(steps, [f"t+{step}" for step in steps])
            axes.set_xlabel("frame after the last seen one")
            axes.set_ylim(bottom=0)
            if prefix == "mse_t":
                axes.legend()


def confusion(path: Path, counts: np.ndarray, names: Sequence[str]) -> None:
    """Draw the confusion matrix, each row in percent of its true class with the count below."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with canvas(path, "Confusion matrix, test split", 5.4, 4.9) as figure:
        axes = figure.subplots()
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if share[row, column] > 0.55 else INK
            label = f"{100 * share[row, column]:.1f} %\n{counts[row, column]}"
            axes.text(column, row, label, ha="center", va="center", color=colour, fontsize=9.5)

"""Every number that the analysis of a run holds, as facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from trainer.analysis.analysis import Analysis
from trainer.analysis.forms import is_number
from trainer.analysis.prose.costs import cost_facts, setting_facts
from trainer.analysis.prose.facts import Fact, Facts, Unit, Words, need
from trainer.analysis.prose.histories import history_facts
from trainer.analysis.standing import HORIZONS, Figures
from trainer.tasks import Tasks

_INTERVAL = frozenset({"interval", "confidence", "ci", "bound", "between", "from", "to", "wilson"})
_ROW: Mapping[str, tuple[Unit, str, str]] = {
    "accuracy": ("share", "accuracy", "accuracy"),
    "precision": ("share", "precision (mean of the classes)", "precision"),
    "recall": ("share", "recall (mean of the classes)", "recall"),
    "f1": ("share", "F1 (mean of the classes)", "F1"),
    "pred_mse": ("number", "MSE of the forecast at t+5", "MSE"),
    "skill": ("skill", "skill: 1 - MSE at t+5 / that of the best control", "skill"),
    "class_loss": ("number", "loss of the class head", "loss"),
    "pred_loss": ("number", "loss of the forecast head, before its weight", "loss"),
    **{f"mse_t{step}": ("number", f"MSE of the forecast at t+{step}", "MSE") for step in HORIZONS[:-1]},
    **{f"mae_percent_t{step}": ("percent", f"MAE of the forecast at t+{step}", "MAE") for step in HORIZONS},
}
"""Key of a figure -> unit, words, measure."""
_OF_A_CONTROL = [key for key in _ROW if key == "accuracy" or key.startswith(("pred_mse", "mse_", "mae_"))]
_COMMON = need("shifted", "class", "mean", "last", "one", "frame", "frames", "video", "labels", "features")
"""Words in names that say nothing by themselves."""
_OF_CONTROLS = frozenset({"control", "baseline"})


def facts_of(analysis: Analysis) -> Facts:
    """Return the table of one run."""
    parts = (_own, _classes, _controls, _held_out, history_facts, cost_facts, setting_facts, _bars)
    results = analysis.results
    kinds = [need(*names) for names in (results.class_names, results.tests, results.controls)]
    rivals = tuple((names, names - _COMMON) for names in kinds)
    return Facts(chain.from_iterable(part(analysis) for part in parts), rivals)


def _row(
    prefix: str, of: str, figures: Figures, needs: tuple[Words, ...], keys: Sequence[str] = tuple(_ROW)
) -> Iterator[Fact]:
    for key in keys:
        if key in figures:
            unit, words, measure = _ROW[key]
            yield Fact(f"{prefix}{key}", figures[key], unit, f"{words}{of}", measure, needs)


def _own(analysis: Analysis) -> Iterator[Fact]:
    figures, results = analysis.figures, analysis.results
    on = f", {analysis.judged_on}"
    tasks = Tasks.of(results.config)
    known = [key for key in _ROW if not tasks.untrained(key)]
    yield from _row("", on, figures, (), known)
    if analysis.interval is not None:
        for name, value in zip(("low", "high"), analysis.interval, strict=True):
            words = f"{'lower' if name == 'low' else 'upper'} end of the accuracy's 95 % interval"
            yield Fact(f"accuracy_{name}", value, "share", words, "accuracy", (_INTERVAL,))
        yield Fact("interval.level", 0.95, "share", "confidence of every interval", "", (_INTERVAL,))
    clips = need("clips", "samples", "videos", "examples")
    if count := figures.get("n"):
        yield Fact("n", count, "count", f"clips judged{on}", "", (clips | need("test", "validation", "accuracy"),))
        if "accuracy" in figures:
            wrong = count - round(figures["accuracy"] * count)
            missed = need("wrong", "error", "misclassified", "missed")
            yield Fact("wrong", wrong, "count", f"clips named wrongly{on}", "", (clips | missed,))
            yield Fact(
                "right",
                count - wrong,
                "count",
                f"clips named rightly{on}",
                "",
                (clips | need("right", "correct", "accuracy"),),
            )
            yield Fact("wrong_share", wrong / count, "share", f"share of clips named wrongly{on}", "", (missed,))
    yield from _shape(figures, results.config)


def _shape(figures: Figures, config: Mapping[str, object]) -> Iterator[Fact]:
    """What the errors are made of: how they grow with the horizon, which head has the larger loss."""
    for key, words in (("mse_t", "MSE"), ("mae_percent_t", "MAE")):
        near, far = figures.get(f"{key}1"), figures.get(f"{key}5")
        if near and far:
            yield Fact(
                f"{key}5/{key}1",
                far / near,
                "times",
                f"{words} at t+5 over that at t+1",
                words,
                (need(words, "error"),),
            )
            if words == "MSE":
                yield Fact(
                    "mse_at_start",
                    near / far,
                    "share",
                    "MSE at t+1 as a share of that at t+5",
                    "MSE",
                    (need("MSE", "error"),),
                )
    weights = [config.get("w_class"), config.get("w_pred")]
    losses = [figures.get("class_loss"), figures.get("pred_loss")]
    parts = [
        weight * loss for weight, loss in zip(weights, losses, strict=True) if is_number(weight) and is_number(loss)
    ]
    if len(parts) == 2 and sum(parts) > 0:
        words = "share of the forecast in the weighted loss"
        yield Fact(
            "loss.forecast_share", parts[1] / sum(parts), "share", words, "loss", (need("forecast", "prediction"),)
        )


def _classes(analysis: Analysis) -> Iterator[Fact]:
    known = [row for row in analysis.classes if row.recall is not None]
    for row in known:
        assert row.recall is not None
        of = need(row.name)
        yield Fact(f"{row.name}.recall", row.recall, "share", f"recall of {row.name}", "recall", (of,))
        yield Fact(
            f"{row.name}.low", row.low, "share", f"lower end of the interval of {row.name}", "recall", (of, _INTERVAL)
        )
        yield Fact(
            f"{row.name}.high", row.high, "share", f"upper end of the interval of {row.name}", "recall", (of, _INTERVAL)
        )
        yield Fact(f"{row.name}.n", row.n, "count", f"test clips of {row.name}", "", (of | need("class", "each"),))
    if known:
        mean = sum(row.recall or 0.0 for row in known) / len(known)
        yield Fact("classes.recall", mean, "share", "mean recall of the classes", "recall", (need("mean", "average"),))
        yield Fact("classes", len(known), "count", "classes", "", (need("class"),))
    confusion, names = analysis.results.confusion, analysis.results.class_names
    if confusion is None:
        return
    for true, row_counts in zip(names, confusion.tolist(), strict=True):
        for said, count in zip(names, row_counts, strict=True):
            if count:
                words = f"clips of {true} named {said}" if said != true else f"clips of {true} named rightly"
                yield Fact(f"{true}.as.{said}", count, "count", words, "", (need(true), need(said)))


def _controls(analysis: Analysis) -> Iterator[Fact]:
    own = analysis.results.controls
    for row in analysis.controls:
        needs, of = (need(row.name) | _OF_CONTROLS,), f" of the control {row.name}"
        if row.reference:
            needs, of = (need(row.name, "reference"),), f" of the reference {row.name}"
        yield from _row(f"{row.name}.", of, own[row.name], needs, _OF_A_CONTROL)
        for name in analysis.results.class_names:
            if (recall := own[row.name].get(f"recall_{name}")) is not None:
                both = (*needs, need(name))
                yield Fact(f"{row.name}.recall_{name}", recall, "share", f"recall of {name}{of}", "recall", both)
        if row.reference and row.pred_mse and (mse := analysis.figures.get("pred_mse")):
            words = f"MSE at t+5{of} as a share of the run's"
            yield Fact(f"{row.name}.mse_share", row.pred_mse / mse, "share", words, "MSE", needs)
        if row.skill is not None:
            words = f"skill of the run against {row.name}"
            yield Fact(f"{row.name}.skill", row.skill, "skill", words, "skill", needs)
        if row.gained is not None:
            yield Fact(f"{row.name}.gained", row.gained, "points", f"accuracy above {row.name}", "accuracy", needs)


def _held_out(analysis: Analysis) -> Iterator[Fact]:
    tests = analysis.results.tests
    own = analysis.figures.get("pred_mse")
    for name, one in tests.items():
        others = {word for other in tests if other != name for word in need(other)}
        needs, of = ((need(name) - others) or need(name),), f" on the held-out test {name}"
        yield from _row(f"{name}.", of, one.metrics, needs)
        if name in analysis.drops:
            words = f"accuracy lost on the held-out test {name}"
            yield Fact(f"{name}.drop", analysis.drops[name], "points", words, "accuracy", needs)
        if own and (there := one.metrics.get("pred_mse")) is not None:
            words = f"MSE at t+5 on {name} over that of the ordinary test"
            yield Fact(f"{name}.mse_ratio", there / own, "times", words, "MSE", needs)
        for control, row in one.controls.items():
            both = (*needs, need(control) | _OF_CONTROLS)
            yield from _row(
                f"{name}.{control}.", f" of the control {control} on {name}", row, both, ("accuracy", "pred_mse")
            )


def _bars(analysis: Analysis) -> Iterator[Fact]:
    """The bars that runs are held to. They are no result: a text must call them a bar."""
    of = frozenset(
        {"bar", "gate", "target", "threshold", "plan", "goal", "requir", "limit", "above", "below", "under", "over"}
    )
    for place, one in enumerate(analysis.targets):
        digits = "".join(char for char in one.bar.partition("(")[0] if char.isdigit() or char == ".")
        if not digits:
            continue
        value, unit = float(digits), "percent" if "%" in one.bar else "number"
        if one.figure == "accuracy":
            value, unit = value / 100, "share"
        measure = {"accuracy": "accuracy", "pred_mse": "MSE", "mae_percent_t4": "MAE", "skill": "skill"}.get(
            one.figure, ""
        )
        words = f"bar of `{one.stage}` for {one.figure.replace('_', ' ')}: {one.bar}"
        yield Fact(f"bar.{place}", value, unit, words, measure, (of,))  # type: ignore[arg-type]

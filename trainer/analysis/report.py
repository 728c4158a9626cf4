"""analysis_report.md and analysis.json: the numbers of one run, and what they recommend."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from trainer import words
from trainer.analysis.advice import RULES, Advice
from trainer.analysis.analysis import Analysis
from trainer.analysis.markdown import UNKNOWN, number, percent, points, table
from trainer.analysis.results import texts
from trainer.analysis.standing import HORIZONS, Target
from trainer.language.tables import rates_table
from trainer.tasks import Tasks

_SUMMARY = ("accuracy", "precision", "recall", "f1", "pred_mse", "mae_percent_t4", "mae_percent_t5", "skill", "n")


def as_json(analysis: Analysis, advice: list[Advice]) -> dict[str, Any]:
    """Return the analysis as JSON values."""
    parts = {
        name: getattr(analysis, name) for name in ("judged_on", "interval", "best_epoch", "lacking", "drops", "flags")
    }
    for name in ("convergence", "overfitting", "stability", "generalisation"):
        part = getattr(analysis, name)
        parts[name] = None if part is None else asdict(part)
    for name in ("classes", "controls", "targets"):
        parts[name] = [asdict(row) for row in getattr(analysis, name)]
    results = analysis.results
    return {
        "run": results.name,
        "figures": dict(analysis.figures),
        **parts,
        "recommendations": [asdict(one) for one in advice],
        "missing": list(results.missing),
        "notes": list(results.notes),
    }


def page(analysis: Analysis, advice: list[Advice], pictures: list[str]) -> str:
    """Return analysis_report.md; `pictures` are file names beside it."""
    results = analysis.results
    lines = [f"# {results.name}", "", summary(analysis), ""]
    lines += [f"- **{flag}**" for flag in analysis.flags]
    lines += [f"- not there, so not judged: {', '.join(results.missing)}"] if results.missing else []
    lines += [f"- {note}" for note in results.notes]
    sections = {
        "Gate": _gate(analysis),
        "Figures": _figures(analysis),
        "Targets": _targets(analysis),
        "Against the controls": control_table(analysis),
        "Held-out tests": _held_out(analysis),
        "Descriptions": _language(analysis),
        "Recall of each class": class_table(analysis),
        "Training": _training(analysis),
        "Recommendations": _recommendations(advice),
        "Pictures": [f"![{name.removesuffix('.png').replace('_', ' ')}]({name})" for name in pictures],
    }
    for title, content in sections.items():
        if content:
            lines += ["", f"## {title}", "", *content]
    return "\n".join(lines).rstrip() + "\n"


def summary(analysis: Analysis) -> str:
    """Return one sentence: what came out, judged on what, at what cost."""
    results, figures = analysis.results, analysis.figures
    if not figures:
        return "The run left no accuracy and no forecast error."
    parts = [results.verdict or ("no skill" if "no skill" in analysis.flags else "")]
    if "accuracy" in figures:
        within = analysis.interval
        span = f" ({percent(within[0])} to {percent(within[1])})" if within else ""
        parts.append(f"accuracy {percent(figures['accuracy'])}{span}")
    parts += [f"MSE at t+5 {number(figures['pred_mse'])}"] if "pred_mse" in figures else []
    parts += [f"skill {figures['skill']:.2f}"] if "skill" in figures else []
    parts += [f"{results.epochs} epoch{'s' if results.epochs > 1 else ''}"] if results.epochs else []
    parts += [f"trained {words.duration(results.train_s)}"] if results.train_s else []
    return f"{', '.join(part for part in parts if part)} (judged on: {analysis.judged_on})."


def _gate(analysis: Analysis) -> list[str]:
    """The run's own verdict, as it stands in its results."""
    lines = []
    gate = analysis.results.gate
    for name, verdict in (("Gate after `validate`", gate), ("Bar of `full`", gate.get("bar"))):
        if isinstance(verdict, dict) and isinstance(verdict.get("passed"), bool):
            reasons = "; ".join(texts(verdict.get("reasons")))
            word = "passed" if verdict["passed"] else "not passed"
            lines.append(f"- {name}, epoch {verdict.get('epoch', UNKNOWN)}: {word}{': ' if reasons else ''}{reasons}.")
    if gate.get("released_by"):
        lines.append(f"- Released by {gate['released_by']}.")
    return lines


def _figures(analysis: Analysis) -> list[str]:
    rows = []
    for name in _SUMMARY:
        if name in analysis.figures:
            value = analysis.figures[name]
            share = name in ("accuracy", "precision", "recall", "f1")
            rows.append((name, percent(value) if share else number(value, 4)))
    results = analysis.results
    effort: dict[str, float | None] = {
        "s/epoch": results.train_s / results.epochs if results.train_s and results.epochs else None,
        "parameters": results.parameters,
        "MB": results.model_bytes / 1e6 if results.model_bytes else None,
        "inference, ms a clip": results.inference_ms,
    }
    rows += [(name, f"{value:,}" if name == "parameters" else number(value)) for name, value in effort.items() if value]
    return table(("figure", "value:"), rows) if rows else []


def _targets(analysis: Analysis) -> list[str]:
    if not analysis.figures:
        return []
    tasks = Tasks.of(analysis.results.config)

    def value(one: Target) -> str:
        return percent(one.value) if one.figure == "accuracy" else number(one.value)

    def said(one: Target) -> str:
        if one.met is None:
            return "not trained" if tasks.untrained(one.figure) else "not known"
        return ("met" if one.met else "not met") + ("" if one.sure else ", but the bar is inside the interval")

    rows = [(one.stage, one.figure.replace("_", " "), one.bar, value(one), said(one)) for one in analysis.targets]
    return table(("bar of", "figure", "bar", "value:", "verdict"), rows)


def control_table(analysis: Analysis) -> list[str]:
    """Return the run beside each control and reference; [] if there are none."""
    rows = [
        (
            row.name.replace("_", " ") + (" (reference)" if row.reference else ""),
            percent(row.accuracy),
            points(row.gained),
            number(row.pred_mse),
            UNKNOWN if row.skill is None else f"{row.skill:.2f}",
            UNKNOWN if row.better_from is None else f"t+{row.better_from}",
        )
        for row in analysis.controls
    ]
    head = ("control", "accuracy:", "gained, points:", "MSE at t+5:", "skill of the run:", "run is better from:")
    return table(head, rows) if rows else []


def _held_out(analysis: Analysis) -> list[str]:
    head = ("test", "accuracy:", "drop, points:", "MSE at t+5:", "% MAE at t+4:", "skill:")
    rows = []
    for name, one in analysis.results.tests.items():
        figures = one.metrics
        shown = (number(figures.get(key)) for key in ("pred_mse", "mae_percent_t4", "skill"))
        rows.append((name, percent(figures.get("accuracy")), points(analysis.drops.get(name)), *shown))
    return table(head, rows) if rows else []


def _language(analysis: Analysis) -> list[str]:
    """Return the figures of the run's descriptions beside their controls and their ceiling."""
    results = analysis.results
    if not results.language:
        return []
    lines = rates_table(results.language.items())
    return [f"By {results.described_by}; the words and what each figure means: descriptions.md.", "", *lines]


def class_table(analysis: Analysis) -> list[str]:
    """Return the recall of each class; [] without a confusion matrix."""
    rows = [
        (
            row.name,
            row.n,
            percent(row.recall),
            f"{percent(row.low)} to {percent(row.high)}",
            f"{row.taken_for} ({row.taken_count})" if row.taken_for else UNKNOWN,
        )
        for row in analysis.classes
    ]
    return table(("class", "n:", "recall:", "95 % interval", "most often taken for"), rows) if rows else []


def _training(analysis: Analysis) -> list[str]:
    lines = []
    if analysis.best_epoch is not None:
        lines.append(f"- Best epoch: {analysis.best_epoch}.")
    if (found := analysis.convergence) is not None:
        where = f"epoch {found.epoch}" if found.epoch is not None else f"not reached: {found.why}"
        lines.append(f"- Convergence (95 % of the way to the lowest validation loss): {where}.")
    if (over := analysis.overfitting) is not None:
        lines.append(
            f"- Overfitting: {over.level}. Validation minus training loss is {over.gap:.3g} in the last epoch, "
            f"{over.gap_at_best:.3g} in the best; its trend is {over.trend:+.2g} ± {over.trend_error:.2g} an epoch; "
            f"the last validation loss lies {100 * over.rise:.0f} % above the lowest."
        )
    if (steady := analysis.stability) is not None:
        lines.append(
            f"- Stability: {steady.level}. The validation loss lies {100 * steady.jitter:.1f} % from the mean of its "
            f"neighbours (median) and rises in {100 * steady.rises:.0f} % of the epochs, at most "
            f"{steady.largest_rise:.2f}-fold; losses that are not finite: {steady.not_finite}."
        )
    if (gaps := analysis.generalisation) is not None:
        parts = {
            "loss, validation - training": number(gaps.loss),
            "accuracy in points, training - validation": points(gaps.accuracy),
            "accuracy in points, validation - test": points(gaps.to_test),
        }
        known = "; ".join(f"{name}: {value}" for name, value in parts.items() if value != UNKNOWN)
        lines += [f"- Generalisation gap in epoch {gaps.epoch}: {known}."] if known else []
    errors = [analysis.figures.get(f"mae_percent_t{step}") for step in HORIZONS]
    if all(value is not None for value in errors):
        lines.append(f"- Forecast, % MAE at t+1..t+5: {', '.join(number(value) for value in errors)}.")
    return lines


def _recommendations(advice: list[Advice]) -> list[str]:
    if not advice:
        return [f"None of the {len(RULES)} rules was triggered by a number of this run."]
    return [f"{place}. {sentence(one)} (`{one.rule}`)" for place, one in enumerate(advice, 1)]


def sentence(advice: Advice) -> str:
    """Return a recommendation with its reason."""
    return f"{advice.because[0].upper()}{advice.because[1:]}: {advice.do}."

"""What was reached, against what."""

from __future__ import annotations

from collections.abc import Iterator

from trainer.analysis.prose.rules.told import Told, listed, named
from trainer.analysis.standing import Target
from trainer.metrics import wilson_interval
from trainer.tasks import Tasks


def performance(told: Told) -> list[str]:
    """Return the section."""
    if not told.analysis.figures:
        return ["The run left neither an accuracy nor a forecast error: there is no performance to speak of."]
    parts = [_warnings, _classification, _forecast, _bars, _classes, _held_out]
    paragraphs = [text for part in parts for text in part(told)]
    seeds = "This is one training: the interval covers the clips that were drawn, not other seeds."
    return "\n\n".join([*paragraphs, seeds]).split("\n")


def _warnings(told: Told) -> Iterator[str]:
    flags = told.analysis.flags
    if flags:
        yield f"**Read with care: {'; '.join(flags)}.**"
    if told.reached.end == "under way":
        yield f"**The run is not at its end: {told.reached.words} are done, and all of this may change.**"
    if told.analysis.lacking:
        yield f"**A split lacks a class ({'; '.join(told.analysis.lacking)}): its figures mean nothing.**"
    yield from (f"**{note[0].upper()}{note[1:]}.**" for note in Tasks.of(told.analysis.results.config).notes)


def _classification(told: Told) -> Iterator[str]:
    if not told.has("accuracy"):
        return
    text = f"On {told.split} the accuracy is {told('accuracy')}"
    if told.has("accuracy_low", "accuracy_high"):
        text += f" (95 % interval {told('accuracy_low')} to {told('accuracy_high')})"
    if told.has("n", "wrong"):
        text += f": {told('wrong')} of {told('n')} clips are named wrongly"
    text += "."
    if (control := told.closest_control) is not None:
        above = (control.gained or 0.0) > 0
        text += f" The best control, {named(control.name)}, has an accuracy of {told(f'{control.name}.accuracy')}, "
        text += f"{told(f'{control.name}.gained').lstrip('+-')} {'less' if above else 'more'}."
    if told.has("oracle.accuracy"):
        text += (
            " The reference `oracle`, which is told the true place and size, has an accuracy of"
            f" {told('oracle.accuracy')}."
        )
    yield text


def _forecast(told: Told) -> Iterator[str]:
    if not told.has("pred_mse"):
        return
    text = f"The forecast has an MSE of {told('pred_mse')} at t+5"
    if told.has("mae_percent_t1", "mae_percent_t5"):
        text += (
            f", and a MAE that goes from {told('mae_percent_t1')} of the workspace at t+1 to {told('mae_percent_t5')}"
            " at t+5"
        )
    text += "."
    control = told.best_control
    if control is not None and told.has(f"{control.name}.skill"):
        text += (
            f" The best control, {named(control.name)}, has an MSE of {told(f'{control.name}.pred_mse')}: a skill of"
            f" {told(f'{control.name}.skill')}"
        )
        if control.better_from == 1:
            text += ", and the run is ahead at every horizon."
        elif control.better_from is not None:
            text += f", but the run is ahead only from t+{control.better_from} on."
        else:
            text += "."
    yield text


def _bars(told: Told) -> Iterator[str]:
    known = [one for one in told.analysis.targets if one.met is not None]
    failed = [one for one in known if not one.met]
    if not known:
        return
    if failed:
        yield f"Not met: {listed([_bar(one) for one in failed])}."
    else:
        yield "Every bar of gate, `full` and forecast that can be judged is met."
    if unsure := [one for one in known if not one.sure]:
        yield f"The interval spans a bar, {listed([_bar(one) for one in unsure])}: too few clips to be sure."


def _bar(one: Target) -> str:
    return f"the bar of `{one.stage}` for {one.figure.replace('_', ' ')} ({one.bar})"


def _classes(told: Told) -> Iterator[str]:
    weakest = told.weakest
    if weakest is None or weakest.recall is None:
        if told.analysis.classes:
            yield "No clip of any class is named wrongly."
        return
    name = weakest.name
    text = (
        f"The weakest class is {name}: recall {told(f'{name}.recall')} (interval {told(f'{name}.low')} to"
        f" {told(f'{name}.high')}) beside a mean of {told('classes.recall')}; {told(f'{name}.as.{weakest.taken_for}')}"
        f" of its {told(f'{name}.n')} clips are named {weakest.taken_for}."
    )
    if weakest.high > (told.facts.value("classes.recall") or 0):
        text += " The interval contains the mean, so that it is weaker is not proven."
    yield text


def _held_out(told: Told) -> Iterator[str]:
    rows = list(told.analysis.results.tests)
    if rows:
        yield "\n".join(["On the held-out tests:", *(f"- {_held(told, name)}" for name in rows)])


def _held(told: Told, name: str) -> str:
    parts = []
    if told.has(f"{name}.drop"):
        parts.append(f"accuracy {told(f'{name}.accuracy')}, {_lost(told, name)}")
    if told.has(f"{name}.mse_ratio"):
        parts.append(f"MSE at t+5 {told(f'{name}.pred_mse')}, {told(f'{name}.mse_ratio')} the ordinary one")
    if told.has(f"{name}.skill"):
        skill = told.facts[f"{name}.skill"].value
        parts.append(f"skill {told(f'{name}.skill')}" + (": no better than a control there" if skill <= 0 else ""))
    return f"{named(name)}: {'; '.join(parts) or 'no figure'}."


def _lost(told: Told, name: str) -> str:
    """How much is lost, and whether two intervals as wide as these can tell it."""
    drop, metrics = told.analysis.drops[name], told.analysis.results.tests[name].metrics
    own, count = told.analysis.interval, metrics.get("n")
    words = (
        f"a drop of {told(f'{name}.drop').lstrip('+-')}"
        if drop > 0
        else f"{told(f'{name}.drop').lstrip('+-')} above the ordinary test"
    )
    if drop == 0:
        words = "no drop"
    if own is None or not count:
        return words
    low, high = wilson_interval(round(metrics["accuracy"] * count), int(count))
    return words if high < own[0] or low > own[1] else f"{words}, within what the intervals leave open"

"""What the curves say."""

from __future__ import annotations

from collections.abc import Iterator

from trainer.analysis.curves import SIGNIFICANT
from trainer.analysis.prose.rules.told import Told


def dynamics(told: Told) -> list[str]:
    """Return the section."""
    parts = [_course, _end, _gap, _steadiness, _heads]
    items = [f"- {text}" for part in parts for text in part(told)]
    return items or ["The run left no curves, so nothing is known of its training."]


def _course(told: Told) -> Iterator[str]:
    best = told.analysis.best_epoch
    if best is not None and told.has("loss.fallen", f"epoch.{best}.val_loss"):
        text = f"The validation loss falls by {told('loss.fallen')} to {told(f'epoch.{best}.val_loss')} in epoch {best}"
        text += f" of {told('epochs')}" if told.has("epochs") else ""
        found = told.analysis.convergence
        if found is not None and found.epoch is not None:
            text += f"; 95 % of the way was gone by epoch {found.epoch}"
        yield text + "."
    elif (found := told.analysis.convergence) is not None and found.why:
        yield f"Convergence: {found.why}."


def _end(told: Told) -> Iterator[str]:
    if told.still_falls and told.has("loss.last_step"):
        text = f"At the end the loss still falls: the last two epochs lie {told('loss.late')} below the two before"
        if told.rate_used_up:
            text += (
                f", but the last epoch alone brought {told('loss.last_step')}, for the loss had no learning rate left"
                " to fall by. A longer schedule would go on, more epochs after this one would not"
            )
        yield text + "."
    elif told.rate_used_up and told.reached.end != "under way":
        yield (
            "The learning rate had gone to next to nothing by the last epoch: the flat end is the schedule's, and no"
            " sign of a limit of the network."
        )


def _gap(told: Told) -> Iterator[str]:
    over = told.analysis.overfitting
    if over is not None:
        text = {
            "none": "No overfitting",
            "beginning": "Overfitting begins",
            "yes": "It overfits",
        }[over.level]
        text += (
            f": validation minus training loss is {told('gap.last')} in the last epoch, {told('gap.best')} in the best"
        )
        if over.level == "none" and over.gap > 0 and over.trend > SIGNIFICANT * over.trend_error:
            text += f", and still the gap widens by {told('gap.trend')} an epoch"
        if over.level != "none":
            text += f", a gap that grows by {told('gap.trend')} an epoch"
        if over.level == "yes":
            text += f"; the last validation loss lies {told('rise')} above the lowest"
        yield f"{text}."
    if told.has("gap.accuracy", "gap.to_test"):
        gap, test = (told.facts[name].value for name in ("gap.accuracy", "gap.to_test"))
        yield (
            f"In accuracy, training lies {told('gap.accuracy').lstrip('+-')} {'above' if gap >= 0 else 'below'}"
            f" validation in the best epoch, and validation {told('gap.to_test').lstrip('+-')}"
            f" {'above' if test >= 0 else 'below'} test."
        )


def _steadiness(told: Told) -> Iterator[str]:
    steady = told.analysis.stability
    if steady is None:
        return
    text = (
        f"The validation loss is {steady.level}: a value lies {told('jitter')} from the mean of its neighbours (median,"
        " last half)"
    )
    if steady.largest_rise > 1 and told.has("largest_rise.epoch"):
        epoch = round(told.facts["largest_rise.epoch"].value)
        text += f"; its largest rise is {told('largest_rise')} that of the epoch before, in epoch {epoch}"
        if told.has(f"epoch.{epoch}.learning_rate"):
            text += f" at a learning rate of {told(f'epoch.{epoch}.learning_rate')}"
    if steady.not_finite:
        text += f"; {told('not_finite')} losses are not finite"
    yield f"{text}."
    if steady.level == "unstable" and not steady.not_finite and told.ends_quietly:
        yield (
            f"That did no harm in the end: the last five epochs differ by {told('end.spread')} from the lowest to the"
            " highest."
        )


def _heads(told: Told) -> Iterator[str]:
    share = told.facts.value("loss.forecast_share")
    if share is not None:
        which = "the forecast" if share > 0.5 else "the class head"
        yield (
            f"Of the weighted loss on {told.split}, the forecast is {told('loss.forecast_share')}: what is left to"
            f" learn is mostly {which}'s."
        )

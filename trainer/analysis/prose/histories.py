"""The facts of a run's training: every epoch, and what the curves say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from trainer.analysis.analysis import Analysis
from trainer.analysis.curves import CONVERGED_SHARE
from trainer.analysis.forms import is_number
from trainer.analysis.prose.facts import Fact, Unit, Words, need

CURVES: Mapping[str, tuple[Unit, str, str, tuple[Words, ...]]] = {
    "train_loss": ("number", "training loss", "loss", (need("training"),)),
    "val_loss": ("number", "validation loss", "loss", (need("validation"),)),
    "train_accuracy": ("share", "training accuracy", "accuracy", (need("training"),)),
    "val_accuracy": ("share", "validation accuracy", "accuracy", (need("validation"),)),
    "pred_mse": ("number", "validation MSE at t+5", "MSE", (need("validation"),)),
    "skill": ("skill", "validation skill", "skill", (need("validation"),)),
    "learning_rate": ("number", "learning rate", "learning rate", ()),
}
"""Curve -> unit, words, measure, needs."""
_FIRST = frozenset({"first", "initial", "begin", "start"})
_LAST = frozenset({"last", "final", "end"})


def history_facts(analysis: Analysis) -> Iterator[Fact]:
    """Yield what the curves hold and what they say."""
    for part in (_epochs, _marks, _gaps, _steadiness, _course):
        yield from part(analysis)


def _marks(analysis: Analysis) -> Iterator[Fact]:
    """Epochs with a name."""
    epoch, found = (need("epoch"),), analysis.convergence
    if analysis.results.history:
        first = analysis.results.history[0]["epoch"]
        yield Fact("first_epoch", first, "epoch", "first epoch of the history", "", epoch)
    if analysis.best_epoch is not None:
        yield Fact("best_epoch", analysis.best_epoch, "epoch", "epoch of the lowest validation loss", "", epoch)
    if found is not None and found.epoch is not None:
        way, share = "of the way to the lowest validation loss", CONVERGED_SHARE
        yield Fact("converged", found.epoch, "epoch", f"epoch by which {100 * share:.0f} % {way} was gone", "", epoch)
        yield Fact("converged.share", share, "share", f"part {way} that counts as converged", "", (need("way"),))


def _gaps(analysis: Analysis) -> Iterator[Fact]:
    """How validation parts from training, and test from validation."""
    apart = need("gap", "minus", "above", "below", "higher", "lower", "difference", "between")
    if (over := analysis.overfitting) is not None:
        gap = "validation minus training loss"
        yield Fact("gap.last", over.gap, "number", f"{gap} in the last epoch", "loss", (apart, _LAST))
        yield Fact("gap.best", over.gap_at_best, "number", f"{gap} in the best epoch", "loss", (apart, need("best")))
        yield Fact("gap.trend", over.trend, "number", f"growth of {gap} an epoch, last half", "loss", (apart,))
        yield Fact("gap.trend_error", over.trend_error, "number", "standard error of that growth", "loss", (apart,))
        yield Fact("rise", over.rise, "share", "last validation loss above the lowest", "loss", (apart | need("rise"),))
    if (gaps := analysis.generalisation) is not None:
        training, validation = (need("training"), apart), (need("validation"), apart)
        if gaps.accuracy is not None:
            words = "training minus validation accuracy in the best epoch"
            yield Fact("gap.accuracy", gaps.accuracy, "points", words, "accuracy", training)
        if gaps.to_test is not None:
            words = "validation accuracy of the best epoch minus test accuracy"
            yield Fact("gap.to_test", gaps.to_test, "points", words, "accuracy", validation)


def _steadiness(analysis: Analysis) -> Iterator[Fact]:
    steady = analysis.stability
    if steady is None:
        return
    jumps = need("rise", "rose", "jump", "spike", "grows", "fold", "neighbours", "jitter", "wobble", "varies")
    words = "distance of a validation loss from the mean of its neighbours (median, last half)"
    yield Fact("jitter", steady.jitter, "share", words, "loss", (jumps,))
    yield Fact("rises", steady.rises, "share", "epochs in which the validation loss rose", "loss", (jumps,))
    words = "largest validation loss over that of the epoch before"
    yield Fact("largest_rise", steady.largest_rise, "times", words, "loss", (jumps,))
    words = "epochs with a loss that was not finite"
    yield Fact("not_finite", steady.not_finite, "count", words, "loss", (need("finite", "nan"),))


def _course(analysis: Analysis) -> Iterator[Fact]:
    """How far the validation loss fell, where it rose most, and what its last epochs still brought."""
    loss, epochs = analysis.results.curve("val_loss"), analysis.results.curve("epoch")
    if len(loss) < 2 or not np.isfinite(loss).all() or loss.min() <= 0:
        return
    peak = int((loss[1:] / loss[:-1]).argmax()) + 1
    words = "epoch of the largest rise of the validation loss"
    yield Fact("largest_rise.epoch", epochs[peak], "epoch", words, "", (need("epoch"),))
    falls = {
        "loss.fallen": (loss.min() / loss[0], "from its first epoch to its lowest", need("validation")),
        "loss.last_step": (loss[-1] / loss[-2], "in the last epoch", _LAST),
    }
    if len(loss) >= 4:
        two = loss[-2:].mean() / loss[-4:-2].mean()
        falls["loss.late"] = (two, "in the mean of the last two epochs, below the two before", _LAST)
    for name, (left, when, needed) in falls.items():
        yield Fact(name, 1 - left, "share", f"fall of the validation loss {when}", "loss", (needed,))
    if len(loss) >= 10:
        spread, words = (
            loss[-5:].max() / loss[-5:].min() - 1,
            "highest of the last five validation losses above the lowest",
        )
        yield Fact("end.spread", spread, "share", words, "loss", (_LAST,))


def _epochs(analysis: Analysis) -> Iterator[Fact]:
    history, best = analysis.results.history, analysis.best_epoch
    for place, row in enumerate(history):
        epoch = int(row["epoch"])
        named = _FIRST | {str(epoch)} if place == 0 else frozenset({str(epoch)})
        at_once = place == len(history) - 1 or epoch == best  # what a text means that names no epoch
        for key, (unit, words, measure, of) in CURVES.items():
            if is_number(row.get(key)):
                needs = of if at_once else (*of, named)
                yield Fact(f"epoch.{epoch}.{key}", row[key], unit, f"{words} in epoch {epoch}", measure, needs)

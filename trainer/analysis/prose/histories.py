"""The facts of a run's training: every epoch, and what the curves say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from trainer.analysis.analysis import Analysis
from trainer.analysis.forms import is_number
from trainer.analysis.prose.facts import Fact, Unit, Words, need
from trainer.analysis.results import Results

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
    results = analysis.results
    yield from _epochs(analysis)
    yield from _ends(results)
    epoch = need("epoch")
    if results.history:
        first = results.history[0]["epoch"]
        yield Fact("first_epoch", first, "epoch", "first epoch of the history", "", (epoch,))
    if analysis.best_epoch is not None:
        yield Fact("best_epoch", analysis.best_epoch, "epoch", "epoch of the lowest validation loss", "", (epoch,))
    if (found := analysis.convergence) is not None and found.epoch is not None:
        words = "epoch by which 95 % of the way to the lowest validation loss was gone"
        yield Fact("converged", found.epoch, "epoch", words, "", (epoch,))
        yield Fact(
            "converged.share",
            0.95,
            "share",
            "of the way to the lowest loss: what converged means",
            "",
            (need("way", "converged"),),
        )
    if (over := analysis.overfitting) is not None:
        gap = (need("gap", "minus", "above", "difference", "between"),)
        yield Fact(
            "gap.last", over.gap, "number", "validation minus training loss in the last epoch", "loss", (*gap, _LAST)
        )
        yield Fact(
            "gap.best",
            over.gap_at_best,
            "number",
            "validation minus training loss in the best epoch",
            "loss",
            (*gap, need("best")),
        )
        yield Fact("gap.trend", over.trend, "number", "growth of that gap an epoch, over the last half", "loss", gap)
        yield Fact("gap.trend_error", over.trend_error, "number", "standard error of that growth", "loss", gap)
        yield Fact(
            "rise",
            over.rise,
            "share",
            "last validation loss above the lowest",
            "loss",
            (need("above", "rise", "higher", "over"),),
        )
    if (steady := analysis.stability) is not None:
        words = "typical distance of a validation loss from the mean of its neighbours, over the last half"
        yield Fact(
            "jitter",
            steady.jitter,
            "share",
            words,
            "loss",
            (need("neighbours", "jitter", "jumps", "wobble", "varies"),),
        )
        yield Fact("rises", steady.rises, "share", "epochs in which the validation loss rose", "loss", (epoch,))
        yield Fact(
            "largest_rise",
            steady.largest_rise,
            "times",
            "largest validation loss over that of the epoch before",
            "loss",
            (need("rise", "rose", "jump", "spike", "grows", "fold"),),
        )
        yield Fact(
            "not_finite", steady.not_finite, "count", "losses that were not finite", "loss", (need("finite", "nan"),)
        )
    if (gaps := analysis.generalisation) is not None:
        between = need("gap", "below", "above", "lower", "higher", "difference", "between", "minus")
        if gaps.accuracy is not None:
            words = "training minus validation accuracy in the best epoch"
            yield Fact("gap.accuracy", gaps.accuracy, "points", words, "accuracy", (need("training"), between))
        if gaps.to_test is not None:
            words = "validation accuracy of the best epoch minus test accuracy"
            yield Fact("gap.to_test", gaps.to_test, "points", words, "accuracy", (need("validation"), between))


def _ends(results: Results) -> Iterator[Fact]:
    """Where the validation loss turned, and what its last epochs still brought."""
    loss, epochs = results.curve("val_loss"), results.curve("epoch")
    if len(loss) < 2 or not np.isfinite(loss).all() or loss.min() <= 0:
        return
    peak = int((loss[1:] / loss[:-1]).argmax()) + 1
    yield Fact(
        "largest_rise.epoch",
        epochs[peak],
        "epoch",
        "epoch of the largest rise of the validation loss",
        "",
        (need("epoch"),),
    )
    yield Fact(
        "loss.fallen",
        1 - loss.min() / loss[0],
        "share",
        "fall of the validation loss from its first epoch to its lowest",
        "loss",
        (need("validation"),),
    )
    yield Fact(
        "loss.last_step",
        1 - loss[-1] / loss[-2],
        "share",
        "fall of the validation loss in the last epoch",
        "loss",
        (_LAST,),
    )
    if len(loss) >= 10:
        spread = loss[-5:].max() / loss[-5:].min() - 1
        yield Fact(
            "end.spread",
            spread,
            "share",
            "highest of the last five validation losses above their lowest",
            "loss",
            (_LAST,),
        )
    if len(loss) >= 4:
        late = 1 - loss[-2:].mean() / loss[-4:-2].mean()
        yield Fact(
            "loss.late",
            late,
            "share",
            "fall of the mean validation loss of the last two epochs below the two before",
            "loss",
            (_LAST,),
        )


def _epochs(analysis: Analysis) -> Iterator[Fact]:
    history, best = analysis.results.history, analysis.best_epoch
    for place, row in enumerate(history):
        epoch = int(row["epoch"])
        named = frozenset({str(epoch)})
        named |= _FIRST if place == 0 else frozenset()
        at_once = place == len(history) - 1 or epoch == best  # what a text means that names no epoch
        for key, (unit, words, measure, needs) in CURVES.items():
            if is_number(row.get(key)):
                yield Fact(
                    f"epoch.{epoch}.{key}",
                    row[key],
                    unit,
                    f"{words} in epoch {epoch}",
                    measure,
                    needs if at_once else (*needs, named),
                )

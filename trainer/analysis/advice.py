"""Recommendations. Each stands behind a rule with a number: no number, no sentence.

`RULES` is read from top to bottom, the gravest first; a rule answers with the number that triggered it and what to do,
or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.analysis.analysis import Analysis
from trainer.metrics import wilson_interval

WEAK_CLASS = 0.10
DROP = 0.05
UNDERFIT = 0.70
SMALL_GAP = 0.05
EARLY = 0.5


@dataclass(frozen=True)
class Advice:
    """One recommendation."""

    rule: str
    because: str
    do: str


Rule = Callable[[Analysis], "Advice | None"]


def recommend(analysis: Analysis) -> list[Advice]:
    """Return what the numbers recommend, the gravest first; [] if no rule applies."""
    return [advice for rule in RULES if (advice := rule(analysis)) is not None]


def split_lacks_class(analysis: Analysis) -> Advice | None:
    """A split holds no clip of a class: its figures mean nothing."""
    if not analysis.lacking:
        return None
    return Advice("split-lacks-class", "; ".join(analysis.lacking), "split anew, stratified by class, and train again")


def investigate(analysis: Analysis) -> Advice | None:
    """Accuracy exactly 0 or 1, or a training loss under 1e-6."""
    flags = [flag.removeprefix("investigate: ") for flag in analysis.flags if flag.startswith("investigate")]
    if not flags:
        return None
    return Advice("investigate", "; ".join(flags), "look for a leak between the splits before believing any figure")


def diverged(analysis: Analysis) -> Advice | None:
    """A loss that is not finite, or a last validation loss of twice the lowest."""
    steady, over = analysis.stability, analysis.overfitting
    if steady is not None and steady.not_finite:
        because = f"losses that are not finite: {steady.not_finite}"
    elif over is not None and over.rise > 1:
        because = f"the last validation loss is {1 + over.rise:.1f} times the lowest"
    else:
        return None
    return Advice("diverged", because, f"start again with a lower learning rate{_halved(analysis)}")


def no_skill(analysis: Analysis) -> Advice | None:
    """A control is as good: the model has learned nothing that counts."""
    standing = [
        row.name if row.skill is None else f"{row.name} (skill {row.skill:.2f})"
        for row in analysis.controls
        if row.stands
    ]
    if not standing:
        return None
    do = "read no figure of this run as a success; more clips, a larger width or longer training come first"
    return Advice("no-skill", f"not above {', '.join(standing)}", do)


def train_longer(analysis: Analysis) -> Advice | None:
    """The validation loss still falls by more than 2 % over two epochs at the end."""
    found = analysis.convergence
    if found is None or not found.still_falling:
        return None
    return Advice("train-longer", "the validation loss still falls at the end", "resume with more epochs")


def stop_earlier(analysis: Analysis) -> Advice | None:
    """Overfitting at level `yes`."""
    over = analysis.overfitting
    if over is None or over.level != "yes":
        return None
    because = (
        f"the gap grows by {over.trend:.3g} an epoch, and the last validation loss lies {100 * over.rise:.0f} % above "
        f"that of epoch {analysis.best_epoch}"
    )
    return Advice("stop-earlier", because, "stop early at the best epoch; more clips or weight decay move it later")


def fewer_epochs(analysis: Analysis) -> Advice | None:
    """Converged within the first half of the epochs."""
    found, epochs = analysis.convergence, analysis.results.epochs
    if found is None or found.epoch is None or not epochs or epochs < 4 or found.epoch > EARLY * epochs:
        return None
    because = f"converged at epoch {found.epoch} of {epochs}"
    return Advice("fewer-epochs", because, "fewer epochs are enough, or a larger width has room to learn")


def underfit(analysis: Analysis) -> Advice | None:
    """Training accuracy below 70 % with a small gap: the model, not the data, is the limit."""
    accuracy = [row["train_accuracy"] for row in analysis.results.history if "train_accuracy" in row]
    gap = analysis.generalisation.accuracy if analysis.generalisation else None
    if not accuracy or gap is None or accuracy[-1] >= UNDERFIT or gap > SMALL_GAP:
        return None
    because = f"training accuracy is {100 * accuracy[-1]:.1f} %, validation at most {100 * SMALL_GAP:.0f} points below"
    return Advice("underfit", because, "train longer, or with a larger width or learning rate")


def unsteady(analysis: Analysis) -> Advice | None:
    """Stability `unstable` with finite losses."""
    steady = analysis.stability
    if steady is None or steady.level != "unstable" or steady.not_finite:
        return None
    because = f"the validation loss jumps by {100 * steady.jitter:.0f} %, at most {steady.largest_rise:.2f}-fold"
    return Advice("unsteady", because, f"lower the learning rate{_halved(analysis)} or raise the batch size")


def weak_class(analysis: Analysis) -> Advice | None:
    """The lowest recall lies more than 10 points under the mean of the classes, its interval wholly below that mean."""
    known = [(row.recall, row) for row in analysis.classes if row.recall is not None]
    if len(known) < 2:
        return None
    mean = sum(recall for recall, _ in known) / len(known)
    recall, worst = min(known, key=lambda pair: pair[0])
    if recall > mean - WEAK_CLASS or worst.high > mean:
        return None
    because = (
        f"recall of {worst.name} is {100 * recall:.1f} %, the mean {100 * mean:.1f} %; it is taken for "
        f"{worst.taken_for} in {worst.taken_count} of {worst.n} clips"
    )
    do = f"look at clips of {worst.name} and {worst.taken_for} side by side before changing the model"
    return Advice("weak-class", because, do)


def near_horizons(analysis: Analysis) -> Advice | None:
    """A control is better at t+1, while the run is better later."""
    late = [row for row in analysis.controls if not row.reference and (row.better_from or 1) > 1]
    if not late:
        return None
    because = ", ".join(f"{row.name} has the smaller MSE before t+{row.better_from}" for row in late)
    return Advice("near-horizons", because, "let the head forecast what the control leaves over, or raise w_pred")


def held_out(analysis: Analysis) -> Advice | None:
    """The accuracy falls by more than 5 points on a held-out test."""
    drops = {name: drop for name, drop in analysis.drops.items() if drop > DROP}
    if not drops:
        return None
    because = ", ".join(f"{name} costs {100 * drop:.1f} points of accuracy" for name, drop in drops.items())
    noise = "noisy" in drops and analysis.results.config.get("train_noise", "mix") != "mix"
    return Advice("held-out", because, "set train_noise=mix" if noise else "let the training data cover more of it")


def more_test_clips(analysis: Analysis) -> Advice | None:
    """A bar of the accuracy lies inside its interval: the test set is too small to tell."""
    unsure = [one for one in analysis.targets if not one.sure and one.value is not None]
    if not unsure or analysis.interval is None:
        return None
    accuracy, bar = unsure[-1].value or 0.0, float(unsure[-1].bar.strip("> %")) / 100
    low, high = analysis.interval
    count = _clips_to_tell(accuracy, bar)
    because = f"the bar {unsure[-1].bar} lies inside the interval {100 * low:.1f} to {100 * high:.1f} %"
    wanted = f"about {count} test clips would tell" if count else "no affordable number of test clips would tell"
    return Advice("more-test-clips", because, f"{wanted}; or run more seeds")


RULES: tuple[Rule, ...] = (
    split_lacks_class,
    investigate,
    diverged,
    no_skill,
    stop_earlier,
    train_longer,
    underfit,
    unsteady,
    fewer_epochs,
    weak_class,
    held_out,
    near_horizons,
    more_test_clips,
)


def peak_rate(analysis: Analysis) -> Any:
    """Return the peak of the learning rate in the run's last stage, as its config has it."""
    results = analysis.results
    return results.config.get("full_learning_rate" if results.stage == "full" else "learning_rate")


def _halved(analysis: Analysis) -> str:
    rate = peak_rate(analysis)
    return f" ({rate / 2:g} instead of {rate:g})" if isinstance(rate, float) else ""


def _clips_to_tell(accuracy: float, bar: float) -> int | None:
    """The smallest count of 100, 200, 400, ... at which the interval of this accuracy leaves the bar out."""
    for count in (100 * 2**power for power in range(10)):
        low, high = wilson_interval(round(accuracy * count), count)
        if not low <= bar <= high:
            return count
    return None

"""What to do next, in order, each with the figure that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trainer.analysis.advice import peak_rate, recommend
from trainer.analysis.prose.rules.told import Told, named

_SAID_BETTER = frozenset({"train-longer", "held-out", "near-horizons", "weak-class", "unsteady", "fewer-epochs"})
"""Recommendations of the numeric report that are said here with more of the run's figures."""


def improvements(told: Told) -> list[str]:
    """Return the section."""
    grave = [
        f"{one.because[0].upper()}{one.because[1:]}: {one.do}."
        for one in recommend(told.analysis)
        if one.rule not in _SAID_BETTER
    ]
    if told.reached.end == "under way":
        grave = ["**Wait for its end**, and analyse it again.", *grave]
    rules: tuple[Callable[[Told], Iterator[str]], ...] = (
        _longer,
        _steadier,
        _views,
        _range,
        _near,
        _confusion,
        _controls,
        _seeds,
    )
    found = [*grave, *(text for rule in rules for text in rule(told))]
    return [f"{place}. {text}" for place, text in enumerate(found, 1)]


def _longer(told: Told) -> Iterator[str]:
    if not told.still_falls:
        return
    config, epochs = told.analysis.results.config, told.analysis.results.epochs or 0
    setting = f"`epochs={2 * epochs}`" if not config.get("full_epochs") else "more `full_epochs`"
    yield (
        f"**A longer schedule** ({setting}): the validation loss of the last two epochs still lies {told('loss.late')}"
        " below the two before."
    )


def _steadier(told: Told) -> Iterator[str]:
    steady, rate = told.analysis.stability, peak_rate(told.analysis)
    if steady is None or steady.level != "unstable" or steady.not_finite or not isinstance(rate, float):
        return
    text = (
        f"**A lower peak of the learning rate** (try {rate / 2:g}): the validation loss rises to {told('largest_rise')}"
        " that of the epoch before"
    )
    if told.ends_quietly:
        text += ", though it had settled by the end, so expect steadier curves, and little of the result"
    yield f"{text}."


def _views(told: Told) -> Iterator[str]:
    config = told.analysis.results.config
    if "shifted-camera" in told.drops and config.get("augmentation") == "none":
        yield (
            f"**More views** (`augmentation=full`): {named('shifted-camera')} costs"
            f" {told('shifted-camera.drop').lstrip('+')} of accuracy."
        )
    if "noisy" in told.drops and config.get("train_noise") != "mix":
        yield (
            f"**More noise in training** (`train_noise=mix`): {named('noisy')} costs {told('noisy.drop').lstrip('+')}"
            " of accuracy."
        )


def _range(told: Told) -> Iterator[str]:
    if told.is_over("shifted-motion.mse_ratio", 3):
        yield (
            f"**A forecast relative to the last place seen**, in place of an absolute one: on {named('shifted-motion')}"
            f" the MSE is {told('shifted-motion.mse_ratio')} the ordinary one, and what lies outside the training range"
            " has to be extrapolated."
        )
    others = [name for name in told.drops if name not in ("shifted-camera", "noisy", "shifted-motion")]
    for name in others:
        yield f"**Training data that cover {named(name)}**: it costs {told(f'{name}.drop').lstrip('+')} of accuracy."


def _near(told: Told) -> Iterator[str]:
    control = told.near_horizons_lost
    if control is None or not told.has("mae_percent_t1", f"{control.name}.mae_percent_t1"):
        return
    yield (
        f"**A better place of the object in the last frames**: at t+1 the MAE is {told('mae_percent_t1')}, that of the"
        f" control {named(control.name)} {told(f'{control.name}.mae_percent_t1')}. A loss on the places seen, beside"
        " that on the places to come, would train it."
    )


def _confusion(told: Told) -> Iterator[str]:
    weakest = told.weakest
    if weakest is not None and weakest.taken_for and weakest.taken_count > 1:
        name = weakest.name
        yield (
            f"**Look at the {told(f'{name}.as.{weakest.taken_for}')} clips of {name} that are named"
            f" {weakest.taken_for}** before changing the network: {told(f'{name}.recall')} recall of {name} is the"
            " lowest, and a depth cue or longer clips (`frames=32`) may be all that is missing."
        )


def _controls(told: Told) -> Iterator[str]:
    names = {row.name for row in told.analysis.controls}
    if not names & {"one_frame", "shuffled_frames", "blank_video", "frozen_features"}:
        yield (
            "**The trained controls** (`trainer controls RUN`): nothing in this run shows yet that it uses motion, or"
            " that its extractor had to learn."
        )


def _seeds(told: Told) -> Iterator[str]:
    text = "**Two more seeds**"
    if told.has("accuracy_low", "accuracy_high"):
        text += (
            f": the interval of the accuracy is {told('accuracy_low')} to {told('accuracy_high')} from the draw of"
            " clips alone"
        )
    yield f"{text}. Differences between networks that are smaller than those between seeds mean nothing."

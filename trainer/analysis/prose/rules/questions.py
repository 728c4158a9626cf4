"""What the run leaves open, each with an experiment that could answer it."""

from __future__ import annotations

from collections.abc import Iterator

from trainer.analysis.prose.rules.told import Told, named


def questions(told: Told) -> list[str]:
    """Return the section."""
    rules = (_depth, _place, _range, _camera, _transfer, _motion, _ceiling)
    found = [text for rule in rules for text in rule(told)]
    items = [f"{place}. {text}" for place, text in enumerate(found, 1)]
    return items or ["The run left no figure to ask about."]


def _depth(told: Told) -> Iterator[str]:
    weakest = told.weakest
    if weakest is not None and {weakest.name, weakest.taken_for} == {"circular", "helical"}:
        yield (
            f"**Is the confusion of {weakest.name} and {weakest.taken_for} one of depth?** The recall of {weakest.name}"
            f" is {told(f'{weakest.name}.recall')}. " + _by_oracle(told, weakest.name)
        )


def _by_oracle(told: Told, name: str) -> str:
    if told.has(f"oracle.recall_{name}"):
        return (
            f"The reference `oracle`, told place and apparent size, has a recall of {told(f'oracle.recall_{name}')}:"
            " the part between the two is the reading of the pixels, the rest the clips themselves. Which of the wrong"
            " clips do they share?"
        )
    return (
        "The oracle is told place and apparent size (`trainer controls RUN --only oracle`): if it confuses them too, no"
        " network on these frames can do better."
    )


def _place(told: Told) -> Iterator[str]:
    if told.near_horizons_lost is not None and told.has("mse_at_start", "mse_t5/mse_t1"):
        yield (
            "**How much of the forecast error is place, and how much dynamics?** The MSE at t+5 is"
            f" {told('mse_t5/mse_t1')} that at t+1. " + _split_by_oracle(told)
        )


def _split_by_oracle(told: Told) -> str:
    if told.has("oracle.mse_share"):
        return (
            f"The reference `oracle`, told the true places, has {told('oracle.pred_mse')}, {told('oracle.mse_share')}"
            " of the run's: that much is dynamics and training, if both learned equally well. A longer schedule for"
            " the oracle alone tells."
        )
    return "The oracle (`trainer controls RUN --only oracle`) is told the true places, which leaves the dynamics alone."


def _range(told: Told) -> Iterator[str]:
    if told.is_over("shifted-motion.mse_ratio", 3) and told.has("shifted-motion.accuracy"):
        yield (
            f"**Does it know the law of motion or the range of the paths?** On {named('shifted-motion')} the accuracy"
            f" is {told('shifted-motion.accuracy')} while the MSE is {told('shifted-motion.mse_ratio')} the ordinary"
            " one. A fit of each family's equation to the same detections extrapolates by construction: where it wins,"
            " the range is what was learned."
        )


def _camera(told: Told) -> Iterator[str]:
    if "shifted-camera" in told.drops:
        yield (
            f"**Is there a limit to what more views bring?** The drop on {named('shifted-camera')} is"
            f" {told('shifted-camera.drop').lstrip('+')} of accuracy. Train on ever wider ranges of views, the held-out"
            " one excluded, and plot the drop."
        )


def _transfer(told: Told) -> Iterator[str]:
    share = told.facts.value("loss.forecast_share")
    if share is not None and 0 < share < 1:
        yield (
            f"**Do the two tasks help each other?** The forecast is {told('loss.forecast_share')} of the weighted loss."
            " Two runs with one task each (`w_pred=0`, `w_class=0`) tell: equal figures mean no."
        )


def _motion(told: Told) -> Iterator[str]:
    if told.has("shuffled_frames.accuracy"):
        yield (
            "**What does a network know that sees the places, and not their order?** The control `shuffled frames`"
            f" still has an accuracy of {told('shuffled_frames.accuracy')}. Is that the shape of the path? A network on"
            " the places sorted by x, which have no order left, would tell."
        )
    elif told.has("accuracy"):
        yield (
            f"**What of the {told('accuracy')} accuracy needs the order of the frames?** A network trained on shuffled"
            " frames sees the same places: what it lacks is what motion tells."
        )


def _ceiling(told: Told) -> Iterator[str]:
    if told.has("clips.train"):
        yield (
            f"**Is it short of clips or of capacity?** It learned from {told('clips.train')} training clips. Half and"
            " twice as many, all else equal, give the slope: a flat one means capacity or noise."
        )

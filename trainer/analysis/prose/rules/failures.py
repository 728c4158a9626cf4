"""Why it fails where it fails: hypotheses, each with its evidence and what would tell it from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trainer.analysis.prose.rules.told import Told, named

ALIKE: Mapping[frozenset[str], tuple[str, str]] = {
    frozenset({"circular", "helical"}): (
        (
            "a helix is a circle that climbs: seen along its axis, or with a small climb, only apparent size tells them"
            " apart"
        ),
        (
            "sort the wrong clips by climb along the line of sight; if they are the flattest, depth is the limit, not"
            " the classifier"
        ),
    ),
    frozenset({"linear", "parabolic"}): (
        "a throw that bends little within the clip is a line to the pixel",
        (
            "sort the wrong clips by how far the path leaves its chord; if they are the straightest, more frames help"
            " and more parameters do not"
        ),
    ),
    frozenset({"circular", "parabolic"}): (
        "a short arc of a circle is a parabola to the second order",
        "sort the wrong clips by the turn within the clip; if they turn least, more frames help",
    ),
    frozenset({"linear", "helical"}): (
        "a narrow helix that climbs fast looks like a line",
        "sort the wrong clips by radius in pixels; if they are the narrowest, resolution is the limit",
    ),
    frozenset({"linear", "circular"}): (
        "a small part of a wide circle, or one seen edge on, is a line",
        "sort the wrong clips by turn and by the angle between axis and view",
    ),
}
SHIFTS: Mapping[str, tuple[str, str]] = {
    "shifted-camera": (
        "the network reads place and depth through the views that it was trained on",
        "train on the variants of each scene (`augmentation=full`); if the drop stays, it is not the range of views",
    ),
    "shifted-motion": (
        (
            "these paths are wider and faster than any in training, so the absolute forecast has to leave the range of"
            " its targets; and its helices climb less, towards circles"
        ),
        (
            "look at the recall of each class there (`trainer evaluate RUN --on TIER/shifted-motion --out DIR`): if"
            " helices alone fall, it is the climb; if all do, the range"
        ),
    ),
    "noisy": (
        "pixel noise hides the object's edge, and with it the depth",
        "train with `train_noise=mix`; if the drop stays, the object is lost in single frames",
    ),
}
MUCH_WORSE = 3.0


def failures(told: Told) -> list[str]:
    """Return the section."""
    rules = (_no_skill, _divergence, _confusion, _near, _shifts, _unfinished, _overfit)
    found = [text for rule in rules for text in rule(told)]
    if not found:
        return [
            "No figure of this run is bad enough to ask for a hypothesis: no class, no horizon and no held-out test"
            " stands out."
        ]
    return [f"{place}. {text}" for place, text in enumerate(found, 1)]


def _item(claim: str, evidence: str, test: str) -> str:
    return f"**{claim}** {evidence} *To tell:* {test}."


def _no_skill(told: Told) -> Iterator[str]:
    standing = [row for row in told.analysis.controls if row.stands]
    if standing:
        names = ", ".join(named(row.name) for row in standing)
        yield _item(
            "It has not learned the task.",
            f"The run is not above the control {names}.",
            "look at training accuracy and loss; if they are poor too, it is learning rate, length or size, and if they"
            " are good, the data",
        )


def _divergence(told: Told) -> Iterator[str]:
    steady, over = told.analysis.stability, told.analysis.overfitting
    if (steady is not None and steady.not_finite) or (over is not None and over.rise > 1):
        yield _item(
            "Training diverged.",
            (
                f"Losses that are not finite: {told('not_finite')}."
                if steady and steady.not_finite
                else f"The last validation loss lies {told('rise')} above the lowest."
            ),
            "the same run at a lower learning rate; if it diverges as well, look for a broken clip or target",
        )


def _confusion(told: Told) -> Iterator[str]:
    weakest = told.weakest
    if weakest is None or not weakest.taken_for:
        return
    pair = frozenset({weakest.name, weakest.taken_for})
    why, test = ALIKE.get(
        pair, ("their clips may look alike within the range drawn", "look at the wrong clips beside right ones")
    )
    evidence = (
        f"{told(f'{weakest.name}.as.{weakest.taken_for}')} of {told(f'{weakest.name}.n')} clips of {weakest.name} are"
        f" named {weakest.taken_for}"
    )
    back = f"{weakest.taken_for}.as.{weakest.name}"
    evidence += f", {told(back)} the other way round." if told.has(back) else ", none the other way round."
    yield _item(f"{weakest.name.capitalize()} is taken for {weakest.taken_for} because {why}.", evidence, test)


def _near(told: Told) -> Iterator[str]:
    control = told.near_horizons_lost
    if control is None or not told.has("mse_t1", "mse_at_start", f"{control.name}.mse_t1"):
        return
    oracle = ""
    if told.has("oracle.mse_t1"):
        oracle = f" Told the true place and size, the reference `oracle` has {told('oracle.mse_t1')} at t+1."
    yield _item(
        "The near forecast is limited by where the object is believed to be, not by how it moves.",
        f"At t+1 the MSE is {told('mse_t1')}, that of the control {named(control.name)}"
        f" {told(f'{control.name}.mse_t1')}, and it knows the true places up to the last frame seen;"
        f" {told('mse_at_start')} of the MSE at t+5 is there at t+1 already.{oracle}",
        "split the error into depth and picture plane; if depth has most of it, apparent size is read too coarsely",
    )


def _shifts(told: Told) -> Iterator[str]:
    tests = told.analysis.results.tests
    for name in sorted(tests, key=lambda name: -told.analysis.drops.get(name, 0.0)):
        much_worse = told.is_over(f"{name}.mse_ratio", MUCH_WORSE)
        if name not in told.drops and not much_worse:
            continue
        parts = [f"It costs {told(f'{name}.drop').lstrip('+')} of accuracy"] if name in told.drops else []
        parts += [f"the MSE is {told(f'{name}.mse_ratio')} the ordinary one"] if much_worse else []
        why, test = SHIFTS.get(
            name,
            (
                "the clips there are not like those of training",
                "train on some of them; if the drop stays, they are harder, not only other",
            ),
        )
        evidence = " and ".join(parts)
        yield _item(f"On {named(name)} {why}.", f"{evidence[0].upper()}{evidence[1:]}.", test)


def _unfinished(told: Told) -> Iterator[str]:
    if told.still_falls:
        yield _item(
            "Part of what is missing is training, not the network.",
            f"The validation loss of the last two epochs lies {told('loss.late')} below the two before.",
            "the same run with a schedule twice as long; what remains wrong then is the network's or the data's",
        )


def _overfit(told: Told) -> Iterator[str]:
    over = told.analysis.overfitting
    if over is not None and over.level != "none":
        yield _item(
            "It learns the clips beside the task.",
            f"The gap between validation and training loss grows by {told('gap.trend')} an epoch (standard error"
            f" {told('gap.trend_error')}).",
            "the same run on more clips, or with fresh variants each epoch; if the gap stays, it is not the number of"
            " clips",
        )

"""The describer that needs no language model: a path is fitted to the evidence, and the fit is put into words."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from renderer.descriptions import Claims, claims_of, sentences
from renderer.equations import equation_of
from renderer.motion import Motion
from trainer.language.describer import Description, Usage
from trainer.language.evidence import Evidence
from trainer.language.fit import Fit, FitError, fit

UNSURE = 0.10
"""Deviation of a number, as a share of it (of an apex: of the window), above which it is `about` so much."""
UNSURE_FAMILY = 0.95
"""Probability of a family below which the text gives it."""
_DRAWS = 50
"""Paths drawn from the fit's deviations, to see what they do to the claims."""


class RulesDescriber:
    """Says what the fit of `trainer.language.fit` says, and of less evidence less."""

    name = "rules"

    def describe(self, evidence: Evidence) -> Description:
        """Describe one clip; where there is nothing to fit, `problem` says so. Raises `TypeError` for no `Evidence`."""
        if not isinstance(evidence, Evidence):
            raise TypeError(f"the rules describe Evidence alone, not {type(evidence).__name__}")
        start = time.perf_counter()
        said = _of_head(evidence) if evidence.track is None and evidence.forecast is None else _of_path(evidence)
        return replace(said, provider=self.name, usage=Usage(cost_usd=0.0, seconds=time.perf_counter() - start))


def _of_path(evidence: Evidence) -> Description:
    try:
        return _of_fit(fit(evidence))
    except FitError as exc:
        return replace(_of_head(evidence), problem=f"no equation: {exc}")


def _of_fit(found: Fit) -> Description:
    claims = claims_of(found.motion, [found.family], found.window)[0]
    text = [sentences(claims, found.window, _unsure(found, claims))]
    sure = found.weights[found.family]
    if sure < UNSURE_FAMILY:
        text.append(f"The kind of path is {sure:.0%} sure.")
    if np.isnan(found.error_px):
        text.append("Nothing of it was seen: this is from the forecast alone.")
    return Description(
        equation=equation_of(found.motion, found.window)[0],
        text=" ".join(text),
        claims={slot: _rounded(value) for slot, value in asdict(claims).items() if value is not None},
    )


def _of_head(evidence: Evidence) -> Description:
    """Say what the classifier alone says."""
    problem = "no equation: neither a track nor a forecast"
    if evidence.probabilities is None:
        return Description(text="Nothing was seen of this clip.", problem=problem)
    best = int(evidence.probabilities.argmax())
    family, sure = evidence.class_names[best], evidence.probabilities[best]
    return Description(
        text=f"The path is {family}, says the classifier, {sure:.0%} sure; where it is and how fast was not seen.",
        claims={"family": family},
        problem=problem,
    )


def _unsure(found: Fit, claims: Claims) -> set[str]:
    """Return the numbers that would be others by more than `UNSURE` in a deviation of the fit's parameters."""
    noise = np.random.default_rng(0).standard_normal((_DRAWS, 5, 3))
    drawn = Motion.from_array(found.motion.to_array() + noise * found.deviation.to_array())
    others = claims_of(drawn, [found.family] * _DRAWS, found.window)
    numbers = {slot: value for slot, value in vars(claims).items() if isinstance(value, float)}
    spread = {slot: np.std([getattr(other, slot) for other in others]) for slot in numbers}
    whole = numbers | {"apex_s": found.window.length_s}
    return {slot for slot in numbers if spread[slot] > UNSURE * whole[slot]}


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value

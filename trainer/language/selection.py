"""Which family a path is of: what its fits say, and what a classifier said before.

    posterior of a family  ~  classifier's probability, squared, x evidence of its fit

Evidence is Laplace's approximation to the probability of what was seen: a Student likelihood of the frames, times how
much of the prior a fit leaves. Errors correlated in time are fewer observations than they look: the exponent is divided
by (1 + rho) / (1 - rho), for rho the autocorrelation of what the best fit leaves (Bartlett 1946), and so is precision.

The head leads: its odds count squared, and against it a fit speaks only as far as it is clear: of families whose
evidence is within `CLEAR` nats of the best, the head alone decides. A track that errs far more than the detector is
known to is not what the fit takes it for, and has to be clearer in proportion. The head's odds are bounded by
`HEAD_DOUBT` all the same, because a network that errs is often sure.

All that is assumed of a path: its terms move it by about one half-side in the seen frames, axes and phases point
anywhere, angular speed and the logarithm of the radius are anywhere between their bounds. No range of a tier is used,
nor a size or direction of gravity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer.motion import Family, Floats, Motion
from trainer.language.observations import Observations
from trainer.language.path_terms import LARGEST_RADIUS, RADIUS, SPEED, TERMS, free_terms
from trainer.language.reprojection import (
    STUDENT,
    Refined,
    frame_scale,
    frame_weights,
    misfit,
    sensitivity,
    turning_bounds,
)

HEAD_DOUBT = 0.02
"""Share of the head's probability that is spread over all families."""
CLEAR = 4.0
"""Nats of evidence: one in fifty. What a fit says below depends on what was assumed of paths before."""
KNOWN_SCALE = 8.0
"""Error up to which a detector's track is what it is taken for; ten times the noise of `medium` is below."""
WEIGHTED_CHI2 = 0.912
"""What is left of a variance after the weights of `STUDENT`, if errors are normal."""
PRIOR_SD = 1.0
"""Of what a term of position, velocity, acceleration or pitch does in the seen frames, half-sides."""


def error_scale(seen: Observations, rest: Floats, families: NDArray[np.int64]) -> Floats:
    """Return how large the detector's error is in fits of `rest` (n, T + 5, 3), in its usual deviations, (n,)."""
    frames = seen.view.frames
    free = free_terms(families).sum(axis=1)
    robust = np.sqrt(frame_scale(seen, misfit(rest)))
    weights = np.minimum(frame_weights(seen, rest)[:, :frames] * robust[:, None] ** 2, 1)
    squares = (weights * np.square(rest[:, :frames]).sum(axis=2)).sum(axis=1)
    left = np.maximum(3 * weights.sum(axis=1) - free, 1)
    return np.sqrt(squares / left / WEIGHTED_CHI2)


def correlation_time(seen: Observations, rest: Floats) -> Floats:
    """Return how many successive errors count as one, (n,), at least 1, from what the best fits left (n, T + 5, 3)."""
    frames = seen.view.frames
    if seen.track is None:
        return np.ones(len(rest))
    weights = np.minimum(frame_weights(seen, rest)[:, :frames, None], 1)
    left = np.sqrt(weights) * rest[:, :frames]
    both = (left[:, 1:] * left[:, :-1]).sum(axis=(1, 2))
    rho = both / np.maximum(np.square(left).sum(axis=(1, 2)), 1e-12)
    # A fit takes some correlation with it, and a chance one of one deviation is none.
    rho = np.clip(rho + 9 / (3 * frames) - 1 / np.sqrt(3 * frames), 0, 0.9)
    return (1 + rho) / (1 - rho)


def log_evidence(
    seen: Observations, fits: Refined, families: NDArray[np.int64], scale: Floats, correlated: Floats
) -> Floats:
    """Return the logarithm of the evidence of each fit (n,), under an error `scale` and a correlation time (n,)."""
    scaled = misfit(fits.rest)
    scaled[:, :-1] /= np.square(scale)[:, None]
    tails = (STUDENT + 3) / 2 * np.log1p(scaled / STUDENT)
    likelihood = -tails[:, :-1].sum(axis=1) / correlated - tails[:, -1]
    free = free_terms(families)
    bounds = turning_bounds(seen)
    precision = information(seen, fits.motion, families, scale, correlated)
    widths = np.full(TERMS, 1 / PRIOR_SD**2)
    widths[SPEED] = 2 * np.pi / (bounds.fastest - bounds.slowest) ** 2
    widths[RADIUS] = 2 * np.pi / np.log(LARGEST_RADIUS / bounds.narrowest) ** 2
    widths[9:12] = 2 * np.pi / (8 * np.pi**2) ** (2 / 3)
    precision[:, np.arange(TERMS), np.arange(TERMS)] += np.where(free, widths, 1)
    volume = 0.5 * (free * np.log(widths)).sum(axis=1) - 0.5 * np.linalg.slogdet(precision)[1]
    motion = fits.motion
    far = np.square(motion.velocity).sum(axis=1) + np.square(motion.acceleration).sum(axis=1)
    return np.asarray(likelihood + volume - np.log1p(far / PRIOR_SD**2), np.float64)


def information(
    seen: Observations, motion: Motion, families: NDArray[np.int64], scale: Floats, correlated: Floats
) -> Floats:
    """Return the inverse covariance of the terms, (n, 15, 15); zero where a family lacks the term."""
    jacobian = sensitivity(seen, motion) * free_terms(families)[:, None, None]
    frames = seen.view.frames
    jacobian[:, :frames] /= (scale * np.sqrt(correlated))[:, None, None, None]
    flat = jacobian.reshape(len(jacobian), -1, TERMS)
    return np.asarray(flat.transpose(0, 2, 1) @ flat, np.float64)


def posterior(evidence: Floats, head: Floats | None, scale: Floats) -> Floats:
    """Return the probabilities of the families (n, 4) from log evidence and a classifier's probabilities (n, 4), at an
    error `scale` (n,).
    """
    families = len(Family)
    prior = np.full_like(evidence, 1 / families)
    if head is not None:
        led = np.square(head) / np.square(head).sum(axis=1, keepdims=True)
        prior = (1 - HEAD_DOUBT) * led + HEAD_DOUBT / families
        clear = CLEAR * np.maximum(scale / KNOWN_SCALE, 1)[:, None]
        evidence = np.minimum(evidence - evidence.max(axis=1, keepdims=True) + clear, 0)
    value = evidence + np.log(prior)
    weights = np.exp(value - value.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)

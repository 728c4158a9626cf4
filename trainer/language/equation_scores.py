"""How right an equation is, of one clip: four answers, each yes or no.

    parses       it is an equation of a path, with finite values in the whole window of T + 5 frames
    family       and of the family of the truth (`trainer.language.identifying`)
    parameters   and every scalar of the family (|v|, |a|, r, |w|, |pitch|) is within 10 %, every direction within 10
                 degrees, the centre within 5 % of the path's extent; all at the middle of the window
    rmse         it parses, and its positions in the T + 5 frames deviate from the true ones by at most 5 % of the
                 path's extent (root of the mean squared distance): the frames of the forecast count

The first three are a chain: each needs the one before. `rmse` needs `parses` alone, for a path can be right while its
parameters are not known well (a flat parabola), and a wrong family cannot be right by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.equations import evaluate
from renderer.errors import EquationError
from renderer.motion import Family, Floats, Motion
from trainer.language.identifying import identify
from trainer.language.reading import read_equation
from trainer.language.truth import Truth

SCALAR = 0.10
DIRECTION_DEG = 10.0
CENTRE = 0.05
RMSE = 0.05
VECTORS: dict[Family, tuple[str, ...]] = {
    Family.LINEAR: ("velocity",),
    Family.CIRCULAR: ("radius", "rotation"),
    Family.HELICAL: ("radius", "rotation", "pitch"),
    Family.PARABOLIC: ("velocity", "acceleration"),
}
"""What a family is given by, beside its centre: the length of each is a scalar, and each has a direction. The pitch is
the travel along the axis in one turn."""


@dataclass(frozen=True)
class EquationScore:
    """Of one clip."""

    parses: bool = False
    family: bool = False
    parameters: bool = False
    rmse: bool = False
    said: Family | None = None
    """The family of the equation, None where it is of none."""
    off: tuple[str, ...] = ()
    """Parameters that are not within their tolerance, such as `pitch` or `direction of radius`."""
    rmse_share: float | None = None
    """Deviation of its positions from the true ones, as a share of the extent."""
    problem: str = ""
    """Why it does not parse."""


def score_equation(text: str, truth: Truth) -> EquationScore:
    """Score what anybody wrote as the equation of a clip; never raises for what was written."""
    window = truth.window
    try:
        equation = read_equation(text)
        positions = evaluate(equation, window.times_s - window.times_s[0])
        found = identify(equation, window)
    except EquationError as exc:
        return EquationScore(problem=str(exc))
    extent = truth.claims.extent
    with np.errstate(over="ignore"):
        share = float(np.sqrt(np.square(positions - truth.path).sum(axis=1).mean()) / extent)
    right = found is not None and found.family is truth.family
    off = _off(found.motion, truth.motion, truth.family, extent) if found and right else ()
    return EquationScore(True, right, right and not off, share <= RMSE, found.family if found else None, off, share)


def _off(motion: Motion, true: Motion, family: Family, extent: float) -> tuple[str, ...]:
    wrong = []
    for name in VECTORS[family]:
        said, right = _vector(motion, name), _vector(true, name)
        length, true_length = np.linalg.norm(said), np.linalg.norm(right)
        if abs(length - true_length) > SCALAR * true_length:
            wrong.append(name)
        if said @ right < np.cos(np.radians(DIRECTION_DEG)) * length * true_length:
            wrong.append(f"direction of {name}")
    if np.linalg.norm(motion.centre - true.centre) > CENTRE * extent:
        wrong.append("centre")
    return tuple(wrong)


def _vector(motion: Motion, name: str) -> Floats:
    if name == "pitch":
        return np.asarray(motion.velocity[0] * 2 * np.pi / motion.angular_speed[0])
    return np.asarray(getattr(motion, name)[0])

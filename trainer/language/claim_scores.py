"""How right a description is, of one clip: claim by claim, against the truth and against its own prose.

What counts is the JSON of claims beside the prose, slot by slot: family, direction, extent, speed, turns, radius,
apex. A number is right within 10 % (an apex within 10 % of the window), a direction if its words are those of the true
one. Two values for a slot are wrong, whether both stand in the JSON or one in the prose: naming every word scores 0.

    precision   right slots / slots said
    recall      right slots / slots that the true path has
    F1          their harmonic mean
    coherent    something is claimed, and no slot contradicts another, itself or the prose
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from renderer.descriptions import SIDES, Claims
from renderer.motion import Family, Floats, Motion
from trainer.language.describer import Description
from trainer.language.prose_claims import SENSES, directions_in, families_in, numbers_in, opposite
from trainer.language.truth import Truth

SLOTS = tuple(slot.name for slot in fields(Claims))
NUMBER = 0.10
ROUNDING = 0.01
"""Prose and JSON may round one number in two ways."""
MUST_SHARE, MAY_SHARE = 0.45, 0.25
"""Part of a direction from which its word must be there, and below which it must not be. The words of a path change at
.35: about 6 degrees to either side are forgiven."""
LARGEST = 1e6
"""Of any number: what is larger, infinite or NaN is not a claim."""
LACKS = {
    "linear": {"turns", "radius", "apex_s"},
    "circular": {"apex_s"},
    "helical": {"apex_s"},
    "parabolic": {"turns", "radius"},
}
"""Slots that no path of a family has."""
MADE_OF = {"helical": {"circular", "linear"}, "parabolic": {"linear"}}
"""Families of which prose may speak beside another: a helix is a circle that advances along a line."""
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,12})?", re.ASCII)
Values = Mapping[str, tuple[Any, ...]]
"""Each slot of which something is said, with all its different values: a word, a set of directions, a number."""


@dataclass(frozen=True)
class ClaimScore:
    """Of one clip."""

    right: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """Slots with at least one value in the JSON."""
    wanted: tuple[str, ...] = ()
    """Slots that the true path has."""
    contradicted: tuple[str, ...] = ()

    @property
    def precision(self) -> float:
        return len(self.right) / max(len(self.said), 1)

    @property
    def recall(self) -> float:
        return len(self.right) / max(len(self.wanted), 1)

    @property
    def f1(self) -> float:
        return 2 * len(self.right) / max(len(self.said) + len(self.wanted), 1)

    @property
    def coherent(self) -> bool:
        return bool(self.said) and not self.contradicted


def score_claims(description: Description, truth: Truth) -> ClaimScore:
    """Score what was said of a clip; never raises for what was said."""
    values = _values(description.claims)
    contradicted = _contradicted(values, description.text)
    wanted = tuple(slot for slot in SLOTS if getattr(truth.claims, slot) is not None)
    sound = [slot for slot in wanted if slot in values and slot not in contradicted]
    right = tuple(slot for slot in sound if _is_right(slot, values[slot][0], truth))
    return ClaimScore(right, tuple(values), wanted, contradicted)


def _values(claims: Mapping[str, Any]) -> Values:
    found = {slot: tuple(dict.fromkeys(_read(slot, claims.get(slot)))) for slot in SLOTS}
    return {slot: values for slot, values in found.items() if values}


def _read(slot: str, value: Any) -> list[Any]:
    """Return the values that JSON gives to a slot; a word that means nothing is a value, and a wrong one."""
    if isinstance(value, list | tuple):
        return [one for item in value if not isinstance(item, list | tuple) for one in _read(slot, item)]
    if slot in ("family", "direction"):
        if not isinstance(value, str) or not value:
            return []
        return sorted(families_in(value)) or ["?"] if slot == "family" else [frozenset(directions_in(value))]
    numbers = [float(number) for number in _NUMBER.findall(value)] if isinstance(value, str) else [value]
    real = (float(one) for one in numbers if isinstance(one, int | float) and abs(one) <= LARGEST)
    return [number for number in real if slot not in ("turns", "radius") or number > 0]


def _contradicted(values: Values, text: str) -> tuple[str, ...]:
    """Return the slots that have two values, that the claimed family lacks, or of which the prose says otherwise."""
    family = values["family"][0] if len(values.get("family", ())) == 1 else ""
    wrong = {slot for slot, several in values.items() if len(several) > 1}
    wrong |= LACKS.get(family, set()) & set(values)
    if family and families_in(text) - {family} - MADE_OF.get(family, set()):
        wrong.add("family")
    if _turns_back(values.get("direction", ()), directions_in(text), family):
        wrong.add("direction")
    for slot, numbers in numbers_in(text).items():
        agreeing = [_agree(values[slot][0], number) for number in numbers] if slot in values else []
        changing = slot == "speed" and family == "parabolic"
        if agreeing and not (any(agreeing) if changing else all(agreeing)):
            wrong.add(slot)
    return tuple(slot for slot in SLOTS if slot in wrong)


def _turns_back(claimed: Sequence[frozenset[str]], told: set[str], family: str) -> bool:
    """True where claimed words are opposites of each other or of the prose, in which a throw may rise and fall."""
    words = frozenset[str]().union(*claimed)
    exempt = set(SIDES[1]) if family == "parabolic" else set()
    return any(opposite(word) in words or opposite(word) in told - exempt for word in words)


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= NUMBER * max(abs(one), abs(other)) + ROUNDING


def _is_right(slot: str, value: Any, truth: Truth) -> bool:
    true = getattr(truth.claims, slot)
    if slot == "family":
        return bool(value == true)
    if slot == "direction":
        return _names(value, truth)
    return bool(abs(value - true) <= NUMBER * (truth.window.length_s if slot == "apex_s" else true))


def _names(words: frozenset[str], truth: Truth) -> bool:
    """True if words name the true direction: every large part of it, and no part that is small or opposite."""
    if truth.family is Family.CIRCULAR:
        return words == {truth.claims.direction} or (_edge_on(truth.motion) and words < set(SENSES) and bool(words))
    heading = _heading(truth.motion)
    must, may = (
        {SIDES[axis][int(part > 0)] for axis, part in enumerate(heading) if abs(part) >= share}
        for share in (MUST_SHARE, MAY_SHARE)
    )
    return must <= words <= may


def _heading(motion: Motion) -> Floats:
    """Return the unit vector (3,) of travel; of a throw, where it is highest."""
    velocity, fall = motion.velocity[0], motion.acceleration[0]
    heading = velocity - fall * (velocity @ fall) / max(float(fall @ fall), 1e-12)
    return np.asarray(heading / np.linalg.norm(heading))


def _edge_on(motion: Motion) -> bool:
    """True for a circle seen from its side, within the angle that is forgiven of any direction."""
    line_of_sight = motion.centre[0] / np.linalg.norm(motion.centre[0])
    return bool(abs(motion.axis[0] @ line_of_sight) < (MUST_SHARE - MAY_SHARE) / 2)

"""What a path does, in numbers and in words, from its parameters; directions are those of the camera's picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from renderer.motion import Family, Floats, Motion
from renderer.sampling import Window
from renderer.trajectories import TrajectoryRecipe

SIDES = (("left", "right"), ("up", "down"), ("closer", "away"))
"""Words for the camera's x, y and z, towards less and towards more."""
_LEAST_SHARE = 0.35
"""Part of a direction below which an axis is not worth a word."""


@dataclass(frozen=True)
class Claims:
    """What there is to say of one path; None where its family has no such thing."""

    family: str
    direction: str
    """Of travel (linear), of the climb (helical), of the throw (parabolic): words of `SIDES`, the largest part first.
    Circular: `clockwise` or `counter-clockwise` as the camera sees it.
    """
    extent: float
    """Largest distance between two of its T + 5 positions, in half-sides."""
    speed: float
    """At frame 0, half-sides a second; constant but for parabolic."""
    turns: float | None = None
    """From the first of the T + 5 frames to the last."""
    radius: float | None = None
    """Of the circle, half-sides."""
    apex_s: float | None = None
    """When it is farthest against its fall, seconds from frame 0; may lie outside the seen frames."""


def claims(recipe: TrajectoryRecipe) -> list[Claims]:
    """Return the claims of each clip, exact."""
    return claims_of(recipe.camera_motion, [Family(label) for label in recipe.label], recipe.window)


def claims_of(motion: Motion, families: Sequence[Family], window: Window) -> list[Claims]:
    """Return what there is to say of each path, in camera coordinates with s from the middle of `window`."""
    motion = motion.shifted(np.full(len(families), window.times_s[0]))
    clockwise = (motion.rotation * motion.centre).sum(axis=1) > 0
    speed = np.linalg.norm(motion.velocity + np.cross(motion.rotation, motion.radius), axis=1)
    radius = np.linalg.norm(motion.radius, axis=1)
    turns = motion.angular_speed * window.length_s / (2 * np.pi)
    fall_squared = np.square(motion.acceleration).sum(axis=1)
    apex = -(motion.velocity * motion.acceleration).sum(axis=1) / np.where(fall_squared > 0, fall_squared, 1)
    heading = motion.velocity + motion.acceleration * apex[:, None]
    extent = _extent(motion.positions(window.times_s - window.times_s[0]))
    every = []
    for row, family in enumerate(families):
        turning = family in (Family.CIRCULAR, Family.HELICAL)
        sense = "clockwise" if clockwise[row] else "counter-clockwise"
        every.append(
            Claims(
                family=family.name.lower(),
                direction=sense if family is Family.CIRCULAR else direction(heading[row]),
                extent=float(extent[row]),
                speed=float(speed[row]),
                turns=float(turns[row]) if turning else None,
                radius=float(radius[row]) if turning else None,
                apex_s=float(apex[row]) if family is Family.PARABOLIC else None,
            )
        )
    return every


def direction(heading: Floats) -> str:
    """Return a direction (3,) of camera coordinates in words, such as `right, down and away`; '' of none."""
    share = heading / max(float(np.linalg.norm(heading)), 1e-12)
    axes = [axis for axis in np.argsort(-np.abs(share)) if abs(share[axis]) >= _LEAST_SHARE]
    words = [SIDES[axis][int(share[axis] > 0)] for axis in axes]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _extent(path: Floats) -> Floats:
    """Return the largest distance between two positions of each path (n, t, 3), (n,)."""
    apart = [np.linalg.norm(path[:, step:] - path[:, :-step], axis=2).max(axis=1) for step in range(1, path.shape[1])]
    return np.asarray(np.max(apart, axis=0))


def describe(recipe: TrajectoryRecipe) -> list[str]:
    """Return two sentences on each clip."""
    return [sentences(clip, recipe.window) for clip in claims(recipe)]


def sentences(clip: Claims, window: Window, unsure: Collection[str] = ()) -> str:
    """Return two sentences: family and numbers of a path, lengths in half-sides of the workspace.

    Numbers of the slots in `unsure` are said to be `about` so much.
    """
    said = {
        slot: f"{'about ' if slot in unsure else ''}{value:.2f}"
        for slot, value in vars(clip).items()
        if isinstance(value, float)
    }
    return f"{_motion(clip, said)} Over {window.length_s:.2f} s it spans {said['extent']}."


def _motion(clip: Claims, said: Mapping[str, str]) -> str:
    circle = f"{said['turns']} turns of radius {said['radius']} at {said['speed']} a second" if clip.turns else ""
    match clip.family:
        case "linear":
            return f"The sphere moves in a straight line, {clip.direction}, at {said['speed']} a second."
        case "circular":
            return f"The sphere moves in a circle, {clip.direction}: {circle}."
        case "helical":
            return f"The sphere moves in a helix that advances {clip.direction}: {circle}."
    return (
        f"The sphere flies in a parabola, thrown {clip.direction}, at {said['speed']} a second at first; "
        f"its apex is at {said['apex_s']} s."
    )

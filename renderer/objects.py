"""The `objects` data set: persistent spheres among transient ones.

Both kinds are drawn from the same laws of path, place, speed, size, colour and birth; every path is one that would
stay in view for the whole clip, and only then is a life cut out of it. Only how long an object lives tells its kind,
unless a cue is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras
from renderer.cast import Cast, clip_arrays, tremble_px
from renderer.lives import Life, Whole, shown_bits
from renderer.motion import Family, Floats
from renderer.placing import DRIFTS, PathLaw, place, slowed
from renderer.recipe import Generated
from renderer.sampling import Window, draw_cameras, draw_colours
from renderer.scenes import CLUTTER, Persistence, SceneRecipe
from renderer.shapes import Shape
from renderer.tiers import MEDIUM, TESTS, Range, Tier

Beside = Callable[[Cameras, Tier], Cameras]
"""Returns further cameras for clips that are seen by more than one, given theirs and the ranges of the tier."""
CUES = ("none", "motion", "colour")
MAX_CLUTTER = 32
FRAMES = 32
_SLACK = 8.0
"""A step must be long enough even if jitter shortens it by so many deviations (5.7 of a difference of two)."""
_CUE_COLOURS = {Persistence.PERSISTENT: (255, 255, 255), Persistence.TRANSIENT: (255, 0, 0)}


@dataclass(frozen=True)
class ObjectTier:
    """What the clips of a tier hold."""

    name: str
    number: dict[Persistence, Whole]
    """Objects of each kind in a clip."""
    life: dict[Persistence, Life]
    law: PathLaw
    blink: float
    """Share of an object's frames in which it is not drawn."""
    tests: dict[str, dict[str, Any]]
    """What each held-out test changes in the ranges of the law."""


_RANGES = replace(MEDIUM, name="standard", noise_sigma=0.05)
_BIRTH = Whole(-2, 18)
STANDARD = ObjectTier(
    name="standard",
    number={Persistence.PERSISTENT: Whole(1, 4), Persistence.TRANSIENT: Whole(4, 10)},
    life={Persistence.PERSISTENT: Life(_BIRTH, Whole(14, 32)), Persistence.TRANSIENT: Life(_BIRTH, Whole(3, 8))},
    law=PathLaw(_RANGES),
    blink=0.15,
    tests={test: changes["medium"] for test, changes in TESTS.items()},
)
EASY = replace(
    STANDARD,
    name="easy",
    number={Persistence.PERSISTENT: Whole(1, 4), Persistence.TRANSIENT: Whole(1, 6)},
    life={
        Persistence.PERSISTENT: Life(Whole(0, 0), Whole(FRAMES, FRAMES)),
        Persistence.TRANSIENT: Life(Whole(0, FRAMES - 3), Whole(1, 3)),
    },
    blink=0.0,
)
"""Solved by counting frames: for tests of the machinery, not for claims."""
HEAVY = replace(
    STANDARD,
    name="transient_heavy",
    number={Persistence.PERSISTENT: Whole(1, 4), Persistence.TRANSIENT: Whole(16, 24)},
)
_FAST = replace(
    _RANGES,
    name="fast",
    elevation_deg=Range(30, 50),
    tilt_deg=Range(0, 40),
    turns=Range(4, 8),
    turn_radius=Range(0.4, 0.6),
    climb=Range(0.3, 0.8),
    sphere_radius=4.5 / 70,
)
FAST = replace(
    STANDARD,
    name="fast",
    law=PathLaw(_FAST, families=(Family.CIRCULAR, Family.HELICAL), least_step=1.5),
    tests={
        "shifted-camera": {"azimuth_deg": Range(60, 120), "elevation_deg": Range(55, 70)},
        "shifted-motion": {"turns": Range(8.5, 11), "turn_radius": Range(0.62, 0.7), "offset": Range(-0.4, 0.4)},
        "noisy": {"noise_sigma": 0.1},
    },
)
"""Every object moves at least one and a half times its box from frame to frame."""
OBJECT_TIERS = {tier.name: tier for tier in (STANDARD, EASY, HEAVY, FAST)}


@dataclass(frozen=True, kw_only=True)
class ObjectRecipe(SceneRecipe):
    """Clips labelled by their number of persistent objects, less one."""

    KIND: ClassVar[str] = "objects"

    cue: str
    """What tells the kinds apart beside persistence itself: one of `CUES`."""

    @property
    def class_names(self) -> tuple[str, ...]:
        number = OBJECT_TIERS[self.tier].number[Persistence.PERSISTENT]
        return tuple(f"{count} persistent" for count in range(1, number.high + 1))


def make_objects(tier: str, clips: int, seed: int, window: Window, cue: str = "none", clutter: int = 0,
                 test: str = "", beside: Beside | None = None) -> Generated[ObjectRecipe]:  # fmt: skip
    """Draw clips with 1, 2, ... persistent objects, each number as often as any other, shuffled.

    `clutter` shapes stand or drift in each clip. Acceptance is by kind of object. With `beside` all stays in view of
    the cameras that it returns, too.
    """
    plan = OBJECT_TIERS[tier]
    law = replace(plan.law, ranges=replace(plan.law.ranges, **plan.tests[test])) if test else plan.law
    look, *streams = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4))
    persistent = plan.number[Persistence.PERSISTENT]
    label = look.permutation(np.arange(clips) % (persistent.high - persistent.low + 1))
    transients = plan.number[Persistence.TRANSIENT].sample(look, clips)
    number = {Persistence.PERSISTENT: persistent.low + label, Persistence.TRANSIENT: transients}
    cameras = draw_cameras(look, clips, law.ranges, window.size_px)
    also = (beside(cameras, law.ranges),) if beside else ()
    slack_px = _SLACK * max(_trembles(cue, window).values())
    parts, rates = [], {}
    for (kind, count), rng in zip(number.items(), streams, strict=False):
        clip = np.repeat(np.arange(clips), count)
        placed = place(rng, cameras.of(clip), law, window, slack_px, [eye.of(clip) for eye in also])
        parts.append(_spheres(rng, kind, clip, placed.motion, plan, window, cue))
        rates[kind.name.lower()] = len(clip) / int(placed.drawn.sum())
    parts.append(_clutter(streams[-1], np.repeat(np.arange(clips), clutter), (cameras, *also), law, window))
    recipe = ObjectRecipe(
        tier=tier,
        seed=seed,
        window=window,
        cue=cue,
        **clip_arrays(look, label, cameras, law.ranges.noise_sigma),
        **Cast.joined(parts).arrays(look, law.ranges.sphere_radius),
    )
    return Generated(recipe, rates)


def _trembles(cue: str, window: Window) -> dict[Persistence, float]:
    """Return the jitter of each kind in pixels."""
    usual = tremble_px(window)
    return {Persistence.PERSISTENT: usual, Persistence.TRANSIENT: 4 * usual if cue == "motion" else usual}


def _spheres(rng: np.random.Generator, kind: Persistence, clip: NDArray[np.int64], motion: Floats, plan: ObjectTier,
             window: Window, cue: str) -> Cast:  # fmt: skip
    """Give each path a life of the kind, and a look."""
    m = len(clip)
    birth, life = plan.life[kind].birth.sample(rng, m), plan.life[kind].length.sample(rng, m)
    colour = np.tile(_CUE_COLOURS[kind], (m, 1)) if cue == "colour" else draw_colours(rng, m)
    shown = shown_bits(rng, birth, life, plan.blink, window.frames)
    jitter = np.full(m, _trembles(cue, window)[kind])
    return Cast(clip, np.full(m, kind), np.full(m, Shape.SPHERE), colour, birth, life, shown, motion, jitter)


def _clutter(rng: np.random.Generator, clip: NDArray[np.int64], eyes: Sequence[Cameras], law: PathLaw,
             window: Window) -> Cast:  # fmt: skip
    """Draw shapes that stand still or drift, each for some part of the clip."""
    m = len(clip)
    cameras, *also = (eye.of(clip) for eye in eyes)
    placed = place(rng, cameras, PathLaw(law.ranges), window, also=also)
    motion = slowed(placed.motion, rng.choice(DRIFTS, m))
    life = Whole(1, window.frames).sample(rng, m)
    birth = Whole(-4, window.frames - 1).sample(rng, m)
    shape = rng.choice([Shape.SQUARE, Shape.TRIANGLE, Shape.STAR], m)
    shown = shown_bits(rng, birth, life, 0.0, window.frames)
    jitter = np.full(m, tremble_px(window))
    return Cast(clip, np.full(m, CLUTTER), shape, draw_colours(rng, m), birth, life, shown, motion, jitter)

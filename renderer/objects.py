"""The `objects` data set: persistent spheres among transient ones.

Both kinds are drawn from the same laws of path, place, speed, size, colour and birth; every path is one that would
stay in view for the whole clip, and only then is a life cut out of it. Only how long an object lives tells its kind,
unless a cue is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras
from renderer.cast import Cast, colours, tremble
from renderer.lives import Life, Whole, shown_bits
from renderer.motion import Family
from renderer.placing import PathLaw, place, slowed
from renderer.recipe import Generated
from renderer.sampling import Window, draw_cameras
from renderer.scenes import CLUTTER, Persistence, SceneRecipe
from renderer.shapes import Shape
from renderer.tiers import MEDIUM, TESTS, Range

CUES = ("none", "motion", "colour")
MAX_CLUTTER = 32
FRAMES = 32
_KINDS = (Persistence.PERSISTENT, Persistence.TRANSIENT)


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
                 test: str = "") -> Generated[ObjectRecipe]:  # fmt: skip
    """Draw clips with 1, 2, ... persistent objects, each number as often as any other, shuffled.

    `clutter` shapes stand or drift in each clip. Acceptance is by kind of object.
    """
    plan = OBJECT_TIERS[tier]
    law = replace(plan.law, ranges=replace(plan.law.ranges, **plan.tests[test])) if test else plan.law
    look, *streams = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4))
    persistent = plan.number[Persistence.PERSISTENT]
    label = look.permutation(np.arange(clips) % (persistent.high - persistent.low + 1)).astype(np.uint8)
    number = {
        Persistence.PERSISTENT: persistent.low + label,
        Persistence.TRANSIENT: plan.number[Persistence.TRANSIENT].sample(look, clips),
    }
    cameras = draw_cameras(look, clips, law.ranges, window.size_px)
    parts, rates = [], {}
    for kind, rng in zip(_KINDS, streams, strict=False):
        part, rate = _objects(rng, kind, np.repeat(np.arange(clips), number[kind]), cameras, plan, law, window, cue)
        parts.append(part)
        rates[kind.name.lower()] = rate
    if clutter:
        parts.append(_clutter(streams[-1], np.repeat(np.arange(clips), clutter), cameras, law, window))
    recipe = ObjectRecipe(
        tier=tier,
        seed=seed,
        window=window,
        focal_px=cameras.focal_px,
        noise="exact",
        cue=cue,
        label=label,
        scene=np.arange(clips, dtype=np.int64),
        rotation=cameras.rotation,
        position=cameras.position,
        noise_sigma=np.full(clips, law.ranges.noise_sigma, np.float32),
        noise_seed=look.integers(0, 2**63, clips, dtype=np.uint64),
        **Cast.joined(parts).arrays(look, law.ranges.sphere_radius),
    )
    return Generated(recipe, rates)


def _objects(rng: np.random.Generator, kind: Persistence, clip: NDArray[np.int64], cameras: Cameras, plan: ObjectTier,
             law: PathLaw, window: Window, cue: str) -> tuple[Cast, float]:  # fmt: skip
    """Draw spheres of one kind for the clips given, one each; return them and the share of paths accepted."""
    m = len(clip)
    trembling = {kind: tremble(1, window, 4.0 if cue == "motion" and kind == Persistence.TRANSIENT else 1.0)[0]
                 for kind in _KINDS}  # fmt: skip
    placed = place(rng, cameras.of(clip), law, window, slack_px=8 * max(trembling.values()))
    birth, life = plan.life[kind].birth.sample(rng, m), plan.life[kind].length.sample(rng, m)
    colour = colours(rng, m)
    if cue == "colour":
        colour = np.tile([255, 255, 255] if kind == Persistence.PERSISTENT else [255, 0, 0], (m, 1))
    shown = shown_bits(rng, birth, life, plan.blink, window.frames)
    jitter = np.full(m, trembling[kind])
    sphere = np.full(m, Shape.SPHERE)
    cast = Cast(clip, np.full(m, kind), sphere, colour, birth, life, shown, placed.motion, jitter)
    return cast, m / int(placed.drawn.sum())


def _clutter(rng: np.random.Generator, clip: NDArray[np.int64], cameras: Cameras, law: PathLaw,
             window: Window) -> Cast:  # fmt: skip
    """Draw shapes that stand still or drift, each for some part of the clip."""
    m = len(clip)
    placed = place(rng, cameras.of(clip), PathLaw(law.ranges), window)
    motion = slowed(placed.motion, rng.choice([0.0, 0.3], m))
    life = Whole(1, window.frames).sample(rng, m)
    birth = Whole(-4, window.frames - 1).sample(rng, m)
    shape = rng.choice([Shape.SQUARE, Shape.TRIANGLE, Shape.STAR], m)
    shown = shown_bits(rng, birth, life, 0.0, window.frames)
    return Cast(clip, np.full(m, CLUTTER), shape, colours(rng, m), birth, life, shown, motion, tremble(m, window))

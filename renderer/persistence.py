"""The `persistence` data set: does a sphere stay, or do things only come and go?

A clip is made of parts. A part is a stretch of frames filled either by one object, or by successive short-lived ones.
Such a stretch is made from a persistent object's: it keeps the frames, blinks and colour, and each piece has the size
that the persistent object would have had meanwhile; only its place jumps at every cut. So the number of sprites a
frame, brightness, size and place say nothing of persistence where the parts of positive and negative clips match.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras
from renderer.cast import Cast, colours, tremble
from renderer.lives import Whole, cut, pack, shown_bits, unpack
from renderer.motion import Floats, Motion
from renderer.placing import PathLaw, place, resized, slowed
from renderer.recipe import Generated
from renderer.sampling import Window, draw_cameras
from renderer.scenes import CLUTTER, Persistence, SceneRecipe
from renderer.shapes import Shape
from renderer.tiers import MEDIUM, TESTS

FRAMES = 25


class ClipKind(IntEnum):
    """What a clip holds; the value is the label."""

    PERSISTENT = 0
    BRIEF = 1
    NOISE = 2
    MIXED = 3


POSITIVE = (ClipKind.PERSISTENT, ClipKind.MIXED)
SPHERE = (Shape.SPHERE,)
OTHER = (Shape.SQUARE, Shape.TRIANGLE, Shape.STAR)
LONG = Whole(14, FRAMES)
"""Frames of a persistent object: never fewer than 12."""
SHORT = Whole(3, 8)


@dataclass(frozen=True)
class Part:
    """A stretch of frames that some objects of one clip fill."""

    shapes: tuple[Shape, ...]
    frames: Whole
    """Its length; it begins anywhere that leaves all of it in the clip."""
    pieces: Whole | None = None
    """Frames of each of successive objects that fill it, instead of one."""
    number: Whole = Whole(1, 1)
    """Such parts in a clip."""
    share: float = 1.0
    """Share of the clips of a kind that have it."""
    drifting: bool = False
    """It stands still or moves slowly."""

    @property
    def persists(self) -> bool:
        return self.pieces is None and self.frames.low >= LONG.low and self.shapes == SPHERE


@dataclass(frozen=True)
class PersistenceTier:
    """What each kind of clip holds."""

    name: str
    parts: dict[ClipKind, tuple[Part, ...]]
    clips: tuple[int, int, int, int] = (1000, 1000, 250, 250)
    """Clips of each kind in 2,500."""
    blink: float = 0.15
    """Share of the frames of a part in which it is not drawn."""
    noise_sigma: float = 0.05


def _clutter(number: Whole) -> Part:
    return Part(OTHER, Whole(1, FRAMES), number=number, drifting=True)


_STAYS, _COMES_AND_GOES = Part(SPHERE, LONG), Part(SPHERE, LONG, pieces=SHORT)
_FLICKER = Part(OTHER, Whole(1, 3), number=Whole(1, 3))
_WHOLE_CLIP = Part(SPHERE, Whole(FRAMES, FRAMES))
_MOMENT = Part(SPHERE, Whole(1, 3))
EASY = PersistenceTier(
    "easy",
    {
        ClipKind.PERSISTENT: (_WHOLE_CLIP,),
        ClipKind.BRIEF: (_MOMENT,),
        ClipKind.NOISE: (_FLICKER,),
        ClipKind.MIXED: (_WHOLE_CLIP, _MOMENT, _FLICKER),
    },
    blink=0.0,
)
"""Solved by counting the frames that show anything: for tests of the machinery, not for claims."""
_BRIEF = Part(SPHERE, Whole(4, 9))
CLUTTERED = PersistenceTier(
    "clutter",
    {
        ClipKind.PERSISTENT: (_STAYS, _clutter(Whole(2, 5))),
        ClipKind.BRIEF: (_BRIEF, _clutter(Whole(2, 5))),
        ClipKind.NOISE: (_clutter(Whole(3, 6)),),
        ClipKind.MIXED: (_STAYS, replace(_BRIEF, number=Whole(1, 2)), _clutter(Whole(2, 5))),
    },
)
"""Shapes that are no spheres come, stay and go in every clip."""
MATCHED = PersistenceTier(
    "matched",
    {
        ClipKind.PERSISTENT: (_STAYS,),
        ClipKind.BRIEF: (_COMES_AND_GOES,),
        ClipKind.NOISE: (Part(OTHER, LONG, pieces=SHORT, number=Whole(2, 2)),),
        ClipKind.MIXED: (_STAYS, Part(tuple(Shape), LONG, pieces=SHORT)),
    },
)
"""Negative clips fill as many frames with as many, as bright and as large things as positive ones."""
SHAPE_MOTION = PersistenceTier(
    "shape-motion",
    {
        ClipKind.PERSISTENT: (_STAYS,),
        ClipKind.BRIEF: (_COMES_AND_GOES, replace(_COMES_AND_GOES, share=0.2)),
        ClipKind.NOISE: (Part(OTHER, LONG), Part(OTHER, LONG, pieces=SHORT, share=0.2)),
        ClipKind.MIXED: (_STAYS, _COMES_AND_GOES),
    },
    clips=(1000, 625, 625, 250),
)
"""Positive is a sphere and its staying: shape alone or staying alone is right in three clips of four."""
PERSISTENCE_TIERS = {tier.name: tier for tier in (MATCHED, EASY, CLUTTERED, SHAPE_MOTION)}


@dataclass(frozen=True, kw_only=True)
class PersistenceRecipe(SceneRecipe):
    """Clips labelled by their `ClipKind`."""

    KIND: ClassVar[str] = "persistence"

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(kind.name.lower() for kind in ClipKind)

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Whether a sphere persists in the clip, (n,)."""
        return np.isin(self.label, POSITIVE)


def make_persistence(tier: str, clips: int, seed: int, window: Window, test: str = "") -> Generated[PersistenceRecipe]:
    """Draw clips of the four kinds in the tier's proportions, shuffled. Acceptance is by kind of clip."""
    plan = PERSISTENCE_TIERS[tier]
    ranges = replace(MEDIUM, noise_sigma=plan.noise_sigma)
    law = PathLaw(replace(ranges, name=tier, **TESTS[test]["medium"]) if test else replace(ranges, name=tier))
    look, *streams = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(1 + len(ClipKind)))
    label = look.permutation(np.repeat(np.arange(len(ClipKind)), shares(plan.clips, clips)))
    cameras = draw_cameras(look, clips, law.ranges, window.size_px)
    parts, rates = [], {}
    for kind, rng in zip(ClipKind, streams, strict=True):
        paths = drawn = 0
        for part in plan.parts[kind]:
            mine = np.flatnonzero(label == kind)
            mine = rng.permutation(mine)[: round(part.share * len(mine))]
            clip = np.repeat(mine, part.number.sample(rng, len(mine)))
            cast, tries = _fill(rng, part, clip, cameras, plan.blink, law, window)
            parts.append(cast)
            paths, drawn = paths + len(tries), drawn + int(tries.sum())
        if paths:
            rates[kind.name.lower()] = paths / drawn
    recipe = PersistenceRecipe(
        tier=tier,
        seed=seed,
        window=window,
        focal_px=cameras.focal_px,
        noise="exact",
        label=label.astype(np.uint8),
        scene=np.arange(clips, dtype=np.int64),
        rotation=cameras.rotation,
        position=cameras.position,
        noise_sigma=np.full(clips, law.ranges.noise_sigma, np.float32),
        noise_seed=look.integers(0, 2**63, clips, dtype=np.uint64),
        **Cast.joined(parts).arrays(look, law.ranges.sphere_radius),
    )
    return Generated(recipe, rates)


def shares(weights: tuple[int, ...], total: int) -> list[int]:
    """Split `total` in proportion to the weights, exactly, by largest remainders."""
    exact = np.array(weights) * total / sum(weights)
    count = np.floor(exact).astype(int)
    for index in np.argsort(count - exact, kind="stable")[: total - count.sum()]:
        count[index] += 1
    return count.tolist()


def _fill(rng: np.random.Generator, part: Part, clip: NDArray[np.int64], cameras: Cameras, blink: float, law: PathLaw,
          window: Window) -> tuple[Cast, NDArray[np.int64]]:  # fmt: skip
    """Return the objects of one part of each clip given, and how many paths were drawn for each."""
    m = len(clip)
    placed = place(rng, cameras.of(clip), law, window)
    motion = slowed(placed.motion, rng.choice([0.0, 0.3], m)) if part.drifting else placed.motion
    life = part.frames.sample(rng, m)
    birth = rng.integers(0, window.frames - life + 1)
    shown = shown_bits(rng, birth, life, blink, window.frames)
    colour, tries = colours(rng, m), placed.drawn
    if part.pieces is not None:
        whole, start, length = cut(rng, life, part.pieces)
        pieces = place(rng, cameras.of(clip[whole]), law, window)
        clip, birth, life, colour = clip[whole], birth[whole] + start, length, colour[whole]
        frames = np.arange(window.frames)
        alive = (frames >= birth[:, None]) & (frames < (birth + life)[:, None])
        motion = _sized_like(motion[whole], pieces.motion, cameras.of(clip), alive, window)
        shown = pack(unpack(shown[whole], window.frames) & alive)
        tries = np.concatenate([tries, pieces.drawn])
    shape = rng.choice(np.array(part.shapes), len(clip))
    sphere = Persistence.PERSISTENT if part.persists else Persistence.TRANSIENT
    kind = np.where(shape == Shape.SPHERE, sphere, CLUTTER)
    return Cast(clip, kind, shape, colour, birth, life, shown, motion, tremble(len(clip), window)), tries


def _sized_like(model: Floats, motion: Floats, cameras: Cameras, alive: NDArray[np.bool_], window: Window) -> Floats:
    """Return `motion` moved in depth, so that its area in the picture, summed over its life, is that of `model`."""

    def area(paths: Floats) -> Floats:
        depth = cameras.to_camera(Motion.from_array(paths).positions(window.times_s[: window.frames]))[..., 2]
        return np.asarray((alive / depth**2).sum(axis=1))

    return resized(motion, cameras, np.sqrt(area(motion) / area(model)))

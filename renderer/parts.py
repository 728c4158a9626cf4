"""What the clips of the `persistence` tiers are made of.

A clip is made of parts. A part is a stretch of frames filled either by one object, or by successive short-lived ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from renderer.lives import Whole
from renderer.shapes import Shape

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
ONE = Whole(1, 1)


@dataclass(frozen=True)
class Part:
    """A stretch of frames that some objects of one clip fill."""

    shapes: tuple[Shape, ...]
    frames: Whole
    """Its length; it begins anywhere that leaves all of it in the clip."""
    pieces: Whole | None = None
    """Frames of each of successive objects that fill it, instead of one."""
    number: Whole = ONE
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


def _shapes(number: Whole) -> Part:
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
        ClipKind.PERSISTENT: (_STAYS, _shapes(Whole(2, 5))),
        ClipKind.BRIEF: (_BRIEF, _shapes(Whole(2, 5))),
        ClipKind.NOISE: (_shapes(Whole(3, 6)),),
        ClipKind.MIXED: (_STAYS, replace(_BRIEF, number=Whole(1, 2)), _shapes(Whole(2, 5))),
    },
)
"""Shapes that are no spheres come, stay and go in every clip. A persistent sphere still adds to how much is seen (a
count alone reaches .64): only in `matched` and `shape-motion` does that say nothing.
"""
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

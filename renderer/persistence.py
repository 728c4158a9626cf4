"""The `persistence` data set: does a sphere stay, or do things only come and go?

A stretch of short lives is made from one long life: it keeps its frames, blinks and colour, and each piece has the
size that the long-lived object would have had meanwhile, as near as paths allow; its place jumps at every cut. So the
number of sprites a frame, brightness, size and place say nothing of persistence where the parts of positive and
negative clips match. What does, beside place: at a cut the size jumps a little too. In `matched`, a small network that
sees the six largest such jumps of each clip, and nothing else, is right in three clips of four.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras
from renderer.cast import Cast, clip_arrays, tremble_px
from renderer.lives import cut, pack, shown_bits, unpack
from renderer.motion import Floats, Motion
from renderer.parts import PERSISTENCE_TIERS, POSITIVE, ClipKind, Part
from renderer.placing import DRIFTS, PathLaw, place, resized, slowed
from renderer.recipe import Generated
from renderer.sampling import Window, draw_cameras, draw_colours
from renderer.scenes import CLUTTER, Persistence, SceneRecipe
from renderer.shapes import Shape
from renderer.tiers import MEDIUM, TESTS

_CANDIDATES = 8
"""Paths drawn for each piece: with one, the sizes that a clip shows, in any order, tell in .58 of all clips."""


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
    changes: dict[str, Any] = {"name": tier, "noise_sigma": plan.noise_sigma} | (TESTS[test]["medium"] if test else {})
    law = PathLaw(replace(MEDIUM, **changes))
    look, *streams = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(1 + len(ClipKind)))
    label = look.permutation(np.repeat(np.arange(len(ClipKind)), shares(plan.clips, clips)))
    cameras = draw_cameras(look, clips, law.ranges, window.size_px)
    casts, rates = [], {}
    for kind, rng in zip(ClipKind, streams, strict=True):
        mine = np.flatnonzero(label == kind)
        filled = [_fill(rng, part, mine, cameras, plan.blink, law, window) for part in plan.parts[kind]]
        casts += [cast for cast, _ in filled]
        drawn = np.concatenate([drawn for _, drawn in filled])
        if len(mine):
            rates[kind.name.lower()] = len(drawn) / int(drawn.sum())
    recipe = PersistenceRecipe(
        tier=tier,
        seed=seed,
        window=window,
        **clip_arrays(look, label, cameras, law.ranges.noise_sigma),
        **Cast.joined(casts).arrays(look, law.ranges.sphere_radius),
    )
    return Generated(recipe, rates)


def shares(weights: tuple[int, ...], total: int) -> list[int]:
    """Split `total` in proportion to the weights, exactly, by largest remainders."""
    exact = np.array(weights) * total / sum(weights)
    count = np.floor(exact).astype(int)
    for index in np.argsort(count - exact, kind="stable")[: total - count.sum()]:
        count[index] += 1
    return count.tolist()


def _fill(rng: np.random.Generator, part: Part, clips: NDArray[np.int64], cameras: Cameras, blink: float, law: PathLaw,
          window: Window) -> tuple[Cast, NDArray[np.int64]]:  # fmt: skip
    """Return the objects of a part of some clips, and how many paths were drawn for each path kept."""
    having = rng.permutation(clips)[: round(part.share * len(clips))]
    clip = np.repeat(having, part.number.sample(rng, len(having)))
    m = len(clip)
    placed = place(rng, cameras.of(clip), law, window)
    motion, drawn, colour = placed.motion, placed.drawn, draw_colours(rng, m)
    if part.drifting:
        motion = slowed(motion, rng.choice(DRIFTS, m))
    life = part.frames.sample(rng, m)
    birth = rng.integers(0, window.frames - life + 1)
    shown = shown_bits(rng, birth, life, blink, window.frames)
    if part.pieces is not None:
        whole, start, length = cut(rng, life, part.pieces)
        clip, birth, life, colour = clip[whole], birth[whole] + start, length, colour[whole]
        frame = np.arange(window.frames)
        alive = (frame >= birth[:, None]) & (frame < (birth + life)[:, None])
        motion, redrawn = _stand_ins(rng, motion[whole], cameras.of(clip), alive, law, window)
        shown = pack(unpack(shown[whole], window.frames) & alive)
        drawn = np.concatenate([drawn, redrawn])
    shape = rng.choice(np.array(part.shapes), len(clip))
    sphere = Persistence.PERSISTENT if part.persists else Persistence.TRANSIENT
    kind = np.where(shape == Shape.SPHERE, sphere, CLUTTER)
    jitter = np.full(len(clip), tremble_px(window))
    return Cast(clip, kind, shape, colour, birth, life, shown, motion, jitter), drawn


def _stand_ins(rng: np.random.Generator, model: Floats, cameras: Cameras, alive: NDArray[np.bool_], law: PathLaw,
               window: Window) -> tuple[Floats, NDArray[np.int64]]:  # fmt: skip
    """Return for each path `model` (m, 5, 3) another that looks about as large while it is `alive` (m, T).

    It is the one of `_CANDIDATES` whose depth runs most like the model's, moved in depth until their areas in the
    picture, summed over its life, are equal. Also how many paths were drawn for each candidate.
    """

    def depth(paths: Floats) -> Floats:
        return cameras.to_camera(Motion.from_array(paths).positions(window.times_s[: window.frames]))[..., 2]

    own, frames = depth(model), alive.sum(axis=1)
    motion, least, drawn = np.empty_like(model), np.full(len(model), np.inf), []
    for _ in range(_CANDIDATES):
        placed = place(rng, cameras, law, window)
        scale = np.log(depth(placed.motion) / own) * alive
        misfit = np.square(scale).sum(axis=1) / frames - np.square(scale.sum(axis=1) / frames)
        better = misfit < least
        motion[better], least[better] = placed.motion[better], misfit[better]
        drawn.append(placed.drawn)
    areas = [(alive / depth(paths) ** 2).sum(axis=1) for paths in (motion, model)]
    return resized(motion, cameras, np.sqrt(areas[0] / areas[1])), np.concatenate(drawn)

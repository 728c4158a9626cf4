"""The data sets by name: what can be asked for, and `make`, which draws it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace

from renderer.errors import RendererError
from renderer.noise import MODES
from renderer.objects import CUES, FRAMES, MAX_CLUTTER, OBJECT_TIERS, make_objects
from renderer.parts import FRAMES as PERSISTENCE_FRAMES
from renderer.parts import PERSISTENCE_TIERS
from renderer.persistence import make_persistence
from renderer.recipe import Generated, Recipe
from renderer.sampling import Window
from renderer.streams import hashed
from renderer.tiers import TIERS
from renderer.trajectories import STYLES, make_recipe
from renderer.variants import VARIANTS, views

MAX_CLIPS = 10_000_000
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Wanted:
    """Everything that a generated recipe depends on."""

    name: str
    tier: str
    clips: int
    """Scenes; each is one clip, or `variants` of them."""
    seed: int = 0
    frames: int = 16
    size_px: int = 64
    style: str = "dot"
    """`trajectories` only: dot, trail or both."""
    cue: str = "none"
    """`objects` only: what tells persistent from transient beside persistence itself."""
    clutter: int = 0
    """`objects` only: clutter shapes a clip."""
    noise: str = "exact"
    variants: int = 1
    """`trajectories` only: how many of its 180 views each scene is seen in."""


@dataclass(frozen=True)
class DataSet:
    """One data set as a choice: its tiers and options, defaults first."""

    make: Callable[[Wanted, str], Generated[Recipe]]
    tiers: tuple[str, ...]
    clips: int
    """Clips unless asked otherwise."""
    frames: tuple[int, ...]
    tests: tuple[str, ...] = ("shifted-camera", "shifted-motion", "noisy")
    """Held-out test sets, drawn outside the training ranges."""
    styles: tuple[str, ...] = ("dot",)
    cues: tuple[str, ...] = ("none",)
    clutter: int = 0
    """Most clutter shapes a clip that can be asked for."""
    variants: int = 1
    """Views that a scene has."""


def _trajectories(wanted: Wanted, test: str) -> Generated[Recipe]:
    window = Window(frames=wanted.frames, size_px=wanted.size_px)
    generated = make_recipe(wanted.tier, wanted.clips, wanted.seed, window, wanted.style, test)
    return generated if wanted.variants == 1 else replace(generated, recipe=views(generated.recipe, wanted.variants))


def _persistence(wanted: Wanted, test: str) -> Generated[Recipe]:
    window = Window(frames=wanted.frames, size_px=wanted.size_px)
    return make_persistence(wanted.tier, wanted.clips, wanted.seed, window, test)


def _objects(wanted: Wanted, test: str) -> Generated[Recipe]:
    window = Window(frames=wanted.frames, size_px=wanted.size_px)
    return make_objects(wanted.tier, wanted.clips, wanted.seed, window, wanted.cue, wanted.clutter, test)


DATASETS = {
    "trajectories": DataSet(
        _trajectories, tiers=("medium", *sorted(set(TIERS) - {"medium"})), clips=2000, frames=(16, 32),
        styles=(*STYLES, "both"), variants=VARIANTS,
    ),
    "persistence": DataSet(_persistence, tiers=tuple(PERSISTENCE_TIERS), clips=2500, frames=(PERSISTENCE_FRAMES,)),
    "objects": DataSet(
        _objects, tiers=tuple(OBJECT_TIERS), clips=2000, frames=(FRAMES,), cues=CUES, clutter=MAX_CLUTTER,
    ),
}  # fmt: skip


def make(wanted: Wanted, test: str = "") -> Generated[Recipe]:
    """Draw a recipe, or that of one of its held-out tests, which has one clip a scene and shares no random number
    with it. Raises `RendererError` for what cannot be asked.
    """
    check(wanted)
    data = DATASETS[wanted.name]
    if test:
        _choice(f"test of {wanted.name}", test, data.tests)
        seed = int(hashed(wanted.seed, 1 + data.tests.index(test))) % MAX_SEED
        wanted = replace(wanted, seed=seed, variants=1)
    generated = data.make(wanted, test)
    return replace(generated, recipe=generated.recipe.replace(noise=wanted.noise))


def check(wanted: Wanted) -> None:
    """Refuse a wish for what does not exist. Raises `RendererError`."""
    _choice("data set", wanted.name, tuple(DATASETS))
    data = DATASETS[wanted.name]
    _choice(f"tier of {wanted.name}", wanted.tier, data.tiers)
    _choice("noise", wanted.noise, tuple(MODES))
    _choice(f"style of {wanted.name}", wanted.style, data.styles)
    _choice(f"cue of {wanted.name}", wanted.cue, data.cues)
    if wanted.frames not in data.frames:
        raise RendererError(f"{wanted.name} has {' or '.join(map(str, data.frames))} frames, not {wanted.frames}")
    _range(f"variants of {wanted.name}", wanted.variants, 1, data.variants)
    _range("clips", wanted.clips, 1, MAX_CLIPS // wanted.variants)
    _range("seed", wanted.seed, 0, MAX_SEED)
    _range(f"clutter of {wanted.name}", wanted.clutter, 0, data.clutter)
    Window(frames=wanted.frames, size_px=wanted.size_px)


def _range(what: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        number = "a number" if type(value) is int else "a whole number"
        needed = f"{number} from {low} to {high:,} is needed" if high > low else f"only {low} is possible"
        raise RendererError(f"{what} cannot be {value!r}: {needed}")


def _choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value in known:
        return
    near = difflib.get_close_matches(str(value), known, 1)
    raise RendererError(
        f"no {what} {value!r}" + (f"; did you mean {near[0]!r}?" if near else ""), hint=f"known: {', '.join(known)}"
    )

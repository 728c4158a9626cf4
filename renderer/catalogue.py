"""The data sets by name: what can be asked for, and `make`, which draws it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from renderer.errors import RendererError
from renderer.recipe import Generated, Recipe
from renderer.sampling import Window
from renderer.tiers import TIERS
from renderer.trajectories import STYLES, make_recipe

MAX_CLIPS = 10_000_000


@dataclass(frozen=True)
class Wanted:
    """Everything that a generated recipe depends on."""

    name: str
    tier: str
    clips: int
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
    styles: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()


def _trajectories(wanted: Wanted, test: str) -> Generated[Recipe]:
    window = Window(frames=wanted.frames, size_px=wanted.size_px)
    return make_recipe(wanted.tier, wanted.clips, wanted.seed, window, wanted.style)


DATASETS = {
    "trajectories": DataSet(
        _trajectories, tiers=("medium", *sorted(set(TIERS) - {"medium"})), clips=2000, frames=(16, 32),
        styles=(*STYLES, "both"),
    ),
}  # fmt: skip


def make(wanted: Wanted, test: str = "") -> Generated[Recipe]:
    """Draw a recipe, or that of one of its held-out tests. Raises `RendererError` for what cannot be asked."""
    check(wanted)
    return DATASETS[wanted.name].make(wanted, test)


def check(wanted: Wanted) -> None:
    """Refuse a wish that names what does not exist. Raises `RendererError`."""
    _choice("data set", wanted.name, tuple(DATASETS))
    data = DATASETS[wanted.name]
    _choice(f"tier of {wanted.name}", wanted.tier, data.tiers)
    if data.styles:
        _choice("style", wanted.style, data.styles)
    if data.cues:
        _choice("cue", wanted.cue, data.cues)
    if wanted.frames not in data.frames:
        raise RendererError(f"{wanted.name} has {' or '.join(map(str, data.frames))} frames, not {wanted.frames}")
    if not 1 <= wanted.clips <= MAX_CLIPS:
        raise RendererError(f"clips cannot be {wanted.clips}: a number from 1 to {MAX_CLIPS:,} is needed")


def _choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value in known:
        return
    near = difflib.get_close_matches(value, known, 1)
    raise RendererError(
        f"no {what} {value!r}" + (f"; did you mean {near[0]!r}?" if near else ""), hint=f"known: {', '.join(known)}"
    )

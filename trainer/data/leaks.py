"""What could tell the class though it should not: the probes of each kind of data."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from renderer.lives import unpack
from renderer.objects import ObjectRecipe
from renderer.persistence import PersistenceRecipe
from renderer.scenes import CLUTTER, SceneRecipe
from renderer.shapes import Shape
from renderer.sprites import Sprites, sprites
from trainer.data.probes import Probe

DECLARED = {
    ("trajectories", "easy"): "one fixed camera: place says a little of the class; for CI, not for claims",
    ("persistence", "easy"): "solved by counting frames that show anything: for CI, not for claims",
    ("persistence", "clutter"): "brief spheres fill fewer frames than persistent ones: counting helps",
    ("objects", "easy"): "solved by counting frames: for CI, not for claims",
    ("objects", "motion"): "cue: motion: transients jitter",
    ("objects", "colour"): "cue: colour: persistent white, transient red",
}
"""Leaks that a tier or cue has on purpose: a probe that finds one is no failure, but every reader is told."""
SHAPE_LIMIT = 0.775
"""`persistence`: a clip that shows no sphere is negative; that alone is right in up to three clips of four."""
COUNT_LIMIT = 0.90
"""`objects`: counting reaches it by the fourth frame of a life only where lives are too unlike to need a tracker."""
COUNTED_FRAMES = 4

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def of_tracks(place: Floats, weight: Floats, label: Labels, scene: Labels, frames: tuple[int, ...]) -> list[Probe]:
    """Return the probes of clips with one object, seen at `place` (n, T, 2) with `weight` (n, T) by pixels alone.

    `frames` are those that a one-frame probe may look at.
    """
    seen = np.nan_to_num(np.concatenate([place, np.sqrt(weight)[..., None]], axis=2), nan=-1.0)
    # The light of a trail is that of its past, which may tell the class: the first frame has none.
    total = np.sqrt((weight[:, :1] if frames == (0,) else weight).mean(axis=1, keepdims=True))
    probes = [Probe(f"frame {frame} alone", seen[:, frame], label, scene) for frame in frames]
    probes.append(Probe("mean brightness", total, label, scene))
    shown = np.isfinite(place[..., 0])
    if not shown.all():
        probes.append(Probe("frames that show it", shown.sum(axis=1, keepdims=True).astype(float), label, scene))
    return probes


def of_motion(place: Floats, weight: Floats, label: Labels, scene: Labels, names: tuple[str, ...]) -> list[Probe]:
    """Return a probe for each pair of classes that *must* tell them apart, by the course of the whole track."""
    whole = np.isfinite(place).all(axis=(1, 2))
    features = _course(place[whole], np.sqrt(weight[whole]))
    label, scene = label[whole], scene[whole]
    probes = []
    for one, other in combinations(np.unique(label).tolist(), 2):
        pair = np.isin(label, (one, other))
        probes.append(Probe(f"{names[one]} / {names[other]}", features[pair], label[pair], scene[pair]))
    return probes


def _course(place: Floats, size: Floats) -> Floats:
    """Return how tracks (n, T, 2) run, whatever their place and direction: bends, ends, and misfits of simple laws."""
    step = np.diff(place, axis=1)
    length = np.linalg.norm(step, axis=2).sum(axis=1)
    (x, y), (x_next, y_next) = (np.moveaxis(part, 2, 0) for part in (step[:, :-1], step[:, 1:]))
    turn = np.arctan2(x * y_next - y * x_next, x * x_next + y * y_next)
    closing = np.linalg.norm(place[:, -1] - place[:, 0], axis=1)
    columns = [length, np.abs(turn.sum(axis=1)), np.abs(turn).sum(axis=1), closing / np.maximum(length, 1e-6)]
    time = np.linspace(-1, 1, place.shape[1])
    track = np.concatenate([place, size[..., None]], axis=2)
    for degree in range(1, 5):
        law = np.polynomial.legendre.legvander(time, degree)
        misfit = track - law @ (np.linalg.pinv(law) @ track)
        columns += [np.log(1e-2 + np.sqrt((misfit[..., part] ** 2).mean(axis=1).sum(axis=-1)))
                    for part in (slice(0, 2), slice(2, 3))]  # fmt: skip
    return np.stack(columns, axis=1)


def of_scenes(recipe: SceneRecipe) -> list[Probe]:
    """Return the probes of a recipe with many objects a clip."""
    drawn = sprites(recipe)
    if isinstance(recipe, ObjectRecipe):
        return _of_objects(recipe, drawn)
    assert isinstance(recipe, PersistenceRecipe)
    return _of_persistence(recipe, drawn)


def _of_objects(recipe: ObjectRecipe, drawn: Sprites) -> list[Probe]:
    """The kind of an object: by one sight of it, by its birth, by how often it is seen in its first frames."""
    rng = np.random.default_rng(0)
    sight = rng.permutation(len(drawn.row))
    _, first = np.unique(drawn.row[sight], return_index=True)
    sight = sight[first]
    row = drawn.row[sight]
    row, sight = (part[recipe.kind[row] != CLUTTER] for part in (row, sight))
    label, scene = recipe.kind[row].astype(np.int64), recipe.scene[recipe.clip[row]]
    colour = recipe.colour[row].astype(float)
    shown = unpack(recipe.shown[row], recipe.window.frames)
    birth = shown.argmax(axis=1)
    frame = np.minimum(birth[:, None] + np.arange(COUNTED_FRAMES), recipe.window.frames - 1)
    hits = np.take_along_axis(shown, frame, axis=1).sum(axis=1)
    light = colour.mean(axis=1) * drawn.radius[sight] ** 2
    looks = np.column_stack([drawn.pixels[sight], drawn.radius[sight], colour])
    return [
        Probe("one sight of an object", looks, label, scene),
        Probe("time of birth", birth[:, None].astype(float), label, scene),
        Probe(f"sights in the first {COUNTED_FRAMES} frames", hits[:, None].astype(float), label, scene, COUNT_LIMIT),
        Probe("brightness of an object", light[:, None], label, scene),
    ]


def _of_persistence(recipe: PersistenceRecipe, drawn: Sprites) -> list[Probe]:
    """Whether a sphere persists in a clip: by one frame, by when things appear, by how many, by their light."""
    shape = (len(recipe), recipe.window.frames)
    clip = recipe.clip[drawn.row]
    light = np.pi * drawn.radius**2 * recipe.colour[drawn.row].mean(axis=1)
    number, bright, spheres = (np.zeros(shape) for _ in range(3))
    np.add.at(number, (clip, drawn.frame), 1)
    np.add.at(bright, (clip, drawn.frame), light)
    np.add.at(spheres, (clip, drawn.frame), recipe.shape[drawn.row] == Shape.SPHERE)
    label, scene = recipe.positive.astype(np.int64), recipe.scene
    lit = number > 0
    frame = (np.random.default_rng(0).random(shape) * lit).argmax(axis=1)[:, None]
    one = np.concatenate([np.take_along_axis(part, frame, axis=1) for part in (number, bright)], axis=1)
    sphere = np.take_along_axis(spheres, frame, axis=1)
    times = np.column_stack([lit.argmax(axis=1), shape[1] - lit[:, ::-1].argmax(axis=1)])
    counts = np.column_stack([lit.sum(axis=1), number.sum(axis=1)])
    total = np.column_stack([bright.sum(axis=1), bright.max(axis=1)])
    return [
        Probe("one frame, but for shapes", one, label, scene),
        Probe("spheres of one frame", sphere, label, scene, SHAPE_LIMIT),
        Probe("first and last frame that show anything", times.astype(float), label, scene),
        Probe("frames and things that are shown", counts.astype(float), label, scene),
        Probe("brightness", total, label, scene),
    ]

"""`trainer audit`: would figures measured on this data mean what they say?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer.bayes import FRAMES_SEEN, bayes_curve
from renderer.motion import Family
from renderer.objects import OBJECT_TIERS, ObjectRecipe
from renderer.recipe import Recipe
from renderer.sampling import MARGIN
from renderer.scenes import CLUTTER, SceneRecipe
from renderer.trajectories import TrajectoryRecipe
from renderer.video import render
from trainer.data.audit_pixels import Clips, pixel_checks, probed
from trainer.data.audit_report import Check, Report, Status
from trainer.data.content import content_hashes
from trainer.data.dataset import DataSet, load_dataset
from trainer.data.external import External, check_hashes, open_external
from trainer.data.leaks import DECLARED, of_scenes
from trainer.data.manifest import has_manifest
from trainer.data.metadata import METADATA_NAME, read_metadata
from trainer.data.splits import Rows
from trainer.errors import DataError

MOST_UNBALANCED = 0.05
"""Largest difference of a class's share between a split and the whole."""
UNLIKE_ACCEPTANCE = 1.15
"""Acceptance of the class that is kept most by that of the one kept least: beyond this, extent tells the class."""
LEAST_DIFFERENT = 0.05
"""Share of the object's light that must move when a helix loses its climb, in the frame where most does."""

Numbers = NDArray[np.int64] | NDArray[np.uint64]


def audit(folder: Path) -> Report:
    """Audit the folder of a recipe or of videos. What cannot even be loaded is a report of one failed check."""
    try:
        if has_manifest(folder):
            report = audit_recipe(load_dataset(folder), str(folder))
            return replace(report, checks=[*report.checks, *_exported(folder)])
        return audit_external(open_external(folder, seed=0), str(folder))
    except DataError as exc:
        detail = f"{exc}; {exc.hint}" if exc.hint else str(exc)
        return Report(str(folder), "refused", [Check("loading", "fail", detail=detail)])


def audit_recipe(data: DataSet, name: str = "") -> Report:
    """Audit a generated data set."""
    recipe = data.recipe
    window = recipe.window
    clips = Clips(recipe.label.astype(np.int64), recipe.scene, recipe.class_names, data.rows, window.frames,
                   window.size_px, recipe)  # fmt: skip
    checks = [*_splits(clips), _shared("paths in two splits", content_hashes(recipe), data.rows)]
    checks.append(_acceptance(data.manifest.acceptance, clips.labels))
    views = {"": recipe, **data.tests}
    checks += [_in_view(f"out of view{test and f', {test}'}", view) for test, view in views.items()]
    cue = recipe.cue if isinstance(recipe, ObjectRecipe) else "none"
    declared = DECLARED.get((recipe.KIND, cue)) or DECLARED.get((recipe.KIND, recipe.tier), "")
    curve = {}
    if isinstance(recipe, TrajectoryRecipe):
        checks += [_helix_is_no_circle(recipe), *pixel_checks(clips, single=True, declared=declared)]
    else:
        assert isinstance(recipe, SceneRecipe)
        checks += pixel_checks(clips, single=False)
        checks += [probed(probe, declared) for probe in of_scenes(recipe)]
    if isinstance(recipe, ObjectRecipe) and cue == "none":
        values = bayes_curve(OBJECT_TIERS[recipe.tier]).bayes
        curve = {str(frames): round(float(value), 4) for frames, value in zip(FRAMES_SEEN, values, strict=True)}
    return Report(name, f"{recipe.KIND} {recipe.tier}, {len(recipe)} clips", checks, curve)


def _exported(folder: Path) -> list[Check]:
    """Check the pixels that were exported beside a recipe, if any were."""
    if not (folder / METADATA_NAME).exists():
        return []
    try:
        check_hashes(folder, read_metadata(folder).sha256)
    except DataError as exc:
        return [Check("exported files", "fail", detail=str(exc))]
    return [Check("exported files", "ok", detail="as they were written")]


def audit_external(data: External, name: str = "") -> Report:
    """Audit videos of any origin. Probes only flag: what may tell the class is for their owner to say."""
    source = data.source
    clips = Clips(source.labels, source.scene, source.class_names, data.splits, source.frames, source.size_px, data)
    checks = [*_splits(clips), _shared("pixels in two splits", data.content, data.splits)]
    checks += pixel_checks(clips, single=True, only_flags=True)
    checks += [Check("note", "flag", detail=note) for note in data.notes]
    return Report(name, f"{len(source)} clips of {source.frames} frames", checks)


def _splits(clips: Clips) -> list[Check]:
    counts = {name: np.bincount(clips.labels[rows], minlength=len(clips.class_names)) for name, rows in
              clips.splits.items()}  # fmt: skip
    used = np.unique(clips.labels)
    least = min(int(count[used].min()) for count in counts.values())
    whole = np.bincount(clips.labels, minlength=len(clips.class_names)) / len(clips.labels)
    worst = max(float(np.abs(count / count.sum() - whole).max()) for count in counts.values())
    text = ", ".join(f"{name} {count.sum()}" for name, count in counts.items())
    return [
        Check("classes", "ok" if len(used) > 1 else "fail", len(used), 2),
        Check("fewest clips of a class in a split", "ok" if least else "fail", least, 1, text),
        Check("class share of a split against the whole", _flag(worst > MOST_UNBALANCED), worst, MOST_UNBALANCED),
        _shared("scenes in two splits", clips.scene, clips.splits),
    ]


def _shared(name: str, numbers: Numbers, splits: Rows) -> Check:
    """Count the numbers that more than one split has."""
    found = np.concatenate([np.unique(numbers[rows]) for rows in splits.values()])
    shared = len(found) - len(np.unique(found))
    return Check(name, "fail" if shared else "ok", shared, 0)


def _acceptance(rates: Mapping[str, float], labels: NDArray[np.int64]) -> Check:
    """Compare how many draws of each class were kept; few draws allow more difference."""
    limit = UNLIKE_ACCEPTANCE + 2 / np.sqrt(np.bincount(labels)[np.unique(labels)].min())
    ratio = max(rates.values()) / max(min(rates.values()), 1e-9)
    text = ", ".join(f"{name} {rate:.2f}" for name, rate in rates.items())
    return Check("acceptance, highest by lowest", "fail" if ratio > limit else "ok", ratio, float(limit), text)


def _in_view(name: str, recipe: Recipe) -> Check:
    """Count paths that leave the picture's middle, frames to forecast included.

    Clutter may, and so may objects in the frames in which they are not drawn.
    """
    assert isinstance(recipe, TrajectoryRecipe | SceneRecipe)
    if isinstance(recipe, SceneRecipe):
        objects = np.flatnonzero((recipe.kind != CLUTTER) & (recipe.shown > 0))
        drawn, cameras = recipe.is_drawn[objects], recipe.cameras.of(recipe.clip[objects])
        path = recipe.camera_path(0, recipe.window.frames)[objects]
        once = path[np.arange(len(path)), drawn.argmax(axis=1)]
        path = np.where(drawn[..., None], path, once[:, None])
    else:
        path, cameras = recipe.camera_path(), recipe.cameras
    outside = int((~cameras.inside(path, MARGIN - 1e-4)).sum())
    return Check(name, "fail" if outside else "ok", outside, 0)


def _helix_is_no_circle(recipe: TrajectoryRecipe) -> Check:
    """Take the climb from helices: circles of equal radius. The pictures must differ."""
    rows = np.flatnonzero(recipe.label == Family.HELICAL)[:128]
    still = np.zeros(len(rows), np.float32)
    helix = recipe.take(rows).with_noise(still, recipe.noise_seed[rows])
    motion = helix.motion.copy()
    motion[:, 1] = 0
    climbing, flat = (render(one).astype(np.int16) for one in (helix, helix.replace(motion=motion)))
    light = (climbing + flat).sum(axis=(2, 3, 4))
    moved = (np.abs(climbing - flat).sum(axis=(2, 3, 4)) / np.maximum(light, 1)).max(axis=1)
    least = float(moved.min(initial=1.0))
    detail = f"share of the light that moves when a helix becomes a circle, least of {len(rows)}"
    return Check("helix against circle", "ok" if least > LEAST_DIFFERENT else "fail", least, LEAST_DIFFERENT, detail)


def _flag(wrong: bool) -> Status:
    return "flag" if wrong else "ok"

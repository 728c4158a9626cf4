"""The checks of an audit that look at pixels, and what its probes come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.recipe import Recipe
from renderer.trajectories import STYLES, TrajectoryRecipe
from renderer.video import render
from trainer.data.audit_report import Check, Status
from trainer.data.external import MOST_STUCK, External
from trainer.data.leaks import of_motion, of_tracks
from trainer.data.probes import Outcome, Probe, run_probe
from trainer.data.sightings import noise_level, static, stuck, track
from trainer.data.splits import Rows
from trainer.data.telltale import Telltale
from trainer.data.twins import near_twins

LOOKED_AT = 2000
"""Clips whose pixels are looked at one by one."""
COMPARED = 10_000
"""Clips that are compared with each other in search of twins."""
IDENTIFIABLE = 0.55
"""Balanced accuracy at which two classes count as told apart."""
_AT_ONCE = 64


@dataclass(frozen=True)
class Clips:
    """What recipes and video files have in common."""

    labels: NDArray[np.int64]
    scene: NDArray[np.int64]
    class_names: tuple[str, ...]
    splits: Rows
    frames: int
    size_px: int
    source: Recipe | External

    def read(self, rows: NDArray[np.int64], frames: slice = slice(None)) -> NDArray[np.uint8]:
        """Return pixels, of a recipe without noise, (b, t, 3, H, W)."""
        if isinstance(self.source, External):
            return self.source.source.read(rows, frames)
        recipe = self.source.take(rows)
        return render(recipe.with_noise(np.zeros(len(rows), np.float32), recipe.noise_seed))[:, frames]

    def some(self, count: int) -> NDArray[np.int64]:
        """Return up to `count` clips, evenly spread."""
        return np.unique(np.linspace(0, len(self.labels) - 1, count).astype(int))


def pixel_checks(clips: Clips, *, single: bool, declared: str = "", only_flags: bool = False) -> list[Check]:
    """Look at pixels: does everything move, does nothing stick, are there twins, and what do tracks tell?"""
    rows = clips.some(LOOKED_AT)
    still, held, places, weights, noise = [], [], [], [], []
    telltale = Telltale(len(clips.class_names), clips.size_px)
    for start in range(0, len(rows), _AT_ONCE):
        video = clips.read(rows[start : start + _AT_ONCE])
        still.append(static(video))
        noise.append(noise_level(video))
        telltale.add(video, clips.labels[rows[start : start + _AT_ONCE]])
        if single:
            place, weight = track(video)
            held.append(stuck(place, clips.size_px))
            places.append(place)
            weights.append(weight)
    looked = f"of {len(rows)} clips looked at"
    number = int(np.concatenate(still).sum())
    checks = [Check("static clips", "fail" if number else "ok", number, 0, looked), _twins(clips)]
    checks.append(_told_by_a_place(telltale, declared, only_flags))
    if only_flags:
        level = np.concatenate(noise)[:, None]
        checks.append(probed(Probe("noise level", level, clips.labels[rows], clips.scene[rows]), only_flags=True))
    if not single:
        return checks
    share = float(np.concatenate(held).mean())
    checks.append(Check("clamped clips", "fail" if share > MOST_STUCK else "ok", share, MOST_STUCK, f"share {looked}"))
    seen = (np.concatenate(places), np.concatenate(weights), clips.labels[rows], clips.scene[rows])
    checks += [_told_apart(probe, only_flags) for probe in of_motion(*seen, clips.class_names)]
    checks += [probed(probe, declared, only_flags) for probe in of_tracks(*seen, _probe_frames(clips))]
    return checks


def _told_by_a_place(telltale: Telltale, declared: str, only_flags: bool) -> Check:
    """No place of any frame should tell the class on its own."""
    share, place = telltale.worst()
    if share <= telltale.limit():
        place = ""
    status: Status = "ok" if not place else "flag" if declared or only_flags else "fail"
    return Check("one place tells the class", status, share, telltale.limit(), place)


def _probe_frames(clips: Clips) -> tuple[int, ...]:
    """Return the frames of the one-frame probes. One frame of a trail shows the past, except the first."""
    recipe = clips.source
    if isinstance(recipe, TrajectoryRecipe) and (recipe.style == STYLES.index("trail")).any():
        return (0,)
    return (0, clips.frames // 2, clips.frames - 1)


def _twins(clips: Clips) -> Check:
    """Count pairs of clips in different splits that show the same but for noise."""
    rows = {name: np.intersect1d(chosen, clips.some(COMPARED)) for name, chosen in clips.splits.items()}
    held = np.concatenate([rows["validation"], rows["test"]])
    pairs = near_twins(clips.read, held, rows["train"], clips.frames)
    pairs += near_twins(clips.read, rows["test"], rows["validation"], clips.frames)
    detail = f"among {sum(map(len, rows.values()))} clips" + (
        f"; clips {pairs[0][0]} and {pairs[0][1]}" if pairs else ""
    )
    return Check("twins but for noise in two splits", "fail" if pairs else "ok", len(pairs), 0, detail)


def probed(probe: Probe, declared: str = "", only_flags: bool = False) -> Check:
    """A probe that should find nothing."""
    outcome = run_probe(probe)
    if outcome is None:
        return Check(f"probe: {probe.name}", "flag", detail="too few clips")
    status = outcome.status
    detail = _interval(outcome)
    if status != "ok" and (declared or only_flags):
        status, detail = "flag", f"{detail}; {declared}" if declared else detail
    return Check(f"probe: {probe.name}", status, outcome.accuracy, outcome.limit, detail)


def _told_apart(probe: Probe, only_flags: bool) -> Check:
    """A probe that should find something: two classes whose tracks look alike cannot be learned."""
    outcome = run_probe(probe)
    if outcome is None:
        return Check(f"told apart: {probe.name}", "flag", detail="too few clips")
    alike = outcome.high < IDENTIFIABLE and not only_flags
    status: Status = "ok" if outcome.low > IDENTIFIABLE else "fail" if alike else "flag"
    return Check(f"told apart: {probe.name}", status, outcome.accuracy, IDENTIFIABLE, _interval(outcome))


def _interval(outcome: Outcome) -> str:
    return f"{outcome.low:.2f} to {outcome.high:.2f}, chance {outcome.chance:.2f}, {outcome.items} looked at"

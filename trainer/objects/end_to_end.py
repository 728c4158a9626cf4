"""The whole from pixels to kinds, measured on scenes, stage by stage."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from renderer.objects import ObjectRecipe
from renderer.recipe import Recipe
from renderer.scenes import Persistence, SceneRecipe
from renderer.video import render
from trainer.objects.attention_ratio import ratio_figures
from trainer.objects.compute import GATE, compute_figures, flops
from trainer.objects.deciding import decide, whole_ratios
from trainer.objects.detecting import Finder
from trainer.objects.object_data import clips_of
from trainer.objects.object_figures import OWN, Judged, Rules, curves_as_json, judge_clips
from trainer.objects.pairing import paired_frames
from trainer.objects.persistence_curve import CONFIRMED, Clip, Scores
from trainer.objects.sightings import NOBODY
from trainer.objects.tracking_metrics import TrackingScores, count_tracking, tracking_scores
from trainer.objects.tracks import Track
from trainer.objects.transformer import ObjectAwareTransformer

Tick = Callable[[], None]


@dataclass(frozen=True)
class Measured:
    """What came of the clips of one data set."""

    clips: Sequence[Clip]
    recipe: Recipe
    judged: Judged
    figures: dict[str, float]
    controls: dict[str, dict[str, float]]
    """The rules (their best number of hits in hindsight, on these very clips) and the best possible."""

    def to_json(self) -> dict[str, Any]:
        return {"figures": self.figures, "controls": self.controls, "curves": curves_as_json(self.judged)}


def measure_stage(model: ObjectAwareTransformer, recipe: SceneRecipe, boxes: str, seed: int,
                  finder: Finder | None = None, tick: Tick = lambda: None) -> Measured:  # fmt: skip
    """Return the figures of the object stage on all clips of a recipe; with a finder, of all that comes before too."""
    clips = clips_of(recipe, boxes, seed, model.tokenizer.side, finder, tick)
    seen = [clip.seen for clip in clips]
    scores = decide(model, seen, tick=tick)
    tier, cue = (recipe.tier, recipe.cue) if isinstance(recipe, ObjectRecipe) else ("standard", "persistence")
    rules = Rules.fit(clips)
    judged = judge_clips(clips, scores, rules, tier, cue)
    gated = judge_clips(clips, decide(model, seen, gate=GATE, tick=tick), rules, tier, cue).figures()
    work = 0
    if finder is not None and clips:
        video = render(recipe.take(np.array([0])))[0]
        work = flops(lambda: finder.detect(video))
    figures = {
        **judged.figures(),
        **ratio_figures(whole_ratios(model, clips)),
        **tracking_figures(clips, scores),
        **compute_figures(model, clips, GATE, work),
        **{f"gated_{name}": value for name, value in gated.items() if "balanced" in name},
    }
    if work:
        figures["detector_mflops_a_clip"] = work / 1e6
    controls = {who: judged.figures(who) for who in judged.curves["objects"] if who != OWN}
    return Measured(clips, recipe, judged, {name: float(value) for name, value in figures.items()}, controls)


def tracking_figures(clips: Sequence[Clip], scores: Sequence[Scores]) -> dict[str, float]:
    """Return how well all confirmed tracks follow all objects, and (`filtered_`) how well those that persist after the
    last frame follow the persistent objects; and the share of false boxes that the filter takes away.
    """
    every, filtered, false, left = [], [], 0, 0
    for clip, score in zip(clips, scores, strict=True):
        kept = score[:, -1] >= 0 if score.size else np.zeros(0, bool)
        tracks = confirmed(clip)
        lasting = clip.objects.take(clip.objects.kinds == Persistence.PERSISTENT)
        every.append(count_tracking(paired_frames(clip.objects, tracks)))
        filtered.append(count_tracking(paired_frames(lasting, [track for track in tracks if kept[track.id]])))
        unwanted = clip.meaning.kind != Persistence.PERSISTENT
        false += int(unwanted.sum())
        left += int((unwanted & kept[clip.seen.track]).sum())
    figures: dict[str, float] = {}
    for prefix, counts in (("", every), ("filtered_", filtered)):
        sums: TrackingScores = tracking_scores(reduce(operator.add, counts))
        names = ("purity", "completeness", "idf1", "hota", "mota", "switches")
        figures |= {f"{prefix}{name}": getattr(sums, name) for name in names}
    figures["unwanted_boxes_removed"] = 1 - left / max(1, false)
    seen = sum(int((clip.meaning.object != NOBODY).sum()) for clip in clips)
    figures["boxes_on_objects"] = seen / max(1, sum(len(clip.seen) for clip in clips))
    return {name: float(value) for name, value in figures.items() if np.isfinite(value)}


def confirmed(clip: Clip) -> list[Track]:
    """Return the tracks of at least `CONFIRMED` boxes."""
    found = []
    for number in range(clip.seen.tracks):
        rows = np.flatnonzero(clip.seen.track == number)
        if len(rows) >= CONFIRMED:
            found.append(Track(number, clip.seen.frame[rows], clip.seen.boxes[rows], clip.seen.scores[rows], rows))
    return found

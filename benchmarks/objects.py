"""From pixels to tracks that persist: what each step takes of a processor, against a video's own pace, and the wide
detector and every track against the narrow one and the gate.

Networks are untrained unless runs are named; then what a detector finds would be nothing, so the later steps get true
boxes, spoiled as a detector spoils them, and the gate passes tracks of eight hits and more. The steps take turns on
each clip; figures are medians over clips and turns, of one thread's processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.report import Row, arguments, lower_is_better, show
from renderer.catalogue import DATASETS
from renderer.video import render
from trainer.objects.baseline import ClassicalDetector
from trainer.objects.compute import GATE
from trainer.objects.deciding import leads
from trainer.objects.detecting import Finder
from trainer.objects.detections import Detections
from trainer.objects.detector import Detector
from trainer.objects.gating import track_statistics
from trainer.objects.learned import LearnedDetector
from trainer.objects.measuring import detections_of, open_scenes
from trainer.objects.pipeline import ObjectPipeline, load_stage
from trainer.objects.sightings import sight
from trainer.objects.tokens import Prefix, collate
from trainer.objects.transformer import ObjectAwareTransformer
from trainer.objects.true_objects import true_objects

TIERS = {"standard": 1.0, "transient_heavy": 1 / 0.6}
"""How much faster the gate is to make the object stage: 40 % of its time saved where transient objects abound."""
FRAMES = DATASETS["objects"].frames[0]
PACE_MS = 1000 * FRAMES / 30
"""A clip at 30 frames a second."""
NARROW = 0.45
PERSISTS = 8
"""Hits from which on the stand-in for a trained gate passes a track: the first statistic is hits / 8."""
SEED = 78
"""Of clips that nothing was chosen by."""
ALONE = (
    "detect, classical", "detect, single frames", "detect, width 1", "detect, narrow",
    "track", "tokens", "object stage", "gate", "whole",
)  # fmt: skip
AGAINST = {
    "detect, narrow": ("detect, width 1", 2.0),
    "gated whole": ("whole", 1.0),
    "gated whole, narrow": ("whole", 1.5),
}
"""Step -> the step that it is to be faster than, and how much."""
GATED = "gated object stage"


class HitsGate(nn.Module):
    """A gate that needs no training: statistics (..., n) -> logits (..., 2)."""

    def forward(self, statistics: Tensor) -> Tensor:
        lead = 8 * statistics[..., 0] - PERSISTS + 0.5
        return torch.stack([-lead, lead], dim=-1)


@dataclass(frozen=True)
class Given:
    """Does a detector's work, and finds what it is told."""

    finder: Finder
    found: Detections

    def detect(self, video: NDArray[Any]) -> Detections:
        self.finder.detect(video)
        return self.found


def measure(tier: str, clips: int, turns: int, detector: str, narrow: str, objects: str) -> dict[str, float]:
    """Return the median of each step in ms a clip."""
    recipe = open_scenes(tier, "test", clips, SEED)
    wide = LearnedDetector.load(detector) if detector else LearnedDetector(Detector().eval(), recipe.window.size_px)
    cheap = LearnedDetector.load(narrow) if narrow else LearnedDetector(Detector(NARROW).eval(), wide.size_px)
    model = load_stage(objects) if objects else ObjectAwareTransformer().eval()
    if not objects:
        model.gate = HitsGate()  # type: ignore[assignment]
    times: dict[str, list[float]] = {}
    for number, (video, known) in enumerate(zip(render(recipe), true_objects(recipe), strict=True)):
        given = detections_of(known, "perturbed", SEED, number, recipe.window.size_px)
        found = wide.detect(video) if detector else given
        steps = _steps(video, found, wide, cheap, model)
        for _ in range(turns):
            for name, act in steps.items():
                began = time.thread_time()
                act()
                times.setdefault(name, []).append(1000 * (time.thread_time() - began))
    return {name: median(values) for name, values in times.items()}


def _steps(video: NDArray[np.uint8], found: Detections, wide: LearnedDetector, narrow: LearnedDetector,
           model: ObjectAwareTransformer) -> dict[str, Callable[[], object]]:  # fmt: skip
    seen, single = sight(video, found), replace(wide, single_frame=True)
    prefix = Prefix(seen, seen.frames - 1)

    def whole(finder: Finder, gate: float | None) -> Callable[[], object]:
        return lambda: ObjectPipeline(Given(finder, found), model, gate).watch(video)  # type: ignore[arg-type]

    return {
        "detect, classical": lambda: ClassicalDetector().detect(video),
        "detect, single frames": lambda: single.detect(video),
        "detect, width 1": lambda: wide.detect(video),
        "detect, narrow": lambda: narrow.detect(video),
        "track": lambda: sight(video, found),
        "tokens": lambda: model.tokenizer(collate([prefix])),
        "object stage": lambda: leads(model, [prefix], None),
        "gate": lambda: model.gate(torch.from_numpy(track_statistics(seen, prefix.frame))),
        GATED: lambda: leads(model, [prefix], GATE),
        "whole": whole(wide, None),
        "gated whole": whole(wide, GATE),
        "gated whole, narrow": whole(narrow, GATE),
    }


def rows_of(tier: str, ms: dict[str, float]) -> list[Row]:
    """Return each step against the clip's own pace, then the cheaper ones against the dearer."""
    rows = [lower_is_better(f"{tier}: {name}", ms[name], PACE_MS, target=1.0, unit="ms/clip") for name in ALONE]
    for name, (other, target) in {GATED: ("object stage", TIERS[tier]), **AGAINST}.items():
        rows.append(lower_is_better(f"{tier}: {name} against {other}", ms[name], ms[other], target=target,
                                    unit="ms/clip"))  # fmt: skip
    return rows


def main() -> None:
    """Print every step, for people with its frames a second too."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--clips", type=int, default=20, help="clips of each tier, 32 frames each (default: 20)")
    parser.add_argument("--turns", type=int, default=3, help="times that each clip is taken (default: 3)")
    parser.add_argument("--detector", default="", metavar="RUN", help="the wide detector, trained")
    parser.add_argument("--narrow", default="", metavar="RUN", help="the narrow detector, trained")
    parser.add_argument("--objects", default="", metavar="RUN", help="the object stage with its gate, trained")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    with torch.inference_mode():
        for tier in TIERS:
            ms = measure(tier, options.clips, options.turns, options.detector, options.narrow, options.objects)
            if not options.json:
                said = (f"{name} {value:.2f} ms, {1000 * FRAMES / value:.0f} frames/s" for name, value in ms.items())
                print(f"{tier}: " + "; ".join(said))
            rows += rows_of(tier, ms)
    show(f"From pixels to tracks that persist, against {PACE_MS:.0f} ms: a clip at 30 frames/s", rows,
         as_json=options.json)  # fmt: skip


if __name__ == "__main__":
    main()

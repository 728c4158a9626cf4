"""What `trainer filter` takes of a processor a clip, step by step and whole, against the 20 ms that it may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TypeVar, get_args

import torch

from benchmarks.report import Row, arguments, lower_is_better, show
from renderer.catalogue import DATASETS, Wanted, make
from renderer.parts import FRAMES
from renderer.video import render
from trainer.persistence.build import Features, build_pipeline
from trainer.persistence.crops import crops_of
from trainer.persistence.discs import DiscDetector, clip_tracker, longest
from trainer.persistence.observed import stacked
from trainer.persistence.statistics import numbers_of
from trainer.persistence.watched import LEAST_HITS, TRACKS

T = TypeVar("T")
MOST_MS = 20.0
STEPS: dict[Features, tuple[str, ...]] = {
    "statistical": ("detect", "track", "numbers"),
    "magvit": ("detect", "track", "crops"),
    "hybrid": ("detect", "track", "numbers", "crops"),
}
"""What comes before each network."""
SEED = 77
"""Of clips that nothing was chosen by."""


def measure(tier: str, clips: int) -> dict[str, float]:
    """Return the median of each step in ms of one thread."""
    videos = render(make(Wanted("persistence", tier, clips, SEED, FRAMES)).recipe)
    networks = {kind: build_pipeline(kind).eval() for kind in get_args(Features)}
    detector, tracker = DiscDetector(), clip_tracker()
    times: dict[str, list[float]] = {}

    def timed(step: str, act: Callable[[], T]) -> T:
        began = time.process_time()
        result = act()
        times.setdefault(step, []).append(1000 * (time.process_time() - began))
        return result

    with torch.inference_mode():
        for video in videos:
            found = timed("detect", partial(detector.detect, video))
            every = timed("track", partial(tracker.track, found))
            tracks = longest([track for track in every if len(track) >= LEAST_HITS], TRACKS)
            numbers = timed("numbers", partial(numbers_of, tracks, FRAMES, video.shape[2:]))
            crops = timed("crops", partial(crops_of, video, tracks))
            seen = stacked([(numbers, crops)], TRACKS)
            for kind, network in networks.items():
                timed(kind, partial(network, seen))
    return {step: median(values) for step, values in times.items()}


def main() -> None:
    """Print the steps for people, and what a clip takes with each kind of features."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--clips", type=int, default=30, help="clips of each tier (default: 30)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    for tier in DATASETS["persistence"].tiers:
        step = measure(tier, options.clips)
        if not options.json:
            print(f"{tier}: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in step.items()))
        for kind, before in STEPS.items():
            whole = step[kind] + sum(step[name] for name in before)
            rows.append(lower_is_better(f"{kind}, {tier}", whole, MOST_MS, target=1.0, unit="ms/clip"))
    show("A clip through the filter, against the time that it may take", rows, as_json=options.json)


if __name__ == "__main__":
    main()

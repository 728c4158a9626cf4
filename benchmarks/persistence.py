"""Processor time of `trainer filter` a clip, step by step, medians over the clips of each tier.

python -m benchmarks.persistence [--clips 30]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TypeVar, get_args

import torch

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


def measure(tier: str, clips: int) -> dict[str, float]:
    """Return the median of each step in ms, of clips of a seed that nothing was chosen by."""
    videos = render(make(Wanted("persistence", tier, clips, 77, FRAMES)).recipe)
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
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=30, help="clips of each tier (default: 30)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = {tier: measure(tier, arguments.clips) for tier in DATASETS["persistence"].tiers}
    steps = list(next(iter(rows.values())))
    print("| tier |" + "".join(f" {step} |" for step in steps))
    print("|---|" + "--:|" * len(steps))
    for tier, row in rows.items():
        print(f"| `{tier}` |" + "".join(f" {row[step]:.1f} |" for step in steps))


if __name__ == "__main__":
    main()

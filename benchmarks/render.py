"""Our renderer against the loops that people write with OpenCV, skia-python, Pillow and matplotlib, and against memset.

Ours is `render(recipe, out)` from the recipe to the pixels, its geometry included; the loops are handed the places,
radii and colours in pixels. All write the same discs into one reused buffer (n, T, 3, 64, 64), and a loop whose
picture is another one stops the run. Times are of one thread's processor, ways taken in turn, the median of all turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.drawing_loops import Loop, installed
from benchmarks.report import Row, arguments, lower_is_better, show
from renderer.noise import add_noise
from renderer.raster import draw
from renderer.sampling import Window
from renderer.trails import TRAIL_LENGTH, draw_trails
from renderer.trajectories import make_recipe
from renderer.video import render

SIGMA = 0.02
NOISE_TARGETS = {"exact": 7.0, "bank": 40.0}
MEMSET_TARGET = 0.2
AREA_LIMIT = 2.0
AGREEMENT = 0.9
"""Correlation of a loop's pictures with ours: all discs are there, in their colours."""

Pace = tuple[int, float]
"""Turns, and seconds of each way in a turn."""
Way = tuple[Callable[[], object], int]
"""What is timed, and how many clips it makes."""


def interleaved(ways: dict[str, Way], turns: int, seconds: float) -> dict[str, float]:
    """Return the median time of each way in microseconds a clip; in its turn each goes on for some `seconds`."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, (run, clips) in ways.items():
            run()
            rounds, begin = 0, time.process_time()
            while rounds == 0 or time.process_time() - begin < seconds:
                run()
                rounds += 1
            times[name].append((time.process_time() - begin) / (rounds * clips) * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


@dataclass(frozen=True)
class Subject:
    """One thing to draw in every frame of n clips: by us, and what a loop is handed to draw the same."""

    name: str
    ours: Callable[[np.ndarray], object]
    """Draws into the buffer."""
    pixels: np.ndarray
    radius: np.ndarray
    colour: np.ndarray
    length: int
    target: float
    """Against OpenCV, and so against each loop."""


def subjects(frames: int, clips: int) -> list[Subject]:
    """Dots and trails by `render` from a recipe of `medium`; dots moved to the border by the painter alone."""
    found = []
    for name, style, length, target in (("dots", "dot", 1, 10.0), ("trails", "trail", TRAIL_LENGTH, 4.0)):
        recipe = make_recipe("medium", clips, 1, Window(frames=frames), style).recipe
        recipe = recipe.with_noise(np.zeros(clips, np.float32), recipe.noise_seed)
        camera = recipe.camera_path(0, frames)
        pixels, radius = recipe.cameras.project(camera), recipe.focal_px * recipe.sphere_radius / camera[..., 2]
        found.append(Subject(name, partial(render, recipe), pixels, radius, recipe.colour, length, target))
    edge = pixels.copy()
    edge[..., 0] = np.where(edge[..., 0] < 32, 0, 64) + (edge[..., 0] - 32) / 16

    def ours(out: np.ndarray) -> None:
        draw_trails(out, np.arange(clips), edge, radius, recipe.colour, 1)

    return [*found, Subject("dots across the border", ours, edge, radius, recipe.colour, 1, 10.0)]


def drawn(frames: int, clips: int, pace: Pace, loops: dict[str, tuple[Loop, int]]) -> list[Row]:
    """Every subject by us and by every loop, and dots against a buffer that is only blanked."""
    out = np.zeros((clips, frames, 3, 64, 64), np.uint8)
    known = subjects(frames, clips)
    ways: dict[str, Way] = {"dots: memset": (lambda: out.fill(0), clips)}
    pairs = [("dots", "dots: memset", MEMSET_TARGET)]
    for subject in known:
        ways[subject.name] = (partial(subject.ours, out), clips)
        for name, (loop, enough) in loops.items():
            few = min(clips, enough)
            parts = (part[:few] for part in (subject.pixels, subject.radius, subject.colour))
            theirs = partial(loop, out[:few], *parts, subject.length)
            subject.ours(out)
            check_same(f"{subject.name}: {name}", theirs, out[:few])
            ways[f"{subject.name}: {name}"] = (theirs, few)
            pairs.append((subject.name, f"{subject.name}: {name}", subject.target))
    cost = interleaved(ways, *pace)
    return [
        lower_is_better(f"T = {frames}, {theirs}", cost[ours], cost[theirs], target=target, unit="us/clip")
        for ours, theirs, target in pairs
    ]


def check_same(name: str, theirs: Callable[[], object], picture: np.ndarray) -> None:
    """Stop unless a loop draws over `picture` what is there."""
    ours = picture.copy()
    theirs()
    agreement = np.corrcoef(picture.ravel(), ours.ravel())[0, 1]
    if not agreement > AGREEMENT:
        raise SystemExit(f"{name} draws something else (correlation {agreement:.2f}): nothing is compared")


def noise(frames: int, pace: Pace) -> list[Row]:
    """Both modes against normals drawn by NumPy, on one clip as `render` adds it."""
    clip = np.full((frames, 3, 64, 64), 60, np.uint8)
    seeds = iter(range(1 << 40))

    def naive() -> None:
        clip[...] = np.clip(clip + np.random.normal(0, SIGMA * 255, clip.shape), 0, 255).astype(np.uint8)

    ways: dict[str, Way] = {"normals": (naive, 1)}
    for mode in NOISE_TARGETS:
        ways[mode] = (lambda mode=mode: add_noise(clip, SIGMA, next(seeds), mode), 1)
    cost = interleaved(ways, *pace)
    return [
        lower_is_better(f"T = {frames}, {mode} noise", cost[mode], cost["normals"], target=target, unit="us/clip")
        for mode, target in NOISE_TARGETS.items()
    ]


def area(loops: dict[str, tuple[Loop, int]]) -> list[Row]:
    """The largest error in the area of discs of 2 to 3 px at random places, ours against its limit and each loop's."""
    rng = np.random.default_rng(0)
    count = 256
    pixels, radius = rng.uniform(20, 44, (count, 1, 2)), rng.uniform(2, 3, (count, 1))
    white, out = np.full((count, 3), 255, np.uint8), np.zeros((count, 1, 3, 64, 64), np.uint8)

    def largest() -> float:
        light = out[:, 0, 0].sum(axis=(1, 2), dtype=np.int64) / 255
        return float(np.abs(light / (np.pi * radius[:, 0] ** 2) - 1).max() * 100)

    everyone = np.arange(count)
    draw(out, everyone, everyone * 0, pixels[:, 0], radius[:, 0], white)
    ours = largest()
    rows = [lower_is_better("disc area error, r = 2 to 3 px: limit", ours, AREA_LIMIT, target=1, unit="%")]
    for name, (loop, _) in loops.items():
        loop(out, pixels, radius, white, 1)
        rows.append(lower_is_better(f"disc area error, r = 2 to 3 px: {name}", ours, largest(), target=1, unit="%"))
    return rows


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[16, 32], help="frames of a clip (16 32)")
    parser.add_argument("--clips", type=int, default=64, help="clips of the reused buffer (64)")
    parser.add_argument("--turns", type=int, default=11, help="turns of all ways (11)")
    parser.add_argument("--seconds", type=float, default=0.1, help="time of each way in a turn (0.1)")
    args = parser.parse_args()
    pace = (args.turns, args.seconds)
    loops = installed()
    rows = [row for frames in args.frames for row in drawn(frames, args.clips, pace, loops)]
    rows += [row for frames in args.frames for row in noise(frames, pace)]
    show("Rendering", rows + area(loops), as_json=args.json)


if __name__ == "__main__":
    main()

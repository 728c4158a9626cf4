"""Data sets as recipes against the same clips as stored pixels: their bytes, the time to make them, and batches.

Theirs is what one does without recipes: render every clip once, write it to a .npy, map that into memory and copy the
rows of each batch. The time to render and write is taken on a sample of the clips and scaled up. A cold batch is read
after the file was dropped from the page cache (`posix_fadvise`), so what is measured is this disk and whatever caches
lie below the operating system: on a virtual disk that is the host's memory, which flatters theirs.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.report import Row, arguments, lower_is_better, show
from renderer.catalogue import DATASETS, Wanted
from renderer.recipe import Recipe
from renderer.video import render
from trainer.data.dataset import DataSet, load_dataset, write_dataset
from trainer.data.source import RecipeSource

MEGABYTE = 1e6
TARGETS = {"a warm map": 1.0, "a cold map": 100.0, "a warm map, fresh normals added": 1.0}
"""How often faster than theirs a batch is to be. Ours has fresh noise or none; stored noise is always the same."""


def wish(name: str, clips: int, noise: str = "exact") -> Wanted:
    data = DATASETS[name]
    return Wanted(name, data.tiers[0], clips, frames=data.frames[0], noise=noise)


def raw_bytes(data: DataSet) -> int:
    """Size of the pixels of all clips, held-out tests too."""
    window = data.recipe.window
    clips = len(data.recipe) + sum(map(len, data.tests.values()))
    return clips * window.frames * 3 * window.size_px**2


def write_pixels(recipe: Recipe, path: Path) -> float:
    """Render the clips into a .npy and see it on the disk; return the seconds."""
    began = time.perf_counter()
    with path.open("wb") as file:
        np.save(file, render(recipe))
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - began


def generation(name: str, clips: int, sample: int, folder: Path) -> list[Row]:
    """Make one data set, and a part of it as pixels."""
    began = time.perf_counter()
    write_dataset(folder, wish(name, clips))
    ours_s = time.perf_counter() - began
    data = load_dataset(folder)
    ours_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    part = data.recipe.take(np.arange(min(sample, clips)))
    pixels_s = write_pixels(part, folder / "videos.npy")
    theirs_bytes = raw_bytes(data)
    theirs_s = pixels_s * theirs_bytes / (folder / "videos.npy").stat().st_size
    what = f"{clips:,} {name}"
    sizes = ours_bytes / MEGABYTE, theirs_bytes / MEGABYTE
    return [
        lower_is_better(f"{what}: size", *sizes, target=400, unit="MB"),
        lower_is_better(f"{what}: time to make", ours_s, theirs_s, target=10, unit="s"),
    ]


def each_ms(take: Callable[[np.ndarray], object], batches: Sequence[np.ndarray]) -> list[float]:
    """Return the time of every batch."""
    times = []
    for rows in batches:
        began = time.perf_counter()
        take(rows)
        times.append((time.perf_counter() - began) * 1000)
    return times


def stored(path: Path, out: np.ndarray) -> Callable[[np.ndarray], object]:
    """Return what copies rows of a memory-mapped .npy into the buffer."""
    mapped = np.load(path, mmap_mode="r")
    return lambda rows: np.take(mapped, rows, axis=0, out=out[: len(rows)], mode="clip")


def with_normals(
    take: Callable[[np.ndarray], object], out: np.ndarray, sigma: float, rng: np.random.Generator
) -> Callable[[np.ndarray], object]:
    """Return what adds noise to a batch as one writes it down first."""

    def noisy(rows: np.ndarray) -> None:
        take(rows)
        batch = out[: len(rows)]
        noise = rng.standard_normal(batch.shape, np.float32) * (255 * sigma)
        batch[:] = np.clip(np.rint(batch + noise), 0, 255)

    return noisy


def drop_from_cache(path: Path) -> None:
    """Take a file out of the page cache; nothing may have it mapped."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def batches(clips: int, size: int, repeat: int, folder: Path) -> list[Row]:
    """Time shuffled epochs of `trajectories`: rendered, from a warm map and from a cold one, in turns."""
    write_dataset(folder, wish("trajectories", clips, noise="bank"))
    recipe = load_dataset(folder).recipe
    path = folder / "videos.npy"
    write_pixels(recipe, path)
    window = recipe.window
    out = np.empty((size, window.frames, 3, window.size_px, window.size_px), np.uint8)
    ways = {f"{noise} noise": RecipeSource(recipe.replace(noise=noise)) for noise in ("bank", "exact")}
    ways["no noise"] = RecipeSource(recipe.replace(noise_sigma=np.zeros_like(recipe.noise_sigma)))
    times: dict[str, list[float]] = {name: [] for name in (*ways, *TARGETS)}
    rng = np.random.default_rng(0)
    for epoch in range(repeat):
        order = np.array_split(rng.permutation(clips), -(-clips // size))
        drop_from_cache(path)
        take = stored(path, out)
        times["a cold map"] += each_ms(take, order)
        times["a warm map"] += each_ms(take, order)
        noisy = with_normals(take, out, float(recipe.noise_sigma[0]), rng)
        times["a warm map, fresh normals added"] += each_ms(noisy, order[:4])
        del take, noisy
        for name, source in ways.items():
            times[name] += each_ms(lambda rows: source.fill(rows, epoch, out[: len(rows)]), order)  # noqa: B023
    middle = {name: statistics.median(values) for name, values in times.items()}
    return [
        lower_is_better(f"batch of {size}, {way}: {other}", middle[way], middle[other], target=target, unit="ms")
        for other, target in TARGETS.items()
        for way in ways
        if not ("normals" in other and way == "no noise")
    ]


def main() -> None:
    """Run it."""
    parser = arguments("Data sets as recipes against stored pixels.")
    parser.add_argument("--trajectories", type=int, default=10_000, help="clips")
    parser.add_argument("--persistence", type=int, default=2_500, help="clips")
    parser.add_argument("--objects", type=int, default=10_000, help="clips")
    parser.add_argument("--sample", type=int, default=2_000, help="clips that are stored as pixels, and drawn from")
    parser.add_argument("--batch", type=int, default=64, help="clips a batch")
    parser.add_argument("--repeat", type=int, default=5, help="epochs of each kind")
    parser.add_argument("--folder", default=None, help="where to write, on the disk to be measured (default: /tmp)")
    chosen = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        for kind in DATASETS:
            rows += generation(kind, getattr(chosen, kind), chosen.sample, Path(name, kind))
        rows += batches(chosen.sample, chosen.batch, chosen.repeat, Path(name, "batches"))
    show("Recipes against stored pixels", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

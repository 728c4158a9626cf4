"""Pixels of some clips as they were when the file beside this one was written: on any machine, within 1/255.

Recipes have golden digests; pixels may differ by a grey level where another processor rounds a cosine otherwise. To
write the file anew, after a change on purpose: `python -m tests.renderer.test_golden_pixels`.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from renderer.catalogue import Wanted, make
from renderer.noise import MODES, add_noise
from renderer.video import render

GOLDEN = Path(__file__).with_name("golden_pixels.npz")
CLEAN = {
    "trajectories": Wanted("trajectories", "medium", 4, 5, style="both", variants=2),
    "persistence": Wanted("persistence", "clutter", 2, 5, 25),
    "objects": Wanted("objects", "transient_heavy", 1, 5, 32, clutter=4),
}


def clean(name: str) -> np.ndarray:
    recipe = make(CLEAN[name]).recipe
    return render(recipe.with_noise(np.zeros(len(recipe), np.float32), recipe.noise_seed))


def noisy(mode: str) -> np.ndarray:
    frame = np.full((3, 32, 32), 100, np.uint8)
    add_noise(frame, 0.05, 7, mode)
    return frame


def pictures() -> dict[str, np.ndarray]:
    return {name: clean(name) for name in CLEAN} | {mode: noisy(mode) for mode in MODES}


@pytest.mark.parametrize("name", [*CLEAN, *MODES])
def test_pixels_are_what_they_were_within_one_grey_level(name: str) -> None:
    drawn = clean(name) if name in CLEAN else noisy(name)
    with np.load(GOLDEN) as golden:
        assert golden[name].shape == drawn.shape and golden[name].any()
        assert np.abs(golden[name].astype(int) - drawn).max() <= 1


@pytest.mark.slow  # 2 s
def test_a_processor_without_vector_instructions_draws_the_same(tmp_path: Path) -> None:
    """NumPy then rounds some sines and powers otherwise, as it does on another machine."""
    features = " ".join(np._core._multiarray_umath.__cpu_dispatch__)  # type: ignore[attr-defined]
    there = tmp_path / "there.npz"
    command = [sys.executable, "-m", "tests.renderer.test_golden_pixels", str(there)]
    subprocess.run(command, env=os.environ | {"NPY_DISABLE_CPU_FEATURES": features}, check=True)
    with np.load(GOLDEN) as golden, np.load(there) as drawn:
        for name in golden:
            assert np.abs(golden[name].astype(int) - drawn[name]).max() <= 1, name


if __name__ == "__main__":
    np.savez_compressed(sys.argv[1] if len(sys.argv) > 1 else GOLDEN, **pictures())  # type: ignore[arg-type]

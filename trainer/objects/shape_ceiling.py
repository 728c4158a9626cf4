"""How well a sphere can be told from other shapes in one frame: `python -m trainer.objects.shape_ceiling`.

Pictures of one shape each, of the radii of a tier, at its noise or another. *Known*: centre, radius and colour are
given, so comparing the squared errors of the four shapes is the likelihood ratio test. *Fitted*: each shape may choose
its centre, radius and colour, as a detector has to: no bound, but a thorough search.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from renderer.catalogue import DATASETS, Wanted, make
from renderer.motion import Floats
from renderer.sampling import draw_colours
from renderer.scenes import SceneRecipe
from renderer.shapes import Shape, coverage
from renderer.sprites import sprites

SIDE_PX = 16
_STEPS_PX = np.arange(-0.75, 0.76, 0.125)
_SCALES = (0.88, 0.94, 1.0, 1.06, 1.13)


def confusions(radius: float, noise: float, clips: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Return the share of spheres taken for another shape, and of others taken for spheres, as known and as fitted."""
    wrong: dict[str, list[float]] = {"known": [], "fitted": []}
    for others in (False, True):
        shape = rng.integers(1, len(Shape), clips) if others else np.zeros(clips, np.int64)
        centre, colour = SIDE_PX / 2 + rng.uniform(-0.5, 0.5, (clips, 2)), draw_colours(rng, clips) / 255
        clean = [_covered(np.full(clips, one), centre, radius)[:, None] * colour[:, :, None] for one in Shape]
        picture = np.stack(clean)[shape, np.arange(clips)]
        picture = np.clip(np.round((picture + rng.normal(0, noise, picture.shape)) * 255), 0, 255) / 255
        known = [np.square(picture - one).sum(axis=(1, 2)) for one in clean]
        fitted = [-_explained(picture, one, radius) for one in Shape]
        for name, errors in (("known", known), ("fitted", fitted)):
            is_sphere = errors[0] <= np.min(errors[1:], axis=0)
            wrong[name].append(float((is_sphere == others).mean()))
    return {name: (spheres, rest) for name, (spheres, rest) in wrong.items()}


def _covered(shape: NDArray[np.int64], centre: Floats, radius: float) -> Floats:
    return coverage(shape, centre, np.full(len(shape), radius), SIDE_PX).reshape(len(shape), -1).astype(np.float64)


def _explained(picture: Floats, shape: Shape, radius: float) -> Floats:
    """Return how much of each picture (n, 3, pixels), squared, the best centre, radius and colour explain, (n,)."""
    at = SIDE_PX / 2 + np.stack(np.meshgrid(_STEPS_PX, _STEPS_PX), axis=-1).reshape(-1, 2)
    most = np.zeros(len(picture))
    for scale in _SCALES:
        light = _covered(np.full(len(at), shape), at, scale * radius)
        along = picture @ light.T
        most = np.maximum(most, (np.square(along).sum(axis=1) / np.square(light).sum(axis=1)).max(axis=1))
    return most


def main() -> None:
    """Print a table: a tier's middle and smallest radii, its noise and more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000, help="pictures of each kind a row (default: 1000)")
    clips = parser.parse_args().clips
    rng = np.random.default_rng(0)
    print("| tier | radius, px | noise | spheres lost, known | fitted | shapes taken, known | fitted |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for tier in ("standard", "fast"):
        recipe = make(Wanted("objects", tier, 100, 0, frames=DATASETS["objects"].frames[0])).recipe
        assert isinstance(recipe, SceneRecipe)
        for radius in np.percentile(sprites(recipe).radius, [5, 50]):
            for noise in (0.05, 0.1):
                wrong = confusions(float(radius), noise, clips, rng)
                lost, taken = zip(wrong["known"], wrong["fitted"], strict=True)
                cells = " | ".join(f"{value:.3f}" for value in (*lost, *taken))
                print(f"| `{tier}` | {radius:.2f} | {noise} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

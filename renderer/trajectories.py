"""The `trajectories` data set: one sphere on a linear, circular, helical or parabolic path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.motion import Family
from renderer.recipe import STYLES, Recipe
from renderer.sampling import Window, draw_family
from renderer.tiers import TIERS

COLOUR_LOW = 120
"""Darkest channel of a sphere: bright enough to stand out of the noise of every tier."""


@dataclass(frozen=True)
class Generated:
    """A recipe, and how often each class had to be drawn (rates must be alike, or extent leaks the class)."""

    recipe: Recipe
    acceptance: dict[str, float]


def make_recipe(tier: str, clips: int, seed: int, window: Window | None = None, style: str = "dot") -> Generated:
    """Draw `clips` clips, the classes as even as their number allows, shuffled; each class from its own stream.

    `style` is `dot`, `trail` or `both` (drawn per clip).
    """
    window = window or Window()
    ranges = TIERS[tier]
    order, look, *streams = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(6))
    counts = {family: len(range(int(family), clips, len(Family))) for family in Family}
    parts = [draw_family(streams[family], counts[family], family, ranges, window) for family in Family]
    shuffle = order.permutation(clips)
    label = np.repeat([np.uint8(family) for family in Family], [counts[family] for family in Family])
    styles = look.integers(0, 2, clips) if style == "both" else np.full(clips, STYLES.index(style))
    recipe = Recipe(
        tier=tier,
        seed=seed,
        window=window,
        focal_px=parts[0].cameras.focal_px,
        sphere_radius=ranges.sphere_radius,
        label=label[shuffle],
        scene=np.arange(clips, dtype=np.int64),
        motion=np.concatenate([part.motion.to_array() for part in parts])[shuffle],
        rotation=np.concatenate([part.cameras.rotation for part in parts])[shuffle],
        position=np.concatenate([part.cameras.position for part in parts])[shuffle],
        colour=look.integers(COLOUR_LOW, 256, (clips, 3)).astype(np.uint8),
        style=styles.astype(np.uint8),
        noise_sigma=np.full(clips, ranges.noise_sigma, np.float32),
        noise_seed=look.integers(0, 2**63, clips, dtype=np.uint64),
    )
    rates = {family.name.lower(): counts[family] / parts[family].drawn for family in Family}
    return Generated(recipe, rates)

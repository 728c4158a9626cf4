"""The `trajectories` data set: one sphere on a linear, circular, helical or parabolic path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from renderer.camera import check_in_front
from renderer.errors import RendererError
from renderer.motion import Family, Floats, Motion
from renderer.raster import Video
from renderer.recipe import Generated, Recipe, per_clip
from renderer.sampling import Window, cameras_contains, draw_colours, draw_family, motion_contains
from renderer.tiers import Tier, find_tier
from renderer.trails import TRAIL_LENGTH, draw_trails

STYLES = ("dot", "trail")
"""`dot` is the sphere alone, `trail` the sphere and its fading past; the index is stored."""


@dataclass(frozen=True, kw_only=True)
class TrajectoryRecipe(Recipe):
    """One sphere a clip."""

    KIND: ClassVar[str] = "trajectories"

    sphere_radius: float
    """Workspace half-sides, the same in every clip."""
    motion: Floats = per_clip()
    """`Motion.to_array`, (n, 5, 3)."""
    colour: NDArray[np.uint8] = per_clip()
    """RGB of the sphere, (n, 3)."""
    style: NDArray[np.uint8] = per_clip()
    """Index into `STYLES`, (n,)."""

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(family.name.lower() for family in Family)

    @property
    def camera_motion(self) -> Motion:
        """Parameters of the paths in camera coordinates."""
        motion = Motion.from_array(self.motion)
        return replace(motion.turned(self.rotation), centre=self.cameras.to_camera(motion.centre[:, None])[:, 0])

    def camera_path(self, start: int = 0, stop: int | None = None) -> Floats:
        """Return camera-frame positions (n, stop - start, 3) of frames `start` to `stop` (default: T + 5)."""
        times = self.window.times_s[start:stop]
        return self.cameras.to_camera(Motion.from_array(self.motion).positions(times))

    def draw(self, out: Video) -> None:
        """Draw the seen frames; the frames to forecast are never computed, so no pixel can depend on them.

        Raises `RendererError` where the sphere is behind its camera, or around it.
        """
        camera = self.camera_path(0, self.window.frames)
        check_in_front(camera, self.sphere_radius)
        radius_px = self.focal_px * self.sphere_radius / camera[..., 2]
        draw_spheres(out, self.cameras.project(camera), radius_px, self.colour, self.style)


def draw_spheres(
    out: Video, pixels: Floats, radius_px: Floats, colour: NDArray[np.uint8], style: NDArray[np.uint8]
) -> None:
    """Draw one sphere a clip at `pixels` (n, T, 2) with `radius_px` (n, T), in `style` (n,), over what `out` holds."""
    trail = style == STYLES.index("trail")
    for clips, length in ((np.flatnonzero(~trail), 1), (np.flatnonzero(trail), TRAIL_LENGTH)):
        draw_trails(out, clips, pixels[clips], radius_px[clips], colour[clips], length)


def make_recipe(
    tier: str, clips: int, seed: int, window: Window | None = None, style: str = "dot", test: str = ""
) -> Generated[TrajectoryRecipe]:
    """Draw `clips` clips, the classes as even as their number allows, shuffled; each class from its own stream.

    `style` is `dot`, `trail` or `both` (drawn per clip); `test` names a held-out test of the tier (`renderer.tiers`).
    """
    window = window or Window()
    ranges = find_tier(tier, test)
    if clips < 1:
        raise RendererError(f"clips cannot be {clips}: at least one is needed")
    order, look, *streams = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(6))
    counts = {family: len(range(int(family), clips, len(Family))) for family in Family}
    parts = [draw_family(streams[family], counts[family], family, ranges, window) for family in Family]
    shuffle = order.permutation(clips)
    label = np.repeat([np.uint8(family) for family in Family], [counts[family] for family in Family])
    styles = look.integers(0, 2, clips) if style == "both" else np.full(clips, STYLES.index(style))
    recipe = TrajectoryRecipe(
        tier=ranges.name,
        seed=seed,
        window=window,
        focal_px=parts[0].cameras.focal_px,
        noise="exact",
        sphere_radius=ranges.sphere_radius,
        label=label[shuffle],
        scene=np.arange(clips, dtype=np.int64),
        motion=np.concatenate([part.motion.to_array() for part in parts])[shuffle],
        rotation=np.concatenate([part.cameras.rotation for part in parts])[shuffle],
        position=np.concatenate([part.cameras.position for part in parts])[shuffle],
        colour=draw_colours(look, clips).astype(np.uint8),
        style=styles.astype(np.uint8),
        noise_sigma=np.full(clips, ranges.noise_sigma, np.float32),
        noise_seed=look.integers(0, 2**63, clips, dtype=np.uint64),
    )
    rates = {family.name.lower(): counts[family] / parts[family].drawn for family in Family if counts[family]}
    return Generated(recipe, rates)


def contains(tier: Tier, recipe: TrajectoryRecipe) -> NDArray[np.bool_]:
    """Return for each clip whether `make_recipe` could have drawn its path and camera from the tier's ranges, (n,)."""
    inside = cameras_contains(recipe.cameras, tier)
    for family in Family:
        rows = np.flatnonzero(recipe.label == family)
        motion = Motion.from_array(recipe.motion[rows])
        inside[rows] &= motion_contains(motion, family, tier, recipe.window)
    return inside

"""Scenes written down object by object: a camera at the origin that looks along +y, so that depth is the world's y."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.lives import pack
from renderer.objects import ObjectRecipe
from renderer.sampling import Window
from renderer.scenes import Persistence
from renderer.shapes import Shape

FOCAL_PX = 64.0


@dataclass(frozen=True)
class Thing:
    """One object that stands still."""

    x_px: float
    y_px: float
    depth: float
    radius_px: float
    colour: tuple[int, int, int] = (255, 255, 255)
    shape: Shape = Shape.SPHERE
    kind: int = Persistence.PERSISTENT
    frames: tuple[int, ...] = (0, 1)


def by_hand(*clips: list[Thing]) -> ObjectRecipe:
    """Return clips of two frames with these things, without noise or jitter."""
    things = [(clip, thing) for clip, content in enumerate(clips) for thing in content]
    m, n = len(things), len(clips)
    window = Window(frames=2, size_px=64)
    motion = np.zeros((m, 5, 3), np.float32)
    for row, (_, thing) in enumerate(things):
        away = thing.depth / FOCAL_PX
        motion[row, 0] = (thing.x_px - 32) * away, thing.depth, -(thing.y_px - 32) * away
    drawn = np.array([[frame in thing.frames for frame in range(2)] for _, thing in things]).reshape(m, 2)
    return ObjectRecipe(
        tier="standard",
        seed=0,
        window=window,
        focal_px=FOCAL_PX,
        noise="exact",
        cue="none",
        label=np.zeros(n, np.uint8),
        scene=np.arange(n),
        rotation=np.tile(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), (n, 1, 1)),
        position=np.zeros((n, 3)),
        noise_sigma=np.zeros(n, np.float32),
        noise_seed=np.zeros(n, np.uint64),
        clip=np.array([clip for clip, _ in things], np.int64),
        identity=np.arange(m),
        kind=np.array([thing.kind for _, thing in things], np.uint8),
        shape=np.array([thing.shape for _, thing in things], np.uint8),
        colour=np.array([thing.colour for _, thing in things], np.uint8).reshape(m, 3),
        radius=np.array([thing.radius_px * thing.depth / FOCAL_PX for _, thing in things], np.float32),
        birth=np.zeros(m, np.int16),
        life=np.full(m, 2, np.int16),
        shown=pack(drawn),
        motion=motion,
        jitter_px=np.zeros(m, np.float32),
    )

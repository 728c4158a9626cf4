"""A scene recipe under construction: groups of objects, joined and put in the order of their clips."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras
from renderer.motion import Floats
from renderer.sampling import Window

JITTER_PX_AT_64 = 0.1
"""Every object trembles a little about its path."""

_TYPES: dict[str, type] = {
    "clip": np.int64,
    "kind": np.uint8,
    "shape": np.uint8,
    "colour": np.uint8,
    "birth": np.int16,
    "life": np.int16,
    "shown": np.uint64,
    "motion": np.float32,
    "jitter_px": np.float32,
}


@dataclass(frozen=True)
class Cast:
    """m objects, in any order; the fields are those of `SceneRecipe`."""

    clip: NDArray[np.int64]
    kind: NDArray[np.integer]
    shape: NDArray[np.integer]
    colour: NDArray[np.integer]
    birth: NDArray[np.integer]
    life: NDArray[np.integer]
    shown: NDArray[np.uint64]
    motion: Floats
    jitter_px: Floats

    @classmethod
    def joined(cls, parts: list[Cast]) -> Cast:
        """Return the objects of all parts."""
        return cls(**{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(cls)})

    def arrays(self, rng: np.random.Generator, radius: float) -> dict[str, Any]:
        """Return the object arrays of a `SceneRecipe`, ordered by clip and in random order within it.

        Objects that no frame shows are left out.
        """
        order = np.lexsort((rng.random(len(self.clip)), self.clip))
        order = order[self.shown[order] > 0]
        arrays = {name: getattr(self, name)[order].astype(kind) for name, kind in _TYPES.items()}
        number = np.arange(len(order), dtype=np.int64)
        return arrays | {"identity": number, "radius": np.full(len(order), radius, np.float32)}


def clip_arrays(rng: np.random.Generator, label: NDArray[Any], cameras: Cameras, noise_sigma: float) -> dict[str, Any]:
    """Return what a `SceneRecipe` holds of n clips that are all scenes of their own."""
    return {
        "focal_px": cameras.focal_px,
        "noise": "exact",
        "label": label.astype(np.uint8),
        "scene": np.arange(len(label), dtype=np.int64),
        "rotation": cameras.rotation,
        "position": cameras.position,
        "noise_sigma": np.full(len(label), noise_sigma, np.float32),
        "noise_seed": rng.integers(0, 2**63, len(label), dtype=np.uint64),
    }


def tremble_px(window: Window) -> float:
    """Return the usual jitter in pixels of the picture."""
    return JITTER_PX_AT_64 * window.size_px / 64

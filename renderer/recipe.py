"""A data set is its recipe: small arrays from which every clip, label and target follows.

The same tier, seed and count give the same recipe; `digest` is its golden hash. Pixels are not part of it: they may
differ by 1/255 between machines.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras
from renderer.motion import Floats, Motion
from renderer.sampling import Window

RECIPE_VERSION = 1
STYLES = ("dot", "trail")
"""`dot` is the sphere alone, `trail` the sphere and its fading past; the index is stored."""


class RecipeError(ValueError):
    """A file that is not a recipe of this version."""


@dataclass(frozen=True)
class Recipe:
    """n clips. All arrays have n rows."""

    tier: str
    seed: int
    window: Window
    focal_px: float
    sphere_radius: float
    """Workspace half-sides, the same in every clip."""
    label: NDArray[np.uint8]
    """`renderer.motion.Family`, (n,)."""
    scene: NDArray[np.int64]
    """Clips that are views of one scene share its number, (n,)."""
    motion: Floats
    """`Motion.to_array`, (n, 5, 3)."""
    rotation: Floats
    """World to camera, (n, 3, 3)."""
    position: Floats
    """Camera centre in the world, (n, 3)."""
    colour: NDArray[np.uint8]
    """RGB of the sphere, (n, 3)."""
    style: NDArray[np.uint8]
    """Index into `STYLES`, (n,)."""
    noise_sigma: NDArray[np.float32]
    """Standard deviation of the pixel noise, of 1.0, (n,)."""
    noise_seed: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: NDArray[np.int64]) -> Recipe:
        """Return the recipe of some clips, in the order given."""
        return self._replace({name: getattr(self, name)[rows] for name in _ARRAYS})

    def with_noise(self, sigma: NDArray[np.float32], seed: NDArray[np.uint64]) -> Recipe:
        """Return the same clips under other noise."""
        return self._replace({"noise_sigma": sigma, "noise_seed": seed})

    def _replace(self, arrays: dict[str, NDArray]) -> Recipe:
        return Recipe(**{item.name: arrays.get(item.name, getattr(self, item.name)) for item in fields(self)})

    @property
    def cameras(self) -> Cameras:
        return Cameras(self.rotation, self.position, self.focal_px, self.window.size_px)

    def camera_path(self, start: int = 0, stop: int | None = None) -> Floats:
        """Return camera-frame positions (n, stop - start, 3) of frames `start` to `stop` (default: T + 5)."""
        times = self.window.times_s[start:stop]
        return self.cameras.to_camera(Motion.from_array(self.motion).positions(times))

    def digest(self) -> str:
        """Return the SHA-256 over every array and number of the recipe.

        Lengths count to nine decimals: the last bit of a cosine is a matter of the machine, not of the recipe.
        """
        sha = hashlib.sha256(self._header())
        for name in _ARRAYS:
            array = getattr(self, name)
            if array.dtype == np.float64:
                array = np.rint(array * 1e9).astype(np.int64)
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()

    def _header(self) -> bytes:
        window = {item.name: getattr(self.window, item.name) for item in fields(Window)}
        header = {"version": RECIPE_VERSION, "window": window}
        header |= {name: getattr(self, name) for name in ("tier", "seed", "focal_px", "sphere_radius")}
        return json.dumps(header, sort_keys=True).encode()

    def to_bytes(self) -> bytes:
        """Return the file content (an npz archive without pickles)."""
        buffer = io.BytesIO()
        header = np.frombuffer(self._header(), np.uint8)
        np.savez_compressed(buffer, header=header, **{name: getattr(self, name) for name in _ARRAYS})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Recipe:
        """Parse a recipe file. Raises `RecipeError`."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                header = json.loads(file["header"].tobytes())
                arrays = {name: file[name] for name in _ARRAYS}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as exc:
            raise RecipeError(f"not a recipe: {exc}") from exc
        if header.pop("version", None) != RECIPE_VERSION:
            raise RecipeError("recipe of another version; generate it again")
        return cls(window=Window(**header.pop("window")), **header, **arrays)


_ARRAYS = ("label", "scene", "motion", "rotation", "position", "colour", "style", "noise_sigma", "noise_seed")

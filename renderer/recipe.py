"""A data set is its recipe: small arrays from which every clip, label and target follows.

The same kind, tier, seed and count give the same recipe; `digest` is its golden hash. Pixels are not part of it: they
may differ by 1/255 between machines. This module holds what all kinds share, and their file.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from renderer.camera import Cameras
from renderer.errors import RecipeError
from renderer.motion import Floats
from renderer.sampling import Window

RECIPE_VERSION = 2
KINDS: dict[str, type[Recipe]] = {}
"""Every kind of recipe by its name; a class enters by defining `KIND`."""


def per_clip() -> Any:
    """Mark a field as an array with one row a clip."""
    return field(metadata={"array": "clip"})


def per_object() -> Any:
    """Mark a field as an array with one row an object."""
    return field(metadata={"array": "object"})


@dataclass(frozen=True)
class Recipe(ABC):
    """n clips of one kind."""

    KIND: ClassVar[str]
    """Name of the data set: trajectories, persistence or objects."""

    tier: str
    seed: int
    window: Window
    focal_px: float
    noise: str
    """`exact` or `bank`: how the pixel noise is made (`renderer.noise`)."""
    label: NDArray[np.uint8] = per_clip()
    """Class of the clip, an index into `class_names`, (n,)."""
    scene: NDArray[np.int64] = per_clip()
    """Clips that are views of one scene share its number, (n,)."""
    rotation: Floats = per_clip()
    """World to camera, (n, 3, 3)."""
    position: Floats = per_clip()
    """Camera centre in the world, (n, 3)."""
    noise_sigma: NDArray[np.float32] = per_clip()
    """Standard deviation of the pixel noise, of 1.0, (n,)."""
    noise_seed: NDArray[np.uint64] = per_clip()

    def __init_subclass__(cls) -> None:
        if "KIND" in vars(cls):
            KINDS[cls.KIND] = cls

    def __len__(self) -> int:
        return len(self.label)

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels 0, 1, ..."""

    @abstractmethod
    def draw(self, out: NDArray[np.uint8]) -> None:
        """Draw the seen frames, without noise, over whatever the buffer (n, T, 3, H, W) holds."""

    @property
    def cameras(self) -> Cameras:
        return Cameras(self.rotation, self.position, self.focal_px, self.window.size_px)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return the recipe of some clips, in the order given."""
        return self.replace(**{name: getattr(self, name)[rows] for name in self.arrays("clip")})

    def with_noise(self, sigma: NDArray[np.float32], seed: NDArray[np.uint64]) -> Self:
        """Return the same clips under other noise."""
        return self.replace(noise_sigma=sigma, noise_seed=seed)

    def replace(self, **values: Any) -> Self:
        """Return a recipe with some fields changed (`dataclasses.replace`, but 10 times cheaper: no checks)."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.__dict__.update(values)
        return new

    @classmethod
    def arrays(cls, *which: str) -> list[str]:
        """Return the names of the array fields: one row a `clip`, one row an `object`, or (default) both."""
        return [item.name for item in fields(cls) if item.metadata.get("array") in (which or ("clip", "object"))]

    def digest(self) -> str:
        """Return the SHA-256 over every array and number of the recipe.

        Lengths count to nine decimals: the last bit of a cosine is a matter of the machine, not of the recipe.
        """
        sha = hashlib.sha256(self._header())
        for name in self.arrays():
            array = getattr(self, name)
            if array.dtype == np.float64:
                array = np.rint(array * 1e9).astype(np.int64)
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()

    def _header(self) -> bytes:
        numbers = {item.name: getattr(self, item.name) for item in fields(self) if "array" not in item.metadata}
        numbers["window"] = {item.name: getattr(self.window, item.name) for item in fields(Window)}
        return json.dumps({"version": RECIPE_VERSION, "kind": self.KIND, **numbers}, sort_keys=True).encode()

    def to_bytes(self) -> bytes:
        """Return the file content (an npz archive without pickles); it holds its own digest."""
        buffer = io.BytesIO()
        text = {"header": self._header(), "digest": self.digest().encode()}
        content = {name: np.frombuffer(value, np.uint8) for name, value in text.items()}
        np.savez_compressed(
            buffer, allow_pickle=False, **content, **{name: getattr(self, name) for name in self.arrays()}
        )
        return buffer.getvalue()


Kind = TypeVar("Kind", bound=Recipe, covariant=True)


@dataclass(frozen=True)
class Generated(Generic[Kind]):
    """A recipe, and which share of the draws of each class was accepted (alike, or extent leaks the class)."""

    recipe: Kind
    acceptance: dict[str, float]


def read_recipe(data: bytes) -> Recipe:
    """Parse a recipe file of any kind. Raises `RecipeError`."""
    import renderer.catalogue  # noqa: F401  (defines every kind)

    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            header = json.loads(file["header"].tobytes())
            version, kind = header.pop("version"), KINDS[header.pop("kind")]
            if version != RECIPE_VERSION:
                newer = isinstance(version, int) and version > RECIPE_VERSION
                raise RecipeError(
                    f"recipe of version {version}, this program reads version {RECIPE_VERSION}",
                    hint="update this program" if newer else "generate it again",
                )
            arrays = {name: file[name] for name in kind.arrays()}
            digest = file["digest"].tobytes().decode()
        recipe = kind(window=Window(**header.pop("window")), **header, **arrays)
        right = recipe.digest() == digest
    except RecipeError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, RuntimeError, MemoryError,
            zipfile.BadZipFile, zlib.error) as exc:  # fmt: skip
        raise RecipeError(f"not a recipe: {exc}", hint="generate it again") from exc
    if not right:
        raise RecipeError("the content is not what was written: edited or damaged", hint="generate it again")
    return recipe

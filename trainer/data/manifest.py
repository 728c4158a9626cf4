"""The manifest of a data set: what was wished for, what came of it, and the SHA-256 of every file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from renderer.recipe import RECIPE_VERSION
from trainer.errors import DataError
from wire.run_dir import replace_file

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`, which is written last: where it is, the data set is whole."""

    name: str
    """trajectories, persistence or objects."""
    wanted: Mapping[str, Any]
    """`renderer.catalogue.Wanted` as a mapping: it and the shares give the same data set again."""
    shares: tuple[float, ...]
    """Train, validation and test share of each class's scenes."""
    acceptance: Annotated[Mapping[str, float], Field(min_length=1)]
    """Which share of the draws of each class was kept: alike, or extent would tell the class."""
    counts: Mapping[str, Mapping[str, int]]
    """Clips of each split and held-out test, by class."""
    sha256: Mapping[str, str]
    """Of each file, by its name within the folder."""
    digest: str
    """Golden hash of the recipe (`Recipe.digest`), which does not depend on how the file is packed."""
    bytes: int
    """All files together, without this one."""
    splits: Mapping[str, list[int]]
    """The clips of each split, ascending."""
    generator_version: int = RECIPE_VERSION
    version: int = MANIFEST_VERSION

    def summary(self) -> dict[str, Any]:
        """Return everything but the long list of clips."""
        return {name: value for name, value in asdict(self).items() if name != "splits"}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest into its folder, in one step."""
    data = json.dumps(asdict(manifest), separators=(",", ":")).encode() + b"\n"
    replace_file(str(folder / MANIFEST_NAME), data, mode=0o644)


def has_manifest(folder: Path) -> bool:
    """Return whether a data set of ours is in the folder, as far as it may be looked into."""
    try:
        return (folder / MANIFEST_NAME).exists()
    except OSError:
        return False


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest of this version. Raises `DataError` that says what is wrong with it."""
    path = folder / MANIFEST_NAME
    try:
        text = path.read_bytes()
    except OSError as exc:
        raise DataError(f"{path}: cannot be read: {exc.strerror}") from exc
    try:
        values = json.loads(text)
        versions = {"version": MANIFEST_VERSION, "generator_version": RECIPE_VERSION}
        found = {name: int(values[name]) for name in versions}
        if found == versions:
            return TypeAdapter(Manifest).validate_json(text, strict=True)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise _unreadable(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from exc
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as exc:
        raise _unreadable(path, f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)) from exc
    newer = any(found[name] > version for name, version in versions.items())
    made_by = "a newer" if newer else "an older"
    raise DataError(
        f"{path}: made by {made_by} version ({_said(found)}; this program has {_said(versions)})",
        hint="update this program" if newer else "remove the folder to generate it again",
    )


def _unreadable(path: Path, problem: str) -> DataError:
    return DataError(f"{path}: no readable data set: {problem}", hint="remove the folder to generate it again")


def _said(versions: Mapping[str, int]) -> str:
    return f"manifest {versions['version']} of generator {versions['generator_version']}"

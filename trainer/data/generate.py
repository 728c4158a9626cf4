"""Draw a data set into a folder of its own, say what is there, and by option export its pixels."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from renderer.catalogue import DATASETS, Wanted
from trainer.console import write_line
from trainer.data.dataset import RECIPE_NAME, TESTS, DataSet, held_out_file, holds, load_dataset, write_dataset
from trainer.data.export import Layout, export, export_bytes
from trainer.data.manifest import has_manifest, read_manifest
from trainer.data.space import disk_errors, in_words, require_space
from trainer.data.splits import SPLITS
from trainer.errors import ConfigError
from trainer.meter import Meter, Tell
from wire.run_dir import TEMPORARY_PREFIX

_HALF_WRITTEN = re.compile(re.escape(TEMPORARY_PREFIX) + r".+\.\d+\.\d+$")
"""A name under which `replace_file` writes."""


def generate(
    folder: Path, wanted: Wanted, shares: Sequence[float], layout: Layout | None, workers: int, tell: Tell
) -> str:
    """See that `folder` holds the data set, and its pixels if a layout is given; return what is there now.

    `tell` hears of every step, and may raise to end the work. Raises `TrainerError`.
    """
    with _alone_in(folder):
        there = _is_there(folder, wanted, shares)
        _sweep(folder)
        if not there:
            if layout:
                require_space(folder, export_bytes(wanted.clips * wanted.variants, wanted.frames, wanted.size_px))
            write_dataset(folder, wanted, shares)
        data = load_dataset(folder)
        said = f"{'already there: ' if there else ''}{summary(data)}"
        write_line(1, f"{folder}: {said}")
        tell(len(data.recipe), len(data.recipe), 0.0)
        if layout:
            new = export(folder, data, layout, workers, partial(Meter, tell=tell))
            size = export_bytes(len(data.recipe), wanted.frames, wanted.size_px)
            pixels = f"{'' if new else 'already there: '}{layout.form}, {in_words(size)} of pixels"
            write_line(1, f"{folder}: {pixels}")
            said += f"; {pixels}"
        return said


def summary(data: DataSet) -> str:
    """Return what a data set is, in one line."""
    recipe, size = data.recipe, data.manifest.bytes
    parts = ", ".join(f"{len(data.rows[name]):,} {name}" for name in SPLITS)
    held_out = len(next(iter(data.tests.values())))
    clips = len(recipe) + held_out * len(data.tests)
    return (
        f"{recipe.KIND}, tier {recipe.tier}, {len(recipe):,} clips ({parts}) and {len(data.tests)} held-out tests of "
        f"{held_out:,}; {in_words(size)}, {size // clips} bytes a clip"
    )


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; make it if need be, and take it away again if nothing came into it."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder", hint="choose another --out")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _lock(descriptor: int, folder: Path) -> None:
    """Lock the folder until the descriptor is closed, by us or by our death."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        hint = "wait for it, or choose another --out"
        raise ConfigError(f"{folder}: another `trainer generate` is at work there", hint=hint) from exc


def _is_there(folder: Path, wanted: Wanted, shares: Sequence[float]) -> bool:
    """Return whether the folder holds this data set. Raises `ConfigError` if it holds anything else; what an
    interrupted attempt left may be overwritten.
    """
    if not has_manifest(folder):
        ours = {RECIPE_NAME, TESTS, *map(held_out_file, DATASETS[wanted.name].tests)}
        there = [path.relative_to(folder).as_posix() for path in _entries(folder) if not _HALF_WRITTEN.match(path.name)]
        if set(there) - ours:
            strange = min(set(there) - ours)
            raise ConfigError(
                f"{folder} is not empty and holds no data set (but {strange})", hint="choose another --out"
            )
        return False
    if holds(folder, wanted, shares):
        return True
    found = read_manifest(folder)
    asked = {**asdict(wanted), "split": tuple(shares)}
    other = {**found.wanted, "split": found.shares}
    differ = ", ".join(
        f"{name} {other.get(name)!r}, not {asked[name]!r}" for name in asked if asked[name] != other.get(name)
    )
    raise ConfigError(f"{folder} holds another data set ({differ})", hint="choose another --out, or remove the folder")


def _sweep(folder: Path) -> None:
    """Remove the small files that a kill left half-written."""
    for path in _entries(folder):
        if _HALF_WRITTEN.match(path.name):
            path.unlink()


def _entries(folder: Path) -> list[Path]:
    return [*folder.iterdir(), *(folder / TESTS).glob("*")]

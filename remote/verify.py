"""Checkpoints on this laptop against the host's own digests: what a transfer's size and time cannot tell.

A copy is read once; it is read again only if the file here changed. A checkpoint that the host has replaced meanwhile
is not judged: the next sync brings it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote.fold import FOLDER_NAME
from remote.listing import Entry
from remote.onhost.digests import NAMES_MAX, digest_of
from remote.selection import CHECKPOINTS
from remote.tidy import whole
from wire.codec import WireError
from wire.run_dir import TEMPORARY_PREFIX

ASIDE_PREFIX = f"{TEMPORARY_PREFIX}bad-"
"""A wrong checkpoint is renamed to this and its name: nothing reads it, and the next sync brings the file anew."""
READ_BYTES_PER_S = 20e6
"""What a slow disk reads; the host gets that much time, and a minute."""

Proofs = Mapping[str, Mapping[str, Any]]
Ask = Callable[[Sequence[str], float], Awaitable[Mapping[str, Any]]]
"""Ask the host for the digests of these names, within so many seconds."""


@dataclass
class Verified:
    """What a comparison found."""

    proofs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of the checkpoints that are as the host has them."""
    wrong: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    """Of which the host has another version than the one here."""


async def verify(ask: Ask, run: Path, known: Proofs) -> Verified:
    """Compare the checkpoints of a run's folder here with the host's; what `known` proves already is not read again.

    Raises what `ask` raises.
    """
    here = await asyncio.to_thread(_identities, run / CHECKPOINTS)
    found = Verified({name: known[name] for name in here if _is_proved(here[name], known.get(name))})
    open_names = [name for name in here if name not in found.proofs]
    for start in range(0, len(open_names), NAMES_MAX):
        names = open_names[start : start + NAMES_MAX]
        size = sum(here[name]["size"] for name in names)
        theirs = (await ask(names, 60.0 + size / READ_BYTES_PER_S)).get("digests")
        for name in names:
            told = theirs.get(name) if isinstance(theirs, Mapping) else None
            if not isinstance(told, Mapping):
                continue  # only here, or changing there: nothing to compare with, so it is not read either
            mine = await asyncio.to_thread(digest_of, str(run / CHECKPOINTS / name))
            if mine is None or not _is_same_file(mine, told):
                found.open.append(name)
            elif mine["sha256"] == told.get("sha256"):
                found.proofs[name] = {**here[name], "sha256": mine["sha256"]}
            else:
                found.wrong.append(name)
    return found


def proved_here(run: Path, known: Proofs) -> dict[str, Entry]:
    """The checkpoints of a run's folder here that are still what `known` proves, as the host has them; reads none."""
    here = _identities(run / CHECKPOINTS)
    return {
        name: Entry("", "file", one["size"], one["mtime_ns"])
        for name, one in here.items()
        if _is_proved(one, known.get(name))
    }


def put_aside(run: Path, names: Sequence[str]) -> None:
    """Take the names from wrong checkpoints, so that nothing reads them. Raises OSError."""
    for name in names:
        (run / CHECKPOINTS / name).replace(run / CHECKPOINTS / (ASIDE_PREFIX + name))


def forget_aside(run: Path, names: Sequence[str]) -> None:
    """Remove wrong copies of checkpoints that came right after all. Raises OSError."""
    for name in names:
        (run / CHECKPOINTS / (ASIDE_PREFIX + name)).unlink(missing_ok=True)


def _identities(folder: Path) -> dict[str, dict[str, int]]:
    """What tells each checkpoint here from a later one of the same name; a change of content changes `ctime_ns`."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if FOLDER_NAME.match(entry.name) and entry.is_file(follow_symlinks=False):
                    facts = entry.stat(follow_symlinks=False)
                    found[entry.name] = {
                        "size": facts.st_size,
                        "mtime_ns": facts.st_mtime_ns,
                        "ctime_ns": facts.st_ctime_ns,
                        "inode": facts.st_ino,
                    }
    except OSError:
        return {}
    return dict(sorted(found.items()))


def _is_proved(here: Mapping[str, int], proof: Mapping[str, Any] | None) -> bool:
    return proof is not None and all(proof.get(key) == value for key, value in here.items())


def _is_same_file(mine: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """True if the host speaks of the file that was copied: same size and time, as far as the copy keeps it."""
    try:
        theirs = Entry("", "file", whole(told.get("size")), whole(told.get("mtime_ns")))
    except WireError:
        return False
    return theirs.same_as(Entry("", "file", mine["size"], mine["mtime_ns"]))

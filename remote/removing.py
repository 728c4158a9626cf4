"""Removals as a host does those of its own things, and this laptop those that lie here; what became of each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote.clean import clean
from remote.onhost.inventory import GONE_PREFIX
from remote.onhost.remove import GONE
from remote.pruning_plan import Item
from remote.tidy import whole
from wire.codec import WireError

if TYPE_CHECKING:
    from remote.fleet import Fleet

TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Done:
    """What became of one thing."""

    item: Item
    freed_bytes: int = 0
    skipped: str = ""
    """Why it, or a part of it, is still there."""
    kept: str = ""
    """The ref that keeps the work of a worktree."""
    gone: bool = False
    """True if somebody else had removed it before."""


async def remove_there(fleet: Fleet, host: str, items: Sequence[Item], *, discard: bool = False) -> list[Done]:
    """Let a host remove these things of its own, each after another look. Raises as `FarSide.call`."""
    far = fleet.far(host)
    await far.ready()
    asked = {"root": far.root, "project": fleet.profile.project_id, "items": [_asked(item, discard) for item in items]}
    told = (await far.call("remove", asked, timeout_s=TIMEOUT_S)).get("removed")
    answers = told if isinstance(told, list) else []
    done = [
        _done(item, answers[index] if index < len(answers) else None)
        for index, item in enumerate(items)
    ]  # fmt: skip
    for one in done:
        if one.item.slug and not one.skipped and not one.gone:
            what = f"{one.item.kind.value} {one.item.thing.name}"
            fleet.record(fleet.adopt(host, one.item.slug).name, "prune", what, f"freed {one.freed_bytes} bytes")
    return done


def _asked(item: Item, discard: bool) -> dict[str, Any]:
    thing = item.thing
    return {
        "kind": item.kind.value, "worker": item.slug, "run": item.run, "name": thing.name, "inode": thing.inode,
        "place": thing.place, "age_s": item.least_age_s, "discard": discard,
    }  # fmt: skip


def _done(item: Item, answer: Any) -> Done:
    try:
        freed, skipped, kept = whole(answer["freed_bytes"]), str(answer["skipped"]), str(answer["kept"])
    except (WireError, TypeError, KeyError):
        return Done(item, skipped="the host's answer makes no sense")
    return stays(item, GONE) if skipped == GONE else Done(item, freed, skipped, kept)


def stays(item: Item, why: str) -> Done:
    """What nobody removed, unless somebody else did."""
    return Done(item, gone=True) if why == GONE else Done(item, skipped=why)


def remove_here(path: Path, item: Item) -> Done:
    """Remove what lies on this laptop."""
    gone = path.with_name(f"{GONE_PREFIX}{os.getpid()}-{path.name}"[:250])
    try:
        path.rename(gone)
        if gone.is_dir() and not gone.is_symlink():
            shutil.rmtree(gone)
        else:
            gone.unlink()
    except FileNotFoundError:
        return stays(item, GONE)
    except OSError as exc:
        return Done(item, skipped=f"{exc.strerror}: {clean(str(exc.filename or path))}")
    return Done(item, item.thing.bytes)

"""What lies in a run's folder, on the host and on this laptop, by the same walk: names, sizes, times; no content."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote.clean import clean
from remote.onhost.listing import ENTRIES_MAX, walk
from remote.selection import Selection
from remote.tidy import NUMBER_LIMIT, whole
from wire.codec import WireError
from wire.run_dir import Root

if TYPE_CHECKING:
    from remote.fleet import Fleet

KINDS = ("file", "folder", "link", "other")
PARTS_MAX = 64
_SECOND_NS = 10**9


@dataclass(frozen=True)
class Entry:
    """One name below a run's folder."""

    path: str
    """Relative, with `/`; cleaned."""
    kind: str
    """`file`, `folder`, `link` (never followed) or `other`."""
    size: int = 0
    mtime_ns: int = 0
    target: str = ""
    """Where a link points, as it says itself."""
    plain: bool = True
    """False for a name that no file of ours has: it is shown, and never opened."""

    def same_as(self, other: Entry) -> bool:
        """True if the two are the same content as far as size and time tell: how rsync judges, too.

        A copy by SFTP or an old rsync keeps whole seconds, the former with a mark of half a second.
        """
        if (self.kind, self.size) != (other.kind, other.size):
            return False
        (mine, rest), (theirs, other_rest) = divmod(self.mtime_ns, _SECOND_NS), divmod(other.mtime_ns, _SECOND_NS)
        return mine == theirs and (rest == other_rest or {rest, other_rest} & {0, _SECOND_NS // 2} != set())


@dataclass(frozen=True)
class Listing:
    """What lies below one folder."""

    run: str
    entries: tuple[Entry, ...]
    left_out: int = 0
    clock_s: float = 0.0
    """The clock of the machine that listed, when it did: ages are told by it."""
    selection: Selection = field(default_factory=Selection)
    """What of it a sync brings by itself."""


async def files(fleet: Fleet, worker: str, run: str = "") -> Listing:
    """Ask the host what lies in a worker's run (default: the newest). Raises `FarSideError` and the connection's."""
    place = fleet.place(worker)
    far = fleet.far(place.host)
    await far.ready()
    asked = {"root": far.root, "project": fleet.profile.project_id, "worker": place.slug, "run": run}
    return replace(listing_of(await far.call("files", asked)), selection=Selection.of(fleet.profile.sync))


def listing_of(answer: Mapping[str, Any]) -> Listing:
    """Read the host's answer; an entry that makes no sense, or is too many, is counted as left out."""
    told = answer.get("files")
    told = told if isinstance(told, list) else []
    entries, bad = [], max(0, len(told) - ENTRIES_MAX)
    for item in told[:ENTRIES_MAX]:
        try:
            entries.append(_entry(item))
        except (WireError, TypeError, AttributeError):
            bad += 1
    left_out, clock_s = answer.get("left_out"), answer.get("clock_s")
    return Listing(
        clean(str(answer.get("run", ""))),
        tuple(entries),
        bad + (left_out if isinstance(left_out, int) and 0 <= left_out < NUMBER_LIMIT else 0),
        float(clock_s) if isinstance(clock_s, (int, float)) else 0.0,
    )


def files_here(folder: Path) -> Listing:
    """List a run's folder on this laptop; empty if there is none."""
    found, left_out = walk(str(folder))
    return Listing(folder.name, tuple(map(_entry, found)), left_out, time.time())


def run_place(fleet: Fleet, worker: str) -> str:
    """Return `host:path` of a worker's newest run, as `scp` takes it; '' if there is none."""
    place, run = fleet.place(worker), fleet.snapshot(worker).run
    root = fleet.far(place.host).root or fleet.host(place.host).root
    return clean(f"{place.host}:{Root(root).run(fleet.profile.project_id, place.slug, run).path}") if run else ""


def _entry(item: Mapping[str, Any]) -> Entry:
    """Raises `WireError`, TypeError or AttributeError for what is no entry."""
    told, kind = item.get("path"), item.get("kind")
    if not isinstance(told, str) or kind not in KINDS:
        raise WireError("not an entry")
    path = clean(told)
    parts = path.split("/")
    if not path or len(parts) > PARTS_MAX:
        raise WireError("not a path below a run")
    plain = path == told and not any(part in ("", ".", "..") for part in parts)
    mtime_ns = whole(item.get("mtime_ns"))
    return Entry(path, kind, whole(item.get("size")), mtime_ns, clean(str(item.get("target", ""))), plain)

"""The files of a run, those on this laptop and those on the host as one tree, each with its sync state. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from remote.listing import Entry, Listing
from remote.selection import Selection
from tui.file_view import LINK
from tui.format import age, size
from tui.keys import shown

STATES: dict[str, tuple[str, str]] = {
    "here": ("●", "ok"),
    "older here": ("◐", "warn"),
    "being brought": ("↓", "info"),
    "only there": ("○", "dim"),
    "only here": ("◇", "dim"),
    "not followed": ("→", "warn"),
    "not opened": ("▲", "warn"),
}
"""Sync state -> glyph and role."""


@dataclass(frozen=True)
class Item:
    """One row of the tree."""

    path: str
    kind: str
    depth: int
    size: int
    """Bytes; of a folder, of all files below it."""
    age_s: float
    state: str
    """A key of `STATES`; '' for a folder."""
    target: str = ""
    here: bool = False
    """True if there is a copy on this laptop that may be opened."""
    count: int = 0
    """Files below a folder."""
    count_here: int = 0
    folded: bool = False
    comes: str = ""
    """When a sync brings it: `by itself`, `if asked`; '' for never, or if nobody asked the host."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Files:
    """What is known of a run's files: here, and there if the host was asked."""

    here: Listing | None = None
    there: Listing | None = None
    syncing: bool = False
    waited_s: float = 0.0
    """How long ago the host told what it has."""
    wall_s: float = 0.0
    """This laptop's clock, for the ages of files that only it has."""

    def items(self, folded: Collection[str]) -> list[Item]:
        """The rows of the tree, folders first; what lies in a folded folder is counted and left out."""
        here = {entry.path: entry for entry in self.here.entries} if self.here else {}
        there = {entry.path: entry for entry in self.there.entries} if self.there else {}
        inside: dict[str, list[str]] = {}
        for path in here | there:
            parent = path.rpartition("/")[0]
            inside.setdefault(parent if parent in here or parent in there else "", []).append(path)

        def below(folder: str, depth: int) -> Iterator[Item]:
            found = [self._item(path, depth, here.get(path), there.get(path)) for path in inside.get(folder, [])]
            for item in sorted(found, key=_order):
                if item.kind != "folder":
                    yield item
                    continue
                inner = list(below(item.path, depth + 1))
                yield self._folder(item, inner, item.path in folded)
                yield from inner

        hidden = tuple(f"{path}/" for path in folded)
        return [item for item in below("", 0) if not item.path.startswith(hidden)]

    def _item(self, path: str, depth: int, here: Entry | None, there: Entry | None) -> Item:
        entry = there or here
        assert entry is not None
        ages = self.waited_s + (self.there.clock_s if self.there else 0.0) if there else self.wall_s
        age_s = max(0.0, ages - entry.mtime_ns / 1e9)
        state = self._state(path, here, there)
        opens = here is not None and here.kind == "file" and here.plain
        comes = _comes(there, self.there.selection) if there and self.there else ""
        return Item(path, entry.kind, depth, entry.size, age_s, state, entry.target, opens, comes=comes)

    def _state(self, path: str, here: Entry | None, there: Entry | None) -> str:
        entry = there or here
        assert entry is not None
        if "link" in (entry.kind, here.kind if here else ""):
            return "not followed"
        if entry.kind == "other" or not entry.plain:
            return "not opened"
        if entry.kind == "folder":
            return ""
        if there is None:
            return "only here" if self.there and not self.there.left_out else "here"
        if here is not None and here.same_as(there):
            return "here"
        if self.syncing and self.there and self.there.selection.brings(path, there.size):
            return "being brought"
        return "only there" if here is None else "older here"

    @staticmethod
    def _folder(item: Item, inner: list[Item], folded: bool) -> Item:
        files = [each for each in inner if each.kind == "file"]
        total, here = sum(each.size for each in files), sum(each.here for each in files)
        newest = min((each.age_s for each in files), default=item.age_s)
        return replace(item, size=total, age_s=newest, count=len(files), count_here=here, folded=folded)


def _comes(entry: Entry, selection: Selection) -> str:
    if selection.brings(entry.path, entry.size):
        return "by itself"
    return "if asked" if replace(selection, everything=True).brings(entry.path, entry.size) else ""


def _order(item: Item) -> tuple[object, ...]:
    """Folders first; numbers inside names by their size: epoch_2 before epoch_10."""
    parts = re.split(r"(\d+)", item.name)
    return item.kind != "folder", [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def about(item: Item, worker: str, host: str) -> list[str]:
    """What is said in place of a file that cannot be shown here."""
    if item.kind == "folder":
        return [f"files   {item.count:,}, {item.count_here:,} of them here", f"size    {size(item.size)}"]
    if item.state == "not followed":
        return [f"points to  {item.target or 'somewhere'}", "", LINK]
    if item.state == "not opened":
        return ["no regular file, or a name that no file of a run has: it is shown, and not opened"]
    lines = [f"size     {size(item.size)}", f"changed  {age(item.age_s)} ago", f"where    only on {host}", ""]
    if item.comes == "by itself":
        return [*lines, f"{shown('sync')} brings the results to this laptop now."]
    if not item.comes:
        return [*lines, "What `sync:` of profiles.yaml says leaves it on the host."]
    brings = f"    trajvid-tui sync {worker} --everything"
    return [*lines, "Only best.pt and last.pt come by themselves.", "For every checkpoint:", "", brings]

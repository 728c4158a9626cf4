"""The same as inotify by looking again and again, for file systems that other machines write to."""

from __future__ import annotations

import os
from typing import Dict, Hashable, Set, Tuple

from remote.onhost.inotify import Change

_NETWORK = ("nfs", "cifs", "smb", "fuse", "9p", "ceph", "lustre", "gpfs", "beegfs", "afs", "glusterfs", "virtiofs")

_Seen = Dict[str, Tuple[int, int, int]]


class Polling:
    """Watches folders by the stat of what is in them; `changes` must be called as often as news is wanted."""

    descriptor = -1
    """Nothing to wait for."""

    def __init__(self) -> None:
        self._folders: Dict[Hashable, Tuple[str, _Seen]] = {}

    def watch(self, key: Hashable, path: str) -> None:
        """Watch the folder at `path` under `key`, in place of the folder that the key had before."""
        if self._folders.get(key, ("", {}))[0] != path:
            self._folders[key] = (path, _look(path))

    def forget(self, key: Hashable) -> None:
        """Watch the key's folder no longer."""
        self._folders.pop(key, None)

    def changes(self) -> Set[Change]:
        """Return what changed since the last call."""
        found: Set[Change] = set()
        for key, (path, before) in self._folders.items():
            now = _look(path)
            self._folders[key] = (path, now)
            found.update((key, name) for name in now.keys() | before.keys() if now.get(name) != before.get(name))
        return found


def _look(path: str) -> _Seen:
    seen: _Seen = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                # os.stat, not entry.stat: a network file system may answer a directory read from an older cache.
                status = os.lstat(entry.path)
                # A folder's own time says nothing that a watch on that folder would not say.
                is_folder = entry.is_dir(follow_symlinks=False)
                seen[entry.name] = (status.st_ino, 0 if is_folder else status.st_mtime_ns, status.st_size)
    except OSError:
        pass
    return seen


def on_network(path: str, mounts: str = "/proc/mounts") -> bool:
    """Return whether `path` lies on a file system that another machine may write to (inotify would not hear that)."""
    best, kind = "", ""
    try:
        with open(mounts, encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return False
    real = os.path.realpath(path)
    for words in lines:
        if len(words) < 3:
            continue
        point = words[1].replace("\\040", " ")
        if (real == point or real.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, words[2]
    return kind.startswith(_NETWORK)

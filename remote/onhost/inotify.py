"""inotify(7) through ctypes: which names changed in which folders, without asking again and again."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Dict, Hashable, Set, Tuple

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_OVERFLOW, _IGNORED, _ONLYDIR = 0x4000, 0x8000, 0x1000000
_MASK = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _ONLYDIR
_EVENT = struct.Struct("iIII")

Change = Tuple[Hashable, str]
"""(the key of a watched folder, the name that changed in it)."""

OVERFLOW: Change = ("overflow", "")
"""Events were lost: everything may have changed."""


class Inotify:
    """Watches folders, each under a key of the caller's. Raises OSError where the kernel has or allows none."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._libc, "inotify_init1"):
            raise OSError("this system has no inotify")
        self.descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._keys: Dict[int, Hashable] = {}
        self._paths: Dict[Hashable, Tuple[str, int]] = {}

    def watch(self, key: Hashable, path: str) -> None:
        """Watch the folder at `path` under `key`, in place of the folder that the key had before."""
        if self._paths.get(key, ("", -1))[0] == path:
            return
        self.forget(key)
        number = self._libc.inotify_add_watch(self.descriptor, os.fsencode(path), _MASK)
        if number < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
        self._keys[number] = key
        self._paths[key] = (path, number)

    def forget(self, key: Hashable) -> None:
        """Watch the key's folder no longer."""
        _, number = self._paths.pop(key, ("", -1))
        if self._keys.pop(number, None) is not None:
            self._libc.inotify_rm_watch(self.descriptor, number)

    def changes(self) -> Set[Change]:
        """Return what changed since the last call, without waiting."""
        found: Set[Change] = set()
        while True:
            try:
                data = os.read(self.descriptor, 64 * 1024)
            except BlockingIOError:
                return found
            place = 0
            while place < len(data):
                number, mask, _, length = _EVENT.unpack_from(data, place)
                name = data[place + _EVENT.size : place + _EVENT.size + length].rstrip(b"\0")
                place += _EVENT.size + length
                if mask & _OVERFLOW:
                    found.add(OVERFLOW)
                elif mask & _IGNORED:
                    self._ignored(number)
                elif number in self._keys:
                    found.add((self._keys[number], os.fsdecode(name)))

    def _ignored(self, number: int) -> None:
        """The folder is gone, or we forgot it."""
        key = self._keys.pop(number, None)
        if key is not None:
            del self._paths[key]

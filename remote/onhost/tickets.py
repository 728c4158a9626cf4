"""The queue of one host: a numbered file a waiting run, locked by its supervisor for as long as it waits.

    slots/<boot>/queue-<number>

The kernel unlocks the ticket of a dead supervisor, and the next one who looks takes it away.
"""

from __future__ import annotations

import os
from typing import FrozenSet, List, Optional

from remote.onhost import slots
from remote.onhost.slots import Who
from wire.run_dir import Root

PREFIX = "queue-"

Wanted = Optional[FrozenSet[int]]
"""GPUs that a run may get: these, or any (None)."""


class Ticket:
    """Our place in the queue. All methods but `close` are for holders of `slots.turn_to_look`."""

    def __init__(self, root: Root, holder: Who, wanted: Wanted) -> None:
        self._root, self._wanted = root, wanted
        self._name = f"{PREFIX}{1 + max((int(name[len(PREFIX) :]) for name in _names(root)), default=0):012d}"
        self._path = os.path.join(slots.folder(root), self._name)
        self._descriptor = slots.opened(self._path)
        slots.locked(self._descriptor)
        slots.name(self._descriptor, {**holder, "wanted": None if wanted is None else sorted(wanted)})

    def before(self) -> List[Who]:
        """Return who came earlier and waits for a GPU that we could get too, first come first."""
        found = []
        for name in _names(self._root):
            if name >= self._name:
                break
            holder = _waiting(os.path.join(slots.folder(self._root), name))
            if holder is not None and self._meets(holder.get("wanted")):
                found.append(holder)
        return found

    def _meets(self, wanted: object) -> bool:
        if self._wanted == frozenset() or wanted == []:
            return False
        return self._wanted is None or not isinstance(wanted, list) or not self._wanted.isdisjoint(wanted)

    def close(self) -> None:
        """Leave the queue."""
        try:
            os.unlink(self._path)
        except OSError:
            pass
        os.close(self._descriptor)


def _names(root: Root) -> List[str]:
    names = os.listdir(slots.folder(root))
    return sorted(name for name in names if name.startswith(PREFIX) and name[len(PREFIX) :].isdigit())


def _waiting(path: str) -> Optional[Who]:
    """Return who waits with a ticket; None if nobody does any more, and then the ticket is gone too."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not slots.locked(descriptor):
            return slots.read(path)
        os.unlink(path)
        return None
    finally:
        os.close(descriptor)

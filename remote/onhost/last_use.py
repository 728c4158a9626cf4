"""When this machine was last used, and whether it is about to go: two marks on the clock that counts from the boot.

Who launches marks the use first and then looks whether the machine goes; the keeper marks that it goes first and then
looks for a use. So of a launch in the last moment and the end of the machine only one comes to pass.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Optional

from remote.onhost import processes
from remote.onhost.request import Refusal
from wire.codec import WireError, encode, read_object
from wire.run_dir import Root, replace_file

GOING_S = 120.0
"""So long a machine may take to go down."""
_USED, _GOING = "used", "going"


def up_s() -> float:
    """Return the seconds since the boot, those asleep too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def used(root: Root) -> None:
    """Write down that the machine is used now, if anybody keeps count of it (the folder is there).

    What cannot be written is lost: the memory of it, no work.
    """
    _mark(root, _USED)


def last_used_s(root: Root) -> Optional[float]:
    """Return how long ago the machine was seen in use; None if nobody saw it since the boot."""
    return _age_s(root, _USED)


def goes(root: Root) -> None:
    """Write down that the machine is told to shut down from now on."""
    _mark(root, _GOING)


def stays(root: Root) -> None:
    """It is not going after all."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(root.idle, _GOING))


def refuse_if_going(root: Root) -> None:
    """Raise `Refusal` (`going_down`) while the machine is on its way down; `used` comes before."""
    age_s = _age_s(root, _GOING)
    if age_s is not None and age_s < GOING_S:
        hint = "trajvid-tui ec2 start HOST once it is stopped; nothing was started"
        raise Refusal("going_down", "this machine is shutting down, as nobody used it for so long", hint)


def _mark(root: Root, name: str) -> None:
    if os.path.isdir(root.idle):
        with contextlib.suppress(OSError):
            replace_file(os.path.join(root.idle, name), encode({"boot": processes.boot_id(), "up_s": up_s()}))


def _age_s(root: Root, name: str) -> Optional[float]:
    try:
        mark = read_object(os.path.join(root.idle, name)) or {}
        return max(0.0, up_s() - float(mark["up_s"])) if mark["boot"] == processes.boot_id() else None
    except (WireError, KeyError, TypeError, ValueError):
        return None

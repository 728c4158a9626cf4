"""Turn this machine off, as root or by a sudo that asks for nothing; or say why that is not possible."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import List

PLACES = ("/usr/sbin", "/sbin")
"""Where `shutdown` is, which the PATH of a login without a terminal often lacks."""
WITHIN_S = 30.0


class CannotPowerOff(Exception):
    """The text says why."""


def power_off() -> None:
    """Ask the system to shut down now; it goes on for some seconds. Raises `CannotPowerOff`."""
    _run([*command(), "-h", "now"])


def command() -> List[str]:
    """Return what is called, without its options. Raises `CannotPowerOff` if this user may not, or if it is not there.

    Nothing is turned off: sudo is asked only whether it would.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *PLACES))
    shutdown, sudo = (shutil.which(name, path=path) for name in ("shutdown", "sudo"))
    if shutdown is None:
        raise CannotPowerOff("this machine has no `shutdown`")
    if os.geteuid() == 0:
        return [shutdown]
    if sudo is None:
        raise CannotPowerOff("only root may shut it down, and it has no `sudo`")
    _run([sudo, "-n", "-l", shutdown, "-h", "now"])
    return [sudo, "-n", shutdown]


def _run(argv: List[str]) -> None:
    name = os.path.basename(argv[0])
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired as exc:
        raise CannotPowerOff(f"{name} hangs") from exc
    except OSError as exc:
        raise CannotPowerOff(f"{name}: {exc.strerror}") from exc
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CannotPowerOff(f"{name} refuses: {said[-1][:200] if said else f'status {done.returncode}'}")

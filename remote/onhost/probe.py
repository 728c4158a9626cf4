"""`probe`: what this host has, asked once a connection; makes the root folder, private from birth."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, Optional

from remote.onhost import processes, request
from remote.onhost.request import Refusal


def probe(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return versions, paths, free space and abilities of the host."""
    root = request.root(asked).path
    try:
        os.makedirs(root, mode=0o700, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as exc:
        raise Refusal("bad_root", f"cannot make {root}: {exc.strerror}", "correct `root:` of this host") from exc
    free = os.statvfs(root)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "home": os.path.expanduser("~"),
        "root": root,
        "boot_id": processes.boot_id(),
        "platform": sys.platform,
        "git": first_line(["git", "--version"]),
        "rsync": first_line(["rsync", "--version"]),
        "flock": flock_works(root),
        "free_bytes": free.f_bavail * free.f_frsize,
        "free_inodes": free.f_favail,
        "clock_s": time.time(),
        "cpus": os.cpu_count() or 1,
        "nohup": shutil.which("nohup") is not None,
        "setsid": shutil.which("setsid") is not None,
    }


def first_line(argv: "list[str]") -> Optional[str]:
    """Return the first line that a program prints about itself, None if it is not installed or not usable."""
    if shutil.which(argv[0]) is None:
        return None
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    # A stub that asks to install the real program (as macOS has for git) fails and prints elsewhere.
    return lines[0].strip() if done.returncode == 0 and lines else None


def flock_works(folder: str) -> bool:
    """Return whether a lock belongs to the open file here: some network file systems give it to the process instead.

    Then a second descriptor of the same process gets the lock too, and launches would not exclude each other.
    """
    with tempfile.TemporaryFile(dir=folder, prefix=".tmp-flock-") as first:
        second = None
        try:
            second = os.open(f"/dev/fd/{first.fileno()}", os.O_RDWR)
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            if second is not None:
                os.close(second)
    return False

"""What no version says of a run: the processor, and the commit of a trainer that is run from its checkout."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

_LINUX = Path("/proc/cpuinfo")
_CHECKOUT = Path(__file__).resolve().parent.parent


def cpu_name() -> str:
    """Return the processor's name as the system tells it, its architecture where it tells none."""
    try:
        lines = _LINUX.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name")
    return next(names, "") or platform.processor() or platform.machine()


def source_commit(checkout: Path = _CHECKOUT) -> str:
    """Return the commit that `checkout` is at, with `-dirty` if files differ from it; '' where git does not know it."""
    if not (checkout / ".git").exists():
        return ""

    def git(*words: str) -> str:
        command = ["git", "-C", str(checkout), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""

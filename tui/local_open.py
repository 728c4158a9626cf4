"""Open a file with this laptop's own program for it.

Only kinds that are looked at, never such as may run something: the file came from a host.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from remote.clean import clean

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".mp4", ".webm", ".avi", ".pdf")
TEXTS = (".txt", ".log", ".md", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml")
_DETACHED = '"$0" "$1" </dev/null >/dev/null 2>&1 &'
"""The program is nobody's child: it may stay open after us."""


def open_locally(path: Path) -> str:
    """Start the program; returns what there is to say instead of it, '' if it was started."""
    shown = clean(str(path))
    if path.suffix.lower() not in (*PICTURES, *TEXTS):
        return f"not opened, for a file of this kind from a host might run here; it is {shown}"
    opener = _opener()
    if not opener:
        return f"no desktop here that could open it; it is {shown}"
    try:
        subprocess.run(["sh", "-c", _DETACHED, opener, str(path)], start_new_session=True, check=False)
    except OSError as exc:
        return f"{opener}: {exc.strerror}; the file is {shown}"
    return ""


def _opener() -> str:
    """The desktop's own opener, '' where there is no desktop."""
    if sys.platform == "darwin":
        return shutil.which("open") or ""
    desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return (shutil.which("xdg-open") or "") if desktop else ""

"""Other programs to compare with, each in a virtual environment of its own under the user's cache folder."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import platformdirs

PEERS = {
    "harlequin": ("harlequin",),
    "posting": ("posting", "tree-sitter<0.26"),  # with 0.26 it crashes as it starts
    "textual-plot": ("textual-plot", f"textual=={version('textual')}"),
}
"""What is installed into each; a widget is compared on the same Textual."""


def peer(name: str) -> Path:
    """The folder of the programs of a peer, which is installed unless it is there."""
    folder = platformdirs.user_cache_path("trajvid-tui") / "benchmarks" / name
    ready = folder / "ready"
    if not ready.exists():
        print(f"installing {name} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PEERS[name]], check=True, stdout=sys.stderr)
        ready.touch()
    return folder / "bin"

"""A demo for people without a profile: a small repository of its own, with the default profile, outside of everything.

~/.local/share/trajvid-tui/demo/      (`TRAJVID_DATA_DIR` moves it)
  profiles.yaml  README.md            committed, so that runs have a commit
  results/                            what comes home
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from remote.errors import UsageError
from remote.folders import data_folder, private_folder
from remote.onhost.git import FIXED_IDENTITY, git_argv

PROFILE = Path(__file__).with_name("profiles.yaml")
MARKER = ".trajvid-demo"
README = "# The demo of trajvid-tui\n\nWithout code of its own: its workers train what comes with trajvid-tui.\n"


def demo_folder() -> Path:
    """Where the demo is, or would be."""
    return data_folder() / "demo"


async def make_demo(folder: Path | None = None) -> Path:
    """Make the demo unless it is there, and return its profiles.yaml. Raises `UsageError` where it cannot be made."""
    from remote.git import run_git

    folder = folder or demo_folder()
    profile = folder / "profiles.yaml"
    if (folder / MARKER).exists():
        return profile
    try:
        private_folder(folder)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty and not the demo", hint="TRAJVID_DATA_DIR names another folder")
        profile.write_bytes(PROFILE.read_bytes())
        (folder / "README.md").write_text(README, encoding="utf-8")
        (folder / ".gitignore").write_text(f"results/\n{MARKER}\n", encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"{folder}: {exc.strerror}", hint="TRAJVID_DATA_DIR names another folder") from exc
    commit = ["commit", "--quiet", "--no-gpg-sign", "--message=The demo"]
    for words in (["init", "--quiet"], ["add", "--all"], commit):
        code, _, said = await run_git(git_argv(str(folder), words), FIXED_IDENTITY)
        if code != 0:
            raise UsageError(f"git {words[0]} in {folder}: {os.fsdecode(said).strip()}")
    (folder / MARKER).touch()
    return profile


def clean_demo(folder: Path | None = None) -> bool:
    """Remove the demo with its results; False if there is none. Raises `UsageError` for a folder that is no demo."""
    folder = folder or demo_folder()
    if not folder.exists():
        return False
    if folder.is_symlink() or not (folder / MARKER).is_file():
        raise UsageError(f"{folder} is not the demo: it stays", hint="remove it by hand if you mean to")
    shutil.rmtree(folder)
    return True

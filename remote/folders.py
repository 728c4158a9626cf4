"""Where this program keeps its own files on the laptop; every one is created private."""

from __future__ import annotations

import os
from pathlib import Path

from remote.errors import UsageError

APPLICATION = "trajvid-tui"


def config_folder() -> Path:
    """Folder of hosts.yaml and known_hosts; `TRAJVID_CONFIG_DIR` moves it. Not created by this call."""
    if moved := os.environ.get("TRAJVID_CONFIG_DIR"):
        return Path(moved)
    import platformdirs

    return platformdirs.user_config_path(APPLICATION)


def state_folder() -> Path:
    """Folder of what this laptop remembers; `TRAJVID_STATE_DIR` moves it. Not created by this call."""
    if moved := os.environ.get("TRAJVID_STATE_DIR"):
        return Path(moved)
    import platformdirs

    return platformdirs.user_state_path(APPLICATION)


def data_folder() -> Path:
    """Folder of what belongs to the person but to no project; `TRAJVID_DATA_DIR` moves it. Not created by this call."""
    if moved := os.environ.get("TRAJVID_DATA_DIR"):
        return Path(moved)
    import platformdirs

    return platformdirs.user_data_path(APPLICATION)


def private_folder(path: Path) -> Path:
    """Create a folder, and those above it that are missing, for this user alone."""
    for parent in reversed([path, *path.parents]):
        try:
            parent.mkdir(mode=0o700)
        except (FileExistsError, IsADirectoryError):  # macOS says the latter of "/"
            continue
    return path


def open_private(path: Path, flags: int) -> int:
    """Open a file that is created 0600 if it does not exist, and never through a symbolic link."""
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def results_folder(path: Path) -> Path:
    """Create the results folder, private and so that git ignores it: a snapshot of uncommitted work must not take it.

    Raises `UsageError` where no folder can be.
    """
    try:
        if not path.is_dir():
            private_folder(path)
            with os.fdopen(open_private(path / ".gitignore", os.O_WRONLY), "w", encoding="ascii") as file:
                file.write("*\n")
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror}", hint="set `results:` in profiles.yaml to another folder") from exc
    return path

"""What the app keeps of itself from one session to the next: theme, arrangement, order. Losing it costs nothing."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from remote.folders import open_private, private_folder, state_folder

MAX_BYTES = 10_000


@dataclass(frozen=True)
class Remembered:
    """'' is what was never chosen."""

    theme: str = ""
    layout: str = ""
    order: str = ""


def app_state_file() -> Path:
    """Where it lies."""
    return state_folder() / "app.json"


def recall(path: Path) -> Remembered:
    """Read it back; whatever is wrong with the file, it says nothing then."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError):
        return Remembered()
    known = {field.name for field in fields(Remembered)}
    if not isinstance(data, dict):
        return Remembered()
    return Remembered(**{key: value for key, value in data.items() if key in known and isinstance(value, str)})


def remember(path: Path, what: Remembered) -> None:
    """Write it, for this user alone; a folder that cannot be written is nobody's problem."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        private_folder(path.parent)
        with os.fdopen(open_private(new, os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump(asdict(what), file)
        new.replace(path)
    except OSError:
        return

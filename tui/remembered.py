"""What the app keeps of itself from one session to the next: theme, arrangement, order. Losing it costs nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from remote.folders import private_folder, state_folder
from wire.run_dir import replace_file

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
    try:
        private_folder(path.parent)
        replace_file(str(path), json.dumps(asdict(what)).encode())
    except OSError:
        return

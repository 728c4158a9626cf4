"""Writing a comparison into a file: Markdown, JSON or a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from remote.clean import clean
from remote.compare import Comparison
from remote.errors import RemoteError
from remote.folders import results_folder
from tui.compare.export import as_json, file_name, markdown
from tui.compare.picture import draw_picture
from tui.compare.table import Shown
from wire.run_dir import replace_file


def write(
    kind: str, results: Path, comparison: Comparison, runs: Sequence[Shown], axis: str, now: float, wall_s: float
) -> Path:  # fmt: skip
    """Write `compare-<UTC>.<kind>` (`md`, `json`, `png`) into the results folder; returns its path.

    Raises `RemoteError` where it cannot be written.
    """
    path = results_folder(results) / file_name(kind, wall_s)
    save(path, content(kind, comparison, runs, axis, now, wall_s))
    return path


def content(
    kind: str, comparison: Comparison, runs: Sequence[Shown], axis: str, now: float, wall_s: float
) -> bytes:  # fmt: skip
    """What stands in the file."""
    if kind == "png":
        return draw_picture(runs, comparison.notes, axis, now, wall_s)
    if kind == "json":
        return (json.dumps(as_json(comparison, now), indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode()
    return markdown(comparison, now, wall_s).encode()


def save(path: Path, data: bytes) -> None:
    """Write a private file whole. Raises `RemoteError`."""
    try:
        replace_file(str(path), data)
    except OSError as exc:
        raise RemoteError(
            f"cannot write {clean(str(path))}: {exc.strerror}", hint="check the folder and its free space"
        ) from exc

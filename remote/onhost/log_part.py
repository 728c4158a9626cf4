"""A part of a run's log: of one attempt, or from a moment on, as the supervisor's index of it tells.

The index has a line for each beat in which the log grew, so a moment is found to a beat, and rather more is told than
less. Runs without an index (of an older version, or of the plain trainer) tell no time.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, List, Optional, Tuple

from remote.onhost.request import Refusal
from remote.onhost.tail import attempt_starts
from wire.codec import WireError, decode
from wire.run_dir import RunDir

INDEX_BYTES = 16 * 1024 * 1024
"""So much of the index is read: its end, months of beats."""
LINE_BYTES = 64 * 1024
"""So far back the beginning of a line is looked for."""


def log_part(
    run: RunDir, lines: int, max_bytes: int, since_s: Optional[float] = None, attempt: int = 0
) -> Dict[str, Any]:
    """Return {lines, skipped_bytes, size} of the end of a part; `skipped_bytes` is what of the part comes before.

    Raises `Refusal` where nothing tells the part.
    """
    descriptor = _open(run.log)
    if descriptor is None:
        return {"lines": [], "skipped_bytes": 0, "size": 0}
    with os.fdopen(descriptor, "rb"):
        size = os.fstat(descriptor).st_size
        first, end = _of_attempt(run, attempt, size) if attempt else (0, size)
        if since_s is not None:
            first = max(first, _line_start(descriptor, _since(run, since_s, size)))
        start = max(first, end - max_bytes)
        data = os.pread(descriptor, max(0, end - start), start)
    if start > first:
        cut = data.find(b"\n") + 1
        data = data[cut if cut < len(data) else 0 :]
    every = data.split(b"\n")[:-1] if data.endswith(b"\n") else data.split(b"\n") if data else []
    kept = every[-lines:]
    told = sum(len(line) + 1 for line in kept) - (0 if data.endswith(b"\n") or not kept else 1)
    text = [line.decode("utf-8", "replace") for line in kept]
    return {"lines": text, "skipped_bytes": max(0, end - first - told), "size": size}


def _open(path: str) -> Optional[int]:
    """Raises `Refusal` for what is no plain file; None if there is nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Refusal("not_a_file", f"cannot read {os.path.basename(path)}: {exc.strerror}") from exc
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise Refusal("not_a_file", f"{os.path.basename(path)} is not a regular file")


def _of_attempt(run: RunDir, attempt: int, size: int) -> Tuple[int, int]:
    """Where the log of an attempt begins and ends."""
    starts: Dict[int, int] = {}
    starts.update((number, start) for number, start in attempt_starts(run))
    if attempt not in starts:
        there = ", ".join(map(str, starts)) or "none that was noted"
        raise Refusal("not_found", f"{os.path.basename(run.path)} has no attempt {attempt}", f"its attempts: {there}")
    later = [start for number, start in starts.items() if number > attempt]
    first = min(starts[attempt], size)
    return first, max(first, min([size, *later]))


def _since(run: RunDir, since_s: float, size: int) -> int:
    """How long the log was at a moment, or a beat before."""
    if os.lstat(run.log).st_mtime < since_s:
        return size  # what was written after the last beat is in no entry
    entries = _index(run.log_index)
    if not entries:
        hint = "--tail N shows its last lines"
        raise Refusal("no_index", f"{os.path.basename(run.path)} kept no record of when its log grew", hint)
    before = 0
    for at_s, length in entries:
        if at_s > since_s:
            break
        before = length
    return min(before, size)


def _index(path: str) -> List[Tuple[float, int]]:
    descriptor = _open(path)
    if descriptor is None:
        return []
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - INDEX_BYTES))
        is_whole = file.tell() == 0
        lines = file.read(INDEX_BYTES).split(b"\n")
    found = []
    for line in lines if is_whole else lines[1:]:
        try:
            entry = decode(line) if line else {}
        except WireError:
            continue
        at_s, length = entry.get("at_s"), entry.get("bytes")
        if isinstance(at_s, (int, float)) and isinstance(length, int) and length >= 0:
            found.append((float(at_s), length))
    return found


def _line_start(descriptor: int, offset: int) -> int:
    """The beginning of the line that `offset` lies in: a beat may come in its middle."""
    low = max(0, offset - LINE_BYTES)
    before = os.pread(descriptor, offset - low, low)
    cut = before.rfind(b"\n")
    return offset if cut < 0 and low else low + cut + 1

"""`tail`: the end of a run's log, capped, without ever opening anything but a regular file."""

from __future__ import annotations

import bisect
import itertools
import os
import stat
import time
from typing import Any, Dict, List, Tuple

from remote.onhost import parts, request
from remote.onhost.request import Refusal
from wire.codec import WireError, decode
from wire.records import Event
from wire.run_dir import RunDir, attempt_number

MAX_BYTES = 1024 * 1024
EVENTS_BYTES = 256 * 1024


def tail(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return the last `lines` lines of the log; with `attempt`, of that attempt's supervisor instead.

    With `part` (an attempt's number) or `within_s`, the last lines of only that part of the log.
    """
    root = request.root(asked)
    project, worker = request.folder_name(asked, "project"), request.folder_name(asked, "worker")
    name = request.folder_name(asked, "run", "") or parts.current_run(root, project, worker)
    if not name:
        raise Refusal("not_found", f"{worker} has no run on this host yet", "launch it first")
    run = root.run(project, worker, name)
    attempt = int(request.number(asked, "attempt", 0))
    path = run.attempt(attempt).log if attempt else run.log
    lines = max(1, int(request.number(asked, "lines", 200)))
    max_bytes = min(MAX_BYTES, max(1, int(request.number(asked, "max_bytes", 256 * 1024))))
    if attempt:
        return {"run": name, **tail_of(path, lines, max_bytes)}
    part, within_s = int(request.number(asked, "part", 0)), asked.get("within_s")
    if part or within_s is not None:
        from remote.onhost.log_part import log_part

        since_s = None if within_s is None else time.time() - request.number(asked, "within_s", 0.0)
        return {"run": name, **log_part(run, lines, max_bytes, since_s, part)}
    return {"run": name, **log_tail(run, lines, max_bytes)}


def log_tail(run: RunDir, lines: int, max_bytes: int) -> Dict[str, Any]:
    """Return `tail_of` a run's log, and `attempts`: [index of its first line, number] of those that it shows."""
    kept, found = _end_of(run.log, lines, max_bytes)
    places = list(itertools.accumulate((len(line) + 1 for line in kept), initial=found["skipped_bytes"]))
    # Two that begin at the same line: the earlier one printed nothing, or nothing that is shown.
    first = {bisect.bisect_left(places, offset): number for number, offset in attempt_starts(run)}
    return {**found, "attempts": sorted([index, number] for index, number in first.items() if index < len(kept))}


def attempt_starts(run: RunDir) -> List[List[int]]:
    """Return [number, size of the log when it began] of each attempt whose supervisor noted it, in their order."""
    found: List[List[int]] = []
    for line in tail_of(run.events, 10_000, EVENTS_BYTES)["lines"]:
        try:
            event = Event.from_dict(decode(line.encode("utf-8", "replace")))
        except WireError:
            continue
        size, number = event.data.get("log_bytes"), attempt_number(event.attempt)
        if event.kind == "started" and number is not None and isinstance(size, int):
            found.append([number, size])
    return sorted(found, key=lambda pair: pair[1])


def tail_of(path: str, lines: int, max_bytes: int) -> Dict[str, Any]:
    """Return {lines, skipped_bytes, size} of the end of one file; empty if there is none."""
    return _end_of(path, lines, max_bytes)[1]


def _end_of(path: str, lines: int, max_bytes: int) -> Tuple[List[bytes], Dict[str, Any]]:
    """The last lines as they are, and what `tail_of` says of them."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return [], {"lines": [], "skipped_bytes": 0, "size": 0}
    except OSError as exc:
        raise Refusal("not_a_file", f"cannot read {os.path.basename(path)}: {exc.strerror}") from exc
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Refusal("not_a_file", f"{os.path.basename(path)} is not a regular file")
        start = max(0, status.st_size - max_bytes)
        file.seek(start)
        data = file.read(status.st_size - start)
    if start:
        # The first line is most likely the end of one: leave it out, unless it is all there is.
        cut = data.find(b"\n") + 1
        data = data[cut if cut < len(data) else 0 :]
    kept = data.split(b"\n")[:-1] if data.endswith(b"\n") else data.split(b"\n")
    kept = kept[-lines:] if data else []
    size = sum(len(line) + 1 for line in kept) - (0 if data.endswith(b"\n") or not kept else 1)
    told = [line.decode("utf-8", "replace") for line in kept]
    return kept, {"lines": told, "skipped_bytes": status.st_size - size, "size": status.st_size}

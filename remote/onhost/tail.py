"""`tail`: the end of a run's log, capped, without ever opening anything but a regular file."""

from __future__ import annotations

import os
import stat
from typing import Any, Dict

from remote.onhost import parts, request
from remote.onhost.request import Refusal

MAX_BYTES = 1024 * 1024


def tail(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return the last `lines` lines of the log; with `attempt`, of that attempt's supervisor instead."""
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
    return {"run": name, **tail_of(path, lines, max_bytes)}


def tail_of(path: str, lines: int, max_bytes: int) -> Dict[str, Any]:
    """Return {lines, skipped_bytes, size} of the end of one file; empty if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return {"lines": [], "skipped_bytes": 0, "size": 0}
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
    return {
        "lines": [line.decode("utf-8", "replace") for line in kept],
        "skipped_bytes": status.st_size - size,
        "size": status.st_size,
    }

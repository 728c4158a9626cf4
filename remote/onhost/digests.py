"""`digests`: SHA-256 of files of a run, so that a laptop can prove that what came over is what lies here.

What was read once is remembered beside the run by (inode, size, time), so that a checkpoint of many gigabytes is read
once, however many laptops ask. A file that changes while it is read has no digest.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Any, Dict, Optional

from remote.onhost import request
from remote.onhost.request import Refusal
from wire.codec import WireError, encode, read_object
from wire.run_dir import TEMPORARY_PREFIX, RunDir, replace_file

NAMES_MAX = 64
CHUNK_BYTES = 4 * 1024 * 1024
LARGE_BYTES = 64 * 1024 * 1024
MEMORY = TEMPORARY_PREFIX + "digests.json"
"""Our own memory of what was read, in the run's folder; it never travels."""

Digest = Dict[str, Any]


def digests(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return `{"digests": {name: {"sha256", "size", "mtime_ns"}}}` of the checkpoints in `names` that can be read."""
    root, project = request.root(asked), request.folder_name(asked, "project")
    worker, run = request.folder_name(asked, "worker"), request.folder_name(asked, "run")
    names = asked.get("names")
    if not isinstance(names, list) or len(names) > NAMES_MAX:
        raise Refusal("bad_request", f"`names` must be a list of at most {NAMES_MAX} names")
    checked = [request.folder_name({"name": name}, "name") for name in names]
    return {"digests": of_checkpoints(root.run(project, worker, run), checked)}


def of_checkpoints(run: RunDir, names: "list[str]") -> Dict[str, Digest]:
    """Return the digests of these files of the run's checkpoints; what is missing or no plain file is left out."""
    _give_way(run, names)
    memory_file = os.path.join(run.path, MEMORY)
    memory = _memory(memory_file)
    found: Dict[str, Digest] = {}
    told = {name: item for name, item in memory.items() if os.path.exists(os.path.join(run.checkpoints, name))}
    for name in names:
        known = digest_of(os.path.join(run.checkpoints, name), memory.get(name))
        if known is not None:
            found[name] = {key: known[key] for key in ("sha256", "size", "mtime_ns")}
            told[name] = known
    if told != memory:
        try:
            replace_file(memory_file, encode(told))
        except OSError:
            pass  # it will be read again
    return found


def _give_way(run: RunDir, names: "list[str]") -> None:
    """Reading much is done with what the work leaves of the machine."""
    sizes = 0
    for name in names:
        try:
            sizes += os.lstat(os.path.join(run.checkpoints, name)).st_size
        except OSError:
            continue
    if sizes > LARGE_BYTES:
        os.nice(10)


def digest_of(path: str, known: Optional[Digest] = None) -> Optional[Digest]:
    """Return `{sha256, size, mtime_ns, inode}` of a plain file, `known` if it is that file still; else None."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            return None
        facts: Digest = {"size": before.st_size, "mtime_ns": before.st_mtime_ns, "inode": before.st_ino}
        if known is not None and all(known.get(key) == value for key, value in facts.items()):
            return known
        sums = hashlib.sha256()
        while chunk := file.read(CHUNK_BYTES):
            sums.update(chunk)
        after = os.fstat(file.fileno())
    same = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    return {**facts, "sha256": sums.hexdigest()} if same else None


def _memory(path: str) -> Dict[str, Digest]:
    try:
        told = read_object(path) or {}
    except WireError:
        return {}
    return {name: item for name, item in told.items() if isinstance(item, dict) and isinstance(item.get("sha256"), str)}

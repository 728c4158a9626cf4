"""First contact with a host: find its root, and bring the code bundle.

Its text is the program (`python -I -S -c`), as nothing of ours is on the host yet; so it imports the standard library
only, not even `wire`. Stdin is one JSON line `{root, digest, size}`, followed by `size` bytes of archive.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import time
from typing import Any, BinaryIO, Dict

MARKER = ".complete"
"""Written last into a bundle: the size of each of its files."""

STALE_S = 24 * 3600.0
_TEMPORARY = ".tmp-"


def arrive(request: Dict[str, Any], data: BinaryIO) -> Dict[str, Any]:
    """Return where things are; with `size`, unpack the bundle first."""
    os.umask(0o077)
    root = os.path.normpath(os.path.expanduser(request["root"] or "~/.trajvid"))
    if not os.path.isabs(root):
        return refusal("bad_root", "`root` must be absolute or start with ~/", "correct `root:` of this host")
    bundles = os.path.join(root, "bundles")
    os.makedirs(bundles, mode=0o700, exist_ok=True)
    bundle = os.path.join(bundles, request["digest"])
    if request["size"]:
        archive = data.read(request["size"])
        tar = gzip.decompress(archive) if len(archive) == request["size"] else b""
        if hashlib.sha256(tar).hexdigest() != request["digest"]:
            return refusal("cut_off", "the code bundle did not arrive whole", "try again")
        install(tar, bundle)
    return {"ok": True, "executable": sys.executable, "root": root, "bundle": bundle, "present": is_whole(bundle)}


def is_whole(bundle: str) -> bool:
    """True if the marker is there and every file that it names has its size."""
    try:
        with open(os.path.join(bundle, MARKER), "rb") as file:
            sizes = json.loads(file.read().decode("utf-8"))
        return all(os.path.getsize(os.path.join(bundle, name)) == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def install(tar: bytes, bundle: str) -> None:
    """Unpack beside the final place and rename; whoever comes second finds it done."""
    folder = os.path.dirname(bundle)
    _sweep(folder)
    temporary = tempfile.mkdtemp(prefix=_TEMPORARY, dir=folder)
    try:
        unpack(tar, temporary)
        try:
            os.rename(temporary, bundle)
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            if is_whole(bundle):
                return
            os.rename(bundle, os.path.join(tempfile.mkdtemp(prefix=_TEMPORARY, dir=folder), "damaged"))
            os.rename(temporary, bundle)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def unpack(tar: bytes, folder: str) -> None:
    """Write the archive's plain files below `folder`, then the marker."""
    sizes = {}
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() else None
            if content is None or entry.name.startswith("/") or ".." in entry.name.split("/"):
                raise ValueError("not a bundle: " + entry.name)
            path = os.path.join(folder, entry.name)
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with open(path, "wb") as file:
                file.write(content.read())
            sizes[entry.name] = entry.size
    with open(os.path.join(folder, MARKER), "wb") as file:
        file.write(json.dumps(sizes).encode("utf-8"))


def _sweep(folder: str) -> None:
    """Remove what uploads that were cut off long ago left behind."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            if name.startswith(_TEMPORARY) and time.time() - os.lstat(path).st_mtime > STALE_S:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue


def refusal(code: str, message: str, hint: str) -> Dict[str, Any]:
    return {"ok": False, "code": code, "message": message, "hint": hint}


def system_refusal(exc: OSError) -> Dict[str, Any]:
    """Say what the system refused, and what to do about it."""
    where = str(exc.strerror) + (": " + str(exc.filename) if exc.filename else "")
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return refusal("no_space", where, "free some space on the host, or choose another `root:` for it")
    return refusal("no_permission", where, "choose another `root:` for this host")


def main() -> None:
    """Answer with one JSON line."""
    try:
        answer = arrive(json.loads(sys.stdin.buffer.readline(1 << 20).decode("utf-8")), sys.stdin.buffer)
    except OSError as exc:
        answer = system_refusal(exc)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

"""The code that runs on a host: our own installed packages as one archive, named by its content.

Built from what is imported here, so laptop and host always speak the same version; sent once per version and host
(remote.farside). The digest is that of the uncompressed archive, so it does not depend on the laptop's zlib.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

PACKAGES = ("wire", "renderer", "trainer", "remote")
"""Top-level packages whose files travel; of `remote` only the part that `_travels` names."""

_SUFFIXES = frozenset({".py", ".yaml", ".yml", ".json", ".txt", ".toml"})


@dataclass(frozen=True)
class Bundle:
    """One version of the far side's code."""

    digest: str
    """SHA-256 of the tar archive; names the folder on the host."""
    data: bytes = field(repr=False)
    """The archive, gzip-compressed."""


@cache
def build_bundle() -> Bundle:
    """Return the bundle of this process's code, the same bytes every time."""
    return pack({name: path.read_bytes() for name, path in _installed()})


def pack(files: dict[str, bytes]) -> Bundle:
    """Return a deterministic archive: sorted names, no owner, no time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o600
            archive.addfile(entry, io.BytesIO(files[name]))
    tar = out.getvalue()
    return Bundle(hashlib.sha256(tar).hexdigest(), gzip.compress(tar, compresslevel=9, mtime=0))


def _installed() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        # find_spec of a top-level package does not import it: the trainer needs torch, and the laptop has none.
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for path in Path(folder).rglob("*"):
                name = PurePosixPath(package, path.relative_to(folder).as_posix())
                if path.is_file() and _travels(name):
                    yield str(name), path


def _travels(name: PurePosixPath) -> bool:
    if name.parts[0] == "remote" and name.parts[1] != "onhost" and str(name) != "remote/__init__.py":
        return False
    hidden = any(part.startswith((".", "__pycache__")) for part in name.parts)
    return name.suffix in _SUFFIXES and not hidden

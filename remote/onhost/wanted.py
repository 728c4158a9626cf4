"""Which environment a run asks for: its requirements, and a Python that is new enough for them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Dict, Tuple

OLDEST = "3.11"
"""Oldest Python of an environment, unless the spec names a `minimum`: the trainer's."""

NEWER = ("python3.11", "python3.12", "python3.13", "python3.14")
"""Tried in turn when the named Python is too old."""


class CannotPrepare(Exception):
    """The environment cannot be made; the text says why, for people."""


@dataclass(frozen=True)
class Wanted:
    """What `RunSpec.environment` asks for."""

    python: str
    requirements: Tuple[str, ...]
    index: str
    extra_index: str
    minimum: str
    files: Tuple[str, ...] = ()
    """Files of the worktree with more requirements, see `remote.onhost.requirements`."""
    constraints: Tuple[str, ...] = ()
    owner: str = ""
    """The worker that has the environment for itself, '' for one that is shared."""

    @classmethod
    def of(cls, asked: Dict[str, Any]) -> "Wanted":
        """Read the spec's object. Raises `CannotPrepare`."""
        requirements, files = asked.get("requirements") or [], asked.get("files") or []
        texts = [asked.get(key) or default for key, default in
                 (("python", "python3"), ("index", ""), ("extra_index", ""), ("minimum", OLDEST))]  # fmt: skip
        lists = isinstance(requirements, list) and isinstance(files, list)
        if not lists or not all(isinstance(item, str) for item in (*requirements, *files, *texts)):
            raise CannotPrepare("`environment` in the spec is not as it should be")
        return cls(texts[0], tuple(requirements), texts[1], texts[2], texts[3], tuple(files))


def digest(wanted: Wanted, version: str) -> str:
    """Return the name of the environment: the same for the same requirements, Python and kind of machine."""
    key = [wanted.requirements, wanted.index, wanted.extra_index, version, platform.machine()]
    if wanted.constraints or wanted.owner:
        key += [wanted.constraints, wanted.owner]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def find_python(wanted: Wanted) -> Tuple[str, str]:
    """Return (path, version) of a Python that is new enough: the named one, else the first other on the PATH."""
    oldest = numbers(wanted.minimum)
    seen = []
    for name in (wanted.python, *NEWER):
        path = shutil.which(os.path.expanduser(name))
        version = _version(path) if path else ""
        if path and version and numbers(version) >= oldest:
            return path, version
        if name == wanted.python:
            seen.append(f"{name} is {version or 'not there'}")
    raise CannotPrepare(f"needs Python {wanted.minimum} or newer, but {', '.join(seen)}; name one with `python:`")


def _version(python: str) -> str:
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", "import platform; print(platform.python_version())"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("ascii", "replace").strip() if done.returncode == 0 else ""


def numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(word) for word in version.split(".")[:2] if word.isdigit())

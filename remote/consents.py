"""What a person has allowed to run on this laptop because a profile says so: asked once per content.

A profile may come with a clone. The content is the profile's path, the command, and what is in the files that the
command names by a path from the profile's folder (`./token.sh`, `python tools/token.py`): another profile, command or
script is asked about again. The file holds hashes and what they stand for; nothing secret.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from remote.folders import open_private, private_folder, state_folder
from wire.codec import WireError, decode

FILE_NAME = "consents.jsonl"


class Consents:
    """The answers, in a file of their own in the state folder. One that cannot be read holds none."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or state_folder()) / FILE_NAME

    def given(self, profile: Path, argv: Sequence[str]) -> bool:
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return False
        return _digest(profile, argv) in {_hash_in(line) for line in lines}

    def give(self, profile: Path, argv: Sequence[str]) -> None:
        """Remember a yes. Where nothing can be written the next process asks again."""
        what = {"sha256": _digest(profile, argv), "profile": str(profile), "command": list(argv)}
        try:
            private_folder(self._path.parent)
            file = open_private(self._path, os.O_WRONLY | os.O_APPEND)
        except OSError:
            return
        try:
            os.write(file, json.dumps(what).encode() + b"\n")
        except OSError:
            pass
        finally:
            os.close(file)


def _digest(profile: Path, argv: Sequence[str]) -> str:
    files = {
        word: found for word in argv if not Path(word).is_absolute() and (found := _content(profile.parent / word))
    }
    what = [str(profile), *argv, *([files] if files else [])]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _content(path: Path) -> str:
    """The hash of a file, '' for what is none or cannot be read."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return hashlib.file_digest(file, "sha256").hexdigest() if regular else ""
    except (OSError, ValueError):
        return ""


def _hash_in(line: bytes) -> str:
    try:
        return str(decode(line).get("sha256"))
    except WireError:
        return ""

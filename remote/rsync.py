"""rsync as a command line: what the one on this laptop can do, and the arguments of a sync. Pure but for the probe.

The host is not trusted: only its files come over, never a deletion, a device, an owner or a link out of the run's
folder. Old rsyncs (2.6.9, openrsync) lack options; each is used only where `--help` names it, and what makes a
feature safe must be there or the feature goes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from remote.clean import clean_bytes
from remote.doors import HOST, PLACE
from remote.local_program import output_of
from remote.selection import Selection
from wire.run_dir import TEMPORARY_PREFIX

PARTIAL_FOLDER = f"{TEMPORARY_PREFIX}partial"
IO_TIMEOUT_S = 120

UNSHOWN = "?"
"""A file whose name is nothing that a screen shows."""
VANISHED = 24
"""Exit code: a file went away between listing and reading, as running work does."""

_OPTION = re.compile(r"--[a-z][a-z0-9-]+")
_UPDATED_FILE = re.compile(r">f[^ ]* [0-9]+ (.+)\Z")
_ESCAPED = re.compile(rb"\\#([0-7]{3})")
"""How rsync writes a byte of a name that is no plain character."""
_TOO_LARGE = " is over max-size"


@dataclass(frozen=True)
class Rsync:
    """The rsync of this laptop."""

    path: str
    options: frozenset[str]
    """Long options that it knows."""

    def argv(self, rsh: str, target: str, *, bandwidth_kib: int, selection: Selection) -> list[str]:
        """Return the arguments that bring `host:/place/` into `target`, an absolute path."""
        wished: list[Sequence[str]] = [
            ["--safe-links", "--links"],
            ["--chmod=D700,F600", "--perms"],
            ["--sparse"],
            # To the nanosecond: a checkpoint that is replaced within one second keeps its size.
            ["--modify-window=-1"],
            [f"--partial-dir={PARTIAL_FOLDER}"],
            [f"--max-size={selection.max_file_bytes}"],
            [f"--timeout={IO_TIMEOUT_S}"],
            ["--out-format=%i %l %n"],
            ["--info=skip1"],
        ]
        if bandwidth_kib:
            wished.append([f"--bwlimit={bandwidth_kib}"])
        known = [option for group in wished if all(map(self._knows, group)) for option in group]
        return [
            self.path,
            "--recursive",
            "--times",
            *known,
            *selection.rsync_filters(),
            "-e",
            rsh,
            f"{HOST}:{PLACE}/",
            target + "/",
        ]

    def _knows(self, option: str) -> bool:
        return option.partition("=")[0] in self.options


def parse_help(text: str) -> frozenset[str]:
    """Return the long options that `rsync --help` names."""
    return frozenset(_OPTION.findall(text))


def updated_file(line: str) -> str:
    """The name, for people, in a line that tells of a file on its way, else ''. Never a path to open."""
    found = _UPDATED_FILE.match(line)
    return "" if found is None else _for_people(found.group(1))


def too_large(line: str) -> str:
    """The name, for people, in a line that tells of a file over the size limit, else ''."""
    return _for_people(line.removesuffix(_TOO_LARGE)) if line.endswith(_TOO_LARGE) else ""


def _for_people(printed: str) -> str:
    name = printed.encode("utf-8", "surrogateescape")
    return clean_bytes(_ESCAPED.sub(lambda byte: bytes([int(byte.group(1), 8) & 255]), name)) or UNSHOWN


def rsync_environment() -> dict[str, str]:
    """The environment of a sync: no options of the user's, answers in English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RSYNC_")}
    return {**kept, "LC_ALL": "C"}


async def find_rsync() -> Rsync | None:
    """Return the rsync of this laptop, None if there is none that runs."""
    path = shutil.which("rsync")
    if path is None:
        return None
    _, out, err = await output_of([path, "--help"])
    options = parse_help((out + err).decode("utf-8", "replace"))
    return Rsync(path, options) if "--exclude" in options else None

"""Requirements that lie in the worktree: requirements.txt with all that it includes, or a pyproject.toml.

They are read into lines first, so that the environment is named by their content: two commits with the same lines
share one. The format is pip's (https://pip.pypa.io/en/stable/reference/requirements-file-format/).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field, replace
from typing import List, Set, Tuple

from remote.onhost.wanted import CannotPrepare, Wanted

FILES_MAX = 50
FILE_MAX_BYTES = 256 * 1024
_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?<=-[rc])(?=\S))(\S.*)\Z")
_COMMENT = re.compile(r"(?:^|\s+)#.*\Z")
_LOCAL = re.compile(r"(?:-e\b|--editable\b|\.{1,2}(?:/|\[|\Z)|/|file:|\S+\s*@\s*file:)")
_DEPENDENCIES = (
    "import json, sys, tomllib\n"
    "with open(sys.argv[1], 'rb') as file:\n"
    "    print(json.dumps(tomllib.load(file).get('project', {}).get('dependencies', [])))\n"
)


def with_files(wanted: Wanted, worktree: str, python: str) -> Wanted:
    """Return `wanted` with what its files say, read below `worktree`. Raises `CannotPrepare` with file and line.

    `python` reads a pyproject.toml: it is 3.11 or newer, unlike perhaps the one that runs us.
    """
    if not wanted.files:
        return wanted
    reading = _Reading(worktree)
    for name in wanted.files:
        if name.endswith(".toml"):
            reading.requirements += _dependencies(reading.opened(name)[0], name, python)
        else:
            reading.file(name, reading.requirements)
    requirements = tuple(dict.fromkeys([*wanted.requirements, *reading.requirements]))
    return replace(wanted, files=(), requirements=requirements, constraints=tuple(reading.constraints))


@dataclass
class _Reading:
    """Requirement files of one worktree, on their way into lines."""

    worktree: str
    requirements: List[str] = field(default_factory=list)
    constraints: List[str] = field(default_factory=list)
    _seen: Set[Tuple[str, bool]] = field(default_factory=set)

    def file(self, name: str, out: List[str]) -> None:
        """Add the lines of a file, and of those that it includes, to `out`."""
        key = (os.path.normpath(name), out is self.constraints)
        if key in self._seen:
            return
        self._seen.add(key)
        if len(self._seen) > FILES_MAX:
            raise CannotPrepare(f"{name}: more than {FILES_MAX} files of requirements")
        for number, line in _lines(self.opened(name)[1]):
            include = _INCLUDE.match(line)
            if include and "://" in include[2]:
                raise CannotPrepare(f"{name}:{number}: {line}: include files of the repository only")
            if include:
                target = self.constraints if include[1] in ("-c", "--constraint") else out
                self.file(os.path.join(os.path.dirname(name), include[2].strip()), target)
            elif _LOCAL.match(line):
                raise CannotPrepare(
                    f"{name}:{number}: {line}: what lies in the worktree is for `setup:`, such as [pip install -e .]"
                )
            else:
                out.append(line)

    def opened(self, name: str) -> Tuple[str, str]:
        """Return the path and the text of a file that really lies below the worktree."""
        top = os.path.realpath(self.worktree)
        path = os.path.realpath(os.path.join(top, name))
        if not path.startswith(top + os.sep) or not os.path.isfile(path):
            raise CannotPrepare(f"{name}: no such file in the worktree")
        with open(path, "rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
        if len(data) > FILE_MAX_BYTES:
            raise CannotPrepare(f"{name} is larger than {FILE_MAX_BYTES // 1024} KiB")
        return path, data.decode("utf-8-sig", "replace")


def _lines(text: str) -> "List[Tuple[int, str]]":
    """Return (number, requirement) of each line that says something: continued lines joined, comments cut."""
    found: List[Tuple[int, str]] = []
    pending, began = "", 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        began = began if pending else number
        # A comment ends a continuation (pip's rule), so a backslash inside one joins nothing.
        if line.endswith("\\") and not _COMMENT.match(line):
            pending += line[:-1]
            continue
        whole = _COMMENT.sub("", pending + line).strip()
        pending = ""
        if whole:
            found.append((began, whole))
    return found


def _dependencies(path: str, name: str, python: str) -> List[str]:
    """Return `project.dependencies` of a pyproject.toml."""
    done = subprocess.run(
        [python, "-I", "-S", "-c", _DEPENDENCIES, path], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise CannotPrepare(f"{name}: {last or 'cannot be read'}")
    found = json.loads(done.stdout)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise CannotPrepare(f"{name}: `dependencies` is not a list of texts")
    return found

"""Which files belong to a component: its code and its tests, by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from trainer.errors import ConfigError
from wire.tested_tree import is_code

NAMED = "named like the component"
LOADED = "that its tests loaded: none is named like it, and --files names others"


def component_files(paths: Iterable[bytes], component: str, globs: Sequence[str]) -> tuple[list[str], str]:
    """Return the Python files of a component and how they were chosen: those that `globs` name, else those whose own
    name or folder is the component's; ([], LOADED) if there are none. Tests are no part of it.

    Raises `ConfigError` for a glob that matches nothing.
    """
    files = _python(filter(is_code, paths))
    if globs:
        found = {glob: [file for file in files if PurePosixPath(file).match(glob)] for glob in globs}
        if empty := [glob for glob, matches in found.items() if not matches]:
            raise ConfigError(
                f"--files {empty[0]} matches no Python file", hint="a name or glob from the worktree's top"
            )
        return sorted({file for matches in found.values() for file in matches}), ", ".join(globs)
    wanted = _plain(component)
    own = [file for file in files if wanted in map(_plain, PurePosixPath(file).with_suffix("").parts)]
    return own, NAMED if own else LOADED


def tests_named(component: str, paths: Iterable[bytes]) -> list[str]:
    """Return the test files of a component: test_x.py, test_x_more.py, x_test.py, those in a folder tests/x."""
    wanted = _plain(component)
    return [file for file in _python(paths) if _is_test_of(wanted, PurePosixPath(_plain(file)))]


def from_top(words: Iterable[str], top: Path) -> tuple[str, ...]:
    """Return arguments of pytest with their paths from the top of the worktree, so that they hold in another one of it.

    Raises `ConfigError` for a path outside of it: no commit has what lies there.
    """
    return tuple(_from_top(word, top) for word in words)


def _from_top(word: str, top: Path) -> str:
    name, colons, test = word.partition("::")
    if not name or not os.path.lexists(top / name):
        return word
    path = Path(os.path.realpath(top / name))
    if not path.is_relative_to(top.resolve()):
        raise ConfigError(f"{name} is not in the worktree {top}", hint="evidence is of what a commit can hold")
    return path.relative_to(top.resolve()).as_posix() + colons + test if Path(name).is_absolute() else word


def _is_test_of(wanted: str, path: PurePosixPath) -> bool:
    own = path.stem in (f"test_{wanted}", f"{wanted}_test") or path.stem.startswith(f"test_{wanted}_")
    return own or (path.stem.startswith("test_") and {"tests", wanted} <= set(path.parts[:-1]))


def _python(paths: Iterable[bytes]) -> list[str]:
    return sorted(path.decode("utf-8", "replace") for path in paths if path.endswith(b".py"))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")

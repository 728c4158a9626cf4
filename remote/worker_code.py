"""What a worker of the profile says about its code: environment, setup, trainer, secrets; as fields of `Worker`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from remote.clean import clean

if TYPE_CHECKING:
    from remote.profile_schema import WorkerSettings

COMMAND_MAX_CHARS = 500

Blame = Callable[[str, str], NoReturn]
"""Gets the key and what is wrong with it."""


def worker_code(
    entry: WorkerSettings, defaults: WorkerSettings, blame: Blame, *, environment: str, plain: bool
) -> dict[str, Any]:
    """Return fields of `remote.profiles.Worker`: the worker's own words first.

    `plain` is a command that is not the trainer's: what `defaults` says of environments is not for it.
    """
    if entry.trainer and plain:
        blame("trainer", "`trainer` is for work of the trainer (`config`, or `command: trainer ...`)")
    for key in ("requirements", "index"):
        if getattr(entry, key) and environment != "create":
            blame(key, f"`{key}` is for `env: create`")
    created = environment == "create"
    of_defaults = created and not plain
    requirements = entry.requirements or (of_defaults and defaults.requirements) or ""
    if problem := _file_problem(requirements):
        blame("requirements", f"{requirements!a} is no file of the branch: {problem}")
    requirements = requirements and str(PurePosixPath(requirements))  # as git names it: `./a.txt` is `a.txt`
    index = entry.index or (of_defaults and defaults.index) or ""
    if "@" in urlsplit(index).netloc:
        blame("index", "`index` has a password, and would lie in files; put it into pip's config on the host")
    return {
        **_keys([*defaults.keys, *entry.keys], blame),
        "requirements": requirements,
        "index": index,
        "setup": tuple(entry.setup if entry.setup is not None else defaults.setup or ()),
        "trainer": "" if plain else entry.trainer or defaults.trainer or "",
        "allow_missing": frozenset(
            entry.allow_missing if entry.allow_missing is not None else defaults.allow_missing or ()
        ),
    }


def _file_problem(path: str) -> str:
    """Why a text cannot be the path of a requirements file in a branch, '' if it can."""
    parts = PurePosixPath(path).parts
    if path.startswith(("/", "~")) or ".." in parts or not path.isprintable():
        return "it must stay below the folder of the repository"
    known = not path or PurePosixPath(path).suffix in (".txt", ".in", ".toml")
    return "" if known else "name a .txt, .in or .toml file"


def _keys(given: Sequence[str | dict[str, Any]], blame: Blame) -> dict[str, Any]:
    """Names of all secrets in order; a later command for a name replaces an earlier one, a bare name takes it away."""
    commands: dict[str, tuple[str, ...]] = {}
    names: list[str] = []
    for item in given:
        if isinstance(item, str):
            names.append(item)
            commands.pop(item, None)
            continue
        for name, command in item.items():
            names.append(name)
            commands[name] = _argv(name, command, blame)
    return {"keys": tuple(dict.fromkeys(names)), "key_commands": commands}


def _argv(name: str, command: str | list[str], blame: Blame) -> tuple[str, ...]:
    try:
        words = shlex.split(command) if isinstance(command, str) else command
    except ValueError as exc:
        blame("keys", f"the command for {name}: {str(exc).lower()}")
    if not words or not words[0]:
        blame("keys", f"the command for {name} is empty")
    # A person is asked whether it may run, and must see all of it: a screen swallows what a carriage return or an
    # escape sequence hides, and the end of what is very long.
    shown = shlex.join(words)
    if clean(shown) != shown or len(shown) > COMMAND_MAX_CHARS:
        blame(
            "keys",
            f"the command for {name} cannot be shown as it is: one line of at most {COMMAND_MAX_CHARS} characters",
        )
    return tuple(words)

"""From an argument list to an exit code: parse, find the verb's module, run it, say how it ended."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from remote.errors import RemoteError, UsageError
from tui.cli import envelope
from tui.cli.parser import parse

VERBS = (
    "launch", "run", "resume", "relaunch", "release", "retire", "stop", "kill",
    "status", "compare", "logs", "sync", "fetch", "integrate", "evidence", "activity", "report", "hosts",
    "doctor", "shell", "ec2",
    "worktrees", "prune", "init", "demo",
)  # fmt: skip
"""Each is a module of this package with `async def main(session) -> Answer`."""
TAKE_COMMANDS = ("run", "evidence")
"""Verbs with words of somebody else behind `--`."""

NO_TERMINAL = "the app needs a terminal, and this is none"
NO_TERMINAL_HINT = "`trajvid-tui status` says the same in text, `trajvid-tui launch --all --wait` runs the experiment"


def run(argv: Sequence[str]) -> int:
    """Run one command line. Mistakes of the user become a message and an exit code, never a traceback."""
    words, command = _split(list(argv))
    want_json = "--json" in words
    try:
        arguments = parse(words)
        if command is not None and arguments.verb not in TAKE_COMMANDS:
            raise UsageError(f"-- belongs to {' and '.join(TAKE_COMMANDS)}, not to {arguments.verb or 'the app'}")
        arguments.command = command or []
        return _run(arguments)
    except RemoteError as exc:
        return envelope.report(exc, want_json)
    except KeyboardInterrupt:
        return envelope.interrupted(want_json)
    except BrokenPipeError:
        return _reader_gone()


def _split(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """Part our words from those of a command: everything behind the first `--` belongs to it."""
    if "--" not in argv:
        return argv, None
    place = argv.index("--")
    return argv[:place], argv[place + 1 :]


def _run(arguments: argparse.Namespace) -> int:
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"
    if arguments.version:
        print(f"trajvid-tui {_version()}")
        return 0
    if arguments.verb is None:
        return _app(arguments)
    if arguments.verb not in VERBS:
        raise UsageError(f"no verb named {arguments.verb!r}", hint="trajvid-tui --help lists them")
    from tui.cli.session import execute

    return execute(import_module(f"tui.cli.{arguments.verb}").main, arguments)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("trajvid-tui")
    except PackageNotFoundError:
        return "(run from its source, not installed)"


def _app(arguments: argparse.Namespace) -> int:
    if arguments.json:
        raise UsageError("--json goes with a verb", hint="for example trajvid-tui status --json")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(NO_TERMINAL, hint=NO_TERMINAL_HINT, code="no_terminal")
    # Imports leave no garbage, and the first paint need not wait for a search; the app turns this on again.
    gc.disable()
    from tui.app import run_app

    path = Path(arguments.profile) if arguments.profile else None
    more = {"start": True} if arguments.start else {}
    return run_app(path, read_only=arguments.read_only, **more)


def _reader_gone() -> int:
    """Leave quietly when the reader of our output is gone, as in `trajvid-tui status | head -1`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1

"""How a verb ends, for people and for programs.

With `--json`, stdout carries exactly one object: {schema, ok, data, error: {code, message, hint}}. Without it, stdout
carries data and stderr the narration and the error.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from remote.errors import RemoteError

SCHEMA = 1
INTERRUPTED = 130


@dataclass(frozen=True)
class Answer:
    """What a verb found out. `error` makes it fail though there is data (some hosts, a failed run)."""

    data: Any = None
    text: str = ""
    """The same for people, printed on stdout."""
    error: RemoteError | None = None


def deliver(answer: Answer, want_json: bool) -> int:
    """Print an answer and return its exit code."""
    if want_json:
        _write(answer.data, answer.error)
    else:
        if answer.text:
            print(answer.text, flush=True)
        if answer.error is not None:
            _say(answer.error)
    return 0 if answer.error is None else answer.error.exit_code


def report(error: RemoteError, want_json: bool) -> int:
    """Print a failure and return its exit code."""
    return deliver(Answer(error=error), want_json)


def interrupted(want_json: bool, message: str = "interrupted") -> int:
    """Say that a person pressed Ctrl-C; 130 as a shell says it."""
    error = RemoteError(message, code="interrupted")
    if want_json:
        _write(None, error)
    else:
        print(f"\n{message}", file=sys.stderr, flush=True)
    return INTERRUPTED


def _write(data: Any, error: RemoteError | None) -> None:
    words = None if error is None else {"code": error.code, "message": error.message, "hint": error.hint}
    answer = {"schema": SCHEMA, "ok": error is None, "data": data, "error": words}
    # ASCII, so that no terminal obeys what a host may have said.
    sys.stdout.write(json.dumps(answer, ensure_ascii=True, allow_nan=False) + "\n")
    sys.stdout.flush()


def _say(error: RemoteError) -> None:
    print(f"trajvid-tui: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  -> {error.hint}", file=sys.stderr)
    sys.stderr.flush()

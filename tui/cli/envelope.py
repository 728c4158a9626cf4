"""The one shape of every `--json` answer: {schema, ok, data, error: {code, message, hint}}.

stdout carries data and nothing else; narration goes to stderr.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from remote.errors import RemoteError

SCHEMA = 1


def success(data: Any) -> dict[str, Any]:
    return {"schema": SCHEMA, "ok": True, "data": data, "error": None}


def failure(error: RemoteError, data: Any = None) -> dict[str, Any]:
    """The answer of a verb that failed; `data` holds what was nevertheless found out."""
    words = {"code": error.code, "message": error.message, "hint": error.hint}
    return {"schema": SCHEMA, "ok": False, "data": data, "error": words}


def write(envelope: dict[str, Any]) -> None:
    """Print one line of JSON on stdout (ASCII, so that no terminal acts on it)."""
    sys.stdout.write(json.dumps(envelope, ensure_ascii=True, allow_nan=False) + "\n")
    sys.stdout.flush()

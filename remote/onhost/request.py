"""What a verb was asked: one JSON object from the laptop, checked before anything is touched.

A refusal is an answer, not a crash: `Refusal` becomes `{"ok": false, "code", "message", "hint"}`.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Optional

from wire.run_dir import Root

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@=-]{0,199}\Z")
_NONCE = re.compile(r"[A-Za-z0-9_-]{4,64}\Z")


class Refusal(Exception):
    """The verb says no. `code` is a stable word, `hint` the next step, `data` joins the answer."""

    def __init__(self, code: str, message: str, hint: str = "", **data: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.data = code, message, hint, data


def text(request: Dict[str, Any], key: str, default: Optional[str] = None) -> str:
    """Return a text field. Raises `Refusal` if it is missing (and has no default) or has another type."""
    value = request.get(key, default)
    if not isinstance(value, str) or "\0" in value:
        raise Refusal("bad_request", f"`{key}` must be text")
    try:
        os.fsencode(value)  # half a surrogate pair, or more than this host's locale can say
    except UnicodeError as exc:
        raise Refusal("bad_request", f"`{key}` cannot be written on this host: {value[:80]!r}") from exc
    return value


def number(request: Dict[str, Any], key: str, default: float) -> float:
    """Return a number >= 0, `default` where the field is missing or null."""
    value = request.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise Refusal("bad_request", f"`{key}` must be a number from 0 up")
    return float(value)


def folder_name(request: Dict[str, Any], key: str, default: Optional[str] = None) -> str:
    """Return a name that is safe as one folder: no separator, no leading dot or dash, nothing invisible."""
    value = text(request, key, default)
    if value == "" and default == "":
        return ""
    if not _NAME.match(value):
        raise Refusal("bad_name", f"`{key}` is not usable as a folder name: {value[:80]!r}")
    return value


def nonce(value: str) -> str:
    """Return a launch's nonce; it becomes a marker in environments, so it is plain letters and digits."""
    if not _NONCE.match(value):
        raise Refusal("bad_request", "`nonce` must be 4 to 64 letters, digits, '_' or '-'")
    return value


def root(request: Dict[str, Any]) -> Root:
    """Return the tree of this host, its path absolute with `~` expanded (not created)."""
    path = os.path.expanduser(text(request, "root", "~/.trajvid") or "~/.trajvid")
    if not os.path.isabs(path):
        raise Refusal("bad_request", f"`root` must be absolute or start with ~/: {path[:200]!r}")
    return Root(os.path.normpath(path))

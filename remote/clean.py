"""Text from a host, made harmless once, where it comes in.

Terminals obey escape sequences wherever they appear, and most widgets pass them through. `clean` removes ESC, CSI,
OSC (clipboard, title), C0 and C1 controls, bidirectional and zero-width characters, keeps what a progress bar shows
last (the final `\\r` frame), and caps the length. What it returns it would return again: clean(clean(x)) == clean(x).
"""

from __future__ import annotations

import re

MAX_CHARS = 4096
MAX_TEXT_CHARS = 256 * 1024
ELLIPSIS = "…"
_TAB = "    "

# ECMA-48. A string sequence (OSC, DCS, SOS, PM, APC) that never ends swallows the rest, as in a terminal. Every class
# excludes ESC, so that matching stays linear.
_SEQUENCE = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|\Z)"
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c|(?=\x1b)|\Z)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks by category, but of no width: combining joiner, Hangul and Khmer fillers."""


def clean(text: str, max_chars: int = MAX_CHARS) -> str:
    """Return `text` as one harmless line of at most `max_chars` characters; line ends inside become spaces."""
    if text.isascii() and text.isprintable():
        return _cap(text, max_chars)
    lines = text.split("\n")
    return _cap(
        " ".join(_clean_line(line) for line in lines).rstrip() if len(lines) > 1 else _clean_line(text), max_chars
    )


def clean_text(text: str, max_chars: int = MAX_TEXT_CHARS) -> str:
    """Like `clean`, but keeps line ends: for whole outputs that are shown as several lines."""
    return _cap("\n".join(_clean_line(line) for line in text.split("\n")), max_chars)


def clean_bytes(data: bytes, max_chars: int = MAX_CHARS) -> str:
    """`clean` of bytes that should be UTF-8; what is not becomes U+FFFD."""
    return clean(data.decode("utf-8", "replace"), max_chars)


def _clean_line(line: str) -> str:
    frame = line.rstrip("\r").rpartition("\r")[2]
    if "\x1b" in frame or any("\x80" <= char <= "\x9f" for char in frame):
        frame = _SEQUENCE.sub("", frame)
    if not frame.isprintable() or not _INVISIBLE.isdisjoint(frame):
        frame = "".join(map(_visible, frame))
    return frame


def _visible(char: str) -> str:
    if char in _INVISIBLE:
        return ""
    if char.isprintable():
        return char
    if char == "\t":
        return _TAB
    # Line and paragraph separators and the wide, narrow and unbreakable spaces are not printable for Python. The
    # separators of C0 (0x1c-0x1f) count as spaces too, but are controls.
    return " " if char.isspace() and char > "\x9f" else ""


def _cap(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else text[: max_chars - 1] + ELLIPSIS

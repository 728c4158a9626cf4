"""Foreign text made harmless for a terminal, a log or a page.

The laptop does the same again to all that a host sends (`remote.clean`), which the trainer may not import.
"""

from __future__ import annotations

import re

# ECMA-48: control sequences; strings (titles, clipboard), which swallow all up to their end; two-character escapes.
_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*|\x1b.?")


def plain(text: str, max_chars: int) -> str:
    """Return printable lines alone: no escapes, controls, invisible or bidirectional marks; at most `max_chars`."""
    lines = _SEQUENCE.sub("", text).replace("\t", " ").splitlines()
    kept = "\n".join("".join(char for char in line if char.isprintable()).rstrip() for line in lines)
    return kept if len(kept) <= max_chars else kept[: max_chars - 1] + "…"


def one_line(text: str, max_chars: int = 300) -> str:
    """Return `plain` text as one line."""
    return " ".join(plain(text, 20 * max_chars).split())[:max_chars]

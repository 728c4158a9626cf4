"""What `--since` takes: how long ago (`30min`, `2h`, `1d`), or a moment as ISO 8601 writes it."""

from __future__ import annotations

import re
from datetime import datetime

from remote.errors import UsageError

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def since(text: str, now_s: float) -> float:
    """UTC epoch seconds of the moment; '' is the beginning of time. Raises `UsageError`."""
    if not text:
        return 0.0
    if found := re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*(s|min|h|d|w)", text.strip()):
        return now_s - float(found[1]) * UNITS[found[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since {text!a} is no time", hint="say how long ago (30min, 2h, 1d) or when (2026-01-31T18:00)"
        ) from None

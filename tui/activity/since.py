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
    if (ago_s := _span(text)) is not None:
        return now_s - ago_s
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since {text!a} is no time", hint="say how long ago (30min, 2h, 1d) or when (2026-01-31T18:00)"
        ) from None


def span_s(text: str, option: str) -> float:
    """Seconds of a span of time (`30min`, `2h`, `1d`). Raises `UsageError`."""
    found = _span(text)
    if found is None:
        raise UsageError(f"{option} {text!a} is no span of time", hint="say 12h, 30d or 4w")
    return found


def _span(text: str) -> float | None:
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*(s|min|h|d|w)", text.strip())
    return float(found[1]) * UNITS[found[2]] if found else None

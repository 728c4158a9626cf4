"""Make a JSON value from a host harmless: texts cleaned, numbers in a range that arithmetic survives, sizes capped."""

from __future__ import annotations

import time
from typing import Any

from remote.clean import clean
from wire.clock import possible
from wire.codec import WireError

NUMBER_LIMIT = 2**63
"""JSON takes integers of thousands of digits; converting one to float raises OverflowError deep in a screen."""
ITEMS_LIMIT = 4096
DEPTH_LIMIT = 20


def tidy(value: Any, depth: int = 0) -> Any:
    """Return a JSON value with every text cleaned, keys included. Raises `WireError` for what no record needs."""
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        if not -NUMBER_LIMIT < value < NUMBER_LIMIT:
            raise WireError("a number is out of range")
        return value
    if depth >= DEPTH_LIMIT:
        raise WireError("nested too deeply")
    if isinstance(value, (dict, list)) and len(value) > ITEMS_LIMIT:
        raise WireError(f"over {ITEMS_LIMIT} items")
    if isinstance(value, dict):
        return {clean(key): tidy(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [tidy(item, depth + 1) for item in value]
    raise WireError(f"{type(value).__name__} is no JSON value")


def whole(value: Any) -> int:
    """Return a count from a host: None is 0; anything but a whole number >= 0 in range is a `WireError`."""
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < NUMBER_LIMIT:
        raise WireError("not a whole number in range")
    return value


def clock(value: Any) -> float | None:
    """Return a host's own time (epoch seconds), None if it does not tell. Raises `WireError` for one that cannot be."""
    try:
        told = seconds(value)
    except WireError as exc:
        raise WireError("its clock says no time") from exc
    if told is None or possible(told):
        return told
    raise WireError(f"its clock says {_day(told)}, which cannot be")


def _day(epoch_s: float) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(epoch_s))
    except (OverflowError, OSError, ValueError):
        return f"{epoch_s:.3g} s after 1970"


def seconds(value: Any) -> float | None:
    """Return a finite number from a host, or None. Raises `WireError` for another type or a number out of range."""
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not -NUMBER_LIMIT < value < NUMBER_LIMIT:
        raise WireError("not a number in range")
    return float(value)

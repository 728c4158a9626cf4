"""JSON as it crosses the wire: one record a line, capped, finite, and never trusted.

Both sides decode through `decode`: the bytes are capped before parsing, NaN and infinities are refused,
and deep nesting (which raises RecursionError in `json`) is a `WireError` like every other bad input.
"""

from __future__ import annotations

import json
import math
import os
import stat
from typing import Any, Dict, Optional

HEARTBEAT_MAX_BYTES = 64 * 1024
LINE_MAX_BYTES = 256 * 1024
SPEC_MAX_BYTES = 1024 * 1024


class WireError(ValueError):
    """Bytes that are not a valid record: too long, not JSON, wrong type, or not a regular file."""


def _refuse_constant(name: str) -> Any:
    raise WireError(f"{name} is not allowed in a record")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def finite(value: Any) -> Any:
    """Return `value` with every non-finite float replaced by None, recursively (JSON has no NaN)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def encode(value: Dict[str, Any]) -> bytes:
    """Return one JSON object as one line, newline included."""
    text = json.dumps(finite(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def decode(data: bytes, max_bytes: int = LINE_MAX_BYTES) -> Dict[str, Any]:
    """Parse one JSON object from `data`. Raises `WireError` for anything else."""
    if len(data) > max_bytes:
        raise WireError(f"record of {len(data)} bytes is over the limit of {max_bytes}")
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise WireError(f"not a JSON record: {type(exc).__name__}") from exc
    if not isinstance(value, dict):
        raise WireError(f"a record is a JSON object, not {type(value).__name__}")
    return value


def read_bytes(path: str, max_bytes: int = LINE_MAX_BYTES) -> Optional[bytes]:
    """Return the content of a regular file, or None if it does not exist.

    Symbolic links, FIFOs and devices are refused with `WireError`: a FIFO named heartbeat.json would block a
    reader for ever.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise WireError(f"cannot read {os.path.basename(path)}: {exc.strerror}") from exc
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise WireError(f"{os.path.basename(path)} is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise WireError(f"{os.path.basename(path)} is over the limit of {max_bytes} bytes")
    return data


def read_object(path: str, max_bytes: int = LINE_MAX_BYTES) -> Optional[Dict[str, Any]]:
    """Return the JSON object in a file; None if the file is missing, empty or still blank (pre-allocated)."""
    data = read_bytes(path, max_bytes)
    if data is None or not data.strip(b" \0\n"):
        return None
    return decode(data.strip(b" \0\n"), max_bytes)

"""Names that a person reads: who asks, and which name was probably meant."""

from __future__ import annotations

import difflib
import getpass
import os
import socket
from collections.abc import Iterable

from remote.clean import clean


def who() -> str:
    """`user@laptop`, as it appears in the records of a run."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return clean(f"{user}@{socket.gethostname().partition('.')[0]}")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names what was probably meant, or what there is."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"there is {', '.join(names[:12])}" if names else "there is none yet"

"""Secrets of the work, such as the key of a language model: named in the profile, their values in this laptop's
environment alone. They go over the connection at each launch, into the memory of the run's supervisor and the
environment of its work: no file, no log and no argument list has them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from remote.errors import UsageError

if TYPE_CHECKING:
    from remote.places import Place


def keys_of(place: Place) -> dict[str, str]:
    """Return the secrets that the profile names for a worker. Raises `UsageError` for one that is not set here."""
    names = place.worker.keys if place.worker is not None else ()
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise UsageError(
            f"{place.name} needs {missing[0]}, which is not set here",
            hint=f"export {missing[0]}=... in the shell that starts trajvid-tui, or take it out of `keys`",
        )
    return {name: os.environ[name] for name in names}

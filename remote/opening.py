"""Open the fleet of a profile with this laptop's memory of it: what the app and the verbs do first."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from remote.asker import Asker
from remote.clean import clean
from remote.errors import NoProfile
from remote.fleet import Fleet
from remote.folders import state_folder
from remote.history import History
from remote.profiles import Profile, find_profile, load_profile


def nearest_profile(given: Path | None = None) -> Profile:
    """The profile that was named, or the one found from the current folder upwards.

    Raises `ConfigError`, of which `NoProfile` is one.
    """
    path = given or find_profile(Path.cwd())
    if path is None:
        raise NoProfile(
            f"no profiles.yaml in {clean(str(Path.cwd()))} or above it",
            hint="trajvid-tui init writes one, trajvid-tui demo makes one to look at; --profile FILE names another",
        )
    return load_profile(path)


def open_fleet(profile: Profile, *, asker: Asker | None = None) -> Fleet:
    """A fleet whose rows begin as they were last known. It closes the history when it is closed."""
    return Fleet(profile, asker=asker, history=History(history_file()))


@contextlib.asynccontextmanager
async def fleet_of(profile: Path | None = None, *, asker: Asker | None = None) -> AsyncIterator[Fleet]:
    """The fleet of a profile (default: the nearest) for a script. What it launched goes on when it is left.

    Raises `ConfigError`. Without an `asker` every question of a host is answered with no, which raises `NeedsYou`.
    """
    fleet = open_fleet(nearest_profile(profile), asker=asker)
    try:
        yield fleet
    finally:
        await fleet.close()


def history_file() -> Path:
    """Where the history of all projects lies."""
    return state_folder() / "history.sqlite"

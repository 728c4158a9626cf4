"""Which worker lives where: names on the screen on one side, hosts and folder names on the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remote.errors import UsageError
from remote.who import nearest

if TYPE_CHECKING:
    from remote.profiles import Worker

STRANGERS_MAX = 500
"""So many workers that the profile does not name are taken note of a host; a host may not fill our memory."""


@dataclass(frozen=True)
class Place:
    """One worker: its name on the screen, its host, its folder there, and its part of the profile."""

    name: str
    host: str
    slug: str
    worker: Worker | None = None
    """None for an ad hoc worker, or one that another laptop started under a name that this profile lacks."""


class Places:
    """All workers that are known, those of the profile first and in its order."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self._by_name: dict[str, Place] = {}
        self._by_folder: dict[tuple[str, str], Place] = {}
        for worker in workers:
            self._add(Place(worker.name, worker.host, worker.slug, worker))

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._by_name.values()))

    def named(self, name: str) -> Place:
        """Raises `UsageError` for a name that nobody knows."""
        if name not in self._by_name:
            raise UsageError(f"no worker named {name!r}", hint=nearest(name, self._by_name), code="unknown_worker")
        return self._by_name[name]

    def of_host(self, host: str) -> list[Place]:
        return [place for place in self._by_name.values() if place.host == host]

    def at(self, host: str, slug: str) -> Place | None:
        """The worker in a folder of a host, None if it is not known yet."""
        return self._by_folder.get((host, slug))

    def add(self, host: str, slug: str) -> Place | None:
        """Take note of a folder that the profile does not name; None if a host has too many of them."""
        if sum(place.worker is None for place in self.of_host(host)) >= STRANGERS_MAX:
            return None
        return self._add(Place(slug if slug not in self._by_name else f"{slug}@{host}", host, slug))

    def _add(self, place: Place) -> Place:
        self._by_name[place.name] = self._by_folder[place.host, place.slug] = place
        return place

"""What the app needs of the control plane, and how it is opened: late, so that the first paint waits for nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

from remote.asker import Asker
from remote.snapshot import RunSnapshot


class FleetLike(Protocol):
    """The part of `remote.fleet.Fleet` that the app uses."""

    def snapshots(self) -> list[RunSnapshot]: ...
    def subscribe(self, callback: Callable[[RunSnapshot], None]) -> Callable[[], None]: ...
    async def start(self, workers: Sequence[str] | None = None) -> None: ...
    async def settled(self, hosts: Collection[str]) -> None: ...
    def select(self, worker: str | None) -> None: ...
    def retry_now(self, host: str) -> None: ...
    async def close(self) -> None: ...


class VerbsLike(Protocol):
    """The part of `remote.runs` that the app uses: each takes the fleet and a worker's name."""

    async def launch(self, fleet: Any, worker: str, *, overrides: Sequence[str] = ..., consent: Any = ...) -> Any: ...
    async def commit_of(self, fleet: Any, worker: str, consent: Any = ...) -> Any: ...
    async def stop(self, fleet: Any, worker: str) -> Any: ...
    async def kill(self, fleet: Any, worker: str) -> Any: ...
    async def resume(self, fleet: Any, worker: str) -> Any: ...
    async def sync(self, fleet: Any, worker: str) -> Any: ...


Opener = Callable[[Asker], Awaitable[FleetLike]]


def profile_opener(path: Path | None) -> Opener:
    """Return what opens the fleet of a profile (None: looked for from the current folder upwards).

    The heavy imports (asyncssh, pydantic) happen in a thread while the first screen is already up.
    """

    async def open_fleet(asker: Asker) -> FleetLike:
        import asyncio

        profile = await asyncio.to_thread(_load, path)
        from remote.fleet import Fleet

        return Fleet(profile, asker=asker)

    return open_fleet


def _load(path: Path | None) -> Any:
    import remote.fleet
    import remote.runs
    from remote.errors import UsageError
    from remote.profiles import find_profile, load_profile

    assert remote.fleet and remote.runs
    found = path or find_profile(Path.cwd())
    if found is None:
        raise UsageError(
            f"no profiles.yaml in {Path.cwd()} or above it",
            hint="trajvid-tui init writes one here; --profile FILE names another",
            code="no_profile",
        )
    return load_profile(found)

"""What the app needs of the control plane, and how it is opened: late, so that the first paint waits for nothing.

Nothing here imports Textual, asyncssh or pydantic before it is used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from remote.asker import Asker
from remote.errors import RemoteError
from remote.hosts import HostSnapshot, HostWarning
from remote.snapshot import RunSnapshot

if TYPE_CHECKING:
    from remote.history import History


class FleetLike(Protocol):
    """The part of `remote.fleet.Fleet` that the app uses."""

    @property
    def results(self) -> Path: ...
    @property
    def warnings(self) -> Sequence[HostWarning]: ...
    def snapshots(self) -> list[RunSnapshot]: ...
    def hosts(self) -> list[HostSnapshot]: ...
    def subscribe(self, callback: Callable[[RunSnapshot], None]) -> Callable[[], None]: ...
    async def start(self, workers: Sequence[str] | None = None) -> None: ...
    async def settled(self, hosts: Collection[str]) -> None: ...
    def select(self, worker: str | None) -> None: ...
    def retry_now(self, host: str) -> None: ...
    def name_at(self, host: str, slug: str) -> str: ...
    async def close(self) -> None: ...


class VerbsLike(Protocol):
    """The part of `remote.runs` that the app uses: each takes the fleet and a worker's name."""

    async def launch(self, fleet: Any, worker: str, *, overrides: Sequence[str] = ..., consent: Any = ...) -> Any: ...
    async def commit_of(self, fleet: Any, worker: str, consent: Any = ...) -> Any: ...
    async def stop(self, fleet: Any, worker: str) -> Any: ...
    async def kill(self, fleet: Any, worker: str) -> Any: ...
    async def resume(self, fleet: Any, worker: str) -> Any: ...
    async def release(self, fleet: Any, worker: str) -> Any: ...
    async def retire(self, fleet: Any, worker: str) -> Any: ...
    async def relaunch(self, fleet: Any, worker: str, *, overrides: Sequence[str] = ..., consent: Any = ...) -> Any: ...
    async def sync(self, fleet: Any, worker: str) -> Any: ...
    async def fetch(self, fleet: Any, worker: str) -> Any: ...
    async def look(self, fleet: Any, worker: str) -> Any: ...
    async def files(self, fleet: Any, worker: str, run: str = ...) -> Any: ...
    async def runs_of(self, fleet: Any, worker: str) -> Any: ...
    async def log_page(self, fleet: Any, worker: str, run: str) -> Any: ...
    def run_place(self, fleet: Any, worker: str) -> str: ...
    async def open_shell(self, fleet: Any, host: str, worker: str = ...) -> Any: ...
    async def prove(self, fleet: Any, worker: str, wish: Any, *, consent: Any = ...) -> Any: ...
    async def told(self, fleet: Any, worker: str, *, cached: bool = ...) -> Any: ...
    async def judge(self, fleet: Any, worker: str) -> Any: ...
    def folder_here(self, fleet: Any, worker: str) -> Path: ...
    def checklist_here(self, fleet: Any, worker: str) -> Any: ...
    async def activity(self, fleet: Any, *, before: Any = ...) -> Any: ...
    async def survey(self, fleet: Any, hosts: Sequence[str], policy: Any, *, here: bool = ...) -> Any: ...
    async def carry_out(self, fleet: Any, items: Any, policy: Any, on_step: Any = ...) -> Any: ...
    async def look_at_worktrees(self, fleet: Any, hosts: Collection[str]) -> Any: ...
    async def remove_worktrees(self, fleet: Any, chosen: Any) -> Any: ...
    async def report(self, fleet: Any, hosts: Collection[str], since_s: float, failed: Any) -> Any: ...
    async def look_at_instance(self, fleet: Any, host: str) -> Any: ...
    async def demand_unused(self, fleet: Any, host: str) -> None: ...
    async def start_instance(self, fleet: Any, host: str) -> Any: ...
    async def stop_instance(self, fleet: Any, host: str) -> Any: ...
    async def examine(self, fleet: Any, hosts: Collection[str], *, laptop: bool = ...) -> Any: ...


Opener = Callable[[Asker], Awaitable[FleetLike]]


class ProfileSession:
    """One profile (None: the one found from the current folder upwards), its history, and its fleet."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._history: History | None = None

    def remembered(self) -> tuple[str, list[RunSnapshot]]:
        """Project and last known rows in the profile's order, as quickly as they can be had; ("", []) if not at all.

        A profile that is wrong is nobody's business yet: `open` says what is wrong with it.
        """
        try:
            from remote.history import History
            from remote.names import hashed_slug
            from remote.opening import history_file
            from remote.strict_yaml import load_file

            path = self._found()
            if path is None:
                return "", []
            data = load_file(path).data
            self._history = History(history_file())
        except (RemoteError, OSError):
            return "", []
        if not isinstance(data, dict) or not isinstance(data.get("project"), str):
            return "", []
        known = self._history.load(hashed_slug(data["project"]))
        workers = data.get("workers")
        names = workers if isinstance(workers, dict) else {}
        return data["project"], [_with_results(known[name]) for name in names if name in known]

    def use(self, path: Path) -> None:
        """Open this profile from now on: there was none."""
        self._path = path

    def stamp(self) -> tuple[str, int, int] | None:
        """Which file this is, and when and how long it was written; None if it is gone."""
        try:
            path = self._found()
            about = path.stat() if path is not None else None
        except (RemoteError, OSError):
            return None
        return None if about is None else (str(path), about.st_mtime_ns, about.st_size)

    async def open(self, asker: Asker) -> FleetLike:
        """Load the profile and make its fleet; the heavy imports happen in a thread while the first screen is up."""
        profile = await asyncio.to_thread(self._load)
        from remote.fleet import Fleet
        from remote.history import History
        from remote.opening import history_file

        history, self._history = self._history or History(history_file()), None
        return Fleet(profile, asker=asker, history=history)  # closes it

    def close(self) -> None:
        """Close the history that no fleet took."""
        if self._history is not None:
            self._history.close()

    def _found(self) -> Path | None:
        from remote.profiles import find_profile

        return self._path or find_profile(Path.cwd())

    def _load(self) -> Any:
        import remote.connection
        import remote.runs
        from remote.opening import nearest_profile

        assert remote.connection and remote.runs
        return nearest_profile(self._path)


def _with_results(row: RunSnapshot) -> RunSnapshot:
    """A remembered row with what lies on this laptop of its run now."""
    from remote.synced import status_here

    folder = Path(row.sync.folder)
    return replace(row, sync=status_here(folder, time.monotonic(), time.time())) if row.sync.folder else row

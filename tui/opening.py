"""How the app comes to its fleet: the profile is opened after the first paint, or made, and read anew as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from remote.errors import ConfigError, NoProfile, RemoteError
from remote.ssh_hosts import ssh_hosts
from tui.format import safe
from tui.messages import FleetFailed, FleetReady
from tui.screens.problem import ProblemScreen
from tui.screens.welcome import DEMO, WelcomeScreen
from tui.session import FleetLike, Opener, ProfileSession, VerbsLike
from tui.store import Store
from tui.verbs import VerbRunner

if TYPE_CHECKING:
    from remote.snapshot import RunSnapshot
    from tui.app import TrajvidApp

CLOSE_S = 2.0


class Opening:
    """Mixed into the app."""

    store: Store
    fleet: FleetLike | None
    read_only: bool
    failed: bool
    project: str
    asker: Any
    toast: Callable[..., None]
    _start: bool
    _opener: Opener
    _verbs: VerbsLike | None
    _session: ProfileSession | None
    _runner: VerbRunner | None
    _on_snapshot: Callable[[RunSnapshot], None]
    _rearrange: Callable[[], None]
    _stamp: object = None
    """Which profiles.yaml was read last: None before the first."""
    _missing = 0
    """How many looks in a row found none: an editor that replaces the file leaves a gap of one."""
    _streamed: str

    @property
    def _me(self) -> TrajvidApp:
        return cast("TrajvidApp", self)

    def _begin(self) -> None:
        self._me.run_worker(self._open(), exit_on_error=False)

    async def _open(self) -> None:
        """Open the fleet; what is wrong with the profile is a screen, not a traceback."""
        try:
            fleet = await self._first_fleet()
            if fleet is None:
                self._me.exit(0)
                return
            await self._take(fleet)
            if self._start and not self.read_only and self.fleet is not None and self._runner is not None:
                await self.fleet.settled({row.host for row in self.fleet.snapshots()})
                self._runner.launch_new()
        except RemoteError as exc:
            self._fail(exc)
        except Exception as exc:
            text = f"{type(exc).__name__}: {exc}"
            self._me.post_message(FleetFailed("An error of trajvid-tui itself", text, "please report it", 1))

    async def _first_fleet(self) -> FleetLike | None:
        """The fleet of the profile, or of one made because there was none; None if the person would rather leave."""
        try:
            return await self._opened()
        except NoProfile:
            if self._session is None:
                raise
            return await self._opened() if await self._welcome(self._session) else None

    async def _opened(self) -> FleetLike:
        self._stamp = self._session.stamp() if self._session is not None else None
        return await self._opener(self.asker)

    async def _take(self, fleet: FleetLike) -> None:
        """Show this fleet from now on, and let it begin."""
        if self._verbs is None:
            import remote.runs

            self._verbs = cast(VerbsLike, remote.runs)
        self.store.reset(fleet.snapshots())
        fleet.subscribe(self._on_snapshot)
        self.fleet, self._runner = fleet, VerbRunner(self._me, self._verbs)
        self._streamed = ""  # this fleet streams nobody's log yet
        self._me.post_message(FleetReady())
        await fleet.start()

    def _fail(self, exc: RemoteError) -> None:
        bad_profile = isinstance(exc, ConfigError)
        title = "The profile is not usable" if bad_profile else "Cannot begin"
        hint = exc.hint or ("mend the file, then start again" if bad_profile else "")
        self._me.post_message(FleetFailed(title, exc.message, hint, exc.exit_code))

    def on_fleet_ready(self, message: FleetReady) -> None:
        profile = getattr(self.fleet, "profile", None)
        self.project = safe(getattr(profile, "project", "") or self.project)
        self._rearrange()

    def on_fleet_failed(self, message: FleetFailed) -> None:
        self.failed = True
        self._rearrange()
        self._me.push_screen(ProblemScreen(message))

    # ------------------------------------------------------------------ without a profile

    async def _welcome(self, session: ProfileSession) -> bool:
        """Write a profile or make the demo, as the person chooses; False if that is neither."""
        folder = Path.cwd()
        chosen = await self._me.push_screen_wait(WelcomeScreen(folder, ssh_hosts(), read_only=self.read_only))
        if chosen is None:
            return False
        if chosen == DEMO:
            from tui.demo import make_demo

            session.use(await make_demo())
            self._start = True
        else:
            from remote.new_profile import write_profile
            from remote.profiles import FILE_NAME

            await write_profile(folder / FILE_NAME, alias=chosen.partition(":")[2])
            session.use(folder / FILE_NAME)
            self.toast(f"wrote {folder / FILE_NAME}: put your own branches and commands in; the app follows the file")
        return True

    # ------------------------------------------------------------------ a profile that changes

    def watch_profile(self) -> None:
        """Open the profile anew when the file has changed. What runs on the hosts does not notice."""
        session = self._session
        if session is None or self.fleet is None or self._stamp is None:
            return
        stamp = session.stamp()
        self._missing = 0 if stamp is not None else self._missing + 1
        if self._missing == 2:
            self.toast("It is gone. The app goes on with the profile as it was.", "warning", title="profiles.yaml")
        if stamp in (self._stamp, None):
            return
        self._stamp = stamp
        self._me.run_worker(self._reopen(), group="profile", exclusive=True, exit_on_error=False)

    async def _reopen(self) -> None:
        old = self.fleet
        try:
            fleet = await self._opened()
        except RemoteError as exc:
            self.toast(f"{exc.message}\nThe app goes on with the profile as it was.", "error", title="profiles.yaml")
            return
        await close_fleet(old)
        await self._take(fleet)
        self.toast("profiles.yaml was read anew")


async def close_fleet(fleet: FleetLike | None) -> None:
    """Close it, but not for long: nothing that runs depends on it."""
    if fleet is not None:
        try:
            await asyncio.wait_for(fleet.close(), CLOSE_S)
        except (TimeoutError, RemoteError, OSError):
            pass

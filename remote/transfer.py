"""Results on their way to the laptop: one run's folder, by rsync over the live connection, else by SFTP.

Nothing is ever deleted here; a sync that was cut off goes on where it was. The laptop keeps a floor of free space, and
takes no more in one sync than it was told to, whatever the host sends.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import WeakKeyDictionary

from remote import laptop_disk
from remote.bridge import Bridge
from remote.clean import clean
from remote.connection import Connection
from remote.doors import rsync_door
from remote.errors import FarSideError, RemoteError, ToolMissing, Unreachable
from remote.farside import FarSide
from remote.folders import private_folder
from remote.laptop_disk import check_space, local_error, no_space, while_allowed
from remote.local_program import Ended, run_program
from remote.rsync import VANISHED, Rsync, find_rsync, rsync_environment, too_large, updated_file
from remote.selection import Selection

TELL_EVERY_S = 0.05
QUOTA_SLACK_BYTES = 16 * 1024**2
"""What a transfer may bring beside files: names, sums, and what a file grew by since it was counted."""
_NOT_FOUND_ON_HOST = 127


@dataclass(frozen=True)
class Coming:
    """How far a transfer is."""

    bytes: int = 0
    """That came over the connection."""
    files: int = 0
    """That are whole."""
    file: str = ""
    """Name of the one on its way, for people."""


@dataclass(frozen=True)
class SyncResult:
    """What one sync brought."""

    files: int
    bytes: int
    """Bytes that came over the connection."""
    seconds: float
    method: str
    """`rsync` or `sftp`."""
    skipped: tuple[str, ...] = ()
    """Files over the size limit, cleaned."""
    notes: tuple[str, ...] = ()
    """What else somebody should know of it."""


async def sync_run(
    connection: Connection,
    far: FarSide,
    remote_run_dir: str,
    local: Path,
    *,
    on_progress: Callable[[Coming], None] | None = None,
    bandwidth_kib: int = 0,
    selection: Selection = Selection(),
    limit_bytes: int = 0,
    free_floor_bytes: int | None = None,
) -> SyncResult:
    """Bring what is new in a run's folder on the host into `local` (made 0700 if missing).

    `limit_bytes` bounds what may come over the connection; 0 is no limit. Raises `FarSideError` (`not_found`,
    `partial_sync`, `sync_failed`, `over_quota`), `ToolMissing`, `RemoteError` (`no_space_here`), and the connection's
    own errors.
    """
    probe = await far.ready()
    wish = _Wish(connection, remote_run_dir, local, _Meter(on_progress), bandwidth_kib, selection)
    rsync = await _rsync_here(connection) if probe.rsync is not None else None
    floor = laptop_disk.FREE_FLOOR_BYTES if free_floor_bytes is None else free_floor_bytes
    started = time.monotonic()

    def check() -> None:
        check_space(local, floor)
        if limit_bytes and wish.meter.now.bytes > limit_bytes:
            raise _over_quota(wish, limit_bytes)

    try:
        private_folder(local)
        check()
        got = await while_allowed(_by_rsync(wish, rsync), check) if rsync is not None else None
        if got is None:
            got = await while_allowed(_by_sftp(wish, far), check)
    except OSError as exc:
        raise local_error(exc, local) from exc
    wish.meter.end(got)
    return SyncResult(got.files, got.bytes, time.monotonic() - started, got.method, got.skipped)


_known_rsync: WeakKeyDictionary[Connection, Rsync] = WeakKeyDictionary()


async def _rsync_here(connection: Connection) -> Rsync | None:
    """The laptop's rsync, asked once a connection for what it can do: a sync without news is short."""
    known = _known_rsync.get(connection)
    if known is not None and os.access(known.path, os.X_OK):
        return known
    found = await find_rsync()
    if found is not None:
        _known_rsync[connection] = found
    return found


@dataclass(frozen=True)
class _Outcome:
    method: str
    files: int
    bytes: int
    skipped: tuple[str, ...]


@dataclass
class _Meter:
    """Counts what comes, and tells of it at most `TELL_EVERY_S` often: each word may redraw a row."""

    tell: Callable[[Coming], None] | None
    now: Coming = field(default_factory=Coming)
    _told_at: float = 0.0

    def received(self, count: int) -> None:
        self.now = replace(self.now, bytes=count)
        self._perhaps()

    def begins(self, name: str) -> None:
        """A file begins to come, so the one before it is whole."""
        self.now = replace(self.now, files=self.now.files + bool(self.now.file), file=name)
        self._perhaps()

    def end(self, outcome: _Outcome) -> None:
        self.now = Coming(outcome.bytes, outcome.files)
        if self.tell is not None:
            self.tell(self.now)

    def _perhaps(self) -> None:
        if self.tell is not None and (at := time.monotonic()) - self._told_at >= TELL_EVERY_S:
            self._told_at = at
            self.tell(self.now)


@dataclass(frozen=True)
class _Wish:
    connection: Connection
    source: str
    local: Path
    meter: _Meter
    bandwidth_kib: int
    selection: Selection

    @property
    def host(self) -> str:
        return self.connection.host.name


async def _by_rsync(wish: _Wish, rsync: Rsync) -> _Outcome | None:
    """None if the host has no rsync after all."""
    files = 0
    skipped: list[str] = []

    def read(line: str) -> None:
        nonlocal files
        if name := updated_file(line):
            files += 1
            wish.meter.begins(name)
        elif name := too_large(line):
            skipped.append(name)

    async with Bridge(wish.connection, rsync_door(wish.source), on_received=wish.meter.received) as bridge:
        argv = rsync.argv(
            bridge.command, str(wish.local.absolute()), bandwidth_kib=wish.bandwidth_kib, selection=wish.selection
        )
        ended = await run_program(argv, env={**rsync_environment(), **bridge.environment}, on_output=read)
    if bridge.code == _NOT_FOUND_ON_HOST:
        return None
    if ended.code not in (0, VANISHED):
        raise bridge.error or _rsync_error(wish, ended)
    return _Outcome("rsync", files, bridge.received, tuple(skipped))


def _rsync_error(wish: _Wish, ended: Ended) -> RemoteError:
    text = " ".join(ended.errors)
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return no_space(wish.local)
    if "change_dir" in text and "No such file" in text:
        return _not_found(wish)
    if ended.code == 23:
        return FarSideError(
            f"{wish.host}: some files did not come: {ended.reason}",
            hint="look at their permissions on the host; the others are here",
            code="partial_sync",
        )
    return FarSideError(f"{wish.host}: rsync failed: {ended.reason}", hint="try again", code="sync_failed")


async def _by_sftp(wish: _Wish, far: FarSide) -> _Outcome:
    import asyncssh

    from remote.sftp_copy import HostileName, SftpCopy

    ssh = await wish.connection.ssh()
    clock_s = (await far.call("probe", {"root": far.root})).get("clock_s")
    try:
        async with ssh.start_sftp_client(path_encoding=None) as sftp:
            began_s = int(clock_s) if isinstance(clock_s, (int, float)) and math.isfinite(clock_s) else 0
            meter = wish.meter
            copy = SftpCopy(sftp, wish.selection, wish.bandwidth_kib, meter.received, meter.begins, began_s)
            folder = os.open(wish.local, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                await copy.run(os.fsencode(wish.source), folder)
            finally:
                os.close(folder)
    except HostileName as exc:
        raise FarSideError(
            f"{wish.host}: {exc}", hint="look at the run's folder on the host", code="hostile_name"
        ) from exc
    except asyncssh.SFTPNoSuchFile as exc:
        raise _not_found(wish) from exc
    except (asyncssh.Error, OSError) as exc:
        raise _sftp_error(wish, exc, ssh.is_closed()) from exc
    if copy.failed:
        named = ", ".join(copy.failed[:3])
        raise FarSideError(
            f"{wish.host}: {len(copy.failed)} files did not come: {named}",
            hint="look at their permissions on the host; the others are here",
            code="partial_sync",
        )
    return _Outcome("sftp", copy.files, copy.received, tuple(copy.skipped))


def _sftp_error(wish: _Wish, exc: Exception, closed: bool) -> Exception:
    import asyncssh

    if closed or isinstance(exc, (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError)):
        return Unreachable(f"{wish.host}: connection lost during a sync")
    if isinstance(exc, OSError):
        return exc
    if isinstance(exc, asyncssh.ChannelOpenError):
        return ToolMissing(
            f"{wish.host}: rsync is missing here or there, and the host offers no SFTP",
            hint="install rsync on both sides",
            code="rsync_missing",
        )
    return FarSideError(f"{wish.host}: SFTP failed: {clean(str(exc))}", hint="try again", code="sync_failed")


def _not_found(wish: _Wish) -> FarSideError:
    return FarSideError(
        f"{wish.host}: no such run there: {clean(wish.source)}",
        hint="was its folder removed on the host?",
        code="not_found",
    )


def _over_quota(wish: _Wish, limit_bytes: int) -> FarSideError:
    return FarSideError(
        f"{wish.host}: more came than a run may take here ({limit_bytes // 2**20} MiB); the sync was stopped",
        hint="raise `quota_mib` of `sync:` in profiles.yaml, or `exclude` what is not needed here",
        code="over_quota",
    )

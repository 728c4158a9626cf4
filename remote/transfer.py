"""Results on their way to the laptop: one run's folder, by rsync over the live connection, else by SFTP.

Nothing is ever deleted here; a sync that was cut off goes on where it was. The laptop keeps a floor of free space,
whatever the host sends.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from remote.bridge import Bridge
from remote.clean import clean
from remote.connection import Connection
from remote.doors import rsync_door
from remote.errors import FarSideError, RemoteError, ToolMissing, Unreachable
from remote.farside import FarSide
from remote.folders import private_folder
from remote.local_program import Ended, run_program
from remote.rsync import VANISHED, Rsync, find_rsync, is_updated_file, rsync_environment, too_large

FREE_FLOOR_BYTES = 1024**3
MAX_FILE_BYTES = 64 * 1024**3
"""Larger files stay on the host and are named in the result."""
TELL_EVERY_S = 0.05
T = TypeVar("T")
_SPACE_CHECK_S = 0.5
_NOT_FOUND_ON_HOST = 127


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


async def sync_run(
    connection: Connection,
    far: FarSide,
    remote_run_dir: str,
    local: Path,
    *,
    on_bytes: Callable[[int], None] | None = None,
    bandwidth_kib: int = 0,
    everything: bool = False,
    max_file_bytes: int = MAX_FILE_BYTES,
    free_floor_bytes: int = FREE_FLOOR_BYTES,
) -> SyncResult:
    """Bring what is new in a run's folder on the host into `local` (made 0700 if missing).

    Without `everything`, of the checkpoints only best.pt and last.pt come. Raises `FarSideError` (`not_found`,
    `partial_sync`, `sync_failed`), `ToolMissing`, `RemoteError` (`no_space_here`), and the connection's own errors.
    """
    probe = await far.ready()
    wish = _Wish(connection, remote_run_dir, local, _now_and_then(on_bytes), bandwidth_kib, everything, max_file_bytes)
    rsync = await _rsync_here(connection) if probe.rsync is not None else None
    started = time.monotonic()
    try:
        private_folder(local)
        _check_space(local, free_floor_bytes)
        got = await _while_space(_by_rsync(wish, rsync), local, free_floor_bytes) if rsync is not None else None
        if got is None:
            got = await _while_space(_by_sftp(wish, far), local, free_floor_bytes)
    except OSError as exc:
        raise _local_error(exc, local) from exc
    if on_bytes is not None:
        on_bytes(got.bytes)
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
class _Wish:
    connection: Connection
    source: str
    local: Path
    on_bytes: Callable[[int], None] | None
    bandwidth_kib: int
    everything: bool
    max_file_bytes: int

    @property
    def host(self) -> str:
        return self.connection.host.name


@dataclass(frozen=True)
class _Outcome:
    method: str
    files: int
    bytes: int
    skipped: tuple[str, ...]


async def _by_rsync(wish: _Wish, rsync: Rsync) -> _Outcome | None:
    """None if the host has no rsync after all."""
    files = 0
    skipped: list[str] = []

    def count(line: str) -> None:
        nonlocal files
        files += is_updated_file(line)
        if name := too_large(line):
            skipped.append(name)

    async with Bridge(wish.connection, rsync_door(wish.source), on_received=wish.on_bytes) as bridge:
        argv = rsync.argv(
            bridge.command,
            str(wish.local.absolute()),
            bandwidth_kib=wish.bandwidth_kib,
            everything=wish.everything,
            max_file_bytes=wish.max_file_bytes,
        )
        ended = await run_program(argv, env={**rsync_environment(), **bridge.environment}, on_output=count)
    if bridge.code == _NOT_FOUND_ON_HOST:
        return None
    if ended.code not in (0, VANISHED):
        raise bridge.error or _rsync_error(wish, ended)
    return _Outcome("rsync", files, bridge.received, tuple(skipped))


def _rsync_error(wish: _Wish, ended: Ended) -> RemoteError:
    text = " ".join(ended.errors)
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return _no_space(wish.local)
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
            began_s = int(clock_s) if isinstance(clock_s, (int, float)) else 0
            copy = SftpCopy(sftp, wish.everything, wish.max_file_bytes, wish.bandwidth_kib, wish.on_bytes, began_s)
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


def _now_and_then(tell: Callable[[int], None] | None) -> Callable[[int], None] | None:
    """Pass on what is counted at most `TELL_EVERY_S` often: each call may redraw a row."""
    if tell is None:
        return None
    told_at = 0.0

    def count(received: int) -> None:
        nonlocal told_at
        if (now := time.monotonic()) - told_at >= TELL_EVERY_S:
            told_at = now
            tell(received)

    return count


async def _while_space(work: Coroutine[Any, Any, T], local: Path, floor: int) -> T:
    """Await `work`, cancelled as soon as the disk has less than `floor` free bytes."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=_SPACE_CHECK_S)
            if not task.done():
                _check_space(local, floor)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return task.result()


def _check_space(local: Path, floor: int) -> None:
    if shutil.disk_usage(local).free < floor:
        raise _no_space(local)


def _no_space(local: Path) -> RemoteError:
    return RemoteError(
        f"the disk that holds {clean(str(local))} is nearly full; the sync was stopped",
        hint="free some space, or set `results:` to another disk; nothing is lost on the host",
        code="no_space_here",
    )


def _local_error(exc: OSError, local: Path) -> RemoteError:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_space(local)
    return RemoteError(
        f"cannot write results to {clean(str(local))}: {clean(exc.strerror or str(exc))}",
        hint="check `results:` in the profile and its permissions",
        code="results_folder",
    )

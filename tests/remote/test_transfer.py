"""Results come over whole, incrementally, privately, by rsync or SFTP; nothing that the host does leaves the folder."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import stat
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote import transfer
from remote.connection import Connection
from remote.embedded import EmbeddedServer
from remote.errors import FarSideError, RemoteError, Unreachable
from remote.farside import FarSide
from remote.partial_file import coming, sweep
from remote.profiles import Host
from remote.rsync import Rsync, find_rsync, parse_help
from remote.selection import Selection
from remote.sftp_copy import HostileName, SftpCopy, check_name
from remote.transfer import Coming, sync_run
from tests.fixtures.ssh import FarHost, local_environment

needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="no rsync on this machine")
METHODS = [pytest.param("rsync", marks=needs_rsync), "sftp"]


@pytest.fixture
def run(far_host: FarHost) -> Path:
    """A run on the host, under a root with an awkward name."""
    return make_run(far_host.home / "odd ro'ot\n$(x)" / "runs" / "p" / "w" / "r")


def make_run(folder: Path) -> Path:
    for name, text in {
        "spec.json": "{}",
        "metrics.jsonl": '{"step":1}\n',
        "checkpoints/best.pt": "b" * 3000,
        "checkpoints/last.pt": "l",
        "checkpoints/epoch-1.pt": "e",
        "checkpoints/.tmp-last.pt": "half",
        "attempts/1/log": "narration",
        "artifacts/Üñí näme.png": "png",
        ".tmp-progress.json.1.2": "half",
        "artifacts/.git/config": "[core]\n\tfsmonitor = touch hacked",
        "artifacts/.ssh/config": "ProxyCommand touch hacked",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "artifacts" / "tool").write_text("#!/bin/sh\n")
    (folder / "artifacts" / "tool").chmod(0o4755)
    return folder


CAME = [
    "artifacts",
    "artifacts/tool",
    "artifacts/Üñí näme.png",
    "attempts",
    "attempts/1",
    "attempts/1/log",
    "checkpoints",
    "checkpoints/best.pt",
    "checkpoints/last.pt",
    "metrics.jsonl",
    "spec.json",
]


def age(folder: Path) -> None:
    """Let every file be of long ago."""
    for path in folder.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def force(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    if method == "sftp":

        async def nothing() -> None:
            return None

        monkeypatch.setattr(transfer, "find_rsync", nothing)


@pytest.mark.parametrize("method", METHODS)
async def test_a_run_comes_over_and_then_only_what_is_new(
    far_host: FarHost, run: Path, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    far = FarSide(far_host.connection, far_host.host)
    local = tmp_path / "results: of" / "w" / "r"
    age(run)
    counted: list[int] = []
    first = await sync_run(
        far_host.connection, far, str(run), local, on_progress=lambda coming: counted.append(coming.bytes)
    )
    assert (first.method, first.files) == (method, 7) and first.bytes == counted[-1] > 3000
    assert tree(local) == CAME
    assert (local / "checkpoints/best.pt").read_text() == "b" * 3000
    for path in [local.parent, local, *local.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    second = await sync_run(far_host.connection, far, str(run), local)
    assert second.files == 0 and second.bytes < first.bytes
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"step":2}\n')
    os.utime(run / "metrics.jsonl", (1_600_000_001, 1_600_000_001))
    (run / "checkpoints/last.pt").write_text("m")
    os.utime(run / "checkpoints/last.pt", (1_700_000_000, 1_700_000_000))
    (run / "attempts/1/log").unlink()
    third = await sync_run(far_host.connection, far, str(run), local)
    assert third.files == 2 and (local / "metrics.jsonl").read_text() == '{"step":1}\n{"step":2}\n'
    assert (local / "checkpoints/last.pt").read_text() == "m"
    assert (local / "attempts/1/log").exists(), "a sync never deletes"
    everything = await sync_run(far_host.connection, far, str(run), local, selection=Selection(everything=True))
    assert everything.files == 1 and (local / "checkpoints/epoch-1.pt").exists()


@pytest.mark.parametrize("method", METHODS)
async def test_progress_names_each_file_and_counts_those_that_are_whole(
    embedded: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    monkeypatch.setattr(transfer, "TELL_EVERY_S", 0.0)
    run = make_run(tmp_path / "run")
    told: list[Coming] = []
    far = FarSide(embedded.connection, embedded.host)
    selection = Selection(exclude=("attempts/*", "artifacts/tool"), include=("checkpoints/epoch-1.pt",))
    await sync_run(
        embedded.connection, far, str(run), tmp_path / "l", on_progress=told.append, selection=selection
    )  # fmt: skip
    names = list(dict.fromkeys(coming.file for coming in told if coming.file))
    assert set(names) == {
        "artifacts/Üñí näme.png", "attempts/1/log", "checkpoints/best.pt", "checkpoints/epoch-1.pt",
        "checkpoints/last.pt", "metrics.jsonl", "spec.json",
    }  # fmt: skip
    assert [coming.files for coming in told] == sorted(coming.files for coming in told)
    assert (told[-1].files, told[-1].file) == (7, "") and told[-1].bytes >= 3000


class SlowFile:
    """A file of an SFTP server that hands out what it is asked for."""

    async def __aenter__(self) -> SlowFile:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def read(self, size: int, _offset: int) -> bytes:
        return bytes(size)


class SlowServer:
    def open(self, _path: bytes, _mode: str) -> SlowFile:
        return SlowFile()


async def test_a_copy_by_sftp_keeps_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that only the copy's own sleeps move."""
    now, came = [0.0], list[tuple[float, int]]()

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("remote.sftp_copy.asyncio.sleep", sleep)
    monkeypatch.setattr("remote.sftp_copy.time.monotonic", lambda: now[0])
    server: Any = SlowServer()
    copy = SftpCopy(server, Selection(), bandwidth_kib=1024, on_bytes=lambda count: came.append((now[0], count)))
    folder = os.open(tmp_path, os.O_RDONLY)
    with coming(folder, b"x", 8 * 2**20, 1) as part:
        await copy._content(b"x", part, 8 * 2**20)
    os.close(folder)
    assert now[0] == pytest.approx(8.0) and len(came) == 8
    assert all(count <= (at + 1.0) * 2**20 for at, count in came)


@needs_rsync
async def test_rsync_keeps_to_its_limit(embedded: FarHost, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "big").write_bytes(os.urandom(2 * 2**20))
    far = FarSide(embedded.connection, embedded.host)
    result = await sync_run(embedded.connection, far, str(run), tmp_path / "l", bandwidth_kib=1024)
    assert result.seconds > 1.0, "2 MiB at 1 MiB/s: a starved machine only takes longer"


async def test_more_than_a_run_may_take_is_stopped(embedded: FarHost, tmp_path: Path) -> None:
    run = make_run(embedded.home / "run")
    (run / "big").write_bytes(os.urandom(8 * 2**20))
    far = FarSide(embedded.connection, embedded.host)
    with pytest.raises(FarSideError) as caught:
        await sync_run(
            embedded.connection, far, str(run), tmp_path / "l", limit_bytes=2**20, bandwidth_kib=2048
        )  # fmt: skip
    assert caught.value.code == "over_quota" and "quota_mib" in caught.value.hint


@pytest.mark.parametrize("method", METHODS)
async def test_a_checkpoint_replaced_within_its_second_comes_too(
    embedded: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same size, same second: what was written after our reading must not look like what we have."""
    force(monkeypatch, method)
    run = make_run(tmp_path / "run")
    age(run)
    far = FarSide(embedded.connection, embedded.host)
    second = int(time.time()) + 60  # no earlier than the syncs, however long they take
    for text in ("m", "n"):
        (run / "checkpoints/last.pt").write_text(text)
        at_ns = second * 10**9 + ord(text) * 10**6
        os.utime(run / "checkpoints/last.pt", ns=(at_ns, at_ns))
        await sync_run(embedded.connection, far, str(run), tmp_path / "results")
        assert (tmp_path / "results/checkpoints/last.pt").read_text() == text


@pytest.mark.parametrize("method", METHODS)
async def test_links_and_devices_of_a_hostile_host_stay_out(
    embedded: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    run = make_run(embedded.home / "run")
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (run / "artifacts/link").symlink_to(secret)
    (run / "artifacts/up").symlink_to("../../..")
    os.mkfifo(run / "artifacts/fifo")
    local = tmp_path / "local"
    await sync_run(embedded.connection, FarSide(embedded.connection, embedded.host), str(run), local)
    assert tree(local) == CAME


async def test_a_link_planted_on_the_laptop_is_not_followed(
    embedded: FarHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, "sftp")
    run = make_run(embedded.home / "run")
    outside, local = tmp_path / "outside", tmp_path / "local"
    outside.mkdir()
    local.mkdir()
    (outside / "victim").write_text("mine")
    (local / "artifacts").symlink_to(outside)
    (local / "spec.json").symlink_to(outside / "victim")
    far = FarSide(embedded.connection, embedded.host)
    with pytest.raises(RemoteError):
        await sync_run(embedded.connection, far, str(run), local)
    (local / "artifacts").unlink()
    await sync_run(embedded.connection, far, str(run), local)
    assert tree(outside) == ["victim"] and (outside / "victim").read_text() == "mine"
    assert not (local / "spec.json").is_symlink()


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/etc/passwd", b"a\0b", b"a\nb", b"\x1b[2J", b"\x7f"])
def test_names_that_are_no_names_are_refused(name: bytes) -> None:
    with pytest.raises(HostileName):
        check_name(name)


async def test_sftp_refuses_a_control_name_for_real(
    embedded: FarHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, "sftp")
    run = make_run(embedded.home / "run")
    (run / "evil\x1b]52;c;aGk=\x07").touch()
    with pytest.raises(FarSideError) as caught:
        await sync_run(embedded.connection, FarSide(embedded.connection, embedded.host), str(run), tmp_path / "l")
    assert caught.value.code == "hostile_name" and "\x1b" not in str(caught.value)


@pytest.mark.parametrize("method", METHODS)
async def test_files_over_the_limit_are_named(
    embedded: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    run = make_run(embedded.home / "run")
    with open(run / "bomb", "wb") as file:
        file.truncate(50 * 2**30)
    far = FarSide(embedded.connection, embedded.host)
    result = await sync_run(
        embedded.connection, far, str(run), tmp_path / "l", selection=Selection(max_file_bytes=2**20)
    )
    assert result.skipped == ("bomb",) and not (tmp_path / "l" / "bomb").exists()


async def test_a_folder_that_is_too_deep_is_named(
    embedded: FarHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, "sftp")
    monkeypatch.setattr("remote.sftp_copy.DEPTH_MAX", 2)
    run = make_run(embedded.home / "run")
    (run / "artifacts" / "deep").mkdir()
    (run / "artifacts" / "deep" / "er").write_text("x")
    result = await sync_run(embedded.connection, FarSide(embedded.connection, embedded.host), str(run), tmp_path / "l")
    assert result.skipped == ("artifacts/deep", "attempts/1") and (tmp_path / "l/artifacts/tool").exists()


async def test_free_space_floor_is_kept(embedded: FarHost, tmp_path: Path) -> None:
    run = make_run(embedded.home / "run")
    far = FarSide(embedded.connection, embedded.host)
    with pytest.raises(RemoteError) as caught:
        await sync_run(embedded.connection, far, str(run), tmp_path / "l", free_floor_bytes=2**62)
    assert caught.value.code == "no_space_here" and "results:" in caught.value.hint and tree(tmp_path / "l") == []


@pytest.mark.parametrize("method", METHODS)
async def test_disk_that_fills_during_a_sync_stops_it(
    embedded: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    run = make_run(embedded.home / "run")
    (run / "big").write_bytes(os.urandom(4 * 2**20))
    begun: list[int] = []
    real = shutil.disk_usage
    monkeypatch.setattr(
        "remote.laptop_disk.shutil.disk_usage",
        lambda path: real(path)._replace(free=0 if begun and begun[-1] > 2**18 else 2**40),
    )
    far = FarSide(embedded.connection, embedded.host)
    with pytest.raises(RemoteError) as caught:
        await sync_run(
            embedded.connection,
            far,
            str(run),
            tmp_path / "l",
            bandwidth_kib=512,
            on_progress=lambda coming: begun.append(coming.bytes),
        )
    assert caught.value.code == "no_space_here"
    assert (await embedded.connection.run("true")).code == 0


@pytest.mark.parametrize("method", METHODS)
async def test_missing_run_is_said(
    far_host: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    far = FarSide(far_host.connection, far_host.host)
    with pytest.raises(FarSideError) as caught:
        await sync_run(far_host.connection, far, str(far_host.home / "no such"), tmp_path / "l")
    assert caught.value.code == "not_found"


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("method", METHODS)
async def test_unreadable_file_is_named_and_the_rest_comes(
    embedded: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    run = make_run(embedded.home / "run")
    (run / "spec.json").chmod(0)
    far = FarSide(embedded.connection, embedded.host)
    with pytest.raises(FarSideError) as caught:
        await sync_run(embedded.connection, far, str(run), tmp_path / "l")
    assert caught.value.code == "partial_sync" and (tmp_path / "l/metrics.jsonl").exists()


@pytest.mark.parametrize("method", METHODS)
async def test_lost_connection_is_unreachable_and_the_next_sync_goes_on(
    far_host: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    run = make_run(far_host.home / "run")
    (run / "big").write_bytes(os.urandom(16 * 2**20))
    age(run)
    far = FarSide(far_host.connection, far_host.host)
    await far.ready()
    ssh = await far_host.connection.ssh()

    def cut(coming: Coming) -> None:
        if coming.bytes > 6 * 2**20:
            ssh.abort()

    local = tmp_path / "l"
    with pytest.raises(Unreachable):
        await sync_run(far_host.connection, far, str(run), local, on_progress=cut, bandwidth_kib=20_000)
    result = await sync_run(far_host.connection, far, str(run), local)
    assert (local / "big").read_bytes() == (run / "big").read_bytes()
    assert result.bytes < 14 * 2**20, "what had come over is not sent again"
    assert not list(local.rglob(".*"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    """An open folder, which is `tmp_path / "local"`."""
    (tmp_path / "local").mkdir()
    descriptor = os.open(tmp_path / "local", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_a_part_is_gone_on_from_only_for_the_same_file(folder: int, tmp_path: Path) -> None:
    def broken_off(size: int = 9, mtime_s: int = 5, error: Exception | None = None, **more: bool) -> int:
        with contextlib.suppress(Unreachable, OSError), coming(folder, b"a.pt", size, mtime_s, **more) as part:
            begun = part.done
            part.append(b"abc")
            raise error or Unreachable("gone")
        return begun

    assert [broken_off(), broken_off(), broken_off(size=8), broken_off(mtime_s=6)] == [0, 3, 0, 0]
    assert len(tree(tmp_path / "local")) == 3
    assert broken_off(mtime_s=7, lasting=False) == 0 and broken_off(mtime_s=7, lasting=False) == 0
    full = OSError(errno.ENOSPC, "full")
    assert broken_off(mtime_s=8, error=full) == 0 and broken_off(mtime_s=8, error=full) == 0
    with coming(folder, b"a.pt", 9, 5) as part:
        assert part.done == 6
        part.append(b"xyz")
        part.becomes(b"a.pt", 5 * 10**9)
        sweep(folder)
        with coming(folder, b"a.pt", 9, 6) as other:
            with coming(folder, b"a.pt", 9, 6) as second:
                assert other.name != second.name, "two copies at once do not mix"
                sweep(folder)
    assert (tmp_path / "local" / "a.pt").read_bytes() == b"abcabcxyz"
    sweep(folder)
    assert tree(tmp_path / "local") == ["a.pt"]


def test_a_part_is_of_one_file_private_and_whole_bytes(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: written(descriptor, data[:2]))  # as a disk may

    def broken_off(name: bytes, data: bytes = b"abc") -> int:
        with contextlib.suppress(ConnectionError), coming(folder, name, 9, 5) as part:
            begun = part.done
            part.append(data)
            raise ConnectionResetError
        return begun

    assert [broken_off(b"a"), broken_off(b"b"), broken_off(b"a"), broken_off(b"c", b"")] == [0, 0, 3, 0]
    parts = sorted((tmp_path / "local").iterdir(), key=lambda path: path.stat().st_size)
    assert [path.read_bytes() for path in parts] == [b"abc", b"abcabc"], "nothing of a file is no part of it"
    with coming(folder, b"a", 9, 5), coming(folder, b"a", 9, 5):
        assert all(not path.stat().st_mode & 0o077 for path in (tmp_path / "local").iterdir())
    if os.geteuid() == 0:
        os.chown(parts[0], 12345, -1)
        assert broken_off(b"b") == 0, "what another user laid there is not gone on from"


def test_what_stands_in_the_place_of_a_part_is_left_alone(folder: int, tmp_path: Path) -> None:
    with pytest.raises(Unreachable), coming(folder, b"a", 9, 5) as part:
        part.append(b"x")
        raise Unreachable("gone")
    local, victim = tmp_path / "local", tmp_path / "victim"
    [name] = tree(local)
    victim.write_text("mine")
    for plant in (local.joinpath(name).symlink_to, local.joinpath(name).hardlink_to):
        (local / name).unlink()
        plant(victim)
        with coming(folder, b"a", 9, 5) as part:
            part.append(b"x")
            part.becomes(b"a", 1)
        sweep(folder)
        assert victim.read_text() == "mine" and (local / "a").read_text() == "x"
    (local / name).unlink()
    os.mkfifo(local / name)
    with coming(folder, b"a", 9, 5) as part:
        assert part.done == 0 and os.fsencode(name) != part.name


@pytest.mark.parametrize("method", METHODS)
async def test_cancelled_sync_leaves_nothing_behind(
    embedded: FarHost, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(monkeypatch, method)
    run = make_run(embedded.home / "run")
    (run / "big").write_bytes(os.urandom(8 * 2**20))
    far = FarSide(embedded.connection, embedded.host)
    await far.ready()
    before = set(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else set()
    begun = asyncio.Event()
    task = asyncio.create_task(
        sync_run(
            embedded.connection, far, str(run), tmp_path / "l", bandwidth_kib=512, on_progress=lambda _: begun.set()
        )
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await embedded.connection.run("true")).code == 0
    left = [path for path in tree(tmp_path / "l") if ".tmp-" in path]
    assert left in ([], [".tmp-partial", ".tmp-partial/big"]), "only what the next sync goes on from"
    if before:
        async with asyncio.timeout(10):
            while not set(os.listdir("/proc/self/fd")) <= before:
                await asyncio.sleep(0.02)


@needs_rsync
async def test_many_syncs_share_one_connection(far_host: FarHost, tmp_path: Path) -> None:
    run = make_run(far_host.home / "run")
    far = FarSide(far_host.connection, far_host.host)
    results = await asyncio.gather(
        *(sync_run(far_host.connection, far, str(run), tmp_path / str(number)) for number in range(12))
    )
    assert {result.files for result in results} == {7} and len({tuple(tree(tmp_path / str(n))) for n in range(12)}) == 1


@pytest.fixture
async def bare(home: Path, tmp_path: Path) -> AsyncIterator[FarSide]:
    """A host that has only python and a shell."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "head"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    server = EmbeddedServer({**local_environment(home), "PATH": str(tools)})
    host = Host("bare", kind="embedded", root=str(home / ".trajvid"), python=sys.executable)
    connection = Connection(host, server=server)
    yield FarSide(connection, host)
    await connection.close()
    await server.close()


async def test_host_without_rsync_falls_back(bare: FarSide, home: Path, tmp_path: Path) -> None:
    run = make_run(home / "run")
    result = await sync_run(bare.connection, bare, str(run), tmp_path / "l")
    assert result.method == "sftp" and tree(tmp_path / "l") == CAME


@needs_rsync
async def test_host_whose_rsync_went_away_falls_back(bare: FarSide, home: Path, tmp_path: Path) -> None:
    """The exit code 127 comes through, though the probe said otherwise."""
    run = make_run(home / "run")
    probe = await bare.ready()
    object.__setattr__(probe, "rsync", "rsync version 3.2.7")
    assert (await sync_run(bare.connection, bare, str(run), tmp_path / "l")).method == "sftp"


def test_old_rsyncs_get_only_what_they_know_and_stay_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Rsync("/usr/bin/rsync", parse_help("usage: openrsync [-r] [--exclude] [--times] [--partial-dir=DIR]"))
    argv = old.argv("sh /tmp/x/rsh", "/l", bandwidth_kib=10, selection=Selection(max_file_bytes=5))
    assert "--partial-dir=.tmp-partial" in argv and not {"--links", "--perms", "--bwlimit=10"} & set(argv)
    for word in ("--delete", "-F", "-A", "-X", "-o", "-g", "-D", "-a"):
        assert word not in argv


@needs_rsync
async def test_the_rsync_here_knows_the_flags_of_the_design(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSYNC_RSH", "touch hacked")
    found = await find_rsync()
    assert found is not None
    argv = found.argv("sh x", "/l", bandwidth_kib=10, selection=Selection(True, max_file_bytes=5))
    for flag in ("--safe-links", "--chmod=D700,F600", "--sparse", "--max-size=5", "--exclude=.git/", "--exclude=.ssh/"):
        assert flag in argv
    assert "RSYNC_RSH" not in transfer.rsync_environment()

"""First contact: a Python is found, the bundle is brought once, refusals are errors with a next step."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from remote.bundle import build_bundle
from remote.connection import Connection
from remote.embedded import EmbeddedServer
from remote.errors import FarSideError, ToolMissing, Unreachable
from remote.farside import FarSide, Probe
from remote.onhost import arrival
from tests.fixtures.ssh import FarHost, local_environment

ROOTS = ["with space", "qu'o\"te$(touch hacked)`x`", "new\nline", "Üñí-日本", "~tilde"]


@pytest.fixture
def bundles() -> None:
    """Every host begins without the code."""


async def test_ready_probes_and_brings_the_bundle_once(far_host: FarHost) -> None:
    far = FarSide(far_host.connection, far_host.host)
    probe = await far.ready()
    assert probe.root == far.root == str(far_host.root) and probe.python.startswith("3.") and probe.free_bytes > 0
    bundle = Path(far.bundle)
    assert bundle.name == build_bundle().digest and (bundle / "remote/onhost/__main__.py").exists()
    assert bundle.stat().st_mode & 0o777 == 0o700 and (bundle / "wire/codec.py").stat().st_mode & 0o077 == 0
    made = bundle.stat().st_mtime_ns, (bundle / arrival.MARKER).stat().st_mtime_ns
    assert (await far.call("status", {"root": far.root, "project": "p", "worker": ""}))["runs"] == []
    again = FarSide(far_host.connection, far_host.host)
    await again.ready()
    assert (bundle / arrival.MARKER).stat().st_mtime_ns == made[1], "the bundle must not be sent twice"
    assert not list(bundle.parent.glob(".tmp-*"))


async def test_probe_is_asked_once_a_connection(far_host: FarHost) -> None:
    far = FarSide(far_host.connection, far_host.host)
    first, second = await asyncio.gather(far.ready(), far.ready())
    assert first is second
    (await far_host.connection.ssh()).abort()
    await far_host.connection.lost()
    assert await far.ready() is not first


@pytest.mark.parametrize("name", ROOTS)
async def test_any_root_works(embedded: FarHost, name: str) -> None:
    host = dataclasses.replace(embedded.host, root=f"~/{name}/deep")
    far = FarSide(embedded.connection, host)
    await far.ready()
    assert far.root == str(embedded.home / name / "deep")
    answer = await far.call("repository", {"root": far.root, "project": "p"})
    assert answer["path"] == str(embedded.home / name / "deep" / "repos" / "p.git")
    assert not (embedded.home / "hacked").exists()


async def test_damaged_bundle_is_replaced(embedded: FarHost) -> None:
    far = FarSide(embedded.connection, embedded.host)
    await far.ready()
    target = Path(far.bundle) / "wire" / "codec.py"
    for damage in (lambda: target.write_text("cut"), target.unlink, (Path(far.bundle) / arrival.MARKER).unlink):
        damage()
        await FarSide(embedded.connection, embedded.host).ready()
        assert arrival.is_whole(far.bundle) and target.stat().st_size > 100


async def test_bundle_that_was_tidied_away_comes_back(embedded: FarHost) -> None:
    far = FarSide(embedded.connection, embedded.host)
    await far.ready()
    shutil.rmtree(Path(far.bundle))
    assert (await far.call("status", {"root": far.root, "project": "p", "worker": ""}))["ok"]


async def test_many_laptops_at_once(embedded: FarHost) -> None:
    sides = [FarSide(embedded.connection, embedded.host) for _ in range(4)]
    await asyncio.gather(*(side.ready() for side in sides))
    folder = Path(sides[0].bundle).parent
    assert [path.name for path in folder.iterdir()] == [build_bundle().digest]


def fake_python(folder: Path, version: str) -> Path:
    """A program that says it is an old Python, and refuses what an old Python would refuse."""
    path = folder / f"python-{version}"
    path.write_text(f'#!/bin/sh\ncase "$1" in -V) echo Python {version} >&2;; *) exit 1;; esac\n')
    path.chmod(0o755)
    return path


async def with_path(home: Path, path: Path, python: str) -> FarSide:
    """A far side whose PATH is only `path`."""
    from remote.profiles import Host

    server = EmbeddedServer({**local_environment(home), "PATH": str(path)})
    host = Host("box", kind="embedded", root=str(home / ".trajvid"), python=python)
    return FarSide(Connection(host, server=server), host)


async def close(far: FarSide) -> None:
    await far.connection.close()
    await far.connection._server.close()  # type: ignore[union-attr]


async def test_no_python_and_an_old_one_are_told_apart(home: Path) -> None:
    tools = home / "bin"
    tools.mkdir()
    for tool in ("sh", "head"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    far = await with_path(home, tools, "python3")
    with pytest.raises(FarSideError) as caught:
        await far.ready()
    assert caught.value.code == "no_python" and "python:" in caught.value.hint
    await close(far)
    far = await with_path(home, tools, str(fake_python(tools, "3.6.8")))
    with pytest.raises(FarSideError) as caught:
        await far.ready()
    assert caught.value.code == "python_too_old" and "3.6.8" in str(caught.value)
    await close(far)


async def test_another_python_is_taken_if_the_named_one_is_too_old(home: Path) -> None:
    tools = home / "bin"
    tools.mkdir()
    for tool in ("sh", "head"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    (tools / "python3.11").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python3.11").chmod(0o755)
    far = await with_path(home, tools, str(fake_python(tools, "2.7.18")))
    assert (await far.ready()).git is None
    with pytest.raises(ToolMissing) as caught:
        await far.call("repository", {"root": far.root, "project": "p"})
    assert caught.value.code == "git_missing" and caught.value.hint
    await close(far)


async def test_root_that_cannot_be_made(embedded: FarHost) -> None:
    (embedded.home / "file").touch()
    host = dataclasses.replace(embedded.host, root=str(embedded.home / "file" / "root"))
    with pytest.raises(FarSideError) as caught:
        await FarSide(embedded.connection, host).ready()
    assert caught.value.code == "no_permission" and "root:" in caught.value.hint


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full to make a full disk")
def test_full_disk_is_an_answer(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")
    assert arrival.system_refusal(caught.value)["code"] == "no_space"


def test_upload_that_was_cut_off_leaves_nothing(tmp_path: Path) -> None:
    bundle = build_bundle()
    head = json.dumps({"root": str(tmp_path / "r"), "digest": bundle.digest, "size": len(bundle.data)}).encode() + b"\n"
    program = [sys.executable, "-I", "-S", arrival.__file__]
    done = subprocess.run(program, input=head + bundle.data[:-100], capture_output=True, check=True)
    assert json.loads(done.stdout)["code"] == "cut_off"
    assert list((tmp_path / "r" / "bundles").iterdir()) == []


async def test_refusals_carry_the_hosts_word_and_are_cleaned(embedded: FarHost) -> None:
    far = FarSide(embedded.connection, embedded.host)
    with pytest.raises(FarSideError) as caught:
        await far.call(
            "worktree", {"root": "~/x", "project": "evil\x1b]52;c;aGk=\x07", "worker": "w", "commit": "0" * 40}
        )
    assert caught.value.code == "bad_name" and "\x1b" not in str(caught.value) and "local" in str(caught.value)
    with pytest.raises(FarSideError) as caught:
        await far.call("no-such-verb", {})
    assert caught.value.code == "unknown_verb"


async def test_crash_on_the_host_is_one_clean_line(embedded: FarHost) -> None:
    far = FarSide(embedded.connection, embedded.host)
    await far.ready()
    far.python = "/nonexistent/\x1b[2Jpython"
    with pytest.raises(FarSideError) as caught:
        await far.call("status", {})
    assert caught.value.code == "far_crash" and "\x1b" not in str(caught.value) and "\n" not in str(caught.value)
    far.command = lambda verb, *argv: "yes | head -c 100000 | tr -d '\\n'"  # type: ignore[method-assign]
    with pytest.raises(FarSideError) as caught:
        await far.call("status", {})
    assert caught.value.code == "far_crash" and len(str(caught.value)) < 500 and "hosts" in caught.value.hint


async def test_connection_lost_is_unreachable(embedded: FarHost) -> None:
    await embedded.connection.close()
    with pytest.raises(Unreachable):
        await FarSide(embedded.connection, embedded.host).ready()


def test_probe_takes_what_it_knows() -> None:
    probe = Probe.from_answer({"python": 3, "git": None, "rsync": "rsync 3", "clock_s": 5, "new_field": 1, "cpus": 4})
    assert probe == Probe(rsync="rsync 3", clock_s=5.0, cpus=4)

"""The small verbs: probe and tail; what the machine says of itself."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from remote.onhost.machine import parse_gpus
from remote.onhost.polling import on_network
from remote.onhost.probe import first_line
from remote.onhost.tail import tail_of
from tests.onhost.far import PROJECT, Far


def test_a_probe_says_what_is_there(far: Far) -> None:
    answer = far.ask("probe")
    assert (answer["ok"], answer["python"], answer["executable"]) == (True, platform.python_version(), sys.executable)
    assert (answer["root"], answer["flock"], answer["platform"]) == (far.root, True, sys.platform)
    assert os.stat(far.root).st_mode & 0o777 == 0o700
    assert answer["free_bytes"] > 0
    assert answer["cpus"] >= 1
    assert not os.listdir(far.root)


def test_a_probe_expands_the_home(far: Far, tmp_path: Path) -> None:
    far.env["HOME"] = str(tmp_path)
    far.root = "~/far away"
    assert far.ask("probe")["root"] == str(tmp_path / "far away")
    for bad in ("relative", "/\0", "/\ud800", 7, None):
        assert far.ask("probe", root=bad)["code"] == "bad_request", bad


def test_a_root_that_cannot_be_made_is_an_answer(far: Far, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    far.root = str(tmp_path / "file" / "root")
    answer = far.ask("probe")
    assert (answer["ok"], answer["code"]) == (False, "bad_root")
    assert far.root in answer["message"]


def test_missing_and_broken_programs_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = tmp_path / "stub"
    stub.write_text("#!/bin/sh\necho install me; exit 1\n")
    stub.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert first_line(["stub"]) is None
    assert first_line(["missing"]) is None


def test_a_tail_is_the_last_lines(far: Far) -> None:
    run = far.launch("sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; printf unfinished")
    far.end(run)
    answer = far.ask("tail", project=PROJECT, worker="w", lines=3)
    assert answer["lines"] == ["line 4", "line 5", "unfinished"]
    assert (answer["size"], answer["attempts"]) == (os.path.getsize(run.log), [[0, 1]])
    assert answer["skipped_bytes"] == len("line 1\nline 2\nline 3\n")
    assert far.ask("tail", project=PROJECT, worker="nobody")["code"] == "not_found"
    assert far.ask("tail", project=PROJECT, worker="w", attempt=1)["lines"] == []


@pytest.mark.parametrize(
    ("data", "lines", "max_bytes", "expected", "skipped"),
    [
        (b"", 5, 100, [], 0),
        (b"a\nb\n", 5, 100, ["a", "b"], 0),
        (b"a\n\n", 5, 100, ["a", ""], 0),
        (b"aaaa\nbb\ncc\n", 5, 7, ["bb", "cc"], 5),
        (b"aaaa\nbb\ncc\n", 1, 100, ["cc"], 8),
        (b"\xff" * 9, 5, 4, ["\ufffd" * 4], 5),
    ],
)
def test_tails(tmp_path: Path, data: bytes, lines: int, max_bytes: int, expected: list[str], skipped: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(data)
    assert tail_of(str(path), lines, max_bytes) == {"lines": expected, "skipped_bytes": skipped, "size": len(data)}


def test_a_log_that_is_no_file_is_refused(far: Far, tmp_path: Path) -> None:
    run = far.launch("true")
    far.end(run)
    os.unlink(run.log)
    os.mkfifo(run.log)
    assert far.ask("tail", project=PROJECT, worker="w")["code"] == "not_a_file"
    os.unlink(run.log)
    os.symlink("/etc/passwd", run.log)
    assert far.ask("tail", project=PROJECT, worker="w")["code"] == "not_a_file"


def test_gpus() -> None:
    text = (
        "0, NVIDIA A100-SXM4-80GB, 12595, 81559, 87, 251.34, 400.00, 61\n"
        "1, Tesla T4, 4, 15360, [N/A], [N/A], [N/A], 33\n"
        "2, old, [N/A], [Not Supported], nan, inf, , x\nNo devices were found\nx, y\n"
        "3, NVIDIA H200, 0, 143771, 0, 79.10, 700.00, 41\n"  # as driver 580.159 said it
    )
    mib = 1024**2
    assert parse_gpus(text) == [
        {"index": 0, "name": "NVIDIA A100-SXM4-80GB", "memory_used_bytes": 12595 * mib, "busy_percent": 87,
         "memory_total_bytes": 81559 * mib, "power_w": 251, "power_limit_w": 400, "temperature_c": 61},
        {"index": 1, "name": "Tesla T4", "memory_used_bytes": 4 * mib, "memory_total_bytes": 15360 * mib,
         "temperature_c": 33},
        {"index": 2, "name": "old"},
        {"index": 3, "name": "NVIDIA H200", "memory_used_bytes": 0, "memory_total_bytes": 143771 * mib,
         "busy_percent": 0, "power_w": 79, "power_limit_w": 700, "temperature_c": 41},
    ]  # fmt: skip


def test_network_file_systems_are_known(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/sdb /home/local\\040disk xfs rw 0 0\n"
        "host /mnt/s fuse.sshfs rw 0 0\nbroken\n"
    )
    found = {
        path: on_network(path, str(mounts)) for path in ("/x", "/home/a", "/homes", "/home/local disk/a", "/mnt/s")
    }
    assert found == {"/x": False, "/home/a": True, "/homes": False, "/home/local disk/a": False, "/mnt/s": True}
    assert on_network("/", str(tmp_path / "missing")) is False


def test_the_far_side_imports_nothing_but_the_standard_library_and_wire() -> None:
    """With -I -S there is nothing else to import, so it is enough to import all of it."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import importlib, os, remote.onhost as package\n"
        "names = [name[:-3] for name in os.listdir(package.__path__[0]) if name.endswith('.py')]\n"
        "[importlib.import_module('remote.onhost.' + name) for name in names]\n"
        "print(len(names))\n"
    )
    from remote.onhost.__main__ import bundle_path

    argv = [sys.executable, "-I", "-S", "-W", "error", "-c", script, bundle_path()]
    assert int(subprocess.check_output(argv)) > 20

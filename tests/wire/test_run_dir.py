"""The two ways to write a file: a reader never sees a part, and lines of several writers never mix."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wire.run_dir import TEMPORARY_PREFIX, Root, RunDir, append_line, attempt_id, attempt_number, replace_file


def test_a_reader_sees_the_old_or_the_new_content_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    sizes = (10, 100_000)
    replace_file(str(path), b"x" * sizes[0])
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(len(path.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(400):
        replace_file(str(path), b"x" * sizes[turn % 2])
    stop.set()
    reader.join()
    assert seen <= set(sizes)
    assert not [name for name in os.listdir(tmp_path) if name.startswith(TEMPORARY_PREFIX)]


def test_a_failed_write_leaves_the_old_content_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    replace_file(str(path), b"old")
    with pytest.raises(TypeError):
        replace_file(str(path), "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["progress.json"]


def test_files_are_private_from_birth(tmp_path: Path) -> None:
    replace_file(str(tmp_path / "a"), b"x")
    append_line(str(tmp_path / "b"), b"x")
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [0o600, 0o600]


def test_lines_of_two_processes_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    code = (
        "import sys; from wire.run_dir import append_line\n"
        "for turn in range(300): append_line(sys.argv[1], (sys.argv[2] * 500).encode())"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    lines = path.read_text().splitlines()
    assert len(lines) == 600 and set(lines) == {"a" * 500, "b" * 500}


def test_names_of_the_tree() -> None:
    run = Root("/home/u/.trajvid").run("demo-1a2b", "keypoint-a", "20260101T000000-abc1234-9f9f")
    assert run.spec == "/home/u/.trajvid/runs/demo-1a2b/keypoint-a/20260101T000000-abc1234-9f9f/spec.json"
    assert run.attempt(2).exit.endswith("/attempts/2/exit")


def test_the_newest_attempt_is_the_largest_number(tmp_path: Path) -> None:
    run = RunDir(str(tmp_path))
    assert run.last_attempt() == 0
    for name in ("1", "2", "10", "notes"):
        (tmp_path / "attempts" / name).mkdir(parents=True)
    assert run.last_attempt() == 10


def test_attempt_ids_go_both_ways() -> None:
    assert attempt_number(attempt_id("20260101T000000-abc1234-9f9f", 3)) == 3
    assert attempt_number("no-number") is None

"""Whatever write of ours fails, once or for ever: the work goes on, no record is half, no launch is half."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote.history import History
from remote.onhost import launchers
from remote.onhost import outcome as outcome_module
from remote.onhost.beats import Beats
from remote.onhost.launch import launch
from remote.onhost.outcome import Outcome, write_exit
from remote.onhost.parts import read_part
from remote.onhost.request import Refusal
from remote.onhost.spawn import Claim
from tests.security.failing_writes import SHORT, Disk, disks
from trainer.reporter import Reporter
from wire.codec import WireError, decode
from wire.records import EXIT_BYTES, Action, Heartbeat, JobRecord, MetricPoint, Progress
from wire.run_dir import TEMPORARY_PREFIX, AttemptDir, Root, RunDir, append_line, replace_file
from wire.state import State

RUN = "20260101T000000-abcdef0-9f9f"

everyway = pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
every_fault = pytest.mark.parametrize(
    "fault",
    [
        pytest.param(errno.EIO, id="EIO", marks=pytest.mark.slow),  # seconds, and the same ways as a full disk
        pytest.param(errno.ENOSPC, id="ENOSPC"),
        pytest.param(SHORT, id="short"),
    ],
)


def each_disk(fault: int, for_ever: bool, folder: Path) -> Iterator[tuple[Disk, Path]]:
    """Each failing disk, with a folder of its own."""
    for disk in disks(fault, for_ever):
        place = folder / str(disk.fail_at)
        place.mkdir(mode=0o700)
        yield disk, place


def while_failing(disk: Disk, act: Callable[[], object]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        disk.install(patch)
        act()


def whole_lines(path: str) -> list[dict[str, Any]]:
    """The lines that a reader takes: what is no object is passed over."""
    found = []
    if os.path.exists(path):
        for line in Path(path).read_bytes().splitlines():
            with contextlib.suppress(WireError):
                found.append(decode(line))
    return found


def unfinished(folder: str) -> list[str]:
    return [name for _, _, names in os.walk(folder) for name in names if name.startswith(TEMPORARY_PREFIX)]


@every_fault
@everyway
def test_the_reporter_never_ends_a_training(fault: int, for_ever: bool, tmp_path: Path) -> None:
    for disk, folder in each_disk(fault, for_ever, tmp_path):
        run = RunDir(str(folder))
        reporter = Reporter(run, f"{RUN}.1", lambda progress, important: None)

        def work(reporter: Reporter = reporter) -> None:
            for step in range(1, 4):
                reporter.log_metrics(step, step / 10, {"loss": 1 / step})
                reporter.update(force=True, step=step, phase="train")
            reporter.cut_metrics(2)

        while_failing(disk, work)
        assert disk.failures or not reporter.failures
        # A buffer writes the rest of what was cut short, once there is room: no failure.
        assert reporter.failures or not disk.failures or (fault == SHORT and not for_ever)
        assert unfinished(run.path) == []
        if os.path.exists(run.progress):
            Progress.from_bytes(Path(run.progress).read_bytes())
        steps = [MetricPoint.from_dict(line).step for line in whole_lines(run.metrics)]
        assert steps == sorted(set(steps)), "no line is there twice"
        lost = 0 if not disk.failures else 1
        assert for_ever or len(set(steps) & {1, 2}) >= 2 - lost, f"one failure may cost one line: {steps}"
        reporter.log_metrics(9, 0.9, {"loss": 0.1})
        reporter.update(force=True, step=9)
        assert Progress.from_bytes(Path(run.progress).read_bytes()).step == 9
        assert whole_lines(run.metrics)[-1]["step"] == 9, "the disk works again, and so does the reporter"


@every_fault
@everyway
def test_beats_go_on(fault: int, for_ever: bool, tmp_path: Path) -> None:
    for disk, folder in each_disk(fault, for_ever, tmp_path):
        run = RunDir(str(folder))
        Path(run.log).write_bytes(b"a line\n")
        beats = Beats(run, f"{RUN}.1", 60.0)

        def work(beats: Beats = beats) -> None:
            for state in (State.STARTING, State.RUNNING):
                beats.say(state)

        while_failing(disk, work)
        assert unfinished(run.path) == []
        if os.path.exists(run.heartbeat):
            assert Heartbeat.from_bytes(Path(run.heartbeat).read_bytes()).seq in (1, 2)
        beats.say(State.RUNNING)
        assert Heartbeat.from_bytes(Path(run.heartbeat).read_bytes()).seq == 3
        assert Path(run.heartbeat_text).read_bytes().splitlines()[-1].endswith(b"#3 running")


@every_fault
@everyway
def test_an_exit_record_is_there_or_not(
    fault: int, for_ever: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_module, "AGAIN_S", 0.001)
    record = Outcome(State.FAILED, 3, "exit code 3").record(f"{RUN}.1")
    for disk, folder in each_disk(fault, for_ever, tmp_path):
        attempt = AttemptDir(str(folder))
        Path(attempt.exit).write_bytes(b" " * (EXIT_BYTES - 1) + b"\n")

        def work(attempt: AttemptDir = attempt) -> None:
            with contextlib.suppress(OSError):
                write_exit(attempt, record, patience_s=0.01 if for_ever else 30.0)

        while_failing(disk, work)
        found = read_part(attempt.exit)
        assert found["code"] == 3 if found is not None else for_ever, "one failure loses nothing"
        assert os.path.getsize(attempt.exit) == EXIT_BYTES
        assert found is not None or disk.failures, "a record that was written is read"
        write_exit(attempt, record)
        assert (read_part(attempt.exit) or {})["code"] == 3


def supervised(claim: Claim, lock: int, secrets: dict[str, str]) -> int:
    """What a supervisor does first, in this process: its job record."""
    job = JobRecord(claim.attempt, claim.nonce, os.getpid(), 0, "boot", 1.0)
    replace_file(claim.run_dir.attempt(claim.number).job, job.to_line())
    return os.getpid()


@every_fault
@everyway
def test_a_launch_is_whole_or_nothing(
    fault: int, for_ever: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launchers, "spawn", supervised)
    for disk, folder in each_disk(fault, for_ever, tmp_path):
        root = Root(str(folder))
        spec = {"run": RUN, "project": "p", "worker": "w", "nonce": "nonce-1", "command": ["true"], "cwd": ""}
        asked = {"root": root.path, "spec": spec, "by": "ada@laptop"}
        answers: list[dict[str, Any]] = []

        def work(asked: dict[str, Any] = asked, answers: list[dict[str, Any]] = answers) -> None:
            with contextlib.suppress(OSError, Refusal):
                answers.append(launch(asked))

        while_failing(disk, work)
        run = root.run("p", "w", RUN)
        started = read_part(run.attempt(1).job) is not None
        assert bool(answers) == started, "started means answered, refused means that nothing is there"
        assert started or not os.path.exists(run.path)
        again = launch(asked)
        assert again["attempt"] == f"{RUN}.1" and again["already"] is started
        assert json.loads(Path(run.spec).read_bytes())["command"] == ["true"]
        assert os.listdir(run.attempts) == ["1"] and unfinished(root.path) == []


def test_a_line_after_one_that_broke_off_is_whole(tmp_path: Path) -> None:
    """The disk was full in the middle of a line, and then it was not."""
    path = str(tmp_path / "lines.jsonl")
    append_line(path, b'{"a": 1}')
    disk = Disk(fail_at=2, fault=SHORT)
    with contextlib.suppress(OSError):
        while_failing(disk, lambda: append_line(path, b'{"a": 2}'))
    assert disk.failures
    append_line(path, b'{"a": 3}')
    assert [line["a"] for line in whole_lines(path)] == [1, 3]


@pytest.mark.parametrize("pages", [1, 5, 8])
def test_a_history_without_room_is_no_reason_to_stop(pages: int, tmp_path: Path) -> None:
    """SQLite writes past Python, so its file may not grow over so many pages."""
    history = History(tmp_path / "history.sqlite")
    history._database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(40):
        history.record("p", "w", Action("launch", "ada", float(number), "x" * 500, "started", "r.1"))
    assert "full" in history.warning
    kept = len(history.actions("p"))
    history._database.execute("PRAGMA max_page_count = 100000")
    history.record("p", "w", Action("stop", "ada", 99.0, "", "stopped", "r.1"))
    newest = history.actions("p")
    assert len(newest) == kept + 1 and newest[0][1].verb == "stop"
    history.close()

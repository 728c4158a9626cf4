"""The supervisor runs any command, proves that it lives, and records how it ended."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

import pytest

from remote.onhost import beats as beats_module
from remote.onhost.beats import Beats
from tests.onhost.far import Far, lines, record, wait_for
from wire.records import EXIT_BYTES, ExitRecord, Heartbeat
from wire.run_dir import AttemptDir, RunDir
from wire.state import State

REPORTING = """
import json, os, time
folder, attempt = os.environ["TRAJVID_RUN_DIR"], os.environ["TRAJVID_ATTEMPT"]
def report(seq):
    progress = dict(attempt=attempt, seq=seq, at_s=time.time(), phase="train", step=seq * 10, total_steps=50,
                    message=f"loss 0.{seq}")
    with open(folder + "/.tmp-p", "w") as file:
        json.dump(progress, file)
    os.replace(folder + "/.tmp-p", folder + "/progress.json")
report(1)
while not os.path.exists("go"):
    time.sleep(0.02)
report(2)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("command", "state", "code", "reason"),
    [
        (["true"], "completed", 0, ""),
        (["sh", "-c", "echo oh no >&2; exit 3"], "failed", 3, "exit code 3"),
        (["sh", "-c", "kill -SEGV $$"], "failed", 139, "killed by SIGSEGV"),
        (["no-such-pyhton", "x"], "failed", None, "no such file: no-such-pyhton"),
        (["/proc/version"], "failed", None, "not executable: /proc/version"),
        (["./nothing"], "failed", None, "no such file: ./nothing"),
    ],
)
def test_how_it_ended(far: Far, command: list[str], state: str, code: int | None, reason: str) -> None:
    run = far.launch(*command)
    ended = far.end(run)
    assert (ended["state"], ended["code"], ended["reason"]) == (state, code, reason)
    assert os.path.getsize(run.attempt(1).exit) == EXIT_BYTES
    events = lines(run.events)
    assert [event["kind"] for event in events] == ["started", "ended"]
    if code == 3:
        assert ended["last_line"] == "oh no"
    wait_for(lambda: not far.family(), "the supervisor's leaving")
    assert far.facts()["why"] == "gone"


def test_a_missing_folder_is_named(far: Far) -> None:
    ended = far.end(far.launch("true", cwd="/no/such/folder"))
    assert (ended["state"], ended["reason"]) == ("failed", "no such folder: /no/such/folder")


def test_the_works_environment(far: Far, tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd()); print(sys.executable); print(*(os.environ[n] for n in sys.argv[1:]))"
    names = ["TRAJVID_RUN_DIR", "TRAJVID_ATTEMPT", "TRAJVID_NONCE", "PYTHONUNBUFFERED", "LR", "TOKEN"]
    command = ["{python}", "-c", script, *names]
    run = far.launch(*command, env={"LR": "0.1"}, secrets={"TOKEN": "t"}, cwd=str(tmp_path))
    assert far.end(run)["code"] == 0
    name = os.path.basename(run.path)
    with open(run.log, encoding="utf-8") as file:
        assert file.read().splitlines() == [
            str(tmp_path), sys.executable, f"{run.path} {name}.1 {far.nonce()} 1 0.1 t",
        ]  # fmt: skip


def test_a_beat_carries_what_the_work_reports(far: Far) -> None:
    run = far.launch(sys.executable, "-c", REPORTING)
    beat = wait_for(lambda: (b := record(run.heartbeat)) and b["progress_seq"] == 1 and b)
    assert (beat["state"], beat["phase"], beat["step"]) == ("running", "train", 10)
    assert beat["text"] == "running, train, step 10 of 50: loss 0.1"
    older = wait_for(lambda: (b := record(run.heartbeat)) and b["progress_age_s"] > 0.5 and b)
    assert older["seq"] > beat["seq"]
    Path(run.path, "go").touch()
    newer = wait_for(lambda: (b := record(run.heartbeat)) and b["progress_seq"] == 2 and b)
    assert newer["progress_age_s"] < older["progress_age_s"]
    Heartbeat.from_dict(newer)
    with open(run.heartbeat_text, encoding="utf-8") as file:
        assert file.read().count("step 10 of 50: loss 0.1\n") >= 2
    far.stop(kill=True)


def test_it_beats_though_the_work_hangs(far: Far) -> None:
    run = far.launch("sleep", "60")
    child = wait_for(lambda: (record(run.heartbeat) or {}).get("child_pid"))
    os.kill(child, signal.SIGSTOP)
    seq = record(run.heartbeat)["seq"]  # type: ignore[index]
    wait_for(lambda: record(run.heartbeat)["seq"] > seq + 2)  # type: ignore[index]
    assert record(run.heartbeat)["progress_age_s"] is None, "no progress reported is not an age"  # type: ignore[index]
    assert far.stop(grace_s=0.3)["stopped"]


def test_usr1_is_passed_on_and_hup_ignored(far: Far) -> None:
    script = "trap 'echo checkpoint; touch seen' USR1; touch ready; while :; do sleep 0.05; done"
    run = far.launch("sh", "-c", script)
    wait_for(lambda: os.path.exists(os.path.join(run.path, "ready")))
    supervisor = record(run.attempt(1).job)["pid"]  # type: ignore[index]
    os.kill(supervisor, signal.SIGHUP)
    os.kill(supervisor, signal.SIGUSR1)
    wait_for(lambda: os.path.exists(os.path.join(run.path, "seen")))
    assert far.facts()["alive"] is True
    far.stop()


def test_term_without_a_stop_request_is_stopped_by_what(far: Far) -> None:
    run = far.launch("sleep", "60")
    wait_for(lambda: (record(run.heartbeat) or {}).get("child_pid"))
    os.kill(record(run.attempt(1).job)["pid"], signal.SIGTERM)  # type: ignore[index]
    ended = far.end(run)
    assert (ended["state"], ended["code"], ended["by"]) == ("stopped", 143, "")
    assert "TERM" in ended["reason"]


def test_a_failure_is_restarted_up_to_the_limit(far: Far) -> None:
    run = far.launch("sh", "-c", "echo try $TRAJVID_RESTARTS; exit 5", restart_limit=2, beat_interval_s=0.1)
    assert far.end(run)["code"] == 5
    with open(run.log, encoding="utf-8") as file:
        assert file.read().splitlines() == ["try 0", "try 1", "try 2"]
    events = lines(run.events)
    assert [event["kind"] for event in events] == ["started", "restarted", "restarted", "ended"]
    pauses = [later["at_s"] - earlier["at_s"] for earlier, later in itertools.pairwise(events)]
    assert pauses[1] >= 0.1
    assert pauses[2] >= 0.2, "backs off"


def test_a_stop_ends_the_waiting_for_a_restart(far: Far) -> None:
    run = far.launch("false", restart_limit=5, beat_interval_s=300.0)
    wait_for(lambda: any(event["kind"] == "restarted" for event in lines(run.events)))
    answer = far.stop()
    assert (answer["state"], answer["stopped"]) == ("stopped", True)


def test_what_the_work_leaves_behind_is_ended(far: Far) -> None:
    """A rank in a session of its own, deaf to TERM, after the work itself has completed."""
    script = (
        "import subprocess, sys\n"
        "deaf = 'import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)'\n"
        "child = subprocess.Popen([sys.executable, '-c', deaf], start_new_session=True, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
    )
    run = far.launch(sys.executable, "-c", script)
    ended = far.end(run)
    assert (ended["state"], ended["code"]) == ("completed", 0)
    wait_for(lambda: not far.family())
    assert "left 1 processes behind" in lines(run.events)[1]["text"]


def test_telemetry_may_fail(far: Far) -> None:
    """Nothing of it can be written: the folders are where the files should be."""
    spec = far.spec("sh", "-c", "test -d heartbeat.json && exit 4")
    run = far.run_dir(spec["run"])
    for path in (run.heartbeat, run.heartbeat_text, run.events, run.actions):
        os.makedirs(path)
    assert far.ask("launch", spec=spec)["ok"]
    assert far.end(run)["code"] == 4


def test_the_text_of_beats_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats_module, "TEXT_MAX_BYTES", 4000)
    monkeypatch.setattr(beats_module, "TEXT_KEPT_BYTES", 2000)
    run = RunDir(str(tmp_path))
    beats = Beats(run, "r.1", 60.0)
    for _ in range(300):
        beats.say(State.RUNNING)
    data = Path(run.heartbeat_text).read_text("utf-8").splitlines()
    assert os.path.getsize(run.heartbeat_text) <= 4000
    assert " #300 running" in data[-1]
    assert all(line.endswith(" running") and line.startswith("20") for line in data), "whole lines only"


def test_the_sequence_of_beats_grows_across_attempts(tmp_path: Path) -> None:
    run = RunDir(str(tmp_path))
    Beats(run, "r.1", 60.0).say(State.RUNNING)
    Beats(run, "r.2", 60.0).say(State.RUNNING)
    assert record(run.heartbeat)["seq"] == 2  # type: ignore[index]


def test_an_exit_record_always_fits(tmp_path: Path) -> None:
    from remote.onhost.outcome import write_exit

    attempt = AttemptDir(str(tmp_path))
    long = ExitRecord("r.1", "failed", 1, 1.0, "ü\x1b\\" * 100, "\x00" * 200, {"last_line": "\x1b" * 200})
    Path(attempt.exit).write_bytes(b" " * (EXIT_BYTES - 1) + b"\n")
    write_exit(attempt, long)
    assert os.path.getsize(attempt.exit) == EXIT_BYTES
    assert record(attempt.exit)["code"] == 1  # type: ignore[index]

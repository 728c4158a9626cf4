"""A stop ends everything, and says `stopped` only when it is gone; what died by itself is told as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.onhost.far import PROJECT, Far, lines, record, wait_for
from wire.run_dir import RunDir

CHECKPOINTING = """
import os, signal, sys, time
def save(*_):
    open("last.pt", "w").close()
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
open("ready", "w").close()
time.sleep(60)
"""

OWN_SESSIONS = """
import subprocess, sys, time
again = "import subprocess, time; subprocess.Popen(['sleep', '61'], start_new_session=True); time.sleep(61)"
for _ in range(2):
    subprocess.Popen([sys.executable, "-c", again], start_new_session=True)
time.sleep(61)
"""

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('ready', 'w').close(); time.sleep(60)"


def ready(run: RunDir) -> None:
    wait_for(lambda: os.path.exists(os.path.join(run.path, "ready")), "the work's start")


def supervisor(run: RunDir) -> int:
    job = record(run.attempt(1).job)
    assert job is not None
    return int(job["pid"])


def test_a_checkpoint_within_the_grace(far: Far) -> None:
    run = far.launch(sys.executable, "-c", CHECKPOINTING)
    ready(run)
    answer = far.stop()
    assert (answer["state"], answer["code"], answer["reason"]) == ("stopped", 143, "by ada@laptop")
    assert (answer["stopped"], answer["forced"], answer["left"], answer["was_running"]) == (True, False, [], True)
    assert os.path.exists(os.path.join(run.path, "last.pt"))
    assert far.end(run)["by"] == "ada@laptop"
    assert lines(run.actions)[-1]["verb"] == "stop"
    assert "stop_requested" in [event["kind"] for event in lines(run.events)]


def test_children_with_sessions_of_their_own(far: Far) -> None:
    far.launch(sys.executable, "-c", OWN_SESSIONS)
    wait_for(lambda: len(far.family()) == 6, "the tree of processes")
    answer = far.stop()
    assert (answer["state"], answer["stopped"], answer["left"]) == ("stopped", True, [])
    assert not far.family()


def test_work_that_ignores_term_is_killed_after_the_grace(far: Far) -> None:
    run = far.launch(sys.executable, "-c", DEAF)
    ready(run)
    answer = far.stop(grace_s=0.5)
    assert (answer["state"], answer["code"], answer["forced"], answer["stopped"]) == ("stopped", 137, True, True)
    assert not far.family()


def test_a_kill_gives_no_grace(far: Far) -> None:
    run = far.launch(sys.executable, "-c", CHECKPOINTING)
    ready(run)
    answer = far.stop(kill=True)
    assert (answer["state"], answer["code"], answer["forced"], answer["stopped"]) == ("stopped", 137, True, True)
    assert not os.path.exists(os.path.join(run.path, "last.pt"))
    assert lines(run.actions)[-1]["verb"] == "kill"


def test_a_shell_that_does_not_pass_term_on(far: Far) -> None:
    """The shell waits for its child before it runs its trap: the child gets TERM at half the grace."""
    script = f"trap 'exit 7' TERM; {sys.executable} -c '{CHECKPOINTING}'"
    run = far.launch("sh", "-c", script)
    ready(run)
    answer = far.stop(grace_s=2)
    assert (answer["state"], answer["forced"], answer["stopped"]) == ("stopped", False, True)
    assert os.path.exists(os.path.join(run.path, "last.pt"))


def test_the_helpers_of_the_work_are_spared_while_it_saves(far: Far) -> None:
    script = (
        "import os, signal, subprocess, sys, time\n"
        "helper = subprocess.Popen(['sleep', '60'])\n"
        "def save(*_):\n"
        "    time.sleep(0.3)\n"
        "    sys.exit(143 if helper.poll() is None else 1)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "open('ready', 'w').close()\n"
        "time.sleep(60)\n"
    )
    run = far.launch(sys.executable, "-c", script)
    ready(run)
    answer = far.stop(grace_s=10)
    assert (answer["code"], answer["stopped"], answer["forced"]) == (143, True, False)


def test_the_stop_goes_on_when_its_connection_dies(far: Far) -> None:
    run = far.launch(sys.executable, "-c", DEAF)
    ready(run)
    process = far.start("stop")
    assert process.stdin is not None
    request = {"root": far.root, "project": PROJECT, "worker": "w", "by": "ada@laptop", "grace_s": 1.0}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    wait_for(lambda: (record(run.heartbeat) or {}).get("state") == "stopping")
    process.kill()
    process.communicate()
    ended = far.end(run)
    assert (ended["state"], ended["code"], ended["forced"], ended["by"]) == ("stopped", 137, True, "ada@laptop")
    wait_for(lambda: not far.family())


def test_a_halted_supervisor_is_woken(far: Far) -> None:
    run = far.launch(sys.executable, "-c", CHECKPOINTING)
    ready(run)
    os.kill(supervisor(run), signal.SIGSTOP)
    answer = far.stop()
    assert (answer["state"], answer["code"], answer["stopped"], answer["forced"]) == ("stopped", 143, True, False)


def test_a_supervisor_that_hangs_is_helped(far: Far) -> None:
    """A process that hears nothing is put in the supervisor's place, once that is gone."""
    run = far.launch(sys.executable, "-c", CHECKPOINTING)
    ready(run)
    os.kill(supervisor(run), signal.SIGKILL)
    wait_for(lambda: len(far.family()) == 1)
    marked = {**os.environ, "TRAJVID_NONCE": far.nonce()}
    with subprocess.Popen([sys.executable, "-c", DEAF], cwd=run.attempts, env=marked) as deaf:
        wait_for(lambda: os.path.exists(os.path.join(run.attempts, "ready")))
        job = {**far.facts()["job"], "pid": deaf.pid, "start_ticks": far.family()[deaf.pid]}
        Path(run.attempt(1).job).write_text(json.dumps(job))
        answer = far.stop(grace_s=3)
        assert deaf.wait(30) == -signal.SIGKILL
    assert (answer["state"], answer["stopped"], answer["forced"]) == ("stopped", True, True)
    assert os.path.exists(os.path.join(run.path, "last.pt")), "the work got its TERM from the verb"


def test_supervisor_killed(far: Far) -> None:
    """The run is lost, its orphan visible; a stop ends the orphan, and then it is stopped."""
    run = far.launch("sleep", "60")
    wait_for(lambda: (record(run.heartbeat) or {}).get("child_pid"))
    os.kill(supervisor(run), signal.SIGKILL)
    facts = wait_for(lambda: (f := far.facts())["alive"] is False and f)
    assert (facts["why"], facts["orphans"], facts["exit"]) == ("gone", 1, None)
    listed = far.ask("runs", project=PROJECT, worker="w")["runs"][0]
    assert (listed["state"], listed["reason"]) == ("lost", "supervisor gone, no exit record")
    answer = far.stop()
    assert (answer["stopped"], answer["left"], answer["was_running"]) == (True, [], True)
    assert (answer["state"], answer["reason"]) == ("stopped", "by ada@laptop (its supervisor was gone)")
    assert far.facts()["orphans"] == 0


def test_trainer_killed(far: Far) -> None:
    run = far.launch("sleep", "60")
    os.kill(wait_for(lambda: (record(run.heartbeat) or {}).get("child_pid")), signal.SIGKILL)
    ended = far.end(run)
    assert (ended["state"], ended["code"], ended["reason"]) == ("failed", 137, "killed by SIGKILL")


def test_stopping_what_does_not_run(far: Far) -> None:
    nothing = far.stop()
    assert (nothing["state"], nothing["stopped"], nothing["was_running"]) == ("not started", True, False)
    run = far.launch("sh", "-c", "exit 3")
    far.end(run)
    wait_for(lambda: not far.family())
    answer = far.stop()
    assert (answer["state"], answer["code"], answer["stopped"], answer["was_running"]) == ("failed", 3, True, False)
    assert not os.path.exists(run.stop), "nothing was asked of a run that had ended"


def test_a_stale_stop_request_stops_nothing(far: Far) -> None:
    run = far.launch("sleep", "60")
    far.stop()
    spec = {"run": os.path.basename(run.path), "project": PROJECT, "worker": "w"}
    Path(run.path, "spec.json").write_text(
        json.dumps({**json.loads(Path(run.path, "spec.json").read_text()), "command": ["sh", "-c", "exit 3"]})
    )
    assert far.ask("launch", spec=spec, resume=True, nonce=far.nonce("nonce-2"))["ok"]
    assert far.end(run, 2)["state"] == "failed"


def test_after_a_reboot(far: Far) -> None:
    run = far.launch("sleep", "60")
    wait_for(lambda: len(far.family()) == 2)
    for pid, ticks in sorted(far.family().items()):  # the supervisor first: it must not see its work end
        assert ticks
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not far.family())
    far.env["TRAJVID_BOOT_ID"] = "00000000-1111-2222-3333-444444444444"
    facts = far.facts()
    assert (facts["alive"], facts["why"]) == (False, "rebooted")
    answer = far.stop()
    assert (answer["state"], answer["stopped"], answer["was_running"]) == ("lost", True, False)
    assert answer["reason"] == "the host rebooted, no exit record"
    assert record(run.attempt(1).exit) is None
    far.launch("true", nonce="nonce-2")


def test_a_reused_pid_is_not_ours_and_stays_alive(far: Far) -> None:
    """The job record's pid belongs to an innocent now (which started at another time)."""
    run = far.launch("sleep", "60")
    wait_for(lambda: len(far.family()) == 2)
    for pid in far.family():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not far.family())
    with subprocess.Popen(["sleep", "60"]) as innocent:
        job = {**far.facts()["job"], "pid": innocent.pid}
        Path(run.attempt(1).job).write_text(json.dumps(job))
        facts = far.facts()
        assert (facts["alive"], facts["why"]) == (False, "pid_reused")
        assert far.stop(kill=True)["was_running"] is False
        assert innocent.poll() is None
        innocent.kill()


def test_term_while_preparing(far: Far, tmp_path: Path) -> None:
    slow = tmp_path / "slow-python"
    slow.write_text('#!/bin/sh\ncase "$*" in *venv*) touch "$0.started"; sleep 60;; *) echo 3.12.1;; esac\n')
    slow.chmod(0o700)
    run = far.launch("true", environment={"python": str(slow), "requirements": ["x==1"]})
    wait_for(lambda: os.path.exists(f"{slow}.started"))
    facts = far.facts()
    assert facts["beat"]["state"] == "preparing"
    assert (facts["progress"]["phase"], facts["progress"]["message"]) == (
        "prepare",
        f"making an environment with {slow}",
    )
    answer = far.stop()
    assert (answer["state"], answer["stopped"], answer["forced"]) == ("stopped", True, False)
    assert not far.family()
    assert far.end(run)["reason"] == "by ada@laptop"


@pytest.mark.parametrize("bad", ["../w", "a/b", "", "-w"])
def test_names_are_checked(far: Far, bad: str) -> None:
    answer = far.ask("stop", project=PROJECT, worker=bad)
    assert (answer["ok"], answer["code"]) == (False, "bad_name")

"""Whatever dies, the state that is shown is the true one, and a stop leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.end_to_end.conftest import Desk, long_on_openssh, wait_for

STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)"
)
PARENT = (
    "import subprocess, sys, time\n"
    "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
    "for _ in range(3): subprocess.Popen(sleep, start_new_session=True)\n"
    "print('spawned', flush=True)\ntime.sleep(600)"
)


def worker(code: str) -> dict:
    return {"branch": "exp/one", "command": [sys.executable, "-c", code], "grace_s": 1}


def beat(desk: Desk, name: str) -> dict:
    """The newest heartbeat of the newest run, once its work has a process."""

    def read() -> dict | None:
        try:
            value = json.loads((desk.runs(name)[-1] / "heartbeat.json").read_text())
        except (IndexError, OSError, ValueError):
            return None
        return value if value["state"] == "running" and value["child_pid"] else None

    return wait_for(read, "a running heartbeat")


def log_says(desk: Desk, name: str, text: str) -> None:
    wait_for(lambda: text in (desk.runs(name)[-1] / "training.log").read_text(), f"{text!r} in the log")


@long_on_openssh
def test_a_killed_app_loses_nothing_and_finds_everything_again(desk: Desk) -> None:
    desk.profile({"one": worker("import time\nfor n in range(600): print(n, flush=True); time.sleep(0.1)")})
    desk.run("launch", "one")
    follower = desk.start("logs", "-f", "one")
    beat(desk, "one")
    os.killpg(follower.pid, signal.SIGKILL)
    follower.communicate()
    assert desk.state("one") == "running"
    stopped = desk.ask("stop", "one")["stopped"]
    assert stopped[0]["stopped"] and desk.state("one") == "stopped"
    wait_for(lambda: not desk.marked(), "no process left")


@long_on_openssh
def test_a_killed_trainer_is_failed_with_137(desk: Desk) -> None:
    desk.profile({"one": worker("import time; time.sleep(600)")})
    desk.run("launch", "one")
    os.kill(beat(desk, "one")["child_pid"], signal.SIGKILL)
    assert desk.ended("one", 30) == "failed"
    record = json.loads((desk.runs("one")[-1] / "attempts/1/exit").read_text())
    assert record["code"] == 137


@pytest.mark.slow  # 5 s
@long_on_openssh
def test_a_killed_supervisor_is_lost_and_stop_still_clears_its_orphans(desk: Desk) -> None:
    desk.profile({"one": worker("import time; time.sleep(600)")})
    desk.run("launch", "one")
    os.kill(beat(desk, "one")["pid"], signal.SIGKILL)
    wait_for(lambda: desk.state("one") == "lost", "the state lost", 30)
    assert len(desk.marked()) == 1, "the work lives on as an orphan"
    desk.run("launch", "one", code=1)
    desk.run("stop", "one")
    wait_for(lambda: not desk.marked(), "no process left")


@long_on_openssh
@pytest.mark.slow
def test_work_that_ignores_term_is_killed_after_its_grace(desk: Desk) -> None:
    desk.profile({"one": worker(STUBBORN)})
    desk.run("launch", "one")
    log_says(desk, "one", "deaf")
    (answer,) = desk.ask("stop", "one")["stopped"]
    assert answer["forced"] and answer["stopped"] and answer["left"] == []
    assert desk.marked() == [] and desk.state("one") == "stopped"


@long_on_openssh
@pytest.mark.slow
def test_children_in_sessions_of_their_own_are_stopped_too(desk: Desk) -> None:
    desk.profile({"one": worker(PARENT)})
    desk.run("launch", "one")
    log_says(desk, "one", "spawned")
    wait_for(lambda: len(desk.marked()) >= 4, "the work and its three children")
    desk.run("stop", "one")
    assert desk.marked() == [] and desk.state("one") == "stopped"


@long_on_openssh
@pytest.mark.slow
def test_kill_needs_consent_and_then_leaves_nothing(desk: Desk) -> None:
    desk.profile({"one": worker(STUBBORN)})
    desk.run("launch", "one")
    log_says(desk, "one", "deaf")
    desk.run("kill", "one", code=7)
    assert desk.state("one") == "running"
    desk.run("kill", "one", "--yes")
    assert desk.marked() == []


@pytest.mark.parametrize("desk", ["openssh"], indirect=True)
def test_sshd_killed_again_and_again_in_mid_launch_leaves_one_job(desk: Desk) -> None:
    desk.profile({"one": worker("import time; time.sleep(600)")})
    launch = desk.start("launch", "one")
    killed = 0
    while launch.poll() is None and killed < 3:
        time.sleep(0.5)
        killed += kill_sessions_of(desk)
    out, err = launch.communicate(timeout=90)
    assert launch.returncode == 0, out + err
    assert killed >= 1
    beat(desk, "one")
    assert len(desk.runs("one")) == 1 and len(desk.marked()) == 1
    desk.run("stop", "one")
    assert desk.marked() == []


def kill_sessions_of(desk: Desk) -> int:
    """SIGKILL the server processes of every connection of this desk's sshd; how many there were."""
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(desk.host_pid)], capture_output=True, text=True
    ).stdout.split()
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    return len(children)

"""What happens to hosts: reboot, a restarted server, a full door, killed processes; two of three gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import wait_for
from tests.netns.conftest import Lab, now
from tests.netns.screen import Screen
from tests.netns.story import Story


def running(lab: Lab) -> Screen:
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    screen.has_logged("5")
    return screen


def test_reboot(lab: Lab, story: Story) -> None:
    screen = running(lab)
    off_at = now()
    lab.a.cable.cut()  # a machine that loses its power says nothing
    lab.a.cable.host.power_off()
    said = screen.offline(off_at)
    assert "was running" in said.says
    lab.a.cable.heal()
    lab.a.restart(boot_id="boot-2")
    on_at = now()
    back = screen.live(on_at, state="lost")
    row = lab.ask("status")["workers"][0]
    assert "rebooted" in row["reason"], row
    story.tell("host reboots", f"{said.says}; then {back.says}", said.at - off_at, back.at - on_at,
               "the run is lost, with its reason")  # fmt: skip


def test_sshd_restarts(lab: Lab, story: Story) -> None:
    screen = running(lab)
    killed_at = now()
    lab.a.sshd.process.terminate()
    lab.a.hang_up()
    said = screen.until(lambda row: row.link != "live", killed_at)
    lab.a.restart()
    up_at = now()
    back = screen.live(up_at, state="running")
    kept = lab.finish(screen)
    story.tell("sshd restarted", said.says, said.at - killed_at, back.at - up_at, kept)


def test_follower_killed(lab: Lab, story: Story) -> None:
    screen = running(lab)
    (follower,) = lab.a.processes("follow")
    killed_at = now()
    os.kill(follower, signal.SIGKILL)
    said = screen.until(lambda row: row.link != "live", killed_at)
    back = screen.live(said.at, state="running")
    kept = lab.finish(screen)
    assert follower not in lab.a.processes("follow")
    story.tell("follower killed", said.says, said.at - killed_at, back.at - said.at, kept)


def test_trainer_and_supervisor_killed(lab: Lab, story: Story) -> None:
    screen = running(lab)
    (work,) = lab.a.processes("-c", lab.code)
    killed_at = now()
    os.kill(work, signal.SIGKILL)
    failed = screen.live(killed_at, state="failed")
    assert "137" in failed.says
    story.tell("training process killed", failed.says, failed.at - killed_at, None, "exit code 137 on record")
    relaunched_at = now()
    lab.run("relaunch", "one")
    screen.live(relaunched_at, state="running")
    (work,) = lab.a.processes("-c", lab.code)
    supervisor = int(Path(f"/proc/{work}/stat").read_text().rpartition(")")[2].split()[1])
    killed_at = now()
    os.kill(supervisor, signal.SIGKILL)
    lost = screen.live(killed_at, state="lost")
    lab.run("stop", "one")
    wait_for(lambda: not lab.a.processes("-c", lab.code), "no orphan")
    story.tell("supervisor killed", lost.says, lost.at - killed_at, None, "the work goes on until `stop` ends it")


@contextlib.contextmanager
def at_the_door(lab: Lab) -> Iterator[None]:
    """A connection that greets nobody: it takes one of the places for those that have not logged in."""
    code = (
        "import socket, time\n"
        f"held = socket.create_connection(({lab.a.cable.address!r}, {lab.a.sshd.host.port}))\n"
        "print(held.recv(4), flush=True)\ntime.sleep(600)"
    )
    door = subprocess.Popen([*lab.prefix, sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert door.stdout is not None and door.stdout.readline().startswith(b"b'SSH-")
        yield
    finally:
        door.kill()
        door.communicate()


@pytest.mark.parametrize("sshd_config", ["MaxStartups 1:100:1\nLoginGraceTime 600\n"], indirect=True)
def test_max_startups(lab: Lab, story: Story) -> None:
    with at_the_door(lab):
        began = now()
        screen = lab.screen()
        said = screen.offline(began)
        assert "MaxStartups" in said.says or "before a word" in said.says
        free_at = now()
    back = screen.live(free_at)
    lab.run("launch", "one")
    kept = lab.finish(screen)
    story.tell("MaxStartups reached", said.says, said.at - began, back.at - free_at, kept)


@pytest.mark.parametrize("host_count", [3], indirect=True)
def test_two_of_three_gone(lab: Lab, story: Story) -> None:
    lab.run("launch", "one", "two", "three")
    screen = lab.screen()
    for worker in ("one", "two", "three"):
        screen.live(worker=worker, state="running")
    cut_at = now()
    for name in "bc":
        lab.hosts[name].cable.cut()
    gone = [screen.offline(cut_at, worker=worker) for worker in ("two", "three")]
    assert all("was running" in said.says for said in gone)
    assert not [row for row in screen.shown if row.worker == "one" and row.at > cut_at and row.link != "live"]
    lab.run("stop", "one")
    screen.live(cut_at, state="stopped")
    healed_at = now()
    for name in "bc":
        lab.hosts[name].cable.heal()
    back = [screen.live(healed_at, worker=worker, state="running") for worker in ("two", "three")]
    assert [lab.jobs(worker) for worker in ("one", "two", "three")] == [1, 1, 1]
    lab.stop.touch()
    for worker in ("two", "three"):
        screen.live(healed_at, worker=worker, state="completed")
    story.tell("two of three hosts gone", f"two: {gone[0].says}; one: ● running", max(row.at for row in gone) - cut_at,
               max(row.at for row in back) - healed_at, "the third host obeyed meanwhile; 3 jobs of 3")  # fmt: skip

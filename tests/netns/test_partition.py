"""The network falls silent: nobody says so, and only a clock can tell."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time

import pytest

from tests.end_to_end.conftest import wait_for
from tests.netns.conftest import Lab, now
from tests.netns.story import Story

FOLLOWER_SILENCE_S = 60.0
"""remote.onhost.follower.SILENCE_S: how long a follower goes on for nobody."""


def test_while_a_run_goes_on(lab: Lab, story: Story) -> None:
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    screen.has_logged("5")
    cut_at = now()
    lab.a.cable.cut()
    said = screen.offline(cut_at)
    assert said.state == "running" and "was running" in said.says
    healed_at = now()
    lab.a.cable.heal()
    back = screen.live(healed_at)
    kept = lab.finish(screen)
    story.tell("network silent while a run goes on", said.says, said.at - cut_at, back.at - healed_at, kept)


def test_before_a_launch(lab: Lab, story: Story) -> None:
    lab.a.cable.cut()
    began = now()
    launch = lab.start("launch", "one")
    said = first_line(launch, "trying again")
    after_s = now() - began
    assert lab.jobs() == 0
    healed_at = now()
    lab.a.cable.heal()
    _, err = launch.communicate(timeout=110)
    back_s = now() - healed_at
    assert launch.returncode == 0, err
    assert lab.jobs() == 1
    story.tell("network silent before a launch", said, after_s, back_s, "1 of 1 launches, 1 job")


@pytest.mark.parametrize("seed", [1, 2])
def test_during_a_launch(lab: Lab, story: Story, seed: int) -> None:
    chance = random.Random(seed)
    launch = lab.start("launch", "one")
    first_line(launch, "connecting")
    time.sleep(chance.uniform(0.2, 3.0))
    cut_at = now()
    # Answers alone are lost, or everything: the host may have heard a request whose answer never comes.
    lab.a.cable.cut(*chance.choice((("OUTPUT",), ())))
    said, after_s = "(nothing: it goes on where it was)", None
    if launch.poll() is None:
        time.sleep(5)
    lab.a.cable.heal()
    healed_at = now()
    out, err = launch.communicate(timeout=110)
    back_s = now() - healed_at
    assert launch.returncode == 0, out + err
    if tries := [line for line in err.splitlines() if "again" in line]:
        said, after_s = tries[0], healed_at - cut_at
    assert lab.jobs() == 1
    story.tell(f"network silent for 5 s in mid-launch ({seed})", said, after_s, back_s, "1 of 1 launches, 1 job")


def test_answers_lost_until_the_launch_gives_the_connection_up(lab: Lab, story: Story) -> None:
    """The launch arrives, and its answer does not: the same request again must find it done."""
    lab.run("status")  # the code is there now
    launch = lab.start("launch", "one")
    first_line(launch, "launching")
    cut_at = now()
    lab.a.cable.cut("OUTPUT")
    said = first_line(launch, "again")
    after_s, healed_at = now() - cut_at, now()
    lab.a.cable.heal()
    out, err = launch.communicate(timeout=110)
    assert launch.returncode == 0, out + err
    assert lab.jobs() == 1
    story.tell("a launch's answer lost", said, after_s, now() - healed_at, "1 of 1 launches, 1 job")


@pytest.mark.timeout(240)
def test_half_open_leaves_no_follower_behind(lab: Lab, story: Story) -> None:
    """The laptop is gone for ever and the host never hears of it: its follower must find out by itself."""
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    followers = lab.a.processes("follow")
    assert len(followers) == 1
    lab.a.cable.cut()
    cut_at = now()
    os.kill(screen.pid, signal.SIGKILL)
    wait_for(lambda: not lab.a.processes("follow"), "the follower's end", FOLLOWER_SILENCE_S + 60)
    gone_s = now() - cut_at
    lab.a.cable.heal()
    again = lab.screen()
    back = again.live(state="running")
    assert len(lab.a.processes("follow")) == 1
    kept = lab.finish(again)
    story.tell("laptop gone for ever (half-open link)", f"(the host's follower ends) then: {back.says}", gone_s, None,
               f"{kept}, 0 orphans")  # fmt: skip


def first_line(process: subprocess.Popen[str], word: str) -> str:
    """Read what a verb narrates until a line has `word`."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line.strip())
        if word in line:
            return said[-1]
    raise AssertionError(f"never said {word!r}: {json.dumps(said)}")

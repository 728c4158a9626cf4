"""The laptop sleeps: its processes stop where they are, the world goes on."""

from __future__ import annotations

import time

import pytest

from tests.netns.conftest import Lab, now
from tests.netns.story import Story

LOOKING = "woke up, looking"


def test_the_run_goes_on_meanwhile(lab: Lab, story: Story) -> None:
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    screen.has_logged("5")
    screen.sleep()
    time.sleep(8)
    woke_at = screen.wake()
    said = screen.until(lambda row: LOOKING in row.says, woke_at)
    back = screen.live(said.at, state="running")
    kept = lab.finish(screen)
    story.tell("laptop asleep for 8 s, network there", said.says, said.at - woke_at, back.at - woke_at, kept)


@pytest.mark.slow
def test_for_a_minute_and_the_follower_has_left(lab: Lab, story: Story) -> None:
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    screen.has_logged("5")
    screen.sleep()
    time.sleep(64)
    assert lab.a.processes("follow") == [], "the follower waits for nobody for ever"
    woke_at = screen.wake()
    said = screen.until(lambda row: row.link != "live", woke_at)
    back = screen.live(said.at, state="running")
    kept = lab.finish(screen)
    story.tell("laptop asleep for 60 s", said.says, said.at - woke_at, back.at - woke_at, kept)


def test_the_network_has_gone_meanwhile(lab: Lab, story: Story) -> None:
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    screen.has_logged("5")
    screen.sleep()
    lab.a.cable.cut()
    time.sleep(5)
    woke_at = screen.wake()
    said = screen.offline(woke_at)
    assert "was running" in said.says
    healed_at = now()
    lab.a.cable.heal()
    back = screen.live(healed_at, state="running")
    assert any(LOOKING in row.says for row in screen.shown)
    kept = lab.finish(screen)
    story.tell("laptop asleep, network gone when it wakes", said.says, said.at - woke_at, back.at - healed_at, kept)


def test_a_dial_was_under_way(lab: Lab, story: Story) -> None:
    """What it waits for was lost: it must not be waited for to its end."""
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    screen.has_logged("5")
    lab.a.cable.cut()
    screen.until(lambda row: row.link == "connecting", screen.offline().at)
    screen.sleep()
    time.sleep(5)
    lab.a.hang_up()
    woke_at = screen.wake()
    lab.a.cable.heal()
    back = screen.live(woke_at, state="running")
    kept = lab.finish(screen)
    story.tell("laptop asleep while it dials into silence", back.says, None, back.at - woke_at, kept)


def test_the_run_has_ended_and_the_connection_is_dead(lab: Lab, story: Story) -> None:
    """As after a night: the host dropped the connection long ago, and its word of that was never heard."""
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    screen.has_logged("5")
    screen.sleep()
    lab.a.cable.cut("OUTPUT")
    lab.a.hang_up()
    lab.stop.touch()
    time.sleep(5)
    lab.a.cable.heal()
    woke_at = screen.wake()
    back = screen.live(woke_at, state="completed")
    kept = lab.finish(screen)
    story.tell("laptop asleep, host hung up and the run ended meanwhile", back.says, back.at - woke_at, None, kept)

"""EC2 hosts on the Hosts screen: how they stand, what they cost, since when nobody uses them; start and stop by key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Button

from remote.ec2_instance import Instance
from remote.ec2_standing import Standing
from remote.errors import FarSideError, RemoteError
from remote.hosts import HostSnapshot
from remote.snapshot import Link
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import FACTS, LIVE, NOW, blank, ended, offline, running
from tui.app import TrajvidApp
from tui.cli import hosts as hosts_verb
from tui.events import HostWatch
from tui.format import Line
from tui.hosts.instance import idle_line, instance_line, why_no_idle_stop
from tui.hosts.rows import cost_words
from tui.words import state_words
from wire.state import State

Same = Callable[[TrajvidApp], None]
RUNS = Instance("i-0123456789abcdef0", "running", "g5.xlarge", launched_at_s=1000.0, told_at_s=10_000.0)
STOPPED = replace(RUNS, state="stopped", launched_at_s=None)
IDLE = replace(FACTS, idle_s=1497.0, stop_in_s=303.0)
GPU_1 = HostSnapshot(
    "gpu-1", "ssh", "ubuntu@EC2 i-0123456789abcdef0 in eu-west-1", 1.2, LIVE, IDLE, ec2=Standing(RUNS, NOW - 12)
)
GPU_2 = HostSnapshot(
    "gpu-2", "ssh", "ubuntu@EC2 tag Name=gpu-2 in eu-west-1", 4.1,
    replace(offline(), reason="gpu-2: stopped (EC2), trajvid-tui ec2 start gpu-2"),
    ec2=Standing(STOPPED, NOW - 70, "gpu-2: the AWS credentials have expired", idle_stop_min=30,
                 no_idle_stop="a shutdown would terminate i-0fedcba9876543210"),
)  # fmt: skip
DESK = HostSnapshot("desk", "ssh", "ada@desk", link=LIVE, facts=FACTS)


def said(line: Line) -> str:
    return "".join(text for text, _ in line)


def test_state_price_and_what_is_spent_with_the_age_of_amazons_word() -> None:
    assert (
        said(instance_line(GPU_1, NOW)) == "running for 2 h 30 min · said 12 s ago · g5.xlarge · $3.00 since its start"
    )
    assert said(cost_words(GPU_1)) == "$1.20/h, $3.00 so far"
    assert said(instance_line(GPU_2, NOW)) == "stopped · said 1 min ago · g5.xlarge"
    assert said(cost_words(GPU_2)) == "$4.10/h"
    assert said(instance_line(replace(GPU_1, ec2=Standing()), NOW)) == "not asked yet"
    assert said(instance_line(replace(GPU_1, ec2=Standing(RUNS, step="stopping, 5 s")), NOW)) == "◌ stopping, 5 s"
    assert instance_line(DESK, NOW) == []


def test_idle_since_and_the_stop_by_itself() -> None:
    assert said(idle_line(GPU_1, NOW)) == "idle for 25 min · stops itself in 5 min"
    soon = idle_line(GPU_1, NOW + 60)
    assert said(soon) == "idle for 26 min · ▲ stops itself in 4 min" and soon[-1][1] == "bold warn"
    gone = replace(GPU_1, link=replace(LIVE, link=Link.OFFLINE))
    assert said(idle_line(gone, NOW + 600)) == "idle for 24 min 57 s · stops itself in 5 min 3 s", "as it was last told"
    used = replace(GPU_1, facts=replace(IDLE, idle_s=None, in_use="pose of demo is running"))
    assert said(idle_line(used, NOW)) == "in use: pose of demo is running"
    stuck = replace(GPU_1, facts=replace(IDLE, stop_trouble="sudo refuses: a password is required"))
    assert "▲ does not stop itself: sudo refuses: a password is required" in said(idle_line(stuck, NOW))
    assert idle_line(DESK, NOW) == [] and idle_line(GPU_2, NOW) == []


def test_a_keeper_that_ended_is_missed_once_the_facts_are_newer_than_what_was_arranged() -> None:
    wished = Standing(RUNS, NOW - 12, idle_stop_min=30, arranged_at=FACTS.at - 60)
    assert why_no_idle_stop(replace(GPU_1, ec2=wished)) == ""
    ended = replace(GPU_1, ec2=wished, facts=replace(IDLE, stop_in_s=None))
    assert "keeper has ended" in why_no_idle_stop(ended)
    assert why_no_idle_stop(replace(ended, ec2=replace(wished, arranged_at=FACTS.at - 1))) == "", "not told of it yet"
    assert why_no_idle_stop(replace(ended, ec2=replace(wished, idle_stop_min=0))) == ""
    assert why_no_idle_stop(DESK) == "" and "would terminate" in why_no_idle_stop(GPU_2)


def test_a_run_whose_machine_was_taken_away_says_so() -> None:
    row = ended("pose", State.STOPPED, 143, "spot: Amazon will terminate this machine at 08:22:00 UTC", host="gpu-1")
    assert state_words(row, NOW)[0] == "■ stopped (143)"
    assert row.exit is not None
    assert state_words(replace(row, exit=replace(row.exit, by="spot")), NOW)[0] == "■ stopped (spot)"


def test_without_the_app_it_is_said_as_well() -> None:
    text = hosts_verb._text(GPU_1, [], None, NOW)
    assert "$1.20/h, $3.00 so far" in text.splitlines()[0]
    assert text.splitlines()[-1] == "  idle for 25 min · stops itself in 5 min"
    refused = replace(GPU_1, ec2=replace(GPU_2.ec2 or Standing(), found=RUNS))
    assert hosts_verb._text(refused, [], None, NOW).splitlines()[-1].startswith("  ! does not stop itself when idle: a")
    assert "idle" not in hosts_verb._text(DESK, [], None, NOW)


def test_a_host_that_is_about_to_stop_itself_is_told_once() -> None:
    watch, row = HostWatch(), blank("pose", host="gpu-1")
    assert watch.leaves(row) is None and watch.leaves(replace(row, facts=IDLE)) is None
    soon = replace(row, facts=replace(IDLE, stop_in_s=240.0))
    news = watch.leaves(soon)
    assert news is not None and (news.kind, news.about) == ("idle", "gpu-1")
    assert news.text == "idle, stops itself in 4 min: a run or a login keeps it"
    assert watch.leaves(soon) is None
    assert watch.leaves(replace(row, facts=replace(IDLE, stop_in_s=240.0, in_use="ada is logged in"))) is None
    assert watch.leaves(soon) is not None, "used in between"


class Amazon(NoVerbs):
    """Answers as scripted and notes what was asked."""

    def __init__(self, feed: Any = None) -> None:
        self.asked: list[str] = []
        self.runs = ""
        self.state = "running"

    def _told(self, what: str, host: str, state: str) -> Instance:
        self.asked.append(f"{what} {host}")
        self.state = state
        return replace(RUNS, state=state)

    async def look_at_instance(self, fleet: Any, host: str) -> Instance:
        if host == "gpu-2":
            raise RemoteError("the AWS credentials have expired", hint="aws sso login")
        return self._told("look", host, self.state)

    async def demand_unused(self, fleet: Any, host: str) -> None:
        if self.runs:
            raise FarSideError(f"{host}: {self.runs} is going on there", hint="stop it first")

    async def start_instance(self, fleet: Any, host: str) -> Instance:
        return self._told("start", host, "running")

    async def stop_instance(self, fleet: Any, host: str) -> Instance:
        return self._told("stop", host, "stopped")


def world() -> list[Any]:
    return [blank("pose", host="gpu-1", link=LIVE), blank("flow", host="gpu-2", link=GPU_2.link),
            running("depth", host="desk")]  # fmt: skip


@pytest.mark.parametrize(("size", "keys"), [((120, 40), "h"), ((80, 24), "h,j")], ids=["120x40", "80x24-stopped"])
async def test_hosts_of_ec2(size: tuple[int, int], keys: str, same_as_before: Same) -> None:
    async with desk(world(), size, verbs=Amazon()) as (app, pilot, feed):
        feed.machines = [GPU_1, GPU_2, DESK]
        await pilot.press(*keys.split(","))
        await settle(app, pilot)
        same_as_before(app)


async def test_stop_asks_for_the_name_and_not_while_a_run_goes_on() -> None:
    verbs = Amazon()
    async with desk(world(), (120, 40), verbs=verbs) as (app, pilot, feed):
        feed.machines = [GPU_1, GPU_2, DESK]
        await pilot.press("h")
        await settle(app, pilot)
        assert "u start" in plain(app) and "x stop" in plain(app)
        verbs.runs = "pose of demo"
        await pilot.press("x")
        await settle(app, pilot)
        assert "pose of demo is going on there" in plain(app)
        verbs.runs = ""
        await pilot.press("x")
        await settle(app, pilot)
        assert "Stop gpu-1?" in plain(app) and "running for 2 h 30 min" in plain(app)
        assert app.screen.query_one("#yes", Button).disabled
        await pilot.press(*"gpu-9", "enter")
        assert "stop gpu-1" not in verbs.asked
        await pilot.press("backspace", "1", "enter")
        await settle(app, pilot)
        await settle(app, pilot)
        assert verbs.asked[-1] == "stop gpu-1" and "i-0123456789abcdef0 is stopped" in plain(app)
        await pilot.press("x")
        await settle(app, pilot)
        assert "is stopped already" in plain(app) and verbs.asked.count("stop gpu-1") == 1


@pytest.mark.slow
async def test_start_asks_with_the_price_and_failures_have_their_hint() -> None:
    """About 1 s of CPU."""
    verbs = Amazon()
    verbs.state = "stopped"
    async with desk(world(), (120, 40), verbs=verbs) as (app, pilot, feed):
        feed.machines = [replace(GPU_1, ec2=Standing(STOPPED, NOW)), GPU_2, DESK]
        await pilot.press("h", "u")
        await settle(app, pilot)
        assert "Start gpu-1?" in plain(app) and "$1.20 an hour" in plain(app)
        await pilot.press("enter")  # Cancel is focused
        await settle(app, pilot)
        assert "start gpu-1" not in verbs.asked
        await pilot.press("u")
        await settle(app, pilot)
        await pilot.press("right", "enter")
        await settle(app, pilot)
        await settle(app, pilot)
        assert verbs.asked[-1] == "start gpu-1" and "its sshd may take another minute" in plain(app)
        await pilot.press("j", "u")
        await settle(app, pilot)
        assert "ec2 start failed" in plain(app) and "aws sso login" in plain(app)
        await pilot.press("j", "x")
        await settle(app, pilot)
        assert "stop: desk is no EC2 instance" in plain(app) and "u start" not in plain(app)
        app.read_only = True
        await pilot.press("k", "k", "x")
        await settle(app, pilot)
        assert "this session only looks" in plain(app)


@pytest.mark.slow
async def test_amazon_is_asked_while_somebody_looks_and_not_too_often() -> None:
    """About half a second of CPU."""
    verbs, now = Amazon(), [NOW]
    async with desk(world(), (120, 40), verbs=verbs) as (app, pilot, feed):
        app.store.clock = lambda: now[0]  # type: ignore[method-assign]
        feed.machines = [GPU_1, GPU_2, DESK]
        for later_s in (0, 1, 58, 2):
            now[0] += later_s
            await (pilot.press("h") if not later_s else pilot.pause())
            app.flush(everything=True)
            await settle(app, pilot)
        assert verbs.asked == ["look gpu-1", "look gpu-1"], "at once, and a minute later"
        await pilot.press("escape")
        now[0] += 600
        app.flush(everything=True)
        await settle(app, pilot)
        assert len(verbs.asked) == 2, "nobody looks"

"""The Activity screen: every action with its origin, followed, filtered, in full, and copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from remote.activity import Activity, Deed, Origin, Source
from remote.errors import RemoteError, UsageError
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import NOW, WALL, default_world, running
from tui.activity.lines import deed_line, deed_lines, when
from tui.activity.since import since
from tui.app import TrajvidApp
from tui.screens.home import HomeScreen
from wire.state import State

Same = Callable[[TrajvidApp], None]
RUN = "20260101T000000-3f2a91c-9b1e"
TRAIN = (
    "/home/ada/.trajvid/envs/5d41402abc4b2a76/bin/python -m trainer run --config keypoint epochs=10 seed=7 "
    "data.root=/data/two-droplets/high-noise model.extractor=keypoint"
)


def deeds() -> tuple[Deed, ...]:
    launch = Deed(WALL - 90_000, "keypoint-a", "local", "launch", "ada@laptop", TRAIN, f"started: {RUN}.1",
                  f"{RUN}.1", Origin.BOTH)  # fmt: skip
    return (
        launch,
        replace(launch, at_s=WALL - 700, worker="magvit-a", host="gpu-2", by="bob@desk", result="started",
                origin=Origin.HOST),
        replace(launch, at_s=WALL - 300, verb="stop", command="TERM, 30 s, KILL", result="stopped"),
        replace(launch, at_s=WALL - 200, verb="sync", command="rsync", result="12 files", origin=Origin.HERE),
        replace(launch, at_s=WALL - 60, verb="resume", command="", origin=Origin.HERE,
                result="failed: local: no space left for /home/ada/.trajvid/runs"),
    )  # fmt: skip


class Remembers(NoVerbs):
    """Answers with what it was made with."""

    def __init__(self, deeds: tuple[Deed, ...] = (), error: Exception | None = None) -> None:
        self.found = Activity(deeds, {"local": Source(NOW - 3), "gpu-2": Source(None, "not connected")})
        self.error = error
        self.asked = 0

    async def activity(self, fleet: object, *, before: Any = None) -> Activity:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.found


@pytest.mark.parametrize(
    ("size", "keys"),
    [((120, 40), ""), ((80, 24), ""), ((80, 24), "k,k,k,k,enter")],
    ids=["120x40", "80x24", "80x24-whole"],
)
async def test_activity(size: tuple[int, int], keys: str, same_as_before: Same) -> None:
    async with desk(default_world(), size, "A", *filter(None, keys.split(",")), verbs=Remembers(deeds())) as (app, *_):
        same_as_before(app)


async def test_activity_light(same_as_before: Same) -> None:
    async with desk(default_world(), verbs=Remembers(deeds())) as (app, pilot, _):
        app.use_theme("trajvid-light")
        await pilot.press("A")
        await settle(app, pilot)
        same_as_before(app)


async def test_nothing_done_and_nothing_found_out_are_said(same_as_before: Same) -> None:
    verbs = Remembers()
    async with desk(default_world(), (80, 24), "A", verbs=verbs) as (app, pilot, _):
        assert "Nothing was done in this project yet" in plain(app)
        verbs.error = RemoteError("the history is damaged")
        await pilot.press("ctrl+r")
        await settle(app, pilot)
        assert "the history is damaged" in plain(app)
        same_as_before(app)


async def test_it_follows_the_newest_until_somebody_looks_back() -> None:
    verbs = Remembers(deeds()[:3])
    async with desk(default_world(), (120, 40), "A", verbs=verbs) as (app, pilot, feed):
        assert "following" in plain(app) and "▌00:55" not in plain(app)
        verbs.found = replace(verbs.found, deeds=deeds()[:4])
        await pilot.press("ctrl+r")
        await settle(app, pilot)
        assert "▌" + when(WALL - 200, WALL) in plain(app), "the new one is selected"
        await pilot.press("k")
        verbs.found = replace(verbs.found, deeds=deeds())
        await pilot.press("ctrl+r")
        await settle(app, pilot)
        assert "▌" + when(WALL - 300, WALL) in plain(app), "what was looked at stays selected"
        assert "f follows the newest" in plain(app)
        await pilot.press("f")
        await settle(app, pilot)
        assert "▌" + when(WALL - 60, WALL) in plain(app)
        asked = verbs.asked
        feed.put(running("keypoint-a", state=State.STOPPING))
        await settle(app, pilot)
        app.store.clock = lambda: NOW + 2.5
        app.flush(everything=True)
        await settle(app, pilot)
        assert verbs.asked == asked + 1, "news of a run asks the hosts sooner"
        await pilot.press("slash", *"BOB launch", "enter")
        await settle(app, pilot)
        assert "1 of 5 match 'BOB launch'" in plain(app) and "12 files" not in plain(app)
        await pilot.resize_terminal(20, 5)
        await pilot.press("k", "enter", "enter")
        await settle(app, pilot)
        assert len(plain(app).split("\n")) == 5
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, HomeScreen)


@pytest.mark.parametrize("width", [40, 79, 80, 110, 200])
def test_a_line_fits_and_the_whole_action_loses_nothing(width: int) -> None:
    for deed in deeds():
        assert sum(len(text) for text, _ in deed_line(deed, width, WALL, selected=True)) <= width
        whole = deed_lines(deed, width, WALL)
        assert all(sum(len(text) for text, _ in line) <= width for line in whole)
        text = "".join("".join(text for text, _ in line[2:]) for line in whole)
        for word in (*deed.command.split(), *deed.result.split()):
            assert word in text


def test_a_time_of_no_calendar_is_a_question_mark() -> None:
    assert when(1e17, WALL) == "?"
    assert any("?" in text for line in deed_lines(replace(deeds()[0], at_s=-1e17), 80, WALL) for text, _ in line)


def test_since() -> None:
    assert since("", 100.0) == 0.0
    assert since("2h", 10_000.0) == 2_800.0
    assert since("1.5 min", 100.0) == 10.0
    assert since("1970-01-01T00:01:00+00:00", 0.0) == 60.0
    for wrong in ("yesterday", "2 fortnights", "-3h", "9" * 30 + "d", "\x1b[2J"):
        with pytest.raises(UsageError) as failure:
            since(wrong, 0.0)
        assert failure.value.message.isprintable()

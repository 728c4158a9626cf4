"""Marks, a range, the order, and verbs for many: one question that names the count and what the filter hides."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from remote.errors import RemoteError
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import blank, default_world, ended, running, still_store
from tui.bulk import MANY, ended_words
from tui.store import ORDERS
from wire.state import State


class Recorded(NoVerbs):
    """Verbs that only remember whom they were called for; one refuses."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.options: list[dict[str, Any]] = []

    def __getattr__(self, verb: str) -> Any:
        async def call(fleet: object, worker: str, **options: Any) -> Any:
            self.calls.append((verb, worker))
            self.options.append(options)
            if worker == "transformer-a":
                raise RemoteError("the host said no", hint="ask again")
            return SimpleNamespace(
                stopped=True, already=False, run="r", state="stopped", code=143, forced=False, left=(), was_running=True
            )

        return call


def test_every_bulk_verb_is_one_of_the_control_plane() -> None:
    from remote import runs

    assert all(callable(getattr(runs, verb)) for verb in MANY)


def test_orders_keep_the_profile_where_they_say_nothing() -> None:
    store = still_store()
    store.fill([running("b", host="z"), blank("c", host="a"), ended("a", State.FAILED, 3, "x", host="z")])
    found = {}
    for name in ORDERS:
        store.order = name
        found[name] = "".join(row.worker for row in store.visible())
    assert found == {"profile": "bca", "state": "abc", "name": "abc", "host": "cab", "newest run": "bac"}


async def test_a_range_is_marked_and_one_question_stops_what_can_be_stopped() -> None:
    verbs = Recorded()
    async with desk(default_world(), (120, 40), "space", "G", "v", verbs=verbs) as (app, pilot, _):
        assert app.store.marked == ["keypoint-a", "keypoint-b", "transformer-a", "transformer-b", "smoke"]
        assert app.store.selected == "smoke" and " x stop " in plain(app), "the footer is for all that are marked"
        await pilot.press("slash", *"keypoint-", "enter", "x")
        await settle(app, pilot)
        text = plain(app)
        assert "» 5 marked" in text.split("\n")[0]
        assert "Stop 4 workers?" in text and "2 of them hidden by the filter" in text
        assert "1 more marked, but stop does not apply" in text
        await pilot.press("enter")
        await settle(app, pilot)
        assert verbs.calls == [], "Cancel has the focus"
        await pilot.press("x", "right", "enter")
        await settle(app, pilot)
        assert sorted(verbs.calls) == [("stop", name) for name in
                                       ("keypoint-a", "keypoint-b", "transformer-a", "transformer-b")]  # fmt: skip
        assert "transformer-a: stop failed" in plain(app) and "ask again" in plain(app)
        await pilot.press("a")
        await settle(app, pilot)
        assert "relaunch is for one worker, and 5 are marked" in plain(app)
        await pilot.press("escape", "escape")
        assert app.store.marked == []


async def test_launching_many_still_asks_before_large_files_go_along() -> None:
    verbs = Recorded()
    rows = [ended("a", State.FAILED, 3, "exit code 3"), blank("b")]
    async with desk(rows, (120, 40), "space", "j", "space", "n", "right", "enter", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        assert sorted(verbs.calls) == [("launch", "a"), ("launch", "b")]
        assert all(options["consent"] is not None for options in verbs.options)


async def test_killing_many_asks_for_their_number() -> None:
    verbs = Recorded()
    async with desk(default_world(), (120, 40), "space", "j", "space", "X", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        assert "Kill 2 workers?" in plain(app) and "type 2 to go on" in plain(app)
        await pilot.press("3", "enter")
        assert verbs.calls == []
        await pilot.press("backspace", "2", "enter")
        await settle(app, pilot)
        assert verbs.calls == [("kill", "keypoint-a"), ("kill", "keypoint-b")]


async def test_order_and_layout_are_remembered(tmp_path: Any) -> None:
    memory = tmp_path / "app.json"
    async with desk(default_world(), (120, 40), "o", "o", "V", "t", memory=memory):
        pass
    async with desk(default_world(), (120, 40), memory=memory) as (app, _, _):
        assert (app.store.order, app.theme) == ("name", "trajvid-light")
        assert not app.screen.crew.arrangement.panels  # type: ignore[attr-defined]


def test_a_kill_that_leaves_processes_is_no_success() -> None:
    with pytest.raises(RemoteError, match="still running: processes 7, 8"):
        ended_words(SimpleNamespace(stopped=False, left=(7, 8)), "kill")


def test_a_kill_that_came_too_late_is_no_failed_kill() -> None:
    late = SimpleNamespace(stopped=True, state="failed", code=1, forced=False, left=(), was_running=False)
    assert ended_words(late, "kill") == "was not running (failed)"

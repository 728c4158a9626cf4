"""Prune, worktrees, report in the app: the same verbs as without it, nothing removed before its consent was typed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote.pruning_plan import Item, Kind, Plan
from remote.removing import Done
from remote.snapshot import Link, LinkStatus
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.housekept import DAY_S, Housekeeping, plan, trees
from tests.tui.screen_text import plain
from tests.tui.worlds import LIVE, NOW, WALL, offline, running
from tui.housekeeping.pruning import NAMES, WHY
from tui.housekeeping.worktrees import result_words
from tui.screens.dialog import Confirm
from tui.screens.home import HomeScreen
from tui.screens.housekeeping import SCREENS
from tui.screens.housekeeping.worktrees import question

Same = Callable[..., None]


class Verbs(Housekeeping, NoVerbs):
    """The hosts' answers beside what every screen asks."""


class Slow(Verbs):
    """Removes for ever; `ended` says how that ended."""

    ended = ""

    async def carry_out(self, fleet: object, items: object, policy: object, on_step: Callable[[str], None]) -> None:
        on_step("gpu-1: removing 1 to 2 of 2")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.ended = "given up"
            raise


def rows() -> list:
    return [running("keypoint-a"), running("i3d-a", host="gpu-1"), running("magvit-a", host="gpu-2", link=offline())]


def test_every_kind_has_its_words() -> None:
    assert set(NAMES) == set(WHY) == set(Kind)


async def test_only_what_is_marked_goes_and_only_after_its_number(same_as_before: Same) -> None:
    verbs = Verbs()
    async with desk(rows(), (120, 40), "P", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        assert verbs.asked[0][1] == ("local", "gpu-1"), "a host that is not connected is named, not waited for"
        assert "without gpu-2: not connected" in plain(app) and "5 of 5 things" in plain(app)
        await pilot.press("j", "space", "x")
        await settle(app, pilot)
        same_as_before(app)
        await pilot.press("3", "enter")
        assert isinstance(app.screen, Confirm), "a wrong number is no consent"
        await pilot.press("backspace", "4", "enter")
        await settle(app, pilot)
        await settle(app, pilot)
        kept = plan().items[1]
        assert [item for item in plan().items if item != kept] == verbs.removed
        assert "stays: run i3d-a/" in plain(app) and "meanwhile" in plain(app)
        assert len(verbs.asked) == 2, "what is left is looked at anew"


async def test_a_removal_goes_on_behind_other_screens_and_may_be_given_up() -> None:
    """Nothing that it depends on changes meanwhile, and a second one does not start beside it."""
    verbs = Slow()
    async with desk(rows(), (120, 40), "P", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        await pilot.press("x", "5", "enter")
        await settle(app, pilot)
        app.flush(everything=True)
        await settle(app, pilot)
        assert "◌ gpu-1: removing 1 to 2 of 2 …" in plain(app) and "5 of 5 things" in plain(app)
        await pilot.press("o", "m", "w")
        await settle(app, pilot)
        assert "unused for 30 d, newest 1" in plain(app) and "from the hosts" in plain(app)
        assert "not now: gpu-1: removing" in plain(app) and len(verbs.asked) == 1
        await pilot.press("escape", "P")
        await settle(app, pilot)
        assert "◌ gpu-1: removing" in plain(app) and "asked once this has ended" in plain(app)
        await pilot.press("x")
        await settle(app, pilot)
        assert "Give up removing?" in plain(app)
        await pilot.press("right", "enter")
        await settle(app, pilot)
        await settle(app, pilot)
        assert verbs.ended == "given up" and "the rest stays" in plain(app)
        assert len(verbs.asked) == 2 and "5 of 5 things" in plain(app), "what is left is looked at anew"


async def test_why_a_run_stays_is_seen_beside_the_longest_name() -> None:
    verbs = Verbs()
    kept = plan().kept[1]
    verbs.plan = Plan(kept=(replace(kept, slug="long-" + "x" * 59), replace(kept, slug="データ-訓練")))
    for size, why in (((120, 40), "is the newest of its worker +local"), ((80, 24), "is the newest of .*… +local")):
        async with desk(rows(), size, "P", verbs=verbs) as (app, pilot, _):
            await settle(app, pilot)
            assert " of 2" not in plain(app), "all of them are seen"
            assert len(re.findall(why, plain(app))) == 2
            assert "nothing may go" in plain(app) and "of 0 things" not in plain(app)
            await pilot.press("space")
            await settle(app, pilot)
            assert "stays: it is the newest of its worker" in plain(app), "the key says why it does nothing"


async def test_a_list_that_goes_on_says_how_far() -> None:
    verbs = Verbs()
    verbs.plan = Plan(plan().items * 20)
    async with desk(rows(), (80, 24), "P", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        assert "1 of 100" in plain(app)
        await pilot.press("G")
        await settle(app, pilot)
        assert "100 of 100" in plain(app)


async def test_the_rules_may_be_changed_and_the_laptop_looked_at() -> None:
    verbs = Verbs()
    async with desk(rows(), (120, 40), "P", "o", "m", "w", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        *_, policy, here = verbs.asked[-1]
        assert (policy.older_s, policy.keep, here) == (7 * DAY_S, 2, True)
        assert "from this laptop" in plain(app) and "Its host still keeps every file" in plain(app)
        assert plan(here=True).items[0].kind is Kind.COPY
        await pilot.press("a", "x")
        await settle(app, pilot)
        assert "nothing is marked to go" in plain(app) and not verbs.removed
        await pilot.press("escape")
        assert isinstance(app.screen, HomeScreen)


async def test_a_host_that_comes_is_asked_by_itself_and_a_session_that_looks_removes_nothing() -> None:
    verbs = Verbs()
    away = [replace(row, link=LinkStatus(Link.CONNECTING)) for row in rows()[:1]]
    async with desk(away, (80, 24), "P", verbs=verbs, read_only=True) as (app, pilot, feed):
        await settle(app, pilot)
        assert "No host has answered" in plain(app) and "remove" not in plain(app).split("\n")[-1]
        feed.put(replace(away[0], link=LIVE))
        app.store.clock = lambda: NOW + 10
        app.flush(everything=True)
        await settle(app, pilot)
        assert "keypoint-a/" in plain(app) and len(verbs.asked) == 2
        await pilot.press("x")
        await settle(app, pilot)
        assert "this session only looks" in plain(app) and not verbs.removed


def test_a_worktree_that_git_cannot_read_is_asked_about_as_if_it_held_work() -> None:
    one = trees()[2]
    odd = replace(one, tree=replace(one.tree, problem="index file corrupt"))
    assert "kept under a ref" in str(question(odd)._lines) and "kept under a ref" not in str(question(one)._lines)


def test_what_became_of_a_worktree_names_where_its_work_is() -> None:
    one, item = trees()[1], Item(Kind.WORKTREE, "gpu-1", trees()[1].tree.thing)
    part = result_words(one, Done(item, skipped="a part of it cannot be removed", kept="refs/trajvid/wip/i3d-a/x"))
    assert part.startswith("i3d-a: still there: a part") and part.endswith("on gpu-1 as refs/trajvid/wip/i3d-a/x")
    assert result_words(one, Done(item, gone=True)) == "i3d-a: somebody else had removed it before"


async def test_where_no_host_answers_there_are_not_zero_worktrees() -> None:
    away = [replace(row, link=offline()) for row in rows()]
    async with desk(away, (120, 40), "W", verbs=Verbs()) as (app, pilot, _):
        await settle(app, pilot)
        assert "nothing is known" in plain(app) and "0 on the hosts" not in plain(app)


async def test_a_worktree_goes_only_by_its_name_and_never_under_a_run() -> None:
    verbs = Verbs()
    async with desk(rows(), (120, 40), "W", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        assert "3 on the hosts, 2.3 GiB" in plain(app) and "1 with work that is in no commit" in plain(app)
        await pilot.press("x")
        await settle(app, pilot)
        assert "keypoint-a runs in it" in plain(app) and not isinstance(app.screen, Confirm)
        await pilot.press("j")
        await settle(app, pilot)
        assert "12 files in no commit and 1 that git ignores" in plain(app) and "notes/[draft].md" in plain(app)
        await pilot.press("x", *"i3d-", "enter")
        await settle(app, pilot)
        assert "kept under a ref" in plain(app) and "lost with it" in plain(app) and not verbs.removed
        await pilot.press("a", "enter")
        await settle(app, pilot)
        assert [one.name for one in verbs.removed] == ["i3d-a"] and "refs/trajvid/wip/x" in plain(app)
        await pilot.press("s")
        await settle(app, pilot)
        assert "cannot be lent to a shell" in plain(app)


async def test_the_page_is_read_searched_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    verbs = Verbs()
    async with desk(rows(), (120, 40), "T", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        assert verbs.asked[-1][1:] == (("local", "gpu-1", "gpu-2"), WALL - DAY_S)
        assert "Failed: 1" in plain(app) and "i3d-b on gpu-1, 10 h ago, after 30 min" in plain(app)
        await pilot.press("slash", *"memory", "enter", "w")
        await app.workers.wait_for_complete([one for one in app.workers if one.node is not app])
        await settle(app, pilot)
        [path] = (tmp_path / "results").glob("report-*.md")
        assert path.read_text().startswith("# demo: ") and "## Failed: 1" in path.read_text()
        assert app.screen.text.at >= 0 and f"wrote results/{path.name}" in plain(app)
        await pilot.press("o", "down", "down", "enter")
        await settle(app, pilot)
        await settle(app, pilot)
        assert verbs.asked[-1][2] == WALL - 7 * DAY_S and "of the last week" in plain(app)
        await pilot.press("escape")
        assert isinstance(app.screen, HomeScreen)


@pytest.mark.parametrize("name", SCREENS)
async def test_what_goes_wrong_is_a_line_and_a_tiny_terminal_breaks_nothing(name: str) -> None:
    key = {"prune": "P", "worktrees": "W", "report": "T"}[name]
    async with desk(rows(), (80, 24), key, verbs=Verbs("error")) as (app, pilot, _):
        await settle(app, pilot)
        assert plain(app).count("system_error") == 2
        app._verbs.state = "normal"  # type: ignore[union-attr]
        await pilot.resize_terminal(20, 5)
        await pilot.press("u", "j", "G", "space")
        await settle(app, pilot)
        lines = plain(app).split("\n")
        assert len(lines) == 5 and all(len(line) <= 20 for line in lines)


async def test_the_palette_finds_them() -> None:
    async with desk(rows(), (120, 40), "colon", *"worktr", verbs=Verbs()) as (app, pilot, _):
        await pilot.pause(0.3)
        await pilot.press("enter")
        await settle(app, pilot)
        await settle(app, pilot)
        assert isinstance(app.screen, SCREENS["worktrees"]) and trees()[1].name in plain(app)

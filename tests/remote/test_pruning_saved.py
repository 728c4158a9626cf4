"""Saved work is pruned where it is on both sides, or replaced by a newer state; else it stays, and that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remote import runs
from remote.fleet import Fleet
from remote.host_inventory import Inventory, SavedWork, Thing
from remote.onhost.own_work import saved_at_s
from remote.prune import carry_out, survey
from remote.pruning_plan import Cure, Item, Kind, Policy
from remote.pruning_saved import forget_here, plan_saved, plan_saved_here
from tests.fixtures.project import Project
from tests.remote.test_fetch import Desk
from tests.remote.test_git import git
from tui.housekeeping.pruning import cure_words

A, B, C = "a" * 40, "b" * 40, "c" * 40
OLD, NEW, MOVED = "20260101T000000-aaaaaaa-hourly", "20260102T000000-bbbbbbb-hourly", "20260101T120000-ccccccc"
NOW = saved_at_s("20260110T000000")


def there(*saved: tuple[str, str], age_s: float = 1e6) -> Inventory:
    return Inventory(
        "box", saved=tuple(SavedWork(Thing(name, age_s=age_s, place=commit), "w") for name, commit in saved)
    )


def names(plan: object) -> list[str]:
    return [item.thing.name for item in getattr(plan, "items")]  # noqa: B009


def test_from_a_host_goes_what_is_here_too() -> None:
    found = there((OLD, A), (NEW, B), (MOVED, C))
    here = {("w", OLD): A, ("w", NEW): C, ("other", MOVED): C}
    told = plan_saved(found, here, Policy(older_s=60.0))
    assert names(told) == [OLD] and told.items[0].kind is Kind.SAVED and told.items[0].lack == ""
    assert [(one.slug, one.why, one.cure) for one in told.kept] == [("w", "is not here (2 states)", Cure.FETCH)]
    assert cure_words(told.kept[0], lambda host, slug: "W") == "trajvid-tui fetch W --wip"
    assert cure_words(replace(told.kept[0], slug="integration"), lambda host, slug: slug) == "trajvid-tui fetch --wip"
    assert names(plan_saved(found, here, Policy(older_s=1e7))) == []
    assert names(plan_saved(found, here, Policy(60.0, slugs=frozenset(["x"])))) == []
    all_of_it = plan_saved(found, here, Policy(60.0, unsynced=True))
    assert [item.lack for item in all_of_it.items] == ["", "is not here", "is not here"] and not all_of_it.kept


def test_from_here_goes_what_its_host_keeps_and_an_hourly_state_that_a_newer_one_replaced() -> None:
    here = {("w", OLD): A, ("w", NEW): B, ("w", MOVED): C}
    assert names(plan_saved_here(there(), here, Policy(60.0), NOW)) == [OLD], (
        "the newest, and what a launch moved, stay"
    )
    assert names(plan_saved_here(there((MOVED, C), (NEW, A)), here, Policy(60.0), NOW)) == [OLD, MOVED]
    assert names(plan_saved_here(there((MOVED, C)), here, Policy(8.6 * 86400), NOW)) == [OLD]
    others = {("w", OLD): A, ("other", NEW): B}
    assert names(plan_saved_here(there(), others, Policy(60.0), NOW)) == [], "a newer one of another worktree is none"
    both = {("w", OLD): A, ("w", NEW): B, ("other", OLD): A, ("other", NEW): B}
    told = plan_saved_here(there(), both, Policy(60.0, slugs=frozenset({"other"})), NOW)
    assert [(item.slug, item.thing.name) for item in told.items] == [("other", OLD)]


async def test_saved_work_here_that_changed_meanwhile_stays(project: Project) -> None:
    ref = f"refs/trajvid/wip/box/w/{OLD}"
    project.git("update-ref", ref, "HEAD")
    item = Item(Kind.SAVED_COPY, "box", Thing(OLD, place=A), "w")
    assert await forget_here(project.folder, item) and ref in project.git("for-each-ref")
    same = replace(item, thing=Thing(OLD, place=project.git("rev-parse", "HEAD").strip()))
    assert await forget_here(project.folder, same) == "" and ref not in project.git("for-each-ref")


@pytest.mark.slow
async def test_what_was_fetched_may_go_from_the_host_and_is_then_the_last_one(project: Project) -> None:
    fleet = Fleet(project.profile)
    desk, policy = Desk(fleet, project), Policy(older_s=0.0)
    await desk.bring()
    (desk.tree / "file.txt").write_text("in no commit")
    came = await runs.fetch(fleet, "good", saved=True)
    project.git("update-ref", "-d", came.saved[0])
    found, _ = await survey(fleet, ["local"], policy)
    assert not found.items and [one.cure for one in found.kept] == [Cure.FETCH]
    await runs.fetch(fleet, "good", saved=True)
    found, _ = await survey(fleet, ["local"], policy)
    [item] = found.items
    here, _ = await survey(fleet, ["local"], policy, here=True)
    assert [one.kind for one in here.items] == [Kind.SAVED_COPY]
    done, failed = await carry_out(fleet, found.items, policy)
    assert not failed and [one.skipped for one in done] == [""]
    bare = Path(fleet.far("local").root) / "repos" / f"{fleet.profile.project_id}.git"
    assert git(bare, "for-each-ref", "refs/trajvid/wip") == ""
    assert project.git("show", came.saved[0] + ":file.txt") == "in no commit"
    assert not (await survey(fleet, ["local"], policy, here=True))[0].items
    [again], _ = await carry_out(fleet, [item], policy)
    assert again.skipped == "it is not what it was when it was listed; look again"
    [kept], _ = await carry_out(fleet, here.items, policy)
    assert kept.skipped == "its host keeps it no more" and came.saved[0] in project.git("for-each-ref")
    await runs.fetch(fleet, "good", saved=True)
    here, _ = await survey(fleet, ["local"], policy, here=True)
    done, _ = await carry_out(fleet, here.items, policy)
    assert {one.skipped for one in done} == {""} and project.git("for-each-ref", "refs/trajvid/wip") == ""
    await fleet.close()

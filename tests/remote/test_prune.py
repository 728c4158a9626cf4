"""What may go: never what is current, active, held or only there; and what host and laptop then really keep."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote import copies as copies_here
from remote import host_inventory, prune, removing, runs, synced
from remote.copies import copy_of
from remote.errors import FarSideError, RemoteError
from remote.fleet import Fleet
from remote.host_inventory import HostRun, Inventory, Thing, Worktree
from remote.leftovers import damaged_histories
from remote.listing import Entry
from remote.onhost.remove import GONE
from remote.prune import carry_out, survey
from remote.pruning_plan import OVER, Copy, Cure, Item, Kind, Plan, Policy, lacking_here, plan, plan_here
from remote.removing import Done, remove_here
from remote.synced import Mark
from tests.fixtures.project import Project
from tests.remote.test_sync_schedule import a_run
from wire.state import State

FIRST, SECOND, NEWEST = (f"2025010{day}T000000-3f2a91c-aaaa" for day in (1, 2, 3))
EPOCHS = ("best.pt", "last.pt", "epoch_1.pt", "epoch_2.pt")
NAMES = st.sampled_from(EPOCHS)
LONE = st.sampled_from([(), ("notes.md",)])
FILES = {name: Entry("", "file", size, 5) for size, name in enumerate(EPOCHS)}
AT_ONCE = Policy(older_s=0.0)


@st.composite
def host_runs(draw: st.DrawFn) -> list[HostRun]:
    """Runs of two workers, each with one current run."""
    found = []
    for slug in ("a", "b"):
        for number in range(draw(st.integers(0, 4))):
            kept = draw(st.sets(NAMES))
            found.append(
                HostRun(
                    Thing(f"2025-{number}", draw(st.integers(0, 9)), draw(st.sampled_from([0.0, 1e6, 1e7])), number),
                    slug,
                    draw(st.sampled_from(list(State))),
                    draw(st.integers(1, 3)),
                    draw(st.booleans()),
                    {name: (Thing(name, used=draw(st.booleans())), FILES[name]) for name in kept},
                )
            )
    return found


@st.composite
def copies(draw: st.DrawFn) -> dict[tuple[str, str], Copy]:
    found = {}
    for slug in ("a", "b"):
        for number in draw(st.sets(st.integers(0, 4))):
            mark = Mark(f"2025-{number}", draw(st.booleans()), attempts=draw(st.integers(0, 3)))
            here = {name: FILES[name] for name in draw(st.sets(NAMES))}
            lone, excluded = draw(LONE), draw(LONE)
            found[slug, f"2025-{number}"] = Copy(draw(st.sampled_from([mark, None])), here, 7, lone, excluded)
    return found


POLICIES = st.builds(Policy, st.sampled_from([0.0, 1e6]), st.integers(1, 3), st.booleans())


@settings(max_examples=60, deadline=None)
@given(host_runs(), copies(), POLICIES)
def test_what_may_go_is_never_needed_and_never_the_only_one(
    found: list[HostRun], here: Mapping[tuple[str, str], Copy], policy: Policy
) -> None:
    inventory = Inventory("box", tuple(found))
    by_name = {(run.slug, run.thing.name): run for run in found}
    newest = {slug: max((run.thing.name for run in found if run.slug == slug), default="") for slug in "ab"}
    from_host, from_here = plan(inventory, here, policy), plan_here(inventory, here, policy)
    for item in (*from_host.items, *from_here.items):
        run = by_name[item.slug, item.run]
        assert run.state in OVER and not run.current and run.thing.age_s >= policy.older_s
        copy = here.get((item.slug, item.run), Copy())
        if item.kind is Kind.COPY:
            assert not copy.only_here
        elif item.kind is Kind.CHECKPOINT:
            assert item.thing.name.startswith("epoch") and item.thing.name in copy.checkpoints
            assert "last.pt" in run.checkpoints, "a trainer without one may go on from any"
            assert not run.checkpoints[item.thing.name][0].used, "a link names it"
        elif not policy.unsynced:
            assert copy.mark is not None and copy.mark.complete and copy.mark.attempts >= run.attempts
            assert set(run.checkpoints) <= set(copy.checkpoints) and not copy.only_there
    for item in (item for item in from_host.items if item.kind is Kind.RUN):
        lack = lacking_here(by_name[item.slug, item.run], here.get((item.slug, item.run), Copy()))
        assert item.lack == (lack[0] if lack else ""), "what is nowhere else is told before somebody agrees"
    gone = {(item.slug, item.run) for item in from_host.items if item.kind is Kind.RUN}
    for slug, name in newest.items():
        currents = [run for run in found if run.slug == slug and run.current]
        assert currents or not name or (slug, name) not in gone
    assert len(from_host.kept) + len(gone) == len(found)


def test_what_nobody_needs_goes_when_it_is_old() -> None:
    old, young = Thing("o", 1, 40 * 86400.0, 1), Thing("y", 1, 20 * 86400.0, 2)
    trees = (
        Worktree(old, "mine"), Worktree(old, "gone"), Worktree(old, "busy", running="r"),
        Worktree(old, "dirty", own_count=1), Worktree(old, "cache", ignored=("data/",)),
        Worktree(old, "odd", problem="?"),
    )  # fmt: skip
    found = Inventory("box", (), (old, young, replace(old, used=True)), (old,), (young,), trees)
    told = [
        (item.kind, item.thing.name or item.slug) for item in plan(found, {}, Policy(older_s=86400.0), ["mine"]).items
    ]
    assert told == [(Kind.WORKTREE, "o"), (Kind.LEFT, "y"), (Kind.BUNDLE, "o"), (Kind.ENVIRONMENT, "o")]
    only_one = plan(found, {}, Policy(slugs=frozenset(["gone"])))
    assert [item.slug for item in only_one.items if item.kind is Kind.WORKTREE] == ["gone"]
    assert not {Kind.BUNDLE, Kind.ENVIRONMENT} & {item.kind for item in only_one.items}


def test_of_other_workers_nothing_goes_and_the_host_is_told_how_old_a_run_must_be() -> None:
    found = [HostRun(Thing(f"r{n}", age_s=9e6), slug, State.COMPLETED, 1) for slug in ("a", "b") for n in range(2)]
    mine = {(run.slug, run.thing.name): Copy(Mark(run.thing.name, True, attempts=1)) for run in found}
    policy = Policy(older_s=5e6, slugs=frozenset({"a"}))
    for told in (
        plan(Inventory("box", tuple(found)), mine, policy),
        plan_here(Inventory("box", tuple(found)), mine, policy),
    ):
        assert [(item.slug, item.run) for item in told.items] == [("a", "r0")]
        assert {one.slug for one in told.kept} == {"a"}
    [item] = plan(Inventory("box", tuple(found)), mine, policy).items
    assert item.least_age_s == 5e6, "it may be used between this look and the removal"


def test_a_run_without_a_last_checkpoint_may_go_on_from_any() -> None:
    entries = {name: FILES[name] for name in ("epoch_1.pt", "last.pt")}
    run = HostRun(Thing("r", age_s=9e6), "w", State.FAILED, 1)
    newer = HostRun(Thing("s", age_s=9e6), "w", State.COMPLETED, 1)
    for names, spare in (({"epoch_1.pt"}, []), ({"epoch_1.pt", "last.pt"}, ["epoch_1.pt"])):
        one = replace(run, checkpoints={name: (Thing(name), entries[name]) for name in names})
        told = plan(Inventory("box", (one, newer)), {("w", "r"): Copy(None, entries)}, AT_ONCE)
        assert [item.thing.name for item in told.items if item.kind is Kind.CHECKPOINT] == spare


def test_the_newest_ones_stay_and_the_current_one_is_the_newest() -> None:
    """A laptop whose clock was wrong named the current run as if it were the oldest."""
    found = [HostRun(Thing(f"r{number}", age_s=1e9), "w", State.COMPLETED, current=not number) for number in range(4)]
    told = plan(Inventory("box", tuple(found)), {}, Policy(keep=2, unsynced=True))
    assert [(one.run, one.why) for one in told.kept] == [
        ("r0", "is the newest of its worker"), ("r3", "is among the newest 2"),
    ]  # fmt: skip
    assert [(item.run, item.lack) for item in told.items] == [("r2", "is not here"), ("r1", "is not here")]


def test_what_is_missing_is_said_with_what_brings_it() -> None:
    whole = Copy(Mark("r", True, attempts=1))
    run = HostRun(Thing("r"), "w", State.COMPLETED, 1)
    assert lacking_here(run, whole) is None and lacking_here(run, Copy()) == ("is not here", Cure.SYNC)
    later = replace(run, attempts=2)
    assert lacking_here(later, whole) == ("went on after its last sync", Cure.SYNC)
    unproved = replace(run, checkpoints={"a.pt": (Thing("a.pt"), FILES["best.pt"])})
    assert lacking_here(unproved, whole) == ("has 1 checkpoint not here", Cure.EVERYTHING)
    excluded = lacking_here(run, replace(whole, only_there=("clips/a", "clips/b", "clips/c")))
    assert excluded == ("has 3 files that `exclude` keeps there: clips/a, clips/b, ...", Cure.PROFILE)
    too_large = replace(whole, mark=Mark("r", True, attempts=1, left_out=("x",)))
    assert lacking_here(run, too_large) == ("has 1 file too large to come here", Cure.PROFILE)


def test_a_link_or_the_hosts_own_folder_is_no_copy(tmp_path: Path) -> None:
    folder = tmp_path / "w" / "r"
    folder.mkdir(parents=True)
    synced.write(folder, Mark("r", True, attempts=1))
    run = HostRun(Thing("r", inode=folder.stat().st_ino + 1), "w", State.COMPLETED)
    found = copy_of(tmp_path, run)
    assert found is not None and found.mark == Mark("r", True, attempts=1)
    assert copy_of(tmp_path, replace(run, thing=Thing("r", inode=folder.stat().st_ino))) is None, "a shared disk"
    (tmp_path / "v").symlink_to(tmp_path / "w")
    (tmp_path / "w" / "s").symlink_to(folder)
    assert copy_of(tmp_path, replace(run, thing=Thing("s"))) is None
    assert copy_of(tmp_path, replace(run, thing=Thing("away"))) is None


async def test_what_went_from_here_while_somebody_read_the_list_stays_on_its_host(
    project: Project, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_args: object) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(prune, "unwanted_files", nothing)
    old = Thing(FIRST, inode=1)
    run = HostRun(old, "good", State.COMPLETED, 1, checkpoints={"epoch_1.pt": (Thing("epoch_1.pt"), FILES["best.pt"])})
    checkpoint = Item(Kind.CHECKPOINT, "local", Thing("epoch_1.pt"), "good", FIRST)
    whole = Item(Kind.RUN, "local", old, "good", FIRST)

    async def told(item: Item, run: HostRun, policy: Policy = AT_ONCE) -> str:
        return await prune._why_not(fleet, item, {("good", FIRST): run}, policy)

    assert await told(whole, run) == await told(checkpoint, run) == "is not here"
    assert await told(whole, run, Policy(unsynced=True)) == ""
    assert await told(whole, replace(run, current=True), Policy(unsynced=True)) == "went on meanwhile"
    assert await told(checkpoint, replace(run, state=State.RUNNING)) == "went on meanwhile"
    assert await prune._why_not(fleet, whole, {}, AT_ONCE) == GONE
    copy = replace(whole, kind=Kind.COPY)
    assert "any more" in await prune._why_not(fleet, copy, {}, AT_ONCE), "now it is the last one"
    folder = project.profile.results / "good" / FIRST
    folder.mkdir(parents=True)
    synced.write(folder, Mark(FIRST, True, attempts=1))
    assert await told(whole, replace(run, checkpoints={})) == ""
    assert await told(whole, replace(run, checkpoints={}, attempts=2)) == "went on after its last sync"


async def test_one_at_a_time_removes_a_run_here_or_there(
    project: Project, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that prune at once, one from the host and one from here, both find the other side whole."""
    inside: list[str] = []

    async def looked(_fleet: Fleet, item: Item, *_more: object) -> str:
        inside.append(item.kind)
        await asyncio.sleep(0.05)
        assert inside == [item.kind], "between the look and the removal nobody else may remove"
        inside.clear()
        return "stays"

    async def found(*_args: object) -> Inventory:
        return Inventory("local")

    monkeypatch.setattr(prune, "_why_not", looked)
    monkeypatch.setattr(prune, "take_inventory", found)
    items = [Item(kind, "local", Thing(FIRST), "good", FIRST) for kind in (Kind.CHECKPOINT, Kind.COPY)]
    done = await asyncio.gather(*(carry_out(fleet, [item], AT_ONCE) for item in items))
    assert [one.skipped for told, _ in done for one in told] == ["stays", "stays"]


async def test_what_somebody_else_removed_before_is_no_failure_and_does_not_stay(
    project: Project, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that prune at once: the later one finds nothing to sync, to compare or to remove."""

    async def no_run(*_args: object, **_more: object) -> None:
        raise FarSideError("local: good has no such run on this host", code="not_found")

    async def found(*_args: object) -> Inventory:
        return Inventory("local", tuple(HostRun(Thing(run), "good", State.COMPLETED, 1) for run in (FIRST, SECOND)))

    async def host_says(_fleet: Fleet, _host: str, items: list[Item], **_more: object) -> list[Done]:
        return [removing._done(item, {"freed_bytes": 0, "skipped": GONE, "kept": ""}) for item in items]

    monkeypatch.setattr(prune, "take_inventory", found)
    monkeypatch.setattr(fleet.syncs, "fetch", no_run)
    monkeypatch.setattr(prune, "unwanted_files", no_run)
    monkeypatch.setattr(prune, "remove_there", host_says)
    synced_once = project.profile.results / "good" / SECOND
    synced_once.mkdir(parents=True)
    items = (
        Item(Kind.RUN, "local", Thing(FIRST), "good", FIRST),
        Item(Kind.BUNDLE, "local", Thing("0a")),
        Item(Kind.REST, "local", Thing(".tmp-gone-1-x", place=str(project.profile.results)), "good"),
    )
    steps: list[str] = []
    done, failed = await carry_out(fleet, items, AT_ONCE, steps.append)
    assert not failed and {one.item.kind: (one.gone, one.skipped) for one in done} == dict.fromkeys(
        (Kind.RUN, Kind.BUNDLE, Kind.REST), (True, "")
    )
    assert "1 of 1" in steps[0]
    looked = await prune._why_not(fleet, replace(items[0], run=SECOND), {("good", SECOND): a_kept(SECOND)}, AT_ONCE)
    assert looked == GONE


def a_kept(run: str) -> HostRun:
    return HostRun(Thing(run), "good", State.COMPLETED, 1)


async def test_saved_work_is_looked_at_again_before_it_goes(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """On either side it may have been let go of, or have become another commit, since the list was shown."""
    name = "20250101T000000Z-stop"
    kept: dict[tuple[str, str], str] = {}

    async def here(_repo: Path, _host: str) -> dict[tuple[str, str], str]:
        return kept

    async def nothing_there(*_args: object) -> Inventory:
        return Inventory("local")

    monkeypatch.setattr(prune, "saved_here", here)
    monkeypatch.setattr(prune, "take_inventory", nothing_there)
    there = Item(Kind.SAVED, "local", Thing(name, place="c0ffee"), "good")
    assert "not here" in await prune._why_not(fleet, there, {}, AT_ONCE)
    kept["good", name] = "another"
    assert "not here" in await prune._why_not(fleet, there, {}, AT_ONCE)
    assert await prune._why_not(fleet, replace(there, lack="is not here"), {}, AT_ONCE) == "", "somebody agreed to it"
    kept["good", name] = "c0ffee"
    assert await prune._why_not(fleet, there, {}, AT_ONCE) == ""
    copy = Item(Kind.SAVED_COPY, "local", Thing(name, place="c0ffee"), "good")
    [done] = await remove(fleet, (copy,))
    assert done.skipped == "its host keeps it no more", "so it is the last one"


async def test_an_answer_that_breaks_off_and_what_stays_are_no_removals(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"freed_bytes": 7, "skipped": "", "kept": ""}

    class Far:
        root = "/r"

        async def ready(self) -> None:
            pass

        async def call(self, verb: str, asked: dict[str, Any], **_more: object) -> dict[str, Any]:
            part = {**said, "skipped": "a part of it stays", "kept": "refs/trajvid/wip/good/x"}
            return {"removed": [said, part, {**said, "skipped": GONE}]}

    recorded: list[str] = []
    monkeypatch.setattr(fleet, "far", lambda host: Far())
    monkeypatch.setattr(fleet, "record", lambda worker, verb, what, result: recorded.append(what))
    items = [Item(Kind.RUN, "local", Thing(f"r{number}"), "good", f"r{number}") for number in range(4)]
    done = await removing.remove_there(fleet, "local", items)
    assert [(one.freed_bytes, one.skipped, one.kept, one.gone) for one in done] == [
        (7, "", "", False), (7, "a part of it stays", "refs/trajvid/wip/good/x", False), (0, "", "", True),
        (0, "the host's answer makes no sense", "", False),
    ]  # fmt: skip
    assert recorded == ["run r0"], "only what this removal removed is told as its doing"


async def test_a_file_that_the_profile_excludes_keeps_a_run_and_a_full_disk_removes_nothing(
    project: Project, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def excluded(*_args: object) -> tuple[str, ...]:
        return ("clips/a",)

    async def found(*_args: object) -> Inventory:
        return Inventory("local", (a_kept(FIRST),))

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(prune, "unwanted_files", excluded)
    folder = project.profile.results / "good" / FIRST
    folder.mkdir(parents=True)
    synced.write(folder, Mark(FIRST, True, attempts=1))
    item = Item(Kind.RUN, "local", Thing(FIRST), "good", FIRST)
    why = await prune._why_not(fleet, item, {("good", FIRST): a_kept(FIRST)}, AT_ONCE)
    assert why == "has 1 file that `exclude` keeps there: clips/a"
    monkeypatch.setattr(prune, "take_inventory", found)
    monkeypatch.setattr(prune.synced, "claim", full)
    done, failed = await carry_out(fleet, [replace(item, kind=Kind.COPY)], AT_ONCE)
    assert done == [] and failed["local"].code == "no_space_here" and folder.exists()


async def test_who_must_wait_for_another_process_says_so(
    project: Project, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(*_args: object) -> Inventory:
        return Inventory("local")

    monkeypatch.setattr(prune, "take_inventory", found)
    waiting = asyncio.Event()
    item = Item(Kind.COPY, "local", Thing(FIRST), "good", FIRST)

    def step(text: str) -> None:
        if "waiting for another process" in text:
            waiting.set()

    async with synced.claim(project.profile.results / "good" / FIRST, lambda: None):
        removing = asyncio.ensure_future(carry_out(fleet, [item], AT_ONCE, step))
        await asyncio.wait_for(waiting.wait(), 20)
        assert not removing.done()
    done, _ = await removing
    assert "any more" in done[0].skipped


async def test_many_runs_are_compared_at_once(project: Project, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other is a program that starts on the host for each: half a minute for thirty runs."""
    names = [f"2025010{day}T000000-3f2a91c-aaaa" for day in range(1, 6)]
    begun: list[str] = []

    async def looked(_fleet: Fleet, _host: str, _slug: str, run: str) -> tuple[str, ...]:
        begun.append(run)
        await asyncio.sleep(0)
        assert len(begun) == len(names) - 1, "each is asked before the first has answered"
        return ("notes.md",) if run == names[0] else ()

    monkeypatch.setattr(copies_here, "unwanted_files", looked)
    found = Inventory("local", tuple(HostRun(Thing(run, age_s=1e7), "good", State.COMPLETED, 1) for run in names))
    mine = {("good", run): Copy(Mark(run, True, attempts=1)) for run in names}
    told = await copies_here.compared(fleet, found, mine, AT_ONCE, here=False)
    assert {key[1]: copy.only_there for key, copy in told.items() if copy.only_there} == {names[0]: ("notes.md",)}
    assert told.keys() == mine.keys()


@pytest.fixture
async def fleet(project: Project) -> AsyncIterator[Fleet]:
    fleet = Fleet(project.profile)
    yield fleet
    await fleet.close()


async def look(fleet: Fleet, policy: Policy = AT_ONCE, here: bool = False) -> Plan:
    found, failed = await survey(fleet, ["local"], policy, here=here)
    assert not failed
    return found


async def remove(fleet: Fleet, items: tuple[Item, ...], policy: Policy = AT_ONCE) -> list[Done]:
    done, failed = await carry_out(fleet, items, policy)
    assert not failed
    return done


async def home(fleet: Fleet, run: str, *, everything: bool = False) -> None:
    await runs.sync(fleet, "good", everything=everything, earlier=await runs.kept_run(fleet, "good", run))


def why(found: Plan, run: str) -> str:
    [kept] = [one for one in found.kept if one.run == run]
    return kept.why


@pytest.mark.slow  # 6 s of CPU: eight looks at a host, five syncs
async def test_a_run_goes_from_its_host_only_when_it_is_here_and_a_copy_only_when_it_is_there(
    project: Project, fleet: Fleet
) -> None:
    first, _, newest = a_run(project, FIRST, last=9, epoch_1=2000), a_run(project, SECOND), a_run(project, NEWEST)
    found = await look(fleet)
    assert [item for item in found.items if item.kind is Kind.RUN] == []
    assert why(found, FIRST) == why(found, SECOND) == "is not here" and "newest" in why(found, NEWEST)
    for run in (FIRST, SECOND):
        await home(fleet, run)
    found = await look(fleet)
    assert [item.run for item in found.items] == [SECOND] and why(found, FIRST) == "has 1 checkpoint not here"

    await home(fleet, FIRST, everything=True)
    kept = await look(fleet, Policy(older_s=0.0, keep=3))
    assert [(item.kind, item.thing.name) for item in kept.items] == [(Kind.CHECKPOINT, "epoch_1.pt")]
    here = project.profile.results / "good"
    copies_too = await look(fleet, here=True)
    assert {item.run for item in copies_too.items} == {FIRST, SECOND}
    (here / FIRST / "notes.md").write_text("mine")
    assert "only here: notes.md" in why(await look(fleet, here=True), FIRST)
    done = await remove(fleet, copies_too.items)
    assert {one.item.run: one.skipped for one in done} == {FIRST: "has 1 file only here: notes.md", SECOND: ""}
    assert why(await look(fleet), SECOND) == "is not here" and not (here / SECOND).exists(), (
        "now the host's is the last"
    )
    [back] = await remove(fleet, found.items)
    assert back.skipped == "" and (here / SECOND / "training.log").exists(), "it came home before it went"
    assert not os.path.exists(Path(first.path).parent / SECOND) and os.path.exists(newest.path)
    (Path(first.checkpoints) / "last.pt").write_bytes(b"a later one")
    assert why(await look(fleet), FIRST) == "has 1 checkpoint not here"


@pytest.mark.slow  # 4 s of CPU: four looks at a host, two syncs
async def test_two_that_prune_at_once_never_take_both(project: Project, fleet: Fleet) -> None:
    first = a_run(project, FIRST)
    a_run(project, NEWEST)
    await home(fleet, FIRST)
    there, here = await look(fleet), await look(fleet, here=True)
    assert [item.kind for item in (*there.items, *here.items)] == [Kind.RUN, Kind.COPY]
    other = Fleet(project.profile)
    done = [one for told in await asyncio.gather(remove(fleet, there.items), remove(other, here.items)) for one in told]
    await other.close()
    left = [os.path.exists(first.path), (project.profile.results / "good" / FIRST / "training.log").exists()]
    assert left.count(True) == 1 and sorted(bool(one.skipped) for one in done) == [False, True], done


async def test_a_host_that_cannot_tell_loses_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(project.profile)

    async def no(*_args: object, **_more: object) -> None:
        raise RemoteError("the link is down")

    monkeypatch.setattr(prune, "take_inventory", no)
    copy = project.profile.results / "good" / FIRST
    copy.mkdir(parents=True)
    done, failed = await carry_out(fleet, [Item(Kind.COPY, "local", Thing(FIRST), "good", FIRST)], AT_ONCE)
    assert done == [] and failed["local"].message == "the link is down" and copy.exists()
    found, failed = await survey(fleet, ["local"], AT_ONCE)
    assert found == Plan() and "local" in failed
    await fleet.close()


async def test_a_host_whose_clock_cannot_be_right_loses_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of the year 2150 everything is old."""
    fleet = Fleet(project.profile)
    bundle = {"name": "0a", "inode": 1, "age_s": 3.9e9, "used": False}

    async def asked(_fleet: Fleet, _host: str, verb: str) -> dict[str, Any]:
        return {"bundles": [bundle], "clock_s": 5.7e9} if verb == "inventory" else {}

    monkeypatch.setattr(host_inventory, "_ask", asked)
    found, failed = await survey(fleet, ["local"], AT_ONCE)
    assert found == Plan() and "its clock says 2150-08-17" in failed["local"].message
    await fleet.close()


async def test_many_things_go_in_several_calls_which_say_how_far_they_are(project: Project, fleet: Fleet) -> None:
    folder = project.profile.results / "good"
    folder.mkdir(parents=True)
    names = [f".tmp-gone-{number}-x" for number in range(45)]
    for name in names:
        (folder / name).touch()
    steps: list[str] = []
    items = [Item(Kind.REST, "", Thing(name, place=str(folder)), "good") for name in names]
    done, failed = await carry_out(fleet, items, AT_ONCE, steps.append)
    assert not failed and len(done) == 45 and not any(folder.iterdir())
    assert steps == [f"here: removing {first} to {last} of 45" for first, last in ((1, 20), (21, 40), (41, 45))]


async def test_rests_on_this_laptop_go_when_they_are_old(project: Project) -> None:
    worker = project.profile.results / "good"
    gone, run = worker / ".tmp-gone-7-x", worker / FIRST
    rests = [gone / "spec.json", run / "checkpoints" / ".tmp-bad-last.pt", run / ".tmp-part-0a", run / ".tmp-partial/a"]
    young = run / "artifacts" / ".tmp-part-0b"
    others = [run / "checkpoints" / "last.pt", run / ".tmp-whose", young, worker.parent / "bad" / ".tmp-gone-9-y"]
    for path in (*rests, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for path in (*rests, *others[:2], others[3]):
        for one in (path, path.parent):
            os.utime(one, (1e9, 1e9))
    fleet = Fleet(project.profile)
    try:
        policy = Policy(slugs=frozenset({"good"}))
        found, _ = await survey(fleet, [], policy, here=True)
        assert [item.thing.name for item in found.items] == [
            ".tmp-gone-7-x", ".tmp-part-0a", ".tmp-partial", ".tmp-bad-last.pt",
        ]  # fmt: skip
        assert (await survey(fleet, [], policy))[0] == Plan(), "what is here is no host's matter"
        done, failed = await carry_out(fleet, found.items, policy)
    finally:
        await fleet.close()
    assert not failed and all(not one.skipped for one in done)
    assert not any(path.exists() for path in rests) and all(path.exists() for path in others)


def test_a_damaged_history_goes_when_it_is_old(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(home))
    for name in ("history.sqlite", "history.sqlite.damaged-1", "history.sqlite.damaged-2"):
        (home / name).touch()
    then = time.time() - 86400.0
    os.utime(home / "history.sqlite.damaged-1", (then, then))
    [item] = damaged_histories(Policy(older_s=3600.0))
    assert item.thing.name == "history.sqlite.damaged-1"
    assert remove_here(home / item.thing.name, item).skipped == ""
    assert sorted(path.name for path in home.iterdir() if path.name.startswith("history")) == [
        "history.sqlite", "history.sqlite.damaged-2",
    ]  # fmt: skip

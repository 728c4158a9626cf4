"""What was done: two memories merged, each action once; a host that is not connected is said to be missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from remote import runs
from remote.activity import Deed, Origin, activity, matching, merged
from remote.errors import FarSideError
from remote.fleet import Fleet
from remote.history import History
from tests.fixtures.project import Project

START = Deed(100.0, "w", "gpu", "launch", "ada@laptop", "python train.py", "started: r.1", "r.1", Origin.HERE)


def there(deed: Deed, **changes: object) -> Deed:
    return replace(deed, origin=Origin.HOST, **changes)  # type: ignore[arg-type]


def test_an_action_in_both_memories_is_one_whatever_the_clocks_say() -> None:
    here = [START, Deed(300.0, "w", "gpu", "stop", "ada@laptop", "TERM, 5 s, KILL", "stopped", "r")]
    host = [
        there(START, at_s=5100.0, command="/venv/bin/python train.py", result="started"),
        there(START, at_s=5200.0, verb="stop", result="asked", command="TERM, 5 s, KILL"),
    ]
    first, second = merged(here, host)
    assert (first.origin, first.at_s, first.result) == (Origin.BOTH, 100.0, "started: r.1")
    assert first.command == "/venv/bin/python train.py", "the host knows what exactly ran"
    assert (second.origin, second.result, second.attempt) == (Origin.BOTH, "stopped", "r.1")


def test_a_relaunch_is_the_launch_that_the_host_knows() -> None:
    [one] = merged([replace(START, verb="relaunch")], [there(START)])
    assert (one.verb, one.origin) == ("relaunch", Origin.BOTH)


@pytest.mark.parametrize(
    "other",
    [there(START, by="bob@desk"), there(START, worker="v"), there(START, attempt="r.2"), there(START, verb="stop")],
    ids=["person", "worker", "attempt", "verb"],
)
def test_another_s_action_is_another_action(other: Deed) -> None:
    assert len(merged([START], [other])) == 2


def test_what_failed_here_or_ran_already_is_no_action_of_the_host() -> None:
    failed = replace(START, result="failed: no space left", at_s=90.0)
    again = replace(START, result="runs already: r.1", at_s=95.0)
    found = merged([failed, again, START], [there(START, at_s=101.0)])
    assert [deed.origin for deed in found] == [Origin.HERE, Origin.HERE, Origin.BOTH]


def test_three_alike_are_paired_in_their_order() -> None:
    kill = replace(START, verb="kill")
    found = merged([replace(kill, at_s=t) for t in (1.0, 2.0)], [there(kill, at_s=t) for t in (7.0, 8.0, 9.0)])
    assert [(deed.at_s, deed.origin) for deed in found] == [
        (1.0, Origin.BOTH), (2.0, Origin.BOTH), (9.0, Origin.HOST)
    ]  # fmt: skip


def test_every_word_must_occur() -> None:
    assert matching([START], "LAUNCH train gpu") == [START]
    assert matching([START], "launch bob") == []


@pytest.fixture
async def fleet(project: Project, tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(project.profile, by="ada@laptop", history=History(tmp_path / "history.sqlite"))
    yield fleet
    await fleet.close()


async def test_two_laptops_see_what_the_other_did(fleet: Fleet, project: Project) -> None:
    before = await activity(fleet)
    assert before.deeds == () and before.sources["local"].problem == "not connected"
    await fleet.start(sync=False)
    launched = await runs.launch(fleet, "good")
    await runs.wait(fleet, ["good"])
    with pytest.raises(FarSideError):
        await runs.retire(fleet, "good")
    other = Fleet(project.profile, by="bob@desk")
    try:
        await other.start(sync=False)
        await runs.stop(other, "good")
        theirs = await activity(other)
    finally:
        await other.close()
    [deed] = theirs.deeds
    assert (deed.verb, deed.by, deed.origin, deed.attempt) == ("launch", "ada@laptop", Origin.HOST, launched.attempt)
    assert deed.worker == "good" and "work.py" in deed.command

    ours = await activity(fleet, worker="good")
    assert [(one.verb, one.origin) for one in ours.deeds] == [("launch", Origin.BOTH), ("retire", Origin.HERE)]
    assert ours.deeds[0].result == f"started: {launched.attempt}"
    assert ours.deeds[1].result.startswith("failed: ") and "not held" in ours.deeds[1].result
    assert not ours.sources["local"].problem and ours.sources["local"].at is not None
    assert (await activity(fleet, since_s=ours.deeds[1].at_s)).deeds == ours.deeds[1:]
    assert (await activity(fleet, limit=1)).deeds == ours.deeds[1:], "the newest stay"

    await fleet.connection("local").close()
    async with asyncio.timeout(30):
        while not (later := await activity(fleet, before=ours)).sources["local"].problem:
            await asyncio.sleep(0.05)
    assert later.deeds == ours.deeds and later.sources["local"].at == ours.sources["local"].at

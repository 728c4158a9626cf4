"""What fetched work looks like in words, and its key in the app."""

from __future__ import annotations

from dataclasses import replace

from remote.errors import FarSideError
from remote.fetch import Fetched
from remote.home_branch import Home, Way
from remote.waiting import Look, Waiting
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.test_evidence_tab import shown
from tests.tui.worlds import running
from tui.fetched import fetched_words, told_in_short, waiting_words

HEAD, BEFORE = "c0ffee1" + "0" * 33, "badc0de" + "0" * 33
REF = "refs/trajvid/hosts/gpu-1/a"
MERGE = f"git switch idea && git merge {REF}"


def fetched(home: Home, made: int = 2, **more: object) -> Fetched:
    subjects = tuple(f"c0ffee{number} Ada: idea {number}" for number in range(made))
    return Fetched("a", "gpu-1", "idea", REF, Waiting(HEAD, made, subjects, "idea", **more), home, made)  # type: ignore[arg-type]


def test_each_way_a_branch_may_go_is_said() -> None:
    assert fetched_words(fetched(Home(Way.NOTHING), 0, uncommitted=1)) == [
        "a: nothing was committed on gpu-1",
        "    1 file there in no commit",
    ]
    assert fetched_words(fetched(Home(Way.FORWARD, BEFORE), 9))[:2] == [
        "a: 9 commits of gpu-1: idea from badc0de to c0ffee1",
        "    c0ffee0 Ada: idea 0",
    ]
    assert fetched_words(fetched(Home(Way.FORWARD, BEFORE), 9))[-1] == "    and 1 more"
    assert fetched_words(fetched(Home(Way.MADE), 1))[0] == "a: 1 commit of gpu-1: idea is new, at c0ffee1"
    assert fetched_words(fetched(Home(Way.HERE, HEAD))) == ["a: 2 commits of gpu-1, which idea has already"]
    some = replace(fetched(Home(Way.FORWARD, BEFORE), 9), new=2)
    assert fetched_words(some) == [
        "a: 2 commits of gpu-1: idea from badc0de to c0ffee1", "    c0ffee0 Ada: idea 0", "    c0ffee1 Ada: idea 1",
    ]  # fmt: skip
    moved = fetched(Home(Way.LEFT, BEFORE, "both moved", MERGE), beside=BEFORE)
    left = fetched_words(replace(moved, beside="refs/trajvid/branches/gpu-1/a"))
    assert left[0] == f"a: 2 commits of gpu-1 under {REF}; idea stays: both moved"
    assert left[3:] == [
        f"  -> {MERGE}",
        "    idea on gpu-1 itself is at badc0de, which is not part of this: refs/trajvid/branches/gpu-1/a",
    ]


async def test_its_key_tells_what_came_and_warns_of_what_has_to_be_merged() -> None:
    answers: list[Fetched | FarSideError] = [
        fetched(Home(Way.FORWARD, BEFORE)),
        fetched(Home(Way.LEFT, BEFORE, "both moved", MERGE)),
        FarSideError("gpu-1: no code of it is on this host", hint="launch a worker there first"),
    ]

    class Verbs(NoVerbs):
        async def fetch(self, fleet: object, worker: str) -> Fetched:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    async with desk([running("a")], verbs=Verbs()) as (app, pilot, _):
        for _ in range(3):
            await pilot.press("F")
            await app.workers.wait_for_complete()
            await settle(app, pilot)
        toasts = [(one.severity, one.message) for one in app._notifications]
    assert [severity for severity, _ in toasts] == ["information", "warning", "error"]
    assert "idea from badc0de to c0ffee1" in toasts[0][1] and "idea 0" in toasts[0][1]
    assert MERGE in toasts[1][1] and told_in_short(fetched(Home(Way.MADE)))
    assert "launch a worker there first" in toasts[2][1]


async def test_a_session_that_only_looks_fetches_nothing() -> None:
    async with desk([running("a")], read_only=True) as (app, pilot, _):
        await pilot.press("F")
        await settle(app, pilot)
        assert [one.severity for one in app._notifications] == ["warning"]


async def test_commits_that_wait_are_on_the_overview_with_the_age_of_that_knowledge() -> None:
    looks: list[Look | FarSideError] = [
        looked := Look("gpu-1", "idea", 2, False, 1),
        Look("gpu-1", "idea", 1, True, 0),
        FarSideError("gpu-1: no space"),
        Look("gpu-1", "idea", 0, False, 3),
    ]
    asked: list[str] = []

    class Verbs(NoVerbs):
        async def look(self, fleet: object, worker: str) -> Look:
            asked.append(worker)
            answer = looks.pop(0) if looks else Look("gpu-1", "idea", 0, False, 0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    async with desk([running("a"), running("b")], (80, 24), "enter", verbs=Verbs()) as (app, pilot, feed):

        async def after_a_verb() -> str:
            for step in ("fetching", ""):
                feed.put(replace(feed.rows["a"], step=step))
                app.flush(everything=True)
                await settle(app, pilot)
            return await shown(app, pilot)

        first = await shown(app, pilot)
        assert "waiting    2 commits of gpu-1, the newest not here" in first
        assert "F fetches, looked 0 s ago" in first and waiting_words(looked).endswith(" · 1 file in no commit")
        assert "1 commit of gpu-1 not in idea " in await after_a_verb()
        assert "1 commit of gpu-1 not in idea " in await after_a_verb(), "what failed to look takes nothing back"
        assert "waiting" not in await after_a_verb(), "files alone are no commits"
        app.flush(everything=True)
        await settle(app, pilot)
        assert asked == ["a"] * 4, "nobody asks again for nothing"
        app.pick("b")
        await shown(app, pilot)
        assert asked[-1] == "b"

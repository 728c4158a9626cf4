"""What is told, once, and the person's hook: a real command that gets JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remote.snapshot import Link, LinkStatus
from tests.tui.worlds import NOW, ended, held, offline, running
from tui import events
from tui.events import Hook, HostWatch, News, Watch, of_run
from wire.state import State

RUNNING = running("a")


@pytest.mark.parametrize(
    ("new", "kind", "text"),
    [
        (ended("a", State.FAILED, 3, "exit code 3"), "failed", "failed: exit code 3"),
        (ended("a", State.LOST, None, "pid gone"), "lost", "lost: pid gone"),
        (ended("a", State.COMPLETED, 0, ""), "completed", "completed"),
        (held("a"), "held", held("a").reason),
        (running("a", done=15), "", ""),
        (ended("a", State.STOPPED, 143, "by ada@laptop"), "", ""),
    ],
)
def test_an_end_is_told_as_it_was(new: object, kind: str, text: str) -> None:
    event = of_run(RUNNING, new)  # type: ignore[arg-type]
    assert (event.kind, event.text) == (kind, text) if event else not kind


def test_a_passed_gate_is_told_and_a_first_sight_or_another_run_is_not() -> None:
    assert RUNNING.progress is not None
    before = replace(RUNNING, progress=replace(RUNNING.progress, stage="validate"))
    after = replace(RUNNING, progress=replace(RUNNING.progress, stage="full"))
    event = of_run(before, after)
    assert event is not None and (event.kind, event.text) == ("gate", "validate is over: goes on with full")
    gone = ended("a", State.FAILED, 3, "exit code 3")
    assert of_run(replace(RUNNING, seen_at=None), gone) is None
    assert of_run(replace(RUNNING, run="an older one"), gone) is None


def test_a_host_that_goes_and_comes_back() -> None:
    tries, live = LinkStatus(Link.CONNECTING), RUNNING.link
    asks = LinkStatus(Link.NEEDS_YOU, "passphrase")
    watch = HostWatch()
    links = (tries, live, live, tries, offline("timed out"), tries, offline("timed out"), asks, tries, live)
    told = [watch.look(replace(RUNNING, link=link)) for link in links]
    assert [event and (event.kind, event.text) for event in told] == [
        None, None, None, None, ("offline", "not connected: timed out"), None, None,
        ("needs you", "passphrase: ctrl+r answers"), None, ("live", "connected"),
    ]  # fmt: skip
    first = HostWatch()
    assert first.look(replace(RUNNING, link=offline("no route"))) is None, "what the first try met stands on the screen"
    assert first.look(RUNNING) is not None, "and its mend is news"


def test_standing_still_is_told_once_and_so_is_its_end() -> None:
    watch = Watch()
    still, mute = running("a", progress_at=NOW - 420), running("a", beat_at=NOW - 200)
    told = [[event.kind for event in watch.look([row], NOW)] for row in (RUNNING, still, still, mute, RUNNING, RUNNING)]
    assert told == [[], ["stalled"], [], ["silent"], ["moving"], []]
    watch.look([still], NOW)
    assert watch.look([replace(RUNNING, link=offline())], NOW) == [], "unreachable is neither still nor moving"


async def test_the_hook_gets_each_event_as_json(tmp_path: Path) -> None:
    script = tmp_path / "hook.py"
    script.write_text("import sys; open(sys.argv[1], 'a').write(sys.stdin.read())")
    said: list[str] = []
    hook = Hook(f"{sys.executable} {script} '{tmp_path}/a b; touch x'", said.append)
    event = News("failed", "exit code 3 $(id)", "error", "a", "gpu-1", "r")
    await hook.tell(event)
    assert json.loads((tmp_path / "a b; touch x").read_text()) == {
        "kind": "failed", "text": "exit code 3 $(id)", "severity": "error", "worker": "a", "host": "gpu-1", "run": "r",
    }  # fmt: skip
    assert said == []


@pytest.mark.parametrize(
    ("command", "why"),
    [("/no/such/program", "No such file"), ("false", "ended with 1"), ("sleep 60", "had not ended"), ("", None)],
)
async def test_a_hook_that_fails_is_told_once(command: str, why: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HOOK_TIMEOUT_S", 0.2)
    said: list[str] = []
    hook = Hook(command, said.append)
    await hook.tell(News("x", "y", "error"))
    await hook.tell(News("x", "y", "error"))
    assert len(said) == (why is not None) and all(str(why) in text for text in said)

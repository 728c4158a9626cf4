"""The gate on the screen: what it said, what may be decided, and what a decision asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fixtures import gated
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import NOW, ended, gate_world, held, released, result, retired, running
from tui.app import TrajvidApp
from tui.format import Line
from tui.gate import at_gate, decision_words, gate_lines, passage_words
from tui.keys import KEYS, offered
from tui.words import count_words, last_words, parent_words, state_words
from wire.records import RunSummary
from wire.state import State


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_the_conditions_of_a_gate_are_a_table() -> None:
    assert texts(gate_lines(held("a"), 60)) == [
        "✗ accuracy   61.0 %  > 70.0 %",
        "✓ pred mse    0.082  < 0.1",
        "✗ skill      -0.200  > 0",
        "· improving     n/a  does not apply",
    ]
    assert all(len(line) <= 30 for line in texts(gate_lines(held("a"), 30)))
    assert gate_lines(running("a"), 60) == []


@pytest.mark.parametrize("gate", [{}, {"conditions": 3}, {"conditions": [None, {}, {"metric": 5, "value": True}]}])
def test_a_verdict_of_another_shape_is_drawn_as_far_as_it_goes(gate: dict[str, Any]) -> None:
    row = replace(held("a"), result=RunSummary("a.1", 0.0, "held", gate=gate))
    assert all("n/a" in line for line in texts(gate_lines(row, 60)))


def test_a_held_run_says_why_and_a_retired_one_by_whom() -> None:
    assert last_words(held("a")) == (f"held at the gate: {gated.WHY}", "accent")
    assert last_words(retired("a")) == (f"retired by ada@laptop at the gate: {gated.WHY}", "dim")
    assert state_words(retired("a"), NOW)[0] == "■ stopped"
    assert (at_gate(held("a")), at_gate(retired("a")), at_gate(released("a"))) == (True, True, False)
    assert (decision_words(held("a")), decision_words(released("a"))) == ("", "released by bob@desk")


def test_the_stage_stands_before_its_epochs() -> None:
    assert count_words(released("a")) == "full 12.5/50"
    assert count_words(held("a")) == "validate 10/10"
    assert count_words(running("a")) == "epoch 3.5/10"


def test_a_completed_run_says_how_it_came_past_its_gate() -> None:
    row = result(ended("a", State.COMPLETED, 0, ""))
    assert row.result is not None
    passed = replace(row, result=replace(row.result, gate={"passed": True}))
    let_go = replace(row, result=replace(row.result, gate=gated.GATE), decision=released("a").decision)
    assert [passage_words(one) for one in (row, passed, let_go)] == ["", "passed", "released by bob@desk"]


@pytest.mark.parametrize(
    ("row", "has", "lacks"),
    [
        (held("a"), ["release", "retire", "launch", "relaunch"], {"resume", "stop"}),
        (retired("a"), ["launch", "relaunch"], {"resume", "release", "retire"}),
        (released("a"), ["stop"], {"resume", "release", "retire", "relaunch"}),
        (ended("a", State.FAILED, 3, "exit code 3"), ["launch", "resume", "relaunch"], {"release", "retire"}),
    ],
    ids=["held", "retired", "released", "failed"],
)
def test_what_may_be_decided_is_offered_first(row: Any, has: list[str], lacks: set[str]) -> None:
    actions = [key.action for key in offered(KEYS, row, read_only=False)]
    assert actions[: len(has)] == has and not lacks & set(actions)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_around_the_gate(size: tuple[int, int], same_as_before: Callable[[TrajvidApp], None]) -> None:
    async with desk(gate_world(), size) as (app, _, _):
        text = plain(app)
        for told in ("held at the gate: accuracy 61.0 %", "validate 3.5/10", "full 12.5/50", "✗ accuracy   61.0 %",
                     "e release", "E retire"):  # fmt: skip
            assert told in text, told
        same_as_before(app)


async def test_the_whole_worker_shows_what_it_repeats_and_who_released_it() -> None:
    async with desk([released("a")], (80, 24), "enter") as (app, _, _):
        text = plain(app)
        assert "released by bob@desk" in text and "repeats    20251231T230000-3f2a91c-77aa" in text


class Verbs(NoVerbs):
    """Remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def release(self, fleet: object, worker: str) -> Any:
        self.asked.append(("release", worker))
        return SimpleNamespace(attempt="r.2")

    async def retire(self, fleet: object, worker: str) -> Any:
        self.asked.append(("retire", worker))
        return SimpleNamespace(reason="retired by ada@laptop at the gate: why", already=False)

    async def relaunch(self, fleet: object, worker: str, *, overrides: tuple[str, ...], consent: object) -> Any:
        self.asked.append(("relaunch", worker, *overrides))
        return SimpleNamespace(already=False, run="r2", commit="c0ffee1", parent="r1", parent_commit="3f2a91c")


@pytest.mark.parametrize(
    ("key", "question", "told"),
    [
        ("e", ["Release a?", "✗ accuracy   61.0 %", "new attempt", "Release it"], "goes on as r.2"),
        ("E", ["Retire a?", "✗ skill", "never resumed", "Retire it"], "retired by ada@laptop"),
    ],
)
async def test_a_decision_shows_the_gate_and_is_made_only_with_a_yes(key: str, question: list[str], told: str) -> None:
    verbs = Verbs()
    async with desk([held("a")], (80, 24), key, verbs=verbs) as (app, pilot, _):
        for words in question:
            assert words in plain(app), words
        await pilot.press("enter")
        assert verbs.asked == [], "Cancel is what enter means"
        await pilot.press(key, "right", "enter")
        await settle(app, pilot)
        assert [asked[1] for asked in verbs.asked] == ["a"] and told in plain(app)


async def test_a_relaunch_takes_changes_and_says_what_else_differs() -> None:
    verbs = Verbs()
    async with desk([retired("a")], (80, 24), "a", verbs=verbs) as (app, pilot, _):
        await settle(app, pilot)
        for words in ("Relaunch a", "20260101T000000-3f2a91c-9b1e", "keypoint epochs=10", "3f2a91c", "c0ffee1",
                      "▲ not the commit", "Cancel"):  # fmt: skip
            assert words in plain(app), words
        await pilot.press(*"epochs", "enter")
        assert "epochs is not key=value" in plain(app) and verbs.asked == []
        await pilot.press(*"=3", "enter")
        await settle(app, pilot)
        assert verbs.asked == [("relaunch", "a", "epochs=3")]
        assert "repeats r1 on another commit: c0ffee1 now, 3f2a91c then" in " ".join(plain(app).split())


async def test_what_cannot_be_done_says_why() -> None:
    rows = [running("a"), held("b"), retired("c")]
    async with desk(rows, (120, 40), "e", "a", "j", "r", "j", "r", "E") as (app, pilot, _):
        await settle(app, pilot)
        text = " ".join(plain(app).split())
        for why in ("a is not held at a gate", "a is running: x stops it", "b is held: e releases it, E retires it",
                    "c is final: a launches it again", "c is not held at a gate"):  # fmt: skip
            assert why in text, why


async def test_reaching_a_gate_is_told_with_its_reasons() -> None:
    async with desk([running("a")]) as (app, pilot, feed):
        feed.put(held("a"))
        await settle(app, pilot)
        assert "held at the gate: accuracy 61.0 %" in " ".join(plain(app).split())


async def test_a_command_of_one_s_own_is_relaunched_as_it_is() -> None:
    row = ended("a", State.FAILED, 3, "exit code 3")
    assert row.spec is not None
    row = replace(row, spec=replace(row.spec, config="", command=("python", "train.py")))
    verbs = Verbs()
    async with desk([row], (100, 30), "a", verbs=verbs) as (app, pilot, _):
        assert "command python train.py" in plain(app) and "no changes" in plain(app)
        await pilot.press("enter")
        await settle(app, pilot)
        assert verbs.asked == [("relaunch", "a")]


def test_a_relaunch_on_the_same_commit_says_only_what_it_repeats() -> None:
    found = SimpleNamespace(commit="abc", parent="r1", parent_commit="abc")
    assert parent_words(found) == "repeats r1"  # type: ignore[arg-type]

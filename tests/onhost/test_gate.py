"""A held run: released exactly once, or retired for good, and never both."""

from __future__ import annotations

import concurrent.futures
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import parts
from tests.fixtures.gated import GATE, WHY, WORK
from tests.onhost.far import PROJECT, Far, lines, record, wait_for
from wire.run_dir import RunDir


@pytest.fixture
def held(far: Far) -> RunDir:
    """A run that has ended at its gate."""
    run = far.launch(sys.executable, "-c", WORK)
    far.end(run)
    wait_for(lambda: not far.facts()["alive"])
    return run


def go_on(far: Far, run: RunDir, nonce: str = "nonce-2", by: str = "ada@laptop", **more: Any) -> dict[str, Any]:
    spec = {"run": os.path.basename(run.path), "project": PROJECT, "worker": "w"}
    return far.ask("launch", spec=spec, resume=True, nonce=far.nonce(nonce), by=by, **more)


def retire(far: Far, by: str = "ada@laptop") -> dict[str, Any]:
    return far.ask("retire", project=PROJECT, worker="w", by=by)


def standing(far: Far) -> tuple[str, str]:
    [run] = far.ask("runs", project=PROJECT, worker="w")["runs"]
    return run["state"], run["reason"]


def starts(run: RunDir) -> list[str]:
    return Path(run.path, "starts").read_text().splitlines()


def test_a_release_is_a_new_attempt_that_finds_the_decision(far: Far, held: RunDir) -> None:
    name = os.path.basename(held.path)
    assert standing(far) == ("held", f"held at the gate: {WHY}")
    answer = go_on(far, held, release=True)
    assert (answer["ok"], answer["already"], answer["attempt"]) == (True, False, f"{name}.2")
    far.end(held, 2)
    decision = record(held.gate_decision)
    assert decision is not None
    assert (decision["decision"], decision["by"], decision["attempt"]) == ("release", "ada@laptop", f"{name}.1")
    assert starts(held) == [f"{name}.1 undecided", f"{name}.2 release"]
    assert [(action["verb"], action["by"]) for action in lines(held.actions)] == [
        ("launch", "ada@laptop"), ("release", "ada@laptop"),
    ]  # fmt: skip
    assert standing(far) == ("completed", "")
    again = go_on(far, held, release=True)
    assert (again["already"], again["same_nonce"], again["attempt"]) == (True, True, f"{name}.2"), "a lost answer"
    assert len(starts(held)) == 2
    assert os.stat(held.gate_decision).st_mode & 0o077 == 0


def test_of_many_who_release_or_retire_at_the_same_time_one_is_obeyed(far: Far, held: RunDir) -> None:
    def ask(number: int) -> dict[str, Any]:
        by = f"user{number}@laptop"
        return retire(far, by) if number % 2 else go_on(far, held, f"nonce-{number}", by, release=True)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(2, 8)))
    obeyed = [answer for answer in answers if answer["ok"] and not answer["already"]]
    assert len(obeyed) == 1, answers
    others = [answer for answer in answers if answer not in obeyed]
    if "attempt" in obeyed[0]:
        far.end(held, 2)
        assert {answer["code"] for answer in others} == {"not_held"}
        assert [line.split()[1] for line in starts(held)] == ["undecided", "release"]
    else:
        assert {answer.get("code", "again") for answer in others} == {"retired", "again"}
        assert len(starts(held)) == 1


def test_a_held_run_is_not_resumed_and_a_retired_one_is_stopped_for_good(far: Far, held: RunDir) -> None:
    refused = go_on(far, held)
    assert (refused["code"], refused["message"]) == ("held", f"w is held at the gate: {WHY}")
    assert "release" in refused["hint"] and "retire" in refused["hint"]
    first = retire(far)
    told = ("stopped", f"retired by ada@laptop at the gate: {WHY}")
    assert (first["ok"], first["already"], (first["state"], first["reason"])) == (True, False, told)
    assert standing(far) == told
    again = retire(far, by="bob@desk")
    assert (again["ok"], again["already"], again["reason"]) == (True, True, told[1])
    for refused in (go_on(far, held), go_on(far, held, release=True)):
        assert (refused["ok"], refused["code"], refused["hint"]) == (False, "retired", "relaunch it: that is a new run")
        assert "retired by ada@laptop" in refused["message"]
    assert [action["verb"] for action in lines(held.actions)] == ["launch", "retire"]
    assert len(starts(held)) == 1
    far.launch("true", nonce="nonce-3")


@pytest.mark.parametrize("work", ["sleep 60", "exit 3", ""], ids=["running", "failed", "never ran"])
def test_what_is_not_held_is_refused_and_says_what_it_is(far: Far, work: str) -> None:
    name = far.spec()["run"]
    answers = []
    if work:
        run = far.launch("sh", "-c", work)
        wait_for(lambda: "sleep" in work or not far.facts()["alive"])
        answers.append(go_on(far, run, release=True))
        assert not os.path.exists(run.gate_decision)
    answers.append(retire(far))
    said = {"sleep 60": f"{name}.1 is running", "exit 3": "failed (exit code 3)", "": "it has never run"}[work]
    for answer in answers:
        assert answer["code"] == "not_held" and said in answer["message"] and answer["hint"]
    far.stop()


RESULT = {"attempt": "r.1", "verdict": "held", "gate": GATE}
RETIRED = {"decision": "retire", "by": "ada@laptop", "at_s": 1.0, "attempt": "r.1"}


@pytest.mark.parametrize(
    ("more", "standing"),
    [
        ({}, ("held", f"held at the gate: {WHY}")),
        ({"result": {**RESULT, "gate": 3}}, ("held", "held at the gate")),
        ({"result": {**RESULT, "gate": {"reasons": [None, "a", {}]}}}, ("held", "held at the gate: a")),
        ({"result": {**RESULT, "attempt": "r.0"}}, ("completed", "")),
        ({"decision": {**RETIRED, "decision": "release"}}, ("held", f"held at the gate: {WHY}")),
        ({"decision": RETIRED}, ("stopped", f"retired by ada@laptop at the gate: {WHY}")),
        ({"decision": {**RETIRED, "by": ""}}, ("stopped", f"retired by somebody at the gate: {WHY}")),
        ({"decision": {"decision": 3}}, ("held", f"held at the gate: {WHY}")),
        ({"decision": {**RETIRED, "decision": "perhaps"}}, ("held", f"held at the gate: {WHY}")),
        ({"exit": {"attempt": "r.1", "state": "failed", "code": 1, "reason": "why"}}, ("failed", "why")),
    ],
)
def test_what_became_of_a_run_at_its_gate(more: dict[str, Any], standing: tuple[str, str]) -> None:
    end = {"attempt": "r.1", "state": "completed", "code": 0}
    state, _, reason = parts.verdict({"exit": end, "beat": None, "result": RESULT, "decision": None, **more})
    assert (state.value, reason) == standing

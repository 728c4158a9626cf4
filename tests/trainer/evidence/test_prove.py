"""`trainer prove`: yes of a good branch, no of each forged one, with the reason."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainer.conftest import environment
from tests.trainer.evidence.conftest import SECRET, Project
from trainer.evidence.repository import Repository
from trainer.evidence.runs import judge_run
from wire.records import RunSummary

SKILL = {"accuracy": 0.9, "n": 300.0}


def forge(project: Project, phase: str, **fields: str) -> None:
    """Write a file of evidence as somebody would who knows how its digest is made."""
    text = replace(project.evidence(phase), **fields).to_text()
    project.file(phase).write_text(text, encoding="utf-8")


def test_yes_of_a_good_branch(green: Project) -> None:
    assert green.prove("--", "tests/test_adder.py", WANDB_API_KEY=SECRET)[0] == "yes"
    proof = json.loads((green.top / "artifacts/evidence.json").read_text(encoding="utf-8"))
    assert (proof["verdict"], proof["reasons"], proof["commit"]) == ("yes", [], green.git("rev-parse", "HEAD"))
    assert {key: one["tests"] for key, one in proof["tests"].items()} == {"adder": 2, "--": 2}
    assert [one["phase"] for one in proof["evidence"]] == ["red", "green"]
    assert set(proof["manifest"]) == {"tdd_adder_red.txt", "tdd_adder_green.txt", "test_coverage_report.html"}
    assert green.git("worktree", "list").count("\n") == 0 and green.git("status", "--porcelain") == ""


def test_no_where_there_is_no_evidence_or_uncommitted_work(fresh: Project) -> None:
    word, reasons = fresh.prove()
    assert word == "no"
    assert "- there is uncommitted work: commit it" in reasons
    assert "- there is no evidence in artifacts: trainer tdd red COMPONENT begins it" in reasons


@pytest.mark.parametrize(
    ("phase", "fields", "why"),
    [
        ("red", {"verdict": "refused: a syntax error"}, "red is not accepted: a syntax error"),
        ("green", {"verdict": "refused: 1 of 2 tests fails"}, "green is not accepted: 1 of 2 tests fails"),
        ("green", {"at": "2000-01-01T00:00:00Z"}, "green is older than red"),
        ("green", {"component": "other"}, "green is not accepted: its content is of green of other"),
        ("red", {"commit": "0" * 40}, "red is stale: of commit 0000000, which is not of the history of"),
        ("green", {"tree": "0" * 64, "commit": "1" * 40}, "green is stale: of commit 1111111, which is not of"),
    ],
)  # fmt: skip
def test_no_of_evidence_that_does_not_hold(green: Project, phase: str, fields: dict[str, str], why: str) -> None:
    forge(green, phase, **fields)
    word, reasons = green.prove()
    assert word == "no" and reasons.startswith(f"- adder: {why}")
    assert "note: the tests did not run anew" in reasons


def test_no_of_unchanged_code_between_red_and_green(green: Project) -> None:
    forge(green, "red", code=green.evidence("green").code)
    word, reasons = green.prove()
    assert word == "no" and reasons.startswith("- adder: the code has not changed since red\n")


@pytest.mark.parametrize(
    ("coverage", "note"),
    [
        ("41.0", "its coverage is 41.0 %, not 80 %"),
        ("nan", "its coverage is nan %, not 80 %"),
        ("-", "its coverage was not measured"),
    ],
)
def test_a_bar_that_was_lowered_is_said(green: Project, coverage: str, note: str) -> None:
    forge(green, "green", coverage=coverage, at="2000-01-01T00:00:00Z")
    assert f"note: adder: {note}\n" in green.prove()[1]


def test_no_of_an_edited_file(green: Project) -> None:
    green.file("green").write_text(green.file("green").read_text().replace("2 passed", "3 passed"))
    assert green.prove()[1].startswith("- adder: green is not accepted: edited after it was written")


def test_no_without_a_green_or_a_red(green: Project) -> None:
    green.file("green").unlink()
    assert green.prove()[1].startswith("- adder: there is no green yet\n")
    green.file("red").rename(green.file("green"))
    assert green.prove()[1].startswith("- adder: there is no red yet\n")


def test_no_of_stale_evidence_of_another_commit(green: Project) -> None:
    tested = green.git("rev-parse", "--short=7", "HEAD")
    green.code.write_text(green.code.read_text() + "# more\n", encoding="utf-8")
    head = green.commit()[:7]
    word, reasons = green.prove()
    assert word == "no"
    assert reasons.startswith(
        f"- adder: green is stale: of another commit: it tested {tested}, and this is {head}; run trainer tdd green"
    )


def test_no_of_a_forged_green_whose_tests_fail(green: Project) -> None:
    """Its digest fits, it names this very content: the tests that run anew tell."""
    green.code.write_text("def add(a, b):\n    return 3\n", encoding="utf-8")
    head = green.commit()
    real = green.tdd("green", "--bar", "0")
    assert (real.exit_code, real.failures) == ("1", "1") and real.why.startswith("1 of 2 tests fails")
    forge(green, "green", verdict="accepted", exit_code="0", failures="0", commit=head, tree=real.tree)
    word, reasons = green.prove()
    assert word == "no"
    assert re.match(r"- adder: its tests, run anew at .{7}: 1 of 2 tests fails, first tests/test_adder", reasons)
    assert green.git("worktree", "list").count("\n") == 0


@pytest.mark.slow  # 2 s: real runs
def test_no_where_a_test_of_red_is_gone_or_another_test_fails(green: Project) -> None:
    green.test.write_text(green.test.read_text().partition("def test_add_nothing")[0], encoding="utf-8")
    (green.top / "tests/test_other.py").write_text("def test_other():\n    assert 0\n", encoding="utf-8")
    green.commit()
    forge(green, "green", tree=Repository(green.top).present().tree)
    word, reasons = green.prove("--", "tests/test_other.py")
    assert word == "no" and "::test_add_nothing, a test of red, did not run: it was deleted" in reasons
    assert "- pytest tests/test_other.py: 1 of 1 tests fails, first tests/test_other.py::test_other" in reasons


def finished(folder: Path, **facts: object) -> str:
    """A run's folder with a result.json, in shape and names as the trainer writes it."""
    folder.mkdir()
    controls = {"majority": {"accuracy": 0.25}}
    known = {"attempt": "r.1", "at_s": 1.0, "verdict": "completed", "metrics": SKILL, "controls": controls}
    (folder / "result.json").write_bytes(RunSummary.from_dict({**known, **facts}).to_line())
    return str(folder)


GATE = {"passed": False, "epoch": 10, "conditions": [], "reasons": ["accuracy 41.0 % is not > 70.0 %"]}
PASSED = {"passed": True, "epoch": 10, "conditions": [], "reasons": []}


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"gate": GATE, "verdict": "held"}, "its gate: accuracy 41.0 % is not > 70.0 %"),
        ({"gate": PASSED, "verdict": "held"}, "its gate: it is held at its gate"),
        ({"gate": {**GATE, "released_by": "ada"}}, "its gate: accuracy 41.0 % is not > 70.0 % (released by ada)"),
        ({"gate": {**PASSED, "bar": GATE}}, "its gate: accuracy 41.0 % is not > 70.0 %"),
        ({"controls": {"majority": {"accuracy": 0.9}}}, "it has no skill: not above majority"),
        ({"flags": ["no skill"]}, "it has no skill: not above its controls"),
        ({"controls": {}}, "no control stands beside its figures"),
        ({"metrics": {**SKILL, "accuracy": 1.0}}, "investigate: accuracy is exactly 1"),
        ({"metrics": {}}, "it has no figures of a test"),
        ({"gate": PASSED}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_a_run_is_judged_by_its_gate_and_beside_its_controls(
    tmp_path: Path, facts: dict[str, object], why: str
) -> None:
    repository = Repository(Path(__file__).parents[3])
    judged = judge_run(finished(tmp_path / "run", **facts), repository, repository.commit_of("HEAD"))
    assert judged.reasons == ([why] if why else [])
    assert judged.gate["passed"] is (None if not facts.get("gate") else not why)
    assert judged.controls["beside"] == ([] if facts.get("controls") == {} else ["majority"])


def test_a_run_is_of_the_commit_that_is_proved(green: Project) -> None:
    run = Path(finished(green.top.parent / "run"))
    red, head = green.git("rev-parse", "HEAD~1"), green.git("rev-parse", "HEAD")
    green.file("green").unlink()  # what is asked here is in the runs
    unknown = f"{run}: it is of fffffff, which this repository does not have\n"
    other = f"{run}: it is of {red[:7]}, not of {head[:7]}\n"
    dirty = f"{run}: it is of uncommitted work on {head[:7]}, not of"
    for commit, why in (("f" * 40, unknown), (red, other), (f"{head}-dirty", dirty), (head, ""), ("", "")):
        (run / "spec.json").write_text(json.dumps({"commit": commit}), encoding="utf-8")
        word, reasons = green.prove(str(run))
        assert word == "no" and (f"- {why}" in reasons if why else f"- {run}" not in reasons)
    assert f"note: {run}: it names no commit of this repository" in reasons
    proof = json.loads((green.top / "artifacts/evidence.json").read_text(encoding="utf-8"))
    assert (
        proof["gates"] == [{"run": str(run), "passed": None, "words": ""}]
        and str(run / "result.json") in proof["manifest"]
    )


def test_what_a_run_of_a_host_says_is_told_without_what_a_terminal_obeys(green: Project) -> None:
    green.file("green").unlink()
    run = finished(green.top.parent / "run", gate={**GATE, "reasons": ["\x1b[2J \u202e password=swordfish"]})
    assert f"- {run}: its gate: \ufffd[2J \ufffd password=[hidden]" in green.prove(run)[1]
    assert "swordfish" not in (green.top / "artifacts/evidence.json").read_text(encoding="utf-8")


def test_a_run_that_is_not_there_or_not_at_its_end(green: Project) -> None:
    green.file("green").unlink()
    (green.top.parent / "begun").mkdir()
    word, reasons = green.prove("../begun")
    assert (
        word == "no" and "- ../begun: it has no result.json: it did not come to its end, or was not synced" in reasons
    )


SLOW = """\
import pathlib, time, pytest


@pytest.fixture(autouse=True)
def slow():
    sign = pathlib.Path({!r})
    sign.write_text("begun")
    try:
        time.sleep(100)
    finally:
        sign.write_text("ended")
"""


@pytest.mark.slow  # 5 s: real processes
def test_a_signal_ends_the_tests_as_they_wish_and_leaves_no_worktree(green: Project, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    (green.top / "tests/conftest.py").write_text(SLOW.format(str(sign)), encoding="utf-8")
    green.commit()
    forge(green, "green", tree=Repository(green.top).present().tree)
    command = [sys.executable, "-m", "trainer", "prove"]
    with subprocess.Popen(
        command, cwd=green.top, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        while not sign.exists() and process.poll() is None:
            time.sleep(0.05)
        process.terminate()
        said, _ = process.communicate()
    assert process.returncode == 143, said.decode()
    assert sign.read_text() == "ended" and green.git("worktree", "list").count("\n") == 0

"""A file of evidence: what is written is read, what was edited is seen, and which may follow on which."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.codec import WireError
from wire.evidence import ACCEPTED, Case, Evidence, component_problem, file_name, read_evidence, refused
from wire.evidence_order import chain_problem, newest, order_problem, stale
from wire.tested_tree import code_digest, is_code, tree_digest, tree_entries

RED = Evidence(
    "tracker",
    "red",
    ACCEPTED,
    at="2026-11-29T21:45:42Z",
    commit="a" * 40,
    tree="b" * 64,
    clean="no",
    command="python -m pytest tests/test_tracker.py",
    exit_code="1",
    tests="1",
    failures="1",
    code="c" * 64,
    cases=(Case("failed", "0123456789abcdef", "made.tracker", "tests/test_tracker.py::test a"),),
    output="F\n\nassert 1 == 2",
)
GREEN = replace(RED, phase="green", at="2026-11-29T21:46:00Z", code="d" * 64)
REFACTOR = replace(RED, phase="refactor", at="2026-11-29T21:47:00Z", code="e" * 64)


def chain(*evidence: Evidence) -> dict[str, Evidence]:
    return {one.phase: one for one in evidence}


def test_what_is_written_is_read_and_people_can_read_it_too() -> None:
    text = RED.to_text()
    assert Evidence.from_text(text) == RED and RED.accepted and RED.why == ""
    lines = text.splitlines()
    assert lines[:3] == ["component: tracker", "phase: red", "verdict: accepted"]
    assert lines[17].startswith("digest: ") and lines[18:21] == ["", "F", ""]
    assert RED.at_s == 1795988742.0


@settings(max_examples=50)
@given(st.text(), st.text(min_size=1, max_size=40).filter(lambda text: text.split() != []))  # str.split lets "\r" pass
def test_any_output_and_any_reason_survive(output: str, why: str) -> None:
    after = Evidence.from_text(replace(RED, output=output, verdict=refused(why)).to_text())
    assert (after.problem, after.cases, after.code) == ("", RED.cases, RED.code)
    assert not after.accepted and after.why == " ".join(why.split())


@pytest.mark.parametrize("parameters", ["", "[1]", "[a::b]", "[x[0] y]"])
def test_a_case_is_of_a_function(parameters: str) -> None:
    case = replace(RED.cases[0], name=f"tests/test_a.py::TestB::test_c{parameters}")
    assert case.function == "tests/test_a.py::TestB::test_c"
    assert Case.from_line(case.to_line().rstrip("\n")) == case


def test_an_edit_anywhere_is_seen_and_so_is_an_end_that_is_missing() -> None:
    text = RED.to_text()
    for place in range(len(text)):
        letter = "x" if text[place] != "x" else "y"
        for edited in (text[:place] + letter + text[place + 1 :], text[:place]):
            try:
                found = Evidence.from_text(edited)
            except WireError:
                continue
            assert not found.accepted and found.problem, f"at {place}: {text[place - 9 : place + 9]!r}"


@pytest.mark.parametrize("text", ["", "component: x\n", "nothing\n" * 30, RED.to_text().replace("phase: red\n", "")])
def test_what_is_no_evidence(text: str) -> None:
    with pytest.raises(WireError, match="no evidence"):
        Evidence.from_text(text)


def test_a_folder_of_evidence(tmp_path: Path) -> None:
    assert read_evidence(str(tmp_path / "absent")) == []
    for one in (GREEN, RED):
        (tmp_path / file_name("tracker", one.phase)).write_text(one.to_text(), encoding="utf-8")
    (tmp_path / file_name("a_green", "red")).write_text("short", encoding="utf-8")
    (tmp_path / file_name("other", "red")).write_text(RED.to_text(), encoding="utf-8")
    (tmp_path / file_name("\x1b[2J", "red")).write_text(RED.to_text(), encoding="utf-8")
    (tmp_path / file_name("link", "red")).symlink_to(tmp_path / file_name("tracker", "red"))
    found = {(one.component, one.phase): one.why for one in read_evidence(str(tmp_path))}
    assert list(found) == [
        ("a_green", "red"), ("link", "red"), ("other", "red"), ("tracker", "red"), ("tracker", "green")
    ]  # fmt: skip
    assert found["tracker", "red"] == found["tracker", "green"] == ""
    assert found["other", "red"] == "its content is of red of tracker"
    assert found["a_green", "red"].startswith("no evidence") and found["link", "red"].startswith("cannot read")


@pytest.mark.parametrize("name", ["tracker", "a", "A-1_b", "9", "a" * 64])
def test_names_of_components(name: str) -> None:
    assert component_problem(name) == ""


@pytest.mark.parametrize("name", ["", "a/b", "a.b", "..", "-a", "_a", "a" * 65, "ä", "a b", "a\n"])
def test_names_that_are_none(name: str) -> None:
    assert component_problem(name)


def test_which_phase_may_follow() -> None:
    assert order_problem("red", {}) == ""
    assert order_problem("green", {}) == "there is no red yet"
    assert order_problem("green", chain(replace(RED, verdict=refused("syntax")))) == "red is not accepted: syntax"
    assert order_problem("green", chain(RED)) == ""
    assert order_problem("refactor", chain(RED)) == "there is no green yet"
    assert order_problem("refactor", chain(RED, GREEN)) == ""


def test_a_chain_holds_or_says_where_it_breaks() -> None:
    assert chain_problem(chain(RED, GREEN)) == chain_problem(chain(RED, GREEN, REFACTOR)) == ""
    assert chain_problem(chain(RED, replace(GREEN, at="2026-11-29T21:45:00Z"))) == "green is older than red"
    assert chain_problem(chain(RED, replace(GREEN, code=RED.code))) == "the code has not changed since red"
    assert (
        chain_problem(chain(RED, GREEN, replace(REFACTOR, code=GREEN.code))) == "the code has not changed since green"
    )
    failed = replace(REFACTOR, verdict=refused("1 of 2 tests fails"))
    assert chain_problem(chain(RED, GREEN, failed)) == "refactor is not accepted: 1 of 2 tests fails"
    earlier = replace(failed, at="2026-11-29T21:40:00Z")
    assert chain_problem(chain(RED, GREEN, earlier)) == ""
    assert newest(chain(RED, GREEN, earlier)) == GREEN and newest(chain(RED, GREEN, REFACTOR)) == REFACTOR
    assert newest(chain(RED)) is None


def test_evidence_is_of_a_content_whatever_the_hash_of_its_commit() -> None:
    assert stale(GREEN, "f" * 40, GREEN.tree) == ""
    assert stale(GREEN, "f" * 40, "0") == "of another commit: it tested aaaaaaa, and this is fffffff"
    assert stale(GREEN, GREEN.commit, "0") == "of uncommitted work on aaaaaaa, which is not what aaaaaaa holds"


def test_a_commit_and_its_worktree_have_one_digest_whatever_tools_left_there(tmp_path: Path) -> None:
    def git(*words: str) -> bytes:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *words]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def write(name: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")

    git("init", "-q")
    for name in ("a.py", "b c/ä.py", "tests/test_a.py", "README.md"):
        write(name)
    git("add", "--all")
    git("commit", "-qm", "First")
    committed = tree_entries(git("ls-tree", "-rz", "HEAD"))
    assert len(committed) == 4
    for name in ("artifacts/tdd_a_red.txt", "artifacts/evidence.json", ".coverage", "x/__pycache__/a.pyc", "c.pyc"):
        write(name)
    git("add", "--all", "--force")
    assert tree_digest(tree_entries(git("ls-files", "-sz"))) == tree_digest(committed)
    write("tests/test_b.py")
    git("add", "--all")
    more = tree_entries(git("ls-files", "-sz"))
    assert tree_digest(more) != tree_digest(committed) and code_digest(more) == code_digest(committed)


def test_what_is_code() -> None:
    code = [b"a.py", b"src/contest.py", b"latest/a.py", b"data.json", b"test.py"]
    assert (
        list(
            filter(
                is_code,
                [*code, b"test_a.py", b"a_test.py", b"x/conftest.py", b"tests/a.py", b"a/README.md", b".gitignore"],
            )
        )
        == code
    )

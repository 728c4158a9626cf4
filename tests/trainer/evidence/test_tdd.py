"""`trainer tdd`: what is accepted as red, green and refactor, and what is refused with which words."""

from __future__ import annotations

import os
import platform
import re
import signal
import time
from dataclasses import replace

import pytest

from tests.trainer.evidence.conftest import CODE, SECRET, Project
from trainer.evidence.repository import Repository
from wire.evidence import read_evidence


def test_a_red_and_a_green_say_what_was_tested_and_how(green: Project) -> None:
    red, passing = green.evidence("red"), green.evidence("green")
    head = green.git("rev-parse", "HEAD")
    assert (red.exit_code, red.tests, red.errors, red.clean, red.coverage) == ("2", "1", "1", "no", "-")
    assert (passing.exit_code, passing.tests, passing.failures, passing.clean) == ("0", "2", "0", "yes")
    assert (passing.commit, passing.coverage, passing.python) == (head, "100.0", platform.python_version())
    assert red.tree != passing.tree and "pytest" in passing.versions and passing.host == platform.node()
    assert passing.command == red.command == "python -m pytest tests/test_adder.py"
    assert {case.name: case.lacks for case in red.cases} == {
        "tests/test_adder.py::test_add": "adder",
        "tests/test_adder.py::test_add_nothing": "adder",
    }
    assert [case.says for case in red.cases] == [case.says for case in passing.cases]
    assert "2 passed" in passing.output and "adder.py" in passing.output


def test_coverage_is_one_page_that_needs_no_other_file(green: Project) -> None:
    page = (green.top / "artifacts/test_coverage_report.html").read_text(encoding="utf-8")
    assert "adder.py" in page and 'class="run"' in page and ".source p" in page
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert links and all(link.startswith("#") for link in links)
    targets = {f"#{name}" for name in re.findall(r'id="([^"]*)"', page)}
    assert set(links) <= targets


def test_a_red_that_errors_on_syntax_is_refused(fresh: Project) -> None:
    fresh.test.write_text("def test_add(: pass\n", encoding="utf-8")
    red = fresh.tdd("red")
    assert red.why == (
        "tests/test_adder.py fails neither by assertion nor for want of a module or a name: SyntaxError: invalid syntax"
    )
    assert red.exit_code == "2"


def test_a_green_with_failing_tests_is_refused_though_something_hides_its_exit_code(green: Project) -> None:
    """No pipe is behind pytest, and a hook in it that lies does not change what its report counts."""
    hook = "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
    green.test.with_name("conftest.py").write_text(hook, encoding="utf-8")
    green.code.write_text("def add(a, b):\n    return a - b\n", encoding="utf-8")
    found = green.tdd("green", "--bar", "0", PYTEST_ADDOPTS="-k test_add_nothing")
    assert (found.exit_code, found.failures, found.coverage) == ("0", "1", "-")
    assert found.why == (
        "1 of 2 tests fails (though pytest's exit code is 0), first tests/test_adder.py::test_add: assert -1 == 3"
    )


def test_green_before_red_is_refused_and_runs_nothing(fresh: Project) -> None:
    found = fresh.tdd("green")
    assert (found.why, found.exit_code, found.command) == ("there is no red yet", "-", "-")
    assert fresh.tdd("refactor").why == "there is no red yet"


def test_unchanged_code_between_red_and_green_is_refused(green: Project) -> None:
    """Other tests, words for people and what tools leave behind are no change."""
    green.git("reset", "-q", "--hard", "HEAD~1")
    (green.top / "tests/test_more.py").write_text("def test_more():\n    pass\n", encoding="utf-8")
    (green.top / "README.md").write_text("New\n", encoding="utf-8")
    (green.top / "__pycache__").mkdir()
    (green.top / "__pycache__/adder.cpython-311.pyc").write_bytes(b"\0")
    assert green.tdd("green").why == "the code has not changed since red"


def test_unchanged_code_between_green_and_refactor_is_refused(green: Project) -> None:
    assert green.tdd("refactor").why == "the code has not changed since green"


def test_an_edited_file_of_evidence_is_not_believed(green: Project) -> None:
    green.file("red").write_text(green.file("red").read_text().replace("errors: 1", "errors: 2"))
    assert green.tdd("green").why == ("red is not accepted: edited after it was written: its digest does not fit")


def test_evidence_of_another_history_is_stale(green: Project) -> None:
    green.git("checkout", "-q", "--orphan", "other")
    head = green.commit()
    red = green.evidence("red").commit
    assert green.tdd("green").why == f"red is stale: of commit {red[:7]}, which is not of the history of {head[:7]}"


def test_a_snapshot_and_an_amended_commit_are_of_this_history(green: Project) -> None:
    """A snapshot of uncommitted work is a commit beside the branch; two of them have their parent in common."""
    repository = Repository(green.top)
    before = green.git("rev-parse", "HEAD")
    snapshot = green.git("commit-tree", "-p", before, "-m", "Uncommitted work", "HEAD^{tree}")
    green.git("commit", "-q", "--amend", "--allow-empty", "-m", "Amended")
    beside = green.git("commit-tree", "-p", snapshot, "-m", "More", "HEAD^{tree}")
    head = green.git("rev-parse", "HEAD")
    assert [repository.knows(one, head) for one in (head, before, f"{before}^", snapshot, beside, "f" * 40)] == [
        True, True, True, False, False, False
    ]  # fmt: skip
    other = green.git("commit-tree", "-p", f"{before}^", "-m", "Uncommitted work", "HEAD^{tree}")
    assert repository.knows(other, head)


def test_what_another_branch_holds_is_of_its_history(green: Project) -> None:
    """Though it was made from a commit of this one."""
    red, here = green.git("rev-parse", "HEAD~1"), Repository(green.top)
    green.git("branch", "here", f"{red}^")
    assert not here.knows(red, "here")
    green.git("branch", "-qm", "main", "gone")
    green.git("checkout", "-q", "here")
    green.git("branch", "-qD", "gone")
    assert here.knows(red, "here")


def test_what_git_was_told_to_pass_over_is_tested_all_the_same(green: Project) -> None:
    repository = Repository(green.top)
    before = repository.present().tree
    green.git("update-index", "--assume-unchanged", "adder.py")
    green.git("update-index", "--skip-worktree", "pyproject.toml")
    assert repository.present().tree == before
    (green.top / "pyproject.toml").unlink()  # as in a sparse checkout
    assert repository.present().tree == before
    green.code.write_text(CODE + "# more\n", encoding="utf-8")
    assert repository.present().tree != before and green.git("status", "--porcelain") == ""


def test_a_red_of_later_than_now_is_refused(green: Project) -> None:
    later = replace(green.evidence("red"), at="2222-01-01T00:00:00Z").to_text()
    green.file("red").write_text(later, encoding="utf-8")
    why = green.tdd("green").why
    assert why.startswith("red is of 2222-01-01T00:00:00Z, and here it is ") and why.endswith("or run red anew")


def test_what_was_accepted_is_kept_beside_what_is_refused(green: Project) -> None:
    accepted = green.file("green").read_text(encoding="utf-8")
    green.file("red").unlink()
    kept = green.top / "artifacts/tdd_adder_green.accepted.txt"
    for _ in range(2):
        code, said = green.trainer("tdd", "green", "adder")
        assert code == 5 and f"mv {kept.relative_to(green.top)} artifacts/tdd_adder_green.txt" in said
    assert kept.read_text(encoding="utf-8") == accepted and len(read_evidence(str(kept.parent))) == 1


def test_evidence_under_the_name_of_another_component_is_not_believed(green: Project) -> None:
    green.file("red").rename(green.file("red").with_name("tdd_other_red.txt"))
    assert green.tdd("green", component="other").why == "red is not accepted: its content is of red of adder"


@pytest.mark.slow  # 1 s: a real run; test_sources.py says what counts
def test_a_test_of_red_must_say_the_same_in_green(green: Project) -> None:
    green.test.write_text(green.test.read_text().replace("EXPECTED = 3", "EXPECTED = 1"), encoding="utf-8")
    green.code.write_text("def add(a, b):\n    return a\n", encoding="utf-8")
    assert green.tdd("green", "--bar", "0").why == (
        "tests/test_adder.py::test_add does not say what it said in red, or what it leans on does not: "
        "if it must change, run red again"
    )


def test_a_test_of_red_that_is_deselected_is_named(green: Project) -> None:
    """What is staged and what is not stays as it is meanwhile."""
    green.code.write_text(CODE + "# staged\n", encoding="utf-8")
    green.git("add", "adder.py")
    green.code.write_text(CODE + "# not staged\n", encoding="utf-8")

    def state() -> list[str]:
        return [green.git(*words) for words in (("status", "--porcelain"), ("diff", "--cached"), ("rev-parse", "HEAD"))]

    before = state()
    assert green.tdd("green", "--bar", "0", "--", "tests", "-k", "nothing").why == (
        "tests/test_adder.py::test_add, a test of red, did not run: it was deleted, renamed or deselected"
    )
    assert state() == before


def test_coverage_below_the_bar_is_refused(green: Project) -> None:
    green.code.write_text(CODE + "\n\ndef unused():\n    a = 1\n    return a\n", encoding="utf-8")
    low = green.tdd("green")
    assert low.why == "coverage 60.0 % of the files named like the component is below 80 %"
    assert low.coverage == "60.0"


def test_files_that_are_not_there_are_told_before_the_tests_run(green: Project) -> None:
    code, said = green.trainer("tdd", "green", "adder", "--files", "adder.py", "src/*.py")
    assert code == 2 and "--files src/*.py matches no Python file" in said and "passed" not in said


@pytest.mark.slow  # 2 s: two real runs
def test_what_is_edited_while_the_tests_run_was_not_tested(fresh: Project) -> None:
    edit = "import pathlib\n\n\ndef test_edit():\n    pathlib.Path('adder.py').write_text('')\n    assert 0\n"
    fresh.test.write_text(edit, encoding="utf-8")
    assert fresh.tdd("red").accepted  # a new file is what tests may write
    fresh.code.write_text(CODE, encoding="utf-8")
    assert fresh.tdd("red").why == "adder.py was edited while the tests ran: run them again"


@pytest.mark.slow  # 3 s: three real runs
def test_a_test_that_green_brought_stays_in_a_refactor(green: Project) -> None:
    before = green.test.read_text()
    green.code.write_text(CODE + "# more\n", encoding="utf-8")
    green.test.write_text(before + "\n\ndef test_three():\n    assert add(1, 2) == 3\n")
    assert green.tdd("green").accepted
    green.code.write_text(CODE, encoding="utf-8")
    green.test.write_text(before, encoding="utf-8")
    assert "::test_three, a test of green, did not run" in green.tdd("refactor").why


@pytest.mark.slow  # 2 s: real processes
def test_what_a_test_leaves_running_keeps_nobody_waiting_and_asserts_count(fresh: Project) -> None:
    sign = fresh.top.parent / "sign"
    daemon = (
        f"import subprocess\n\n\ndef test_a():\n    run = subprocess.Popen(['sleep', '100'])\n"
        f"    open({str(sign)!r}, 'w').write(str(run.pid))\n    exec('assert 0')\n"
    )
    fresh.test.write_text(daemon, encoding="utf-8")
    began = time.monotonic()
    red = fresh.tdd("red", "--", "tests", "-s", PYTHONOPTIMIZE="1")
    os.kill(int(sign.read_text()), signal.SIGKILL)
    assert red.accepted and red.exit_code == "1" and time.monotonic() - began < 60


@pytest.mark.slow  # 3 s: three real runs more
def test_a_refactor_and_the_next_round_follow(green: Project) -> None:
    green.code.write_text("def add(*numbers):\n    return sum(numbers)\n", encoding="utf-8")
    kept = green.top / "artifacts/tdd_adder_refactor.accepted.txt"
    kept.write_text("of an earlier round", encoding="utf-8")
    assert green.tdd("refactor").accepted and not kept.exists()
    green.test.write_text(green.test.read_text() + "\n\ndef test_three():\n    assert add(1, 2, 4) == 8\n")
    red = green.tdd("red")
    assert red.accepted and (red.failures, red.tests, red.exit_code) == ("1", "3", "1")
    assert green.tdd("refactor").why == "green is older than red"


@pytest.mark.slow  # 6 s: each a real run
@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("def test_a():\n    pass\n", "every test passes: a red test fails for want of what is to be written"),
        ("value = 1\n", r"pytest found no test \(exit code 5\)"),
        ("def test_a():\n    assert 1 + 'a'\n", "fails neither by assertion .*TypeError: unsupported operand"),
        ("def test_a():\n    missing()\n", "fails neither by assertion .*NameError: name 'missing' is not defined"),
        ("import os\n\n\ndef test_a():\n    os.kill(os.getpid(), 9)\n", "pytest was ended by SIGKILL"),
        ("def test_a(nothing):\n    pass\n", "fails neither by assertion .*fixture 'nothing' not found"),
        ("import pytest\n\n\ndef test_a():\n    pytest.skip('later')\n", "every test passes"),
    ],
)
def test_what_else_is_no_red(fresh: Project, test: str, why: str) -> None:
    fresh.test.write_text(test, encoding="utf-8")
    assert re.search(why, fresh.tdd("red").why)


@pytest.mark.slow  # 5 s: each a real run
@pytest.mark.parametrize(
    "test",
    [
        "import adder\n\n\ndef test_a():\n    assert adder.sub(1, 1) == 0\n",
        "from adder import sub\n\n\ndef test_a():\n    assert sub(1, 1) == 0\n",
        "import pytest\nimport adder\n\n\ndef test_a():\n"
        "    with pytest.raises(ValueError):\n        adder.add(0, 0)\n",
        "import unittest\nimport adder\n\n\nclass TestA(unittest.TestCase):\n    def test_a(self):\n"
        "        self.assertEqual(adder.add(1, 1), 3)\n",
        "import pytest\n\n\n@pytest.fixture\ndef sub():\n    import adder.sub\n\n\ndef test_a(sub):\n    pass\n",
    ],
)
def test_ways_to_be_red(fresh: Project, test: str) -> None:
    fresh.code.write_text(CODE, encoding="utf-8")
    fresh.test.write_text(test, encoding="utf-8")
    assert fresh.tdd("red").accepted


@pytest.mark.slow  # 2 s: a real run
def test_a_green_that_skips_a_test_of_red_is_refused(green: Project) -> None:
    text = green.test.read_text().replace(
        "def test_add():\n", "def test_add():\n    import pytest\n    pytest.skip()\n"
    )
    green.test.write_text(text, encoding="utf-8")
    assert "does not say what it said in red" in green.tdd("green").why
    green.git("checkout", "-q", "--", ".")
    green.code.write_text("import pytest\n\n\ndef add(a, b):\n    pytest.xfail('later')\n", encoding="utf-8")
    assert green.tdd("green").why.endswith("::test_add, a test of red, was skipped, or is expected to fail")


@pytest.mark.slow  # 2 s: real runs
def test_a_red_for_want_of_a_library_is_no_red(fresh: Project) -> None:
    """It was not installed: what makes the tests pass is no code of this project."""
    fresh.test.write_text("import colours\n\n\ndef test_a():\n    assert colours\n", encoding="utf-8")
    assert fresh.tdd("red").accepted
    installed = fresh.top.parent / "installed"
    installed.mkdir()
    (installed / "colours.py").write_text("", encoding="utf-8")
    fresh.code.write_text(CODE, encoding="utf-8")
    assert fresh.tdd("green", "--bar", "0", PYTHONPATH=str(installed)).why == (
        "red failed as colours was not installed, not as it was not written: no file of it is here"
    )


def test_secrets_are_not_in_a_file(green: Project) -> None:
    """The project's conftest prints them."""
    assert "[WANDB_API_KEY hidden] [hidden]" in green.evidence("green").output
    assert SECRET not in green.file("green").read_text(encoding="utf-8")


def test_a_name_that_can_be_no_component(fresh: Project) -> None:
    for name in ("a/b", "a.b", "..", "", "a" * 65, "ä", "a b", "a\n"):
        code, said = fresh.trainer("tdd", "red", name)
        assert code == 2 and "cannot be a component" in said
    assert not (fresh.top / "artifacts").exists()


def test_mistakes_are_told_with_the_next_step(fresh: Project) -> None:
    code, said = fresh.trainer("tdd", "red", "other")
    assert code == 2 and "no test is named like other; write tests/test_other.py, or name tests after `--`" in said
    inner = Project(fresh.top / "tests", fresh.said)
    code, said = inner.trainer("tdd", "red", "adder")
    assert code == 2 and f"is not the top of its worktree; cd {fresh.top}" in said
    for verb in (("tdd", "red", "adder"), ("prove",)):
        code, said = fresh.trainer(*verb, "--out", "pyproject.toml")
        assert code == 1 and "cannot write into pyproject.toml" in said and "error" not in said
    (fresh.top / "inner").mkdir()
    fresh.git("init", "-q", "inner")
    code, said = fresh.trainer("tdd", "red", "adder")
    assert code == 1 and "error: 'inner/' does not have a commit checked out; see git status" in said
    outside = Project(fresh.top.parent, fresh.said)
    code, said = outside.trainer("prove")
    assert code == 2 and "is in no git worktree" in said

"""What a run must show, judged from its report alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trainer.evidence.judging import cases_of, not_passing, not_red, weakened
from trainer.evidence.junit import Ended, Report
from trainer.evidence.running import Ran
from trainer.evidence.sources import Sources
from wire.evidence import Case

NAME = "tests/test_a.py::test_a"


def case(name: str, outcome: str = "passed", says: str = "same") -> Case:
    return Case(outcome, says, "", name)


def ran(*rows: Ended, exit_code: int = 0, tests: int = 1) -> Ran:
    return Ran(exit_code, b"", Report({"tests": tests, "failures": 0, "errors": 0, "skipped": 0}, rows))


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        ([case(NAME)], [case(NAME), case("tests/test_a.py::test_b", "failed")], ""),
        ([case(NAME)], [], "did not run"),
        ([case(NAME)], [case(NAME, says="another")], "does not say"),
        ([case(NAME, "failed")], [case(NAME, "skipped")], "was skipped"),
        ([case(NAME, "skipped")], [case(NAME, "skipped")], ""),
        # Each parameter is a test of its own ...
        ([case(NAME + "[1]", "failed"), case(NAME + "[2]", "failed")], [case(NAME + "[1]")], r"test_a\[2\], a test of"),
        ([case(NAME + "[1]", "failed"), case(NAME + "[2]")], [case(NAME + "[1]"), case(NAME + "[2]", "skipped")],
         r"test_a\[2\], a test of red, was skipped"),
        ([case(NAME + "[1]", "failed"), case(NAME + "[2]", "skipped")],
         [case(NAME + "[1]"), case(NAME + "[2]", "skipped")], ""),
        # ... but which there are was not known if the file could not be collected.
        ([case(NAME, "error")], [case(NAME + "[1]"), case(NAME + "[2]", "skipped")], ""),
        ([case(NAME, "error")], [case(NAME + "[1]", "skipped")], "was skipped"),
        ([case(NAME, "error")], [case(NAME + "[1]"), case(NAME + "[2]", says="another")], "does not say"),
        ([case(NAME, "error")], [case(NAME + "_more")], "did not run"),
        ([case("tests/test_a.py", "error")], [case(NAME)], ""),
        ([case("tests/test_a.py", "error")], [case("tests/test_b.py::test_a")], "did not run"),
    ],
)  # fmt: skip
def test_tests_of_an_earlier_phase_stay(before: list[Case], now: list[Case], why: str) -> None:
    found = weakened(before, now, "red")
    assert re.search(why, found) and bool(found) == bool(why)


def test_tests_of_which_only_the_fixtures_were_set_up_did_not_run() -> None:
    """So does pytest report with --setup-plan: a row a test, and none of them counted."""
    nothing = ran(Ended(NAME, "passed"), tests=0)
    assert not_passing(nothing) == not_red(nothing) == "pytest ran no test"
    assert not_passing(ran(Ended(NAME, "passed"))) == ""


def test_a_case_a_parameter_and_no_secret_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "correct-horse-battery")
    names = [f"{NAME}[correct-horse-battery]", f"{NAME}[2]", f"{NAME}[2]"]
    rows = [Ended(name, outcome) for name, outcome in zip(names, ["failed", "passed", "error"], strict=True)]
    assert [(one.name, one.outcome) for one in cases_of(ran(*rows).report, Sources(tmp_path))] == [
        (f"{NAME}[[MY_TOKEN hidden]]", "failed"),
        (f"{NAME}[2]", "error"),
    ]

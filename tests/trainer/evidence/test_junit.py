"""pytest's report as it writes it: what each kind of end is read as."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pytest

from trainer.evidence.junit import Ended, read_report

COLLECTING = """\
ImportError while importing test module '/p/tests/test_b.py'.
Traceback:
tests/test_b.py:1: in &lt;module&gt;
    from made import y
E   ModuleNotFoundError: No module named 'made'"""


def report(cases: str, **counts: int) -> bytes:
    numbers = " ".join(f'{key}="{value}"' for key, value in counts.items())
    return f'<testsuites><testsuite name="pytest" {numbers}>{cases}</testsuite></testsuites>'.encode()


def case(inner: str = "", name: str = "test_a", classname: str = "tests.test_b") -> str:
    return f'<testcase classname="{classname}" name="{name}" file="tests/test_b.py" line="1">{inner}</testcase>'


def only(inner: str, **where: str) -> Ended:
    (row,) = read_report(report(case(inner, **where))).rows
    return row


def failure(message: str) -> str:
    return f"<failure message={quoteattr(message)}>tests/test_b.py:2: in test_a</failure>"


def test_counts_and_names() -> None:
    nested = case(name="test_k[1-x]", classname="tests.test_b.TestK.TestN")
    found = read_report(report(case() + nested, tests=2, failures=0, errors=0, skipped=0))
    assert found.counts == {"tests": 2, "failures": 0, "errors": 0, "skipped": 0}
    assert [row.name for row in found.rows] == ["tests/test_b.py::test_a", "tests/test_b.py::TestK::TestN::test_k[1-x]"]
    assert {row.outcome for row in found.rows} == {"passed"}


@pytest.mark.parametrize(
    "message",
    [
        "assert 1 == 2",
        "AssertionError: hm\nassert 2 == 1",
        "Failed: DID NOT RAISE ValueError",
        "ImportError: cannot import name 'y' from 'made' (/p/made.py)",
        "AttributeError: module 'made' has no attribute 'y'",
        "AttributeError: 'Made' object has no attribute 'y'",
    ],
)
def test_fails_for_want_of_what_is_to_be_written(message: str) -> None:
    assert only(failure(message)).wants


@pytest.mark.parametrize(
    "message",
    [
        "TypeError: unsupported operand type(s)",
        "NameError: name 'y' is not defined",
        "AttributeError: 'NoneType' object has no attribute 'y'",
        "Failed: Timeout (>120.0s) from pytest-timeout.",
        "assertive.Error: no",
        "ModuleNotFoundError: No module named 'made of words'",
        "",
    ],
)
def test_fails_for_another_reason(message: str) -> None:
    assert not only(failure(message)).wants


def test_a_file_that_cannot_be_collected_is_named_with_its_last_error() -> None:
    error = f'<error message="collection failure">{COLLECTING}</error>'
    row = only(error, name="tests.test_b", classname="")
    assert row == Ended("tests/test_b.py", "error", "ModuleNotFoundError: No module named 'made'")
    assert row.lacks == "made" and row.wants


def test_a_fixture_that_fails_says_what_it_lacks_also_in_a_message_cut_short() -> None:
    missing = """failed on setup with "ModuleNotFoundError: No module named 'made.y'\""""
    assert only(f"<error message={quoteattr(missing)}/>").lacks == "made.y"
    cut = "failed on setup with \"file /p/test_b.py, line 1\nE       fixture 'y' not found\n[+4 more lines]"
    assert only(f"<error message={quoteattr(cut)}/>".replace("\n", "&#10;")).words == "fixture 'y' not found"


def test_expected_to_fail_is_skipped_and_a_failure_at_the_end_is_a_second_row() -> None:
    assert only('<skipped type="pytest.xfail" message=""/>').outcome == "skipped"
    torn = failure("assert 0") + '<error message="failed on teardown with &quot;OSError: x&quot;"/>'
    assert [row.outcome for row in read_report(report(case(torn))).rows] == ["failed", "error"]


@pytest.mark.parametrize("text", ["", "<testsuites>", "no xml", '<testsuite tests="many"/>'])
def test_what_is_no_report(text: str) -> None:
    with pytest.raises(ValueError):
        read_report(text.encode())

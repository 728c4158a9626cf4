"""pytest's report of a run: which test ended how, and what it failed for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

_COUNTS = ("tests", "failures", "errors", "skipped")
_LACKS = re.compile(r"ModuleNotFoundError: No module named '([^'\s]+)'")
_WANTS = re.compile(
    r"assert\b|AssertionError\b|Failed: (?!Timeout)"
    r"|ImportError: cannot import name|AttributeError: (?!'NoneType').* has no attribute"
)
"""What a test says that fails for want of what is to be written."""


@dataclass(frozen=True)
class Ended:
    """How one test ended, or a file whose tests could not be collected."""

    name: str
    """`tests/test_a.py::TestB::test_c[1-x]`, or the file alone."""
    outcome: str
    """`passed`, `failed`, `error`, `skipped`."""
    words: str = ""
    """What it failed for: `AssertionError: ...`, `ModuleNotFoundError: ...`."""

    @property
    def lacks(self) -> str:
        """Name of the module that was not found, '' if that was not it."""
        found = _LACKS.match(self.words)
        return found[1] if found else ""

    @property
    def wants(self) -> bool:
        """True if it failed by assertion, or as a module or a name under test is not there."""
        return bool(self.lacks or _WANTS.match(self.words))


@dataclass(frozen=True)
class Report:
    """All of a run. Each parameter of a test is a row of its own, and so is the end of one that failed there again."""

    counts: dict[str, int]
    """tests, failures, errors, skipped. A test of which only the fixtures were set up counts as none."""
    rows: tuple[Ended, ...]


def read_report(xml: bytes) -> Report:
    """Parse a report of the family xunit1, which names files. Raises `ValueError` for anything else."""
    try:
        suites = list(ElementTree.fromstring(xml).iter("testsuite"))
        counts = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in _COUNTS}
    except ElementTree.ParseError as exc:
        raise ValueError(f"no JUnit report: {exc}") from exc
    return Report(counts, tuple(row for suite in suites for case in suite.iter("testcase") for row in _rows(case)))


def _rows(case: ElementTree.Element) -> Iterator[Ended]:
    """One row, or two of a test that failed and then could not be torn down."""
    name, bad = _name(case), False
    for kind, outcome in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        for found in case.findall(kind):
            bad = True
            yield Ended(name, outcome, _words(found))
    if not bad:
        yield Ended(name, "passed")


def _name(case: ElementTree.Element) -> str:
    file, classes = case.get("file", ""), case.get("classname", "")
    module = file.removesuffix(".py").replace("/", ".")
    if not classes:
        return file
    inner = [part for part in classes.removeprefix(module).split(".") if part]
    return "::".join([file, *inner, case.get("name", "")])


def _words(found: ElementTree.Element) -> str:
    """The exception in pytest's words; what it prints of one is marked with an E."""
    message = found.get("message", "")
    if message == "collection failure":
        return _marked(found.text or "", -1) or message
    if not message.startswith("failed on "):
        return message
    inner = message.partition('"')[2].removesuffix('"')
    return _marked(inner, 0) or inner


def _marked(text: str, which: int) -> str:
    lines = [line for line in text.splitlines() if line.startswith("E ")]
    return lines[which].removeprefix("E").strip() if lines else ""

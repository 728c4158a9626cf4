"""Evidence of test-first work: what a file of it says, and whether that can be believed.

    tdd_<component>_<phase>.txt   one run of pytest: `red` fails for want of what is to be written, `green` and
                                  `refactor` pass, in this order, on changed code
    evidence.json                 the verdict of `trainer prove`
    test_coverage_report.html     what the newest green or refactor covered

The trainer writes them (`trainer.evidence`), host and laptop read them. The digest in a file shows an accidental edit;
who wants to forge one can, which is why `trainer prove` runs the tests anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from calendar import timegm
from dataclasses import dataclass
from time import strptime
from typing import Dict, List, Tuple

from wire.codec import WireError, read_bytes

RED, GREEN, REFACTOR = PHASES = ("red", "green", "refactor")
ACCEPTED = "accepted"
PROOF_FILE = "evidence.json"
COVERAGE_FILE = "test_coverage_report.html"
MAX_BYTES = 4 * 1024**2

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_FILE = re.compile(r"tdd_(.+)_(red|green|refactor)\.txt\Z")
_REFUSED = "refused: "
_TESTS = "\nevery test of this run, a digest of what it says, and the module that it lacks\n"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def component_problem(name: str) -> str:
    """Return why `name` cannot be a component, '' if it can: it becomes a part of a file's name."""
    if _NAME.match(name):
        return ""
    if not name:
        return "it is empty"
    if len(name) > 64:
        return "it is longer than 64 characters"
    return "it may have letters, digits, _ and -, and begins with a letter or a digit"


def file_name(component: str, phase: str) -> str:
    """Return the name of the file of a phase."""
    return f"tdd_{component}_{phase}.txt"


@dataclass(frozen=True)
class Case:
    """One test in a run of pytest."""

    outcome: str
    """`passed`, `failed`, `error` or `skipped` (also: expected to fail)."""
    says: str
    """Digest of its source, and of what that leans on; comments and layout do not count."""
    lacks: str
    """Module that was not found when it ran, '' if none was missing."""
    name: str
    """`tests/test_a.py::TestB::test_c[1-x]`, from the top of the worktree; without parameters where the file could not
    be collected, so that they are not known.
    """

    @property
    def function(self) -> str:
        """`tests/test_a.py::TestB::test_c`: the test, whatever its parameters."""
        file, colons, path = self.name.partition("::")
        return file + colons + path.partition("[")[0]

    def to_line(self) -> str:
        return f"{self.outcome} {self.says} {self.lacks or '-'} {self.name}\n"

    @classmethod
    def from_line(cls, line: str) -> "Case":
        outcome, says, lacks, name = line.split(" ", 3)
        return cls(outcome, says, "" if lacks == "-" else lacks, name)


@dataclass(frozen=True)
class Evidence:
    """One file of evidence: its fields as they stand in it, in this order."""

    component: str
    phase: str
    verdict: str
    """`accepted`, or `refused: WHY`."""
    at: str = ""
    """UTC, 2026-11-29T21:45:42Z: when the tests began."""
    commit: str = ""
    """Full hash of what was checked out."""
    tree: str = ""
    """`tree_digest` of what was tested, uncommitted work included."""
    clean: str = ""
    """`yes` if all of that is in `commit`, else `no`."""
    host: str = ""
    python: str = ""
    versions: str = ""
    command: str = ""
    """As for a shell; what was added to it only to report is left out."""
    exit_code: str = "-"
    """Of pytest itself, `-` if it was not started."""
    tests: str = "0"
    failures: str = "0"
    errors: str = "0"
    skipped: str = "0"
    coverage: str = "-"
    """Percent of the lines of the component's files, `-` if not measured."""
    code: str = ""
    """Digest of what was tested without the tests themselves and words for people."""
    cases: Tuple[Case, ...] = ()
    output: str = ""
    """Of pytest, without secrets."""
    problem: str = ""
    """Why the file cannot be believed: edited, or not what its name says. '' if it can."""

    @property
    def accepted(self) -> bool:
        return self.verdict == ACCEPTED and not self.problem

    @property
    def why(self) -> str:
        """Why it is not accepted, '' if it is."""
        return self.problem or ("" if self.accepted else self.verdict.replace(_REFUSED, "", 1))

    @property
    def at_s(self) -> float:
        """UTC epoch seconds; 0 if the file does not say."""
        try:
            return float(timegm(strptime(self.at, _TIME)))
        except ValueError:
            return 0.0

    def to_text(self) -> str:
        """Return the content of the file."""
        head = "".join(f"{key}: {_one_line(getattr(self, key))}\n" for key in _KEYS)
        cases = "".join(case.to_line() for case in self.cases)
        body = f"\n{self.output.rstrip()}\n{_TESTS}code {self.code or '-'}\n{cases}"
        return f"{head}digest: {_digest(head + body)}\n{body}"

    @classmethod
    def from_text(cls, text: str) -> "Evidence":
        """Parse the content of a file. Raises `WireError`; one that was edited is returned with its `problem`.

        Nothing is cleaned for a screen: the file may be of a host that is not to be trusted.
        """
        lines = text.split("\n", len(_KEYS) + 1)
        keys = [line.partition(": ") for line in lines[:-1]]
        if [key for key, _, _ in keys] != [*_KEYS, "digest"]:
            raise WireError(f"no evidence: it does not begin with the lines {_KEYS[0]} to digest")
        values = {key: value for key, _, value in keys}
        digest, body = values.pop("digest"), lines[-1]
        head = text[: len(text) - len(body) - len(f"digest: {digest}\n")]
        output, _, tests = body.rpartition(_TESTS)
        code, *cases = tests.rstrip("\n").split("\n")
        problem = "" if digest == _digest(head + body) else "edited after it was written: its digest does not fit"
        try:
            found = tuple(map(Case.from_line, cases))
        except ValueError:
            found, problem = (), problem or "its list of tests cannot be read"
        code = code.replace("code ", "", 1)
        return cls(**values, code=code, cases=found, output=output.strip("\n"), problem=problem)


_BODY = frozenset({"code", "cases", "output", "problem"})
_KEYS = tuple(field.name for field in dataclasses.fields(Evidence) if field.name not in _BODY)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def refused(why: str) -> str:
    """Return the verdict of evidence that shows no such phase."""
    return _REFUSED + why


def read_evidence(folder: str) -> List[Evidence]:
    """Return all evidence in a folder, by component and in the order of the phases; [] where there is none.

    A file that cannot be read, or is of another component or phase than its name says, has that as its `problem`.
    """
    try:
        names = [found for found in map(_FILE.match, os.listdir(folder)) if found]
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = [_read(os.path.join(folder, name[0]), name[1], name[2]) for name in names if _NAME.match(name[1])]
    return sorted(found, key=lambda one: (one.component, PHASES.index(one.phase)))


def _read(path: str, component: str, phase: str) -> Evidence:
    try:
        one = Evidence.from_text((read_bytes(path, MAX_BYTES) or b"").decode("utf-8", "surrogateescape"))
    except WireError as exc:
        return Evidence(component, phase, "", problem=str(exc))
    if (one.component, one.phase) == (component, phase):
        return one
    problem = one.problem or f"its content is of {one.phase} of {one.component}"
    return dataclasses.replace(one, component=component, phase=phase, problem=problem)


def by_component(found: List[Evidence]) -> Dict[str, Dict[str, Evidence]]:
    """Return component -> phase -> evidence."""
    table: Dict[str, Dict[str, Evidence]] = {}
    for one in found:
        table.setdefault(one.component, {})[one.phase] = one
    return table

"""What a run of pytest must show to be red, green or a refactor. Each rule returns why it does not, '' if it does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath

from trainer.evidence.junit import Ended, Report
from trainer.evidence.redaction import redacted_line
from trainer.evidence.running import Ran
from trainer.evidence.sources import Sources
from wire.evidence import Case

_WORST_FIRST = ("error", "failed", "passed", "skipped")
_EXIT = {
    2: "pytest was interrupted",
    3: "pytest had an internal error",
    4: "pytest was called wrongly",
    5: "pytest found no test",
}
"""pytest's own exit codes, beside 0 and 1; 2 also stands for files that could not be collected."""


def cases_of(report: Report | None, sources: Sources) -> tuple[Case, ...]:
    """Return every test of a run; of a file that could not be collected, the functions that it defines."""
    worst: dict[str, Ended] = {}
    for row in report.rows if report else ():
        of_file = "::" not in row.name and sources.tests_in(row.name)
        for name in of_file or [row.name]:
            known = worst.get(name, row)
            worst[name] = min(known, row, key=lambda one: _WORST_FIRST.index(one.outcome))
    # Of a name the parameters may tell a secret.
    named = ((redacted_line(name, os.environ) if "[" in name else name, row) for name, row in worst.items())
    cases = (Case(row.outcome, "", row.lacks, name) for name, row in named)
    says = cache(sources.says)
    return tuple(replace(case, says=says(case.function)) for case in cases)


def not_run(ran: Ran) -> str:
    """Tests were run, and reported."""
    broken = [row for row in ran.report.rows if row.outcome == "error"] if ran.report else []
    if ran.exit_code < 0:
        return f"pytest was ended by {signal.Signals(-ran.exit_code).name}"
    if ran.exit_code in _EXIT and not (ran.exit_code == 2 and broken):
        said = [line for line in ran.output.decode("utf-8", "replace").splitlines() if line.strip()]
        words = next((line for line in said if line.startswith("ERROR")), "")
        return f"{_EXIT[ran.exit_code]} (exit code {ran.exit_code}){': ' + words if words else ''}"
    if ran.report is None:
        return "pytest wrote no report of its tests"
    return "" if ran.report.counts["tests"] else "pytest ran no test"


def not_red(ran: Ran) -> str:
    """At least one test fails, and each of those that do fails by assertion, or as a module or a name is not there."""
    if why := not_run(ran):
        return why
    assert ran.report is not None
    bad = _bad(ran.report)
    if not bad:
        return "every test passes: a red test fails for want of what is to be written"
    if other := [row for row in bad if not row.wants]:
        return f"{other[0].name} fails neither by assertion nor for want of a module or a name: {_first_line(other[0])}"
    return ""


def not_passing(ran: Ran) -> str:
    """Every test passes by its report and by pytest's own exit code."""
    if why := not_run(ran):
        return why
    assert ran.report is not None
    if bad := _bad(ran.report):
        said = "" if ran.exit_code else " (though pytest's exit code is 0)"
        verb = "fails" if len(bad) == 1 else "fail"
        return (
            f"{len(bad)} of {ran.report.counts['tests']} tests {verb}{said}, first {bad[0].name}: {_first_line(bad[0])}"
        )
    return f"no test failed, but pytest's exit code is {ran.exit_code}" if ran.exit_code else ""


def weakened(before: Iterable[Case], now: Iterable[Case], phase: str) -> str:
    """Every test of an earlier phase ran again, says the same, and was not skipped if it was not then."""
    found: dict[str, list[Case]] = {}
    for case in now:
        for name in {case.name, case.function, case.function.partition("::")[0]}:
            found.setdefault(name, []).append(case)
    for case in before:
        # A file that could not be collected told no parameters of its tests, or not even which tests it has.
        again = found.get(case.name, [])
        if not again:
            return f"{case.name}, a test of {phase}, did not run: it was deleted, renamed or deselected"
        if "::" not in case.name:
            continue
        if any(one.says != case.says for one in again):
            return (
                f"{case.name} does not say what it said in {phase}, or what it leans on does not: if it must change, "
                "run red again"
            )
        if case.outcome != "skipped" and all(one.outcome == "skipped" for one in again):
            return f"{case.name}, a test of {phase}, was skipped, or is expected to fail"
    return ""


def not_written(red: Iterable[Case], paths: Iterable[bytes]) -> str:
    """Each module that red lacked is in the worktree by now: else it was not installed then, and is now."""
    parts = {PurePosixPath(path.decode("utf-8", "replace")).with_suffix("").parts for path in paths}
    for module in dict.fromkeys(case.lacks for case in red if case.lacks):
        if not any(_holds(path, module.split(".")) for path in parts):
            return f"red failed as {module} was not installed, not as it was not written: no file of it is here"
    return ""


def _holds(path: Sequence[str], module: Sequence[str]) -> bool:
    """True if a file is the module, or in the package, that is called so."""
    count = len(module)
    return any(list(path[start : start + count]) == list(module) for start in range(len(path) - count + 1))


def _bad(report: Report) -> list[Ended]:
    return [row for row in report.rows if row.outcome in ("failed", "error")]


def _first_line(row: Ended) -> str:
    return row.words.partition("\n")[0][:200]

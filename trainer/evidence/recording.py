"""One phase of test-first work: what must be there before it, its tests, its verdict, and the file that says so."""

from __future__ import annotations

import os
import platform
import shlex
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from trainer.errors import ConfigError
from trainer.evidence import folder, judging
from trainer.evidence.coverage import Covered, measure
from trainer.evidence.naming import component_files, from_top, tests_named
from trainer.evidence.redaction import redacted, redacted_line
from trainer.evidence.repository import Repository
from trainer.evidence.running import MODULE, Ran, Show, coverage_data, run_tests
from trainer.evidence.sources import Sources
from wire.evidence import (
    ACCEPTED,
    COVERAGE_FILE,
    GREEN,
    PHASES,
    RED,
    REFACTOR,
    Evidence,
    by_component,
    component_problem,
    read_evidence,
    refused,
)
from wire.evidence_order import Phases, order_problem, unchanged

_BEFORE = {GREEN: RED, REFACTOR: GREEN}
_LIBRARIES = ("pytest", "pytest-cov", "coverage", "numpy", "torch")


@dataclass(frozen=True)
class Asked:
    """What `trainer tdd` was asked for."""

    phase: str
    component: str
    words: tuple[str, ...]
    """Arguments of pytest; (): those of the phase before, in red the tests that are named like the component."""
    out: Path
    bar_percent: float
    files: tuple[str, ...]
    """Globs of the component's files; (): those that are named like it."""


def record(top: Path, asked: Asked, show: Show) -> Evidence:
    """Run a phase at the top of a worktree, write its file into `asked.out` and return what it says.

    Raises `ConfigError` (a name that cannot be a component, no worktree, no such tests, no pytest), `TrainerError`
    (no place to write). A phase that is refused is no error: its file says why.
    """
    if problem := component_problem(asked.component):
        raise ConfigError(f"{asked.component!r} cannot be a component: {problem}", hint="name it like tracker")
    phases = by_component(read_evidence(str(asked.out))).get(asked.component, {})
    recorder = _Recorder(Repository(top), asked, phases, show)
    folder.make(asked.out)
    evidence = recorder.evidence()
    folder.write_evidence(asked.out, evidence, asked.phase in phases and phases[asked.phase].accepted)
    return evidence


def words_of(evidence: Evidence) -> tuple[str, ...]:
    """Return the arguments of pytest that evidence was recorded with. Raises `ConfigError` where nobody can tell."""
    try:
        return tuple(shlex.split(evidence.command)[3:])
    except ValueError as exc:
        where = f"{evidence.phase} of {evidence.component}"
        raise ConfigError(f"the command of {where} cannot be read: {exc}", hint=f"record {where} anew") from exc


class _Recorder:
    """A phase from its begin to its verdict."""

    def __init__(self, repository: Repository, asked: Asked, phases: Phases, show: Show) -> None:
        self._repository, self._asked, self._show = repository, asked, show
        before = PHASES[: PHASES.index(asked.phase)]
        self._phases = {phase: one for phase, one in phases.items() if phase in before}
        self._content = repository.present()
        self._commit = repository.commit_of("HEAD")
        self._began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def evidence(self) -> Evidence:
        """Return what this phase shows; the tests are run only where the phase can follow on what is there."""
        if why := self._cannot_follow():
            return self._evidence(why)
        words = self._words()
        measures = self._asked.phase != RED and self._asked.bar_percent > 0
        # A glob that matches nothing is said before the tests have run.
        files = component_files(self._content.entries, self._asked.component, self._asked.files) if measures else None
        with tempfile.TemporaryDirectory(prefix="evidence-") as scratch:
            ran = run_tests(self._repository.top, words, Path(scratch), self._show, measures)
            cases = judging.cases_of(ran.report, Sources(self._repository.top))
            partly = replace(self._evidence("", words), cases=cases, **counts_of(ran))
            why = self._refusal(ran, partly) or self._moved()
            covered = self._covered(Path(scratch), *files) if files and ran.report is not None else None
        output = redacted(ran.output, os.environ)
        percent = covered.percent if covered else None
        return replace(
            partly,
            verdict=_verdict(why or self._below(covered)),
            coverage="-" if percent is None else f"{percent:.1f}",
            output=f"{output}\n{covered.words}" if covered else output,
        )

    def _cannot_follow(self) -> str:
        """The phase before is accepted, in this history, and its code is another."""
        phase = self._asked.phase
        if why := order_problem(phase, self._phases):
            return why
        if phase == RED:
            return ""
        if why := out_of_history(self._phases, self._repository, self._commit):
            return why
        before = self._phases[_BEFORE[phase]]
        if before.at > self._began:
            clocks = f"{before.phase} is of {before.at}, and here it is {self._began}"
            return f"{clocks}: set the clock, or run {before.phase} anew"
        return unchanged(before.phase) if before.code == self._content.code else ""

    def _words(self) -> Sequence[str]:
        if self._asked.words:
            return from_top(self._asked.words, self._repository.top)
        if self._asked.phase != RED:
            return words_of(self._phases[_BEFORE[self._asked.phase]])
        found = tests_named(self._asked.component, self._content.entries)
        if not found:
            hint = f"write tests/test_{self._asked.component}.py, or name tests after `--`, as for pytest"
            raise ConfigError(f"no test is named like {self._asked.component}", hint=hint)
        return found

    def _refusal(self, ran: Ran, now: Evidence) -> str:
        if self._asked.phase == RED:
            return judging.not_red(ran)
        why = judging.not_passing(ran)
        for before in self._phases.values():
            why = why or judging.weakened(before.cases, now.cases, before.phase)
        return why or judging.not_written(self._phases[RED].cases, self._content.entries)

    def _moved(self) -> str:
        """The files are those that the digest is of; new ones, which tests may write, do not count."""
        now = self._repository.present().entries
        moved = [path for path, entry in self._content.entries.items() if now.get(path) != entry]
        return f"{os.fsdecode(moved[0])} was edited while the tests ran: run them again" if moved else ""

    def _covered(self, scratch: Path, files: list[str], chosen: str) -> Covered | None:
        data = coverage_data(scratch)
        if not data.exists():
            return None
        return measure(data, self._repository.top, files, chosen, self._asked.out / COVERAGE_FILE)

    def _below(self, covered: Covered | None) -> str:
        bar = self._asked.bar_percent
        if self._asked.phase == RED or not bar:
            return ""
        if covered is None or covered.percent is None:
            return "no line of the component was covered: name its files with --files"
        if covered.percent >= bar:
            return ""
        return f"coverage {covered.percent:.1f} % of the files {covered.chosen} is below {bar:g} %"

    def _evidence(self, why: str, words: Sequence[str] = ()) -> Evidence:
        """What is known before the tests have run."""
        command = shlex.join(["python", "-m", MODULE, *words]) if words else "-"
        clean = self._content.tree == self._repository.committed(self._commit).tree
        return Evidence(
            self._asked.component,
            self._asked.phase,
            _verdict(why),
            at=self._began,
            commit=self._commit,
            tree=self._content.tree,
            clean="yes" if clean else "no",
            host=platform.node(),
            python=platform.python_version(),
            versions=_versions(),
            command=redacted_line(command, os.environ),
            code=self._content.code,
        )


def out_of_history(phases: Phases, repository: Repository, commit: str) -> str:
    """Return which phase is of a commit that is not in the history of `commit`, '' if none is."""
    for phase, one in phases.items():
        if not repository.knows(one.commit, commit):
            return f"{phase} is stale: of commit {one.commit[:7]}, which is not of the history of {commit[:7]}"
    return ""


def _verdict(why: str) -> str:
    return refused(redacted_line(why, os.environ)) if why else ACCEPTED


def counts_of(ran: Ran) -> dict[str, str]:
    """Return pytest's exit code and the counts of its report, as `Evidence` has them."""
    counts = ran.report.counts if ran.report else {}
    return {"exit_code": str(ran.exit_code)} | {key: str(value) for key, value in counts.items()}


def _versions() -> str:
    known = {one.metadata["Name"].lower(): one.version for one in map(_distribution, _LIBRARIES) if one}
    return ", ".join(f"{name} {version}" for name, version in known.items())


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None

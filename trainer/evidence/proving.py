"""One verdict over a commit: is what its evidence says still so, and do its runs pass?"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from trainer.evidence import folder, judging
from trainer.evidence.coverage import BAR_PERCENT
from trainer.evidence.recording import counts_of, out_of_history, words_of
from trainer.evidence.redaction import redacted_line
from trainer.evidence.repository import Repository
from trainer.evidence.running import MODULE, Ran, Show, run_tests
from trainer.evidence.runs import judge_run
from trainer.evidence.sources import Sources
from wire.evidence import (
    COVERAGE_FILE,
    PROOF_FILE,
    RED,
    REFACTOR,
    Case,
    Evidence,
    by_component,
    file_name,
    read_evidence,
)
from wire.evidence_order import Phases, chain_problem, newest, stale

ALSO = "--"
"""Where the tests stand that were named besides: no component is called so."""

Rerun = Callable[[tuple[str, ...]], tuple[Ran, tuple[Case, ...]]]


@dataclass
class Proof:
    """What `trainer prove` found. Nothing but its `reasons` makes it a no."""

    commit: str
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    at_s: float = field(default_factory=time.time)
    tests: dict[str, Any] = field(default_factory=dict)
    """Component -> the run of its tests at the commit: command, exit_code, tests, failures, errors, skipped."""
    gates: list[dict[str, Any]] = field(default_factory=list)
    controls: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    manifest: dict[str, str] = field(default_factory=dict)
    """File that was read -> its SHA-256."""

    @property
    def verdict(self) -> str:
        return "no" if self.reasons else "yes"

    def to_text(self) -> str:
        """Return evidence.json."""
        return json.dumps({"verdict": self.verdict, **self.__dict__}, indent=1) + "\n"


def prove(top: Path, out: Path, runs: Sequence[str], also: Sequence[str], show: Show) -> Proof:
    """Judge the commit at the top of a worktree by the evidence in a folder and by runs, and write evidence.json there.

    The tests of each component run anew, in a worktree of their own at that commit; `also` are further words for
    pytest. Raises `ConfigError` (no worktree, no pytest), `TrainerError` (no place to write).
    """
    repository = Repository(top)
    folder.make(out)
    proof = Proof(repository.commit_of("HEAD"))
    content = repository.committed(proof.commit)
    if repository.present().tree != content.tree:
        proof.reasons.append("there is uncommitted work: commit it, for what is proved is a commit")
    chains = by_component(read_evidence(str(out)))
    _judge_chains(proof, chains, repository, content.tree)
    if not chains:
        proof.reasons.append(f"there is no evidence in {out}: trainer tdd red COMPONENT begins it")
    if not proof.reasons:
        _rerun_all(proof, chains, repository, also, show)
    elif chains:
        proof.notes.append("the tests did not run anew: first the evidence has to hold")
    read = [out / file_name(one["component"], one["phase"]) for one in proof.evidence] + [out / COVERAGE_FILE]
    for run in runs:
        judged = judge_run(run, repository, proof.commit)
        proof.reasons += [f"{run}: {why}" for why in judged.reasons]
        proof.notes += [f"{run}: {why}" for why in judged.notes]
        proof.gates += [judged.gate] if judged.gate else []
        proof.controls += [judged.controls] if judged.controls else []
        read += judged.files
    proof.reasons, proof.notes = _plain(proof.reasons), _plain(proof.notes)
    proof.manifest = _manifest(out, read)
    folder.write(out, PROOF_FILE, proof.to_text())
    return proof


def _plain(lines: Sequence[str]) -> list[str]:
    return [redacted_line(line, os.environ) for line in lines]


def _judge_chains(proof: Proof, chains: Mapping[str, Phases], repository: Repository, tree: str) -> None:
    """Each component by itself; of all evidence the last is to be of this very content."""
    last: Evidence | None = None
    for component, phases in chains.items():
        proof.evidence += [_row(one) for one in phases.values()]
        one = newest(phases)
        counting = {phase: each for phase, each in phases.items() if phase != REFACTOR or each is one}
        why = chain_problem(phases) or out_of_history(counting, repository, proof.commit)
        if why:
            proof.reasons.append(f"{component}: {why}")
        if one is None:
            continue
        proof.notes += filter(None, [_covered(one)])
        if last is None or one.at >= last.at:
            last = one
    why = stale(last, proof.commit, tree) if last is not None and not proof.reasons else ""
    if last is not None and why:
        proof.reasons.append(f"{last.component}: {last.phase} is stale: {why}; run trainer tdd {last.phase} once more")


def _covered(one: Evidence) -> str:
    """A bar may be lowered, for one component or for once: that is said, '' if it was not."""
    try:
        percent = float(one.coverage)
    except ValueError:
        return f"{one.component}: its coverage was not measured"
    return "" if percent >= BAR_PERCENT else f"{one.component}: its coverage is {percent:.1f} %, not {BAR_PERCENT:g} %"


def _row(one: Evidence) -> dict[str, Any]:
    keys = ("component", "phase", "verdict", "problem", "at", "commit", "tree", "clean", "coverage", "command")
    return {key: getattr(one, key) for key in keys}


def _rerun_all(
    proof: Proof, chains: Mapping[str, Phases], repository: Repository, also: Sequence[str], show: Show
) -> None:
    with repository.checked_out(proof.commit) as place:

        @cache
        def rerun(words: tuple[str, ...]) -> tuple[Ran, tuple[Case, ...]]:
            with tempfile.TemporaryDirectory(prefix="evidence-") as scratch:
                ran = run_tests(place, words, Path(scratch), show)
            return ran, judging.cases_of(ran.report, Sources(place))

        for component, phases in chains.items():
            one = newest(phases)
            if one is not None:
                _judge_again(proof, component, phases, one, rerun)
        if also:
            ran, _ = rerun(tuple(also))
            proof.tests[ALSO] = _tested(also, ran)
            if why := judging.not_passing(ran):
                proof.reasons.append(f"{MODULE} {' '.join(also)}: {why}")


def _judge_again(proof: Proof, component: str, phases: Phases, one: Evidence, rerun: Rerun) -> None:
    ran, now = rerun(words_of(one))
    proof.tests[component] = _tested(words_of(one), ran)
    why = judging.not_passing(ran)
    for before in (phases[RED], one):
        why = why or judging.weakened(before.cases, now, before.phase)
    if why:
        proof.reasons.append(f"{component}: its tests, run anew at {proof.commit[:7]}: {why}")


def _tested(words: Sequence[str], ran: Ran) -> dict[str, Any]:
    counts = {key: int(value) for key, value in counts_of(ran).items()}
    return {"command": ["python", "-m", MODULE, *_plain(words)], **counts}


def _manifest(out: Path, read: Sequence[Path]) -> dict[str, str]:
    there = (path for path in read if path.is_file())
    return {path.name if path.parent == out else str(path): _sha256(path) for path in there}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

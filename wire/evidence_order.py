"""Which evidence may follow on which, and of what it is evidence: the rules that need no test to be run."""

from __future__ import annotations

from typing import Mapping, Optional

from wire.evidence import GREEN, RED, REFACTOR, Evidence

Phases = Mapping[str, Evidence]
"""Phase -> its evidence, all of one component."""


def stale(evidence: Evidence, commit: str, tree: str) -> str:
    """Return why evidence says nothing of a commit whose `wire.tested_tree.tree_digest` is `tree`, '' if it does: the
    content that was tested is that of the commit, whatever the hash of either.
    """
    if evidence.tree == tree:
        return ""
    if evidence.commit == commit:
        return f"of uncommitted work on {commit[:7]}, which is not what {commit[:7]} holds"
    return f"of another commit: it tested {evidence.commit[:7]}, and this is {commit[:7]}"


def newest(phases: Phases) -> Optional[Evidence]:
    """Return the last evidence of a component whose tests passed, or should have: its refactor if that is newer than
    its green.
    """
    green, refactor = phases.get(GREEN), phases.get(REFACTOR)
    return refactor if refactor is not None and (green is None or refactor.at >= green.at) else green


def order_problem(phase: str, phases: Phases) -> str:
    """Return why a phase cannot follow on the evidence that is there, '' if it can."""
    if phase == RED:
        return ""
    return _own_problem(phases, RED) or ("" if phase == GREEN else _step_problem(phases, RED, GREEN))


def chain_problem(phases: Phases) -> str:
    """Return what is wrong with the evidence of one component, '' if its red and its green (and its refactor, if it is
    newer than the green) were accepted in this order, on changed code.
    """
    problem = order_problem(REFACTOR, phases)
    last = newest(phases)
    if problem or last is None or last.phase == GREEN:
        return problem
    return _step_problem(phases, GREEN, REFACTOR)


def unchanged(before: str) -> str:
    """Return the refusal of a phase whose code is that of the one before."""
    return f"the code has not changed since {before}"


def _step_problem(phases: Phases, before: str, phase: str) -> str:
    if problem := _own_problem(phases, phase):
        return problem
    if phases[phase].at < phases[before].at:
        return f"{phase} is older than {before}"
    return unchanged(before) if phases[phase].code == phases[before].code else ""


def _own_problem(phases: Phases, phase: str) -> str:
    if phase not in phases:
        return f"there is no {phase} yet"
    return "" if phases[phase].accepted else f"{phase} is not accepted: {phases[phase].why}"

"""`integrate`: do these branches go together? Merged and tested on a host; nothing else changes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from remote import runs
from remote.clean import clean
from remote.errors import FarSideError
from remote.integrate import TEST
from remote.integrated import Conflict, Integrated, Merged
from remote.pruning_plan import counted
from tui.cli.envelope import Answer
from tui.cli.session import Session
from tui.format import duration

CONFLICTS_SHOWN = 20


async def main(session: Session) -> Answer:
    """Merge, test, tell. Exit 1 if a branch does not merge or the tests fail."""
    arguments = session.arguments
    session.changes()
    test = TEST if arguments.test is None else arguments.test
    session.on_interrupt = "interrupted: the tests ended with it; no branch has moved"
    found = await runs.integrate(
        session.fleet, arguments.branches, host=arguments.host, test="" if arguments.no_test else test,
        on_step=session.step_of("integrate"), on_output=None if arguments.json else _print,
    )  # fmt: skip
    return Answer(_told(found), "\n".join(_lines(found)), _error(found))


def _print(text: str) -> None:
    print(text, end="", flush=True)


def _lines(found: Integrated) -> list[str]:
    lines = [f"on {found.host}, from {clean(found.base)} ({found.base_commit[:7]}):"]
    for one in found.merged:
        lines += _part_lines(one)
    if found.kept:
        lines.append(f"  what somebody had left there is kept as {found.kept} there (fetch --wip brings it)")
    if found.code is not None:
        ended = f"fail with exit code {found.code}" if found.code else "pass"
        lines.append(f"  tests {ended} after {duration(found.seconds)}: {found.test}")
    elif found.test:
        lines.append("  the tests were not run")
    where = f"{found.commit[:7]} in {clean(found.path)}"
    return [*lines, f"  no branch has moved; the result is {where} on {found.host}"]


def _part_lines(one: Merged) -> list[str]:
    branch = one.branch
    words = {
        "merged": f"merges, {counted(one.files, 'file')}",
        "contained": "is contained already",
        "conflict": f"does not merge: {counted(len(one.conflicts), 'file')}; left out",
        "unrelated": f"does not merge: {one.why}; left out",
    }
    origin = ", made there" if branch.there else ""
    lines = [f"  {clean(branch.name)} ({branch.commit[:7]}{origin}) {words.get(one.state, f'failed: {one.why}')}"]
    if branch.uncommitted:
        lines.append(f"      without {counted(branch.uncommitted, 'file')} in its worktree that are in no commit")
    if branch.missing:
        lines.append(f"      without {clean(branch.missing)}")
    shown = one.conflicts[:CONFLICTS_SHOWN]
    lines += [f"      {conflict.path}: {_conflict_words(conflict)}" for conflict in shown]
    return lines + ([f"      and {len(one.conflicts) - len(shown)} more"] if len(shown) < len(one.conflicts) else [])


def _conflict_words(conflict: Conflict) -> str:
    return conflict.what + (f" (with {', '.join(conflict.among)})" if conflict.among else "")


def _error(found: Integrated) -> FarSideError | None:
    left_out = [one for one in found.merged if not one.fine]
    if left_out:
        names = ", ".join(clean(one.branch.name) for one in left_out)
        return FarSideError(
            f"{names} do{'es' * (len(left_out) == 1)} not merge", code="conflicts",
            hint="merge the base or the other branch into it where the work is done, then integrate again",
        )  # fmt: skip
    if found.code:
        hint = "--test names another command" if found.code in (126, 127) else ""
        return FarSideError(f"the tests fail with exit code {found.code}", code="tests_failed", hint=hint)
    return None if found.fine else FarSideError(f"{found.host} did not say how all of it ended", code="bad_answer")


def _told(found: Integrated) -> dict[str, Any]:
    return {
        "host": found.host, "base": found.base, "base_commit": found.base_commit, "path": clean(found.path),
        "commit": found.commit, "kept": found.kept, "test": found.test, "code": found.code,
        "seconds": round(found.seconds, 3), "fine": found.fine,
        "branches": [
            {**asdict(one.branch), "state": one.state, "files": one.files, "why": one.why,
             "conflicts": [asdict(conflict) for conflict in one.conflicts]} for one in found.merged
        ],
    }  # fmt: skip

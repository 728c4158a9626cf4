"""What came home of a worker's commits, in words for a terminal and for a toast."""

from __future__ import annotations

from remote.fetch import Fetched
from remote.home_branch import Way
from remote.pruning_plan import counted
from remote.waiting import Look

SUBJECTS_SHOWN = 8
TOAST_SUBJECTS = 3


def fetched_line(one: Fetched) -> str:
    """What became of the branch, in one line."""
    home, new = one.home, counted(one.new, "commit")
    if home.way is Way.NOTHING:
        return f"nothing was committed on {one.host}"
    if home.way is Way.HERE:
        return f"{counted(one.waiting.made, 'commit')} of {one.host}, which {one.branch} has already"
    if home.way is Way.LEFT:
        return f"{new} of {one.host} under {one.ref}; {one.branch} stays: {home.why}"
    moved = f"from {home.before[:7]} to" if home.before else "is new, at"
    return f"{new} of {one.host}: {one.branch} {moved} {one.waiting.head[:7]}"


def left_alone(one: Fetched) -> bool:
    """True if a person has to merge."""
    return one.home.way is Way.LEFT


def told_in_short(one: Fetched) -> str:
    """For a toast: what became of the branch, the newest commits, what to do next."""
    lines = [fetched_line(one), *one.waiting.subjects[: min(one.new, TOAST_SUBJECTS)]]
    if one.waiting.uncommitted:
        lines.append(f"{counted(one.waiting.uncommitted, 'file')} there in no commit")
    return "\n".join([*lines, *([f"→ {one.home.command}"] if one.home.command else [])])


def fetched_words(one: Fetched) -> list[str]:
    """The same with the commits, what to do next, and what is in no commit yet."""
    there, lines = one.waiting, [f"{one.worker}: {fetched_line(one)}"]
    if one.home.way not in (Way.NOTHING, Way.HERE):
        shown = there.subjects[: min(one.new, SUBJECTS_SHOWN)]
        lines += [f"    {subject}" for subject in shown]
        if len(shown) < one.new:
            lines.append(f"    and {one.new - len(shown)} more")
        if there.branch and there.branch != one.branch:
            lines.append(f"    made there on branch {there.branch}")
    if one.home.command:
        lines.append(f"  -> {one.home.command}")
    if there.beside:
        where = f"{one.branch} on {one.host} itself is at {there.beside[:7]}"
        lines.append(f"    {where}, which is not part of this: {one.beside}")
    if there.uncommitted:
        lines.append(f"    {counted(there.uncommitted, 'file')} there in no commit")
    lines += [f"    saved work: {ref}" for ref in one.saved]
    return lines


def waiting_words(one: Look) -> str:
    """What waits on the host, or here to be merged; '' if the branch has all."""
    if not one.commits:
        return ""
    made = f"{counted(one.commits, 'commit')} of {one.host}"
    where = f"{made} not in {one.branch}" if one.fetched else f"{made}, the newest not here"
    return f"{where} · {counted(one.uncommitted, 'file')} in no commit" if one.uncommitted else where

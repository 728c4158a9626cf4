"""Worktrees on hosts in words: where each stands, what of it is in no commit, and what became of one."""

from __future__ import annotations

from remote.clean import clean
from remote.host_inventory import Worktree
from remote.pruning_plan import counted
from remote.removing import Done
from remote.worktree_inventory import Found
from tui.format import age, size

FILES_SHOWN = 8


def result_words(one: Found, done: Done) -> str:
    """What became of it, and where its own work is kept."""
    kept = f"; its work is kept on {one.host} as {done.kept}" if done.kept else ""
    if done.gone:
        return f"{one.name}: somebody else had removed it before"
    if done.skipped:
        return f"{one.name}: still there: {done.skipped}{kept}"
    return f"{one.name}: removed, {size(done.freed_bytes)}{kept}"


def worktree_lines(one: Found) -> list[str]:
    """Where it stands, and what lies in it that is in no commit."""
    tree = one.tree
    use = f"{size(tree.thing.bytes)}, touched {age(tree.thing.age_s)} ago"
    lines = [
        f"{one.name} on {one.host}: {stands_at(tree)}, {use}, {state_words(tree)}",
        f"    {clean(tree.path)}",
    ]
    own = [f"    own      {path}" for path in tree.own[:FILES_SHOWN]]
    if tree.own_count > len(own):
        own.append(f"    own      and {tree.own_count - len(own)} more")
    return lines + own + [f"    ignored  {path}" for path in tree.ignored[:FILES_SHOWN]]


def stands_at(tree: Worktree) -> str:
    """Its commit and branch."""
    return f"{tree.commit[:7] or '-'} {tree.branch or '(no branch)'}"


def state_words(tree: Worktree) -> str:
    """`clean`, the run that goes on in it, or what in it is in no commit."""
    return f"running {tree.running}" if tree.running else "clean" if tree.clean else own_words(tree)


def own_words(tree: Worktree) -> str:
    """`3 files in no commit and 1 that git ignores`, or why git could not look."""
    if tree.problem:
        return f"not readable: {tree.problem}"
    parts = [counted(tree.own_count, "file") + " in no commit"] if tree.own_count else []
    if tree.ignored:
        parts.append(f"{len(tree.ignored)} that git ignores")
    return " and ".join(parts)

"""`worktrees`: where each worker's code lies on its host, what of it is in no commit; remove them with consent.

Runs and their results lie elsewhere and stay. Work that is in no commit is kept under a ref of the host's repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remote.clean import clean
from remote.errors import Declined, FarSideError, RemoteError, UsageError
from remote.pruning_plan import counted
from remote.who import nearest
from remote.worktree_inventory import Found, look_at_worktrees, remove_worktrees
from tui.cli.envelope import Answer
from tui.cli.session import Session, nothing, together
from tui.housekeeping.worktrees import result_words, worktree_lines


async def main(session: Session) -> Answer:
    """List them; or remove those of the named workers; or those of no worker of the profile."""
    arguments = session.arguments
    if arguments.action == "remove" and not arguments.workers:
        raise UsageError("worktrees remove which one?", hint="trajvid-tui worktrees lists them")
    if arguments.action == "prune" and arguments.workers:
        raise UsageError("worktrees prune takes no names: it is about those of no worker")
    if arguments.action != "list":
        session.changes()
    every, failed, hosts = await _look(session)
    error = together(failed, len(hosts))
    if arguments.action == "list":
        shown = _named(session, every, failed) if arguments.workers else every
        lines = [line for one in shown for line in worktree_lines(one)] or [nothing("no worktrees", hosts, failed)]
        return Answer({"worktrees": [_told(one) for one in shown]}, "\n".join(lines), error)
    if arguments.action == "prune":
        ours = {worker.slug for worker in session.profile.workers.values()}
        chosen = [one for one in every if one.tree.slug not in ours and one.tree.clean and not one.tree.running]
        if not chosen:
            text = nothing("no clean worktree without a worker of this profile", hosts, failed)
            return Answer({"removed": []}, text, error)
    else:
        chosen = _named(session, every, failed)
    await _consent(session, chosen)
    return await _remove(session, chosen, error)


async def _look(session: Session) -> tuple[list[Found], dict[str, RemoteError], list[str]]:
    """The worktrees, which hosts did not tell of theirs, and which were asked."""
    hosts = sorted({worker.host for worker in session.profile.workers.values()})
    failed = dict(await session.reach(hosts))
    found, more = await look_at_worktrees(session.fleet, [host for host in hosts if host not in failed])
    return found, failed | more, hosts


def _named(session: Session, every: Sequence[Found], failed: dict[str, RemoteError]) -> list[Found]:
    """Those of the named workers. Raises `UsageError`, or why a host that may have it did not tell."""
    known, names = {one.name for one in every}, session.arguments.workers
    for name in (name for name in names if name not in known):
        worker = session.profile.workers.get(name)
        silent = failed.get(worker.host) if worker is not None else next(iter(failed.values()), None)
        raise silent or UsageError(f"{name} has no worktree", hint=nearest(name, known), code="unknown_worker")
    return [one for one in every if one.name in names]


async def _consent(session: Session, chosen: Sequence[Found]) -> None:
    """A yes for what is in a commit; the typed name, or --discard with --yes, for what is not. Raises `Declined`.

    About one in which something runs nothing is asked, as its host will not remove it.
    """
    idle = [one for one in chosen if not one.tree.running]
    clean_ones = [one for one in idle if one.tree.clean]
    for one in [one for one in idle if not one.tree.clean]:
        session.say("\n".join(worktree_lines(one)))
        if session.arguments.discard and session.arguments.yes:
            continue
        lost = "; what git ignores is lost" if one.tree.ignored else ""
        typed = await session.ask(
            f"Its own work is kept under a ref on {one.host}{lost}. Type {one.name} to remove it: "
        )
        if typed is None:
            hint = "look at it with `trajvid-tui shell`; or --discard --yes, which keeps changes under a ref"
            raise Declined(f"the worktree of {one.name} holds work that is in no commit", hint=hint)
        if typed.strip() != one.name:
            raise Declined("nothing was removed: that was not its name")
    if not clean_ones:
        return
    session.say("\n".join(line for one in clean_ones for line in worktree_lines(one)))
    if not await session.confirm(f"Remove {counted(len(clean_ones), 'worktree')}?"):
        raise Declined("nothing was removed", hint="" if session.terminal else "add --yes")


async def _remove(session: Session, chosen: Sequence[Found], error: RemoteError | None) -> Answer:
    done = await remove_worktrees(session.fleet, chosen)
    lines = [result_words(one, what) for one, what in done]
    data = {
        "removed": [
            {"worker": one.name, "host": one.host, "freed_bytes": what.freed_bytes, "kept": what.kept}
            | {"skipped": what.skipped}
            for one, what in done
        ]
    }
    skipped = [what for _, what in done if what.skipped]
    if error is None and skipped:
        error = FarSideError("some worktrees are still there", hint="the reasons are above", code="left")
    return Answer(data, "\n".join(lines), error)


def _told(one: Found) -> dict[str, Any]:
    tree = one.tree
    return {
        "worker": one.name, "host": one.host, "path": clean(tree.path), "commit": tree.commit, "branch": tree.branch,
        "subject": tree.subject, "bytes": tree.thing.bytes, "age_s": round(tree.thing.age_s), "running": tree.running,
        "own": list(tree.own), "own_count": tree.own_count, "ignored": list(tree.ignored), "problem": tree.problem,
    }  # fmt: skip

"""Do these branches go together? Merged one by one on a host, in a worktree that is nobody's, and tested there.

    found = await integrate(fleet, ["keypoint", "motion"], test="pytest -q")

A worker stands for what was committed in its worktree on that host, or, if nothing was that its branch lacks here, for
its branch. What is on this laptop only is pushed to the host's repository first, as for a launch. Nothing else
changes: no branch moves, here or there, and nothing is pushed to any remote of the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from remote.clean import clean
from remote.errors import FarSideError, Unreachable, UsageError
from remote.git import resolve, run_git, top_level
from remote.home_branch import is_ancestor
from remote.integrated import Branch, Integrated, take
from remote.onhost.git import branch_problem, branch_ref, git_argv
from remote.steps import Step, again_when_lost
from remote.streamed import streamed
from remote.waiting import Waiting, waiting_there
from remote.who import nearest
from remote.worktrees import push
from wire.codec import WireError

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.places import Place

TEST = '"$PYTHON" -m pytest -q'
"""What is run where nobody says it; $PYTHON is the profile's."""


async def integrate(
    fleet: Fleet,
    names: Sequence[str],
    *,
    host: str = "",
    test: str = TEST,
    on_step: Step | None = None,
    on_output: Callable[[str], None] | None = None,
) -> Integrated:
    """Merge workers and branches on a host and run `test` there ('' = nothing). A conflict is an answer, no error.

    Raises `UsageError` (unknown branch, no host to choose), `FarSideError` (busy, no_space, ...), `Unreachable`.
    """
    step = on_step or (lambda _text: None)
    profile = fleet.profile
    names = tuple(dict.fromkeys(names))
    host = host_for(fleet, names, host)
    top = await top_level(profile.folder)
    base = await resolve(top, profile.base)
    if not base:
        raise UsageError(f"no branch, tag or commit named {clean(profile.base)!r} here", code="unknown_base")
    named = [await _named(fleet, top, name, host) for name in names]
    step(f"connecting to {host}")
    await again_when_lost(fleet.far(host).ready, step)
    branches = [await _branch(fleet, top, one, base) for one in named]
    for commit in dict.fromkeys([base, *(one.commit for one in branches if not one.there)]):
        await _push(fleet, host, commit, step)
    found = Integrated(host, profile.base, base, tuple(branches), test)
    await _listen(fleet, found, step, on_output)
    for name in names:
        if name in profile.workers:
            done = "goes together" if found.fine else "does not go together"
            fleet.record(name, "integrate", " ".join(names), f"{done} on {host} ({found.commit[:12]})")
    return found


def host_for(fleet: Fleet, names: Sequence[str], host: str) -> str:
    """Where to do it: the named host, or that of the workers. Raises `UsageError`."""
    if not names:
        raise UsageError("integrate which branches?", hint=f"name some of {', '.join([*fleet.profile.workers][:12])}")
    if host:
        return fleet.host(host).name
    workers = fleet.profile.workers
    hosts = {workers[name].host for name in names if name in workers} or {one.host for one in workers.values()}
    if len(hosts) != 1:
        raise UsageError(f"integrate on which host: {', '.join(sorted(hosts))}?", hint="name it with --host")
    return hosts.pop()


@dataclass(frozen=True)
class _Named:
    name: str
    here: str
    """The commit of its branch on this laptop, '' if it has none."""
    place: Place | None
    """The worker on the host that does it, None if it is no worker's or elsewhere."""
    elsewhere: str = ""
    """The host of a worker that is on another one."""


async def _named(fleet: Fleet, top: Path, name: str, host: str) -> _Named:
    """What a name means: a worker, or a branch. Raises `UsageError`."""
    worker = fleet.profile.workers.get(name)
    branch = worker.branch if worker is not None else name
    here = "" if branch_problem(branch) else await resolve(top, branch_ref(branch))
    if worker is None and not here:
        workers = fleet.profile.workers.values()
        worker = next((one for one in workers if one.branch == name and one.host == host), None)
        if worker is None:
            known = [*fleet.profile.workers, *(one.branch for one in workers), *await _branches(top)]
            hint = nearest(name, dict.fromkeys(known))
            raise UsageError(f"no worker and no branch named {clean(name)!r}", hint=hint, code="unknown_branch")
    if worker is None or worker.host == host:
        return _Named(name, here, fleet.place(worker.name) if worker is not None else None)
    return _Named(name, here, None, worker.host)


async def _branch(fleet: Fleet, top: Path, named: _Named, base: str) -> Branch:
    """Its newest commit: one that was made there, unless its branch here has that too. The base, if there is none."""
    waiting = await waiting_there(fleet, named.place, named.here) if named.place is not None else Waiting("", 0)
    if waiting.made and not (named.here and await is_ancestor(top, waiting.head, named.here)):
        missing = f"what its branch has here, at {named.here[:7]}: both moved" if waiting.lacks else ""
        return Branch(named.name, waiting.head, True, waiting.uncommitted, missing)
    missing = f"what was committed on {named.elsewhere} since the last fetch, if anything" if named.elsewhere else ""
    return Branch(named.name, named.here or base, False, waiting.uncommitted, missing)


async def _push(fleet: Fleet, host: str, commit: str, step: Step) -> None:
    link, far, profile = fleet.connection(host), fleet.far(host), fleet.profile
    await again_when_lost(lambda: push(link, far, profile.folder, commit, profile.project_id, step), step)


async def _branches(top: Path) -> list[str]:
    _, out, _ = await run_git(git_argv(str(top), ["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"]))
    return out.decode("utf-8", "replace").splitlines()


async def _listen(fleet: Fleet, found: Integrated, step: Step, on_output: Callable[[str], None] | None) -> None:
    workers = fleet.profile.workers
    named = [workers[one.name].python for one in found.branches if one.name in workers]
    request = {
        "root": fleet.far(found.host).root, "project": fleet.profile.project_id, "base": found.base_commit,
        "parts": [{"name": one.name, "commit": one.commit} for one in found.branches],
        "test": found.test, "python": next(filter(None, named), ""),
    }  # fmt: skip
    step(f"merging {len(found.branches)} branch{'es' * (len(found.branches) != 1)} on {found.host}")
    async with aclosing(streamed(fleet, found.host, "integrate", request)) as messages:
        async for message in messages:
            try:
                take(found, message, step, on_output)
            except (WireError, KeyError, TypeError, IndexError) as exc:
                raise FarSideError(f"{found.host}: what it says about the merges makes no sense: {exc}") from exc
    if not found.commit:
        raise Unreachable(f"{found.host}: the connection was lost, and the tests ended with it", hint="do it once more")

"""`fetch`: commits that were made in worktrees on hosts come home; on request they go on to `origin`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from remote import runs
from remote.errors import Declined, RemoteError
from remote.git import resolve, top_level
from remote.home_branch import Way
from remote.onhost.git import branch_ref
from remote.origin import NAME, Pushed, push, urls_of_origin
from remote.runs import Fetched
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.fetched import fetched_words

Found = dict[str, Fetched | RemoteError]


async def main(session: Session) -> Answer:
    """Fetch the chosen workers, by default all; hosts at the same time, the workers of one host in turn."""
    arguments = session.arguments
    session.changes()
    names = session.chosen() if arguments.workers or arguments.all else list(session.profile.workers)
    for name in names:
        session.fleet.place(name)
    if arguments.push:
        await urls_of_origin(await top_level(session.profile.folder))  # before anything is asked of a host
    found = await _fetched(session, names)
    failed: dict[str, RemoteError] = {name: one for name, one in found.items() if isinstance(one, RemoteError)}
    came = [one for one in found.values() if isinstance(one, Fetched)]
    lines = [line for one in came for line in fetched_words(one)]
    pushed: list[Pushed] = []
    if arguments.push:
        pushed, refused = await _push(session, await _ours(session, came), lines)
        failed |= refused | {one.worker: _to_merge(one) for one in came if one.home.way is Way.LEFT}
        lines += [] if pushed or failed else [f"nothing to push to {NAME}"]
    lines += [line for one in pushed for line in _pushed_lines(one)]
    data = {"fetched": [_told(one) for one in came], "pushed": [_told_push(one) for one in pushed]}
    return Answer(data, "\n".join(lines), together(failed, len(names)))


async def _fetched(session: Session, names: Sequence[str]) -> Found:
    found: Found = {}

    async def host(own: list[str]) -> None:
        for name in own:
            try:
                found[name] = await runs.fetch(
                    session.fleet, name, saved=session.arguments.wip, on_step=session.step_of(name)
                )
            except RemoteError as exc:
                found[name] = exc

    hosts = dict.fromkeys(map(session.host_of, names))
    await asyncio.gather(*(host([name for name in names if session.host_of(name) == one]) for one in hosts))
    return {name: found[name] for name in names}


async def _ours(session: Session, came: Sequence[Fetched]) -> list[str]:
    """The branches that are here, without those that have yet to be merged by hand."""
    top = await top_level(session.profile.folder)
    branches = dict.fromkeys(one.branch for one in came if one.home.way is not Way.LEFT)
    return [branch for branch in branches if await resolve(top, branch_ref(branch))]


def _to_merge(one: Fetched) -> RemoteError:
    why = f"{one.branch} was not pushed: it has to be merged first"
    return RemoteError(why, hint=one.home.command, code="to_merge")


async def _push(
    session: Session, branches: Sequence[str], lines: Sequence[str]
) -> tuple[list[Pushed], dict[str, RemoteError]]:
    """Push after one yes for all. A branch that `origin` does not take keeps none of the others."""
    if not branches:
        return [], {}
    top = await top_level(session.profile.folder)
    if not session.arguments.yes:
        session.say("\n".join(lines))
    urls = ", ".join(await urls_of_origin(top))
    if not await session.confirm(f"Push {', '.join(branches)} to {NAME} ({urls})?"):
        raise Declined("nothing was pushed", hint="" if session.terminal else "add --yes")
    pushed: list[Pushed] = []
    failed: dict[str, RemoteError] = {}
    for branch in branches:
        session.say(f"pushing {branch} to {NAME}")
        try:
            pushed.append(await push(top, branch))
        except RemoteError as exc:
            failed[branch] = exc
    return pushed, failed


def _pushed_lines(pushed: Pushed) -> list[str]:
    lines = [f"pushed {pushed.branch} at {pushed.commit[:7]} to {', '.join(pushed.urls)}"]
    if pushed.link:
        return [*lines, f"  open a request: {pushed.link}"]
    return lines + [f"  {NAME} said: {line}" for line in pushed.said]


def _told(one: Fetched) -> dict[str, Any]:
    home = one.home
    return {
        "worker": one.worker, "host": one.host, "branch": one.branch, "ref": one.ref, "commit": one.waiting.head,
        "made": one.waiting.made, "new": one.new, "commits": list(one.waiting.subjects),
        "uncommitted": one.waiting.uncommitted, "beside": one.waiting.beside, "beside_ref": one.beside,
        "way": home.way.value, "before": home.before, "why": home.why, "command": home.command,
        "saved": list(one.saved),
    }  # fmt: skip


def _told_push(pushed: Pushed) -> dict[str, Any]:
    return {"branch": pushed.branch, "commit": pushed.commit, "urls": list(pushed.urls), "link": pushed.link}

"""The worktrees on several hosts at once: look at them, and remove some of them.

    found, failed = await look_at_worktrees(fleet, hosts)
    done = await remove_worktrees(fleet, chosen)          a person has agreed to each

Runs and their results lie elsewhere and stay. Work that is in no commit is kept under a ref of the host's repository.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remote.errors import RemoteError
from remote.host_inventory import Worktree, worktrees_on
from remote.pruning_plan import Item, Kind
from remote.removing import Done, remove_there

if TYPE_CHECKING:
    from remote.fleet import Fleet


@dataclass(frozen=True)
class Found:
    """A worktree with what people call its worker."""

    host: str
    name: str
    tree: Worktree


async def look_at_worktrees(fleet: Fleet, hosts: Collection[str]) -> tuple[list[Found], dict[str, RemoteError]]:
    """Return the project's worktrees on these hosts, and why some of them did not tell."""
    told = await asyncio.gather(*(worktrees_on(fleet, host) for host in hosts), return_exceptions=True)
    found: list[Found] = []
    failed: dict[str, RemoteError] = {}
    for host, one in zip(hosts, told, strict=True):
        if isinstance(one, RemoteError):
            failed[host] = one
        elif isinstance(one, BaseException):
            raise one
        else:
            found += [Found(host, fleet.name_at(host, tree.slug), tree) for tree in one]
    return found, failed


async def remove_worktrees(fleet: Fleet, chosen: Sequence[Found]) -> list[tuple[Found, Done]]:
    """Remove these, each after another look of its host. Raises as `FarSide.call`."""
    done: list[tuple[Found, Done]] = []
    for host in dict.fromkeys(one.host for one in chosen):
        own = [one for one in chosen if one.host == host]
        for discard in (False, True):
            part = [one for one in own if one.tree.clean is not discard]
            items = [Item(Kind.WORKTREE, host, one.tree.thing, one.tree.slug) for one in part]
            if items:
                done += zip(part, await remove_there(fleet, host, items, discard=discard), strict=True)
    return done

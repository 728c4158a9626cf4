"""What a verb does on its way: each step shown in its worker's row, and what may be done twice done again."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from remote.errors import Declined, RemoteError, Unreachable, UsageError

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.places import Place

TRIES = 4
RETRY_FIRST_S, RETRY_MAX_S = 0.2, 5.0

P = ParamSpec("P")
T = TypeVar("T")
Step = Callable[[str], None]
Verb = Callable[Concatenate["Fleet", str, P], Coroutine[Any, Any, T]]


@contextmanager
def steps(fleet: Fleet, worker: str, on_step: Step | None = None) -> Iterator[Step]:
    """Show each step in the worker's row while it lasts, and in `on_step`."""

    def step(text: str) -> None:
        fleet.note(worker, text)
        if on_step is not None:
            on_step(text)

    try:
        yield step
    finally:
        fleet.note(worker, "")


def recorded(verb: str) -> Callable[[Verb[P, T]], Verb[P, T]]:
    """Remember on this laptop that a verb failed, and why; how it ends well it records itself.

    A request that was wrong, or that the person took back, is no action.
    """

    def wrap(function: Verb[P, T]) -> Verb[P, T]:
        @functools.wraps(function)
        async def inner(fleet: Fleet, worker: str, *args: P.args, **options: P.kwargs) -> T:
            try:
                return await function(fleet, worker, *args, **options)
            except (UsageError, Declined):
                raise
            except RemoteError as exc:
                fleet.record(worker, verb, "", f"failed: {exc.message}")
                raise

        return inner

    return wrap


async def again_when_lost(attempt: Callable[[], Awaitable[T]], step: Step) -> T:
    """Do something that may be done twice; a connection that broke is worth another try, a few times."""
    delay_s = RETRY_FIRST_S
    for left in reversed(range(TRIES)):
        try:
            return await attempt()
        except Unreachable as exc:
            if not left:
                raise
            step(f"trying again: {exc.message}")
        await asyncio.sleep(delay_s)
        delay_s = min(RETRY_MAX_S, delay_s * 2)
    raise AssertionError("the last try returns or raises")


async def newest_facts(fleet: Fleet, place: Place) -> dict[str, Any]:
    """The host's own facts about the newest run of a worker, {} if it has none."""
    far = fleet.far(place.host)
    await far.ready()
    request = {"root": far.root, "project": fleet.profile.project_id, "worker": place.slug}
    found = (await far.call("status", request)).get("runs")
    first = found[0] if isinstance(found, list) and found else {}
    return first if isinstance(first, dict) else {}

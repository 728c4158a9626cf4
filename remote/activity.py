"""What was done, by whom and how it ended: this laptop's own memory and the hosts' records, each action once.

found = await activity(fleet)      asks the hosts that are connected; the others' actions are those done from here
found.deeds                        oldest first
found.sources                      what of each host is in it, and how old that is
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from remote.errors import RemoteError
from remote.snapshot import Link
from remote.tidy import tidy
from wire.codec import WireError
from wire.records import Action

if TYPE_CHECKING:
    from remote.fleet import Fleet

STARTS = frozenset({"launch", "relaunch", "resume", "release", "run"})
"""Verbs that begin an attempt; the host knows a relaunch as the launch that it is."""
LIMIT = 500
TIMEOUT_S = 20.0


class Origin(StrEnum):
    """Who remembers an action."""

    HERE = "here"
    """This laptop alone: the host keeps no record of such a verb, or was not asked."""
    HOST = "host"
    """The host alone: another laptop did it, or this one before its memory began."""
    BOTH = "both"


@dataclass(frozen=True)
class Deed:
    """One action."""

    at_s: float
    """UTC epoch seconds by the clock of this laptop; of the host's where only that knows it."""
    worker: str
    host: str
    verb: str
    by: str
    command: str = ""
    result: str = ""
    attempt: str = ""
    origin: Origin = Origin.HERE


@dataclass(frozen=True)
class Source:
    """What was heard of one host's own records."""

    at: float | None = None
    """Monotonic time of its last answer; None if it gave none in this session."""
    problem: str = ""
    """Why it could not be asked now."""


@dataclass(frozen=True)
class Activity:
    """Everything that is known, at one moment."""

    deeds: tuple[Deed, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    told: Mapping[str, tuple[Deed, ...]] = field(default_factory=dict)
    """Host -> its own records as it last told them."""


async def activity(
    fleet: Fleet, *, worker: str = "", since_s: float = 0.0, limit: int = LIMIT, before: Activity | None = None
) -> Activity:
    """Ask and merge. What a host told `before` stays, with its age, where it cannot be asked now."""
    place = fleet.place(worker) if worker else None
    hosts = [place.host] if place else list(dict.fromkeys(row.host for row in fleet.snapshots()))
    asked = {"worker": place.slug if place else "", "since_s": since_s, "limit": limit}
    answers = await asyncio.gather(*(_of_host(fleet, host, asked) for host in hosts))
    told, sources = dict(before.told) if before else {}, dict(before.sources) if before else {}
    for host, answer in zip(hosts, answers, strict=True):
        if isinstance(answer, str):
            sources[host] = replace(sources.get(host, Source()), problem=answer)
        else:
            told[host], sources[host] = answer, Source(fleet.clock())
    here = [deed for deed in _here(fleet, worker, limit) if deed.at_s >= since_s]
    there = [deed for host in told.values() for deed in host if not worker or deed.worker == worker]
    return Activity(tuple(merged(here, there)[-limit:]), sources, told)


async def _of_host(fleet: Fleet, host: str, asked: Mapping[str, Any]) -> tuple[Deed, ...] | str:
    """A host's own records, or why it did not tell them; no connection is made for them."""
    if fleet.connection(host).status.link is not Link.LIVE:
        return "not connected"
    far = fleet.far(host)
    try:
        await far.ready()
        request = {"root": far.root, "project": fleet.profile.project_id, **asked}
        answer = (await far.call("actions", request, timeout_s=TIMEOUT_S)).get("actions")
    except RemoteError as exc:
        return exc.message
    found = []
    for item in answer if isinstance(answer, list) else []:
        try:
            action = Action.from_dict(tidy(item))
        except (WireError, AttributeError):
            continue
        name = fleet.name_at(host, str(action.extra.get("worker", "")))
        found.append(_deed(action, name, host, Origin.HOST))
    return tuple(found)


def _here(fleet: Fleet, worker: str, limit: int) -> list[Deed]:
    """What this laptop remembers, oldest first."""
    rows = {row.worker: row.host for row in fleet.snapshots()}
    return [
        _deed(action, name, rows.get(name) or str(action.extra.get("host", "")), Origin.HERE)
        for name, action in reversed(fleet.recorded(worker, limit))
    ]


def _deed(action: Action, worker: str, host: str, origin: Origin) -> Deed:
    return Deed(
        action.at_s, worker, host, action.verb, action.by, action.command, action.result, action.attempt, origin
    )


def merged(here: Iterable[Deed], there: Iterable[Deed]) -> list[Deed]:
    """Both memories, oldest first, each action once.

    An action is in both if verb, worker, person and run agree: clocks may differ, so the first of such ones here is the
    first of them there. The laptop knows how it ended, the host what exactly ran.
    """
    waiting: dict[tuple[str, ...], list[Deed]] = defaultdict(list)
    for deed in sorted(there, key=lambda one: one.at_s):
        waiting[_key(deed)].append(deed)
    found = []
    for deed in sorted(here, key=lambda one: one.at_s):
        twins = waiting.get(_key(deed), []) if _reached(deed) else []
        if twins:
            twin = twins.pop(0)
            command = twin.command or deed.command
            deed = replace(deed, command=command, attempt=twin.attempt or deed.attempt, origin=Origin.BOTH)
        found.append(deed)
    found += [deed for left in waiting.values() for deed in left]
    return sorted(found, key=lambda one: one.at_s)


def _key(deed: Deed) -> tuple[str, ...]:
    if deed.verb in STARTS:
        return ("start", deed.worker, deed.by, deed.attempt)
    return (deed.verb, deed.worker, deed.by, deed.attempt.rpartition(".")[0] or deed.attempt)


def _reached(deed: Deed) -> bool:
    """False for what the host wrote nothing about."""
    return not deed.result.startswith(("failed: ", "runs already: "))


def matching(deeds: Collection[Deed], pattern: str) -> list[Deed]:
    """Those in which every word of `pattern` occurs: in verb, worker, host, person, command or result."""
    words = pattern.lower().split()
    return [deed for deed in deeds if all(word in _haystack(deed) for word in words)]


def _haystack(deed: Deed) -> str:
    return " ".join((deed.verb, deed.worker, deed.host, deed.by, deed.command, deed.result, deed.attempt)).lower()

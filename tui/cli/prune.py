"""`prune`: say what may go from the hosts, or from this laptop, and remove it after a yes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from remote.errors import Declined, FarSideError, RemoteError, UsageError
from remote.prune import Done, carry_out, survey
from remote.pruning_plan import Cure, Item, Kept, Kind, Plan, Policy, counted
from tui.activity.since import span_s
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.format import age, size

NAMES = {
    Kind.RUN: ("run", "runs"),
    Kind.CHECKPOINT: ("checkpoint", "checkpoints"),
    Kind.WORKTREE: ("worktree of no worker", "worktrees of no worker"),
    Kind.LEFT: ("rest of a removal", "rests of removals"),
    Kind.BUNDLE: ("old code bundle", "old code bundles"),
    Kind.ENVIRONMENT: ("unused environment", "unused environments"),
    Kind.COPY: ("copy", "copies"),
    Kind.HISTORY: ("damaged history", "damaged histories"),
}
LINES_MAX = 20
"""So many things of a kind are named; --json names all."""


async def main(session: Session) -> Answer:
    """Show first. Without a yes nothing is removed."""
    arguments = session.arguments
    policy = await _policy(session)
    hosts = _hosts(session, policy)
    failed = dict(await session.reach(hosts))
    session.say("looking at what is there; nothing is removed yet")
    found, more = await survey(
        session.fleet, [host for host in hosts if host not in failed], policy, here=arguments.here
    )
    failed |= more
    shown = _shown(session, found)
    if not found.items:
        return Answer(_data(session, found, []), shown, together(failed, len(hosts)))
    if not await _agreed(session, found, shown):
        text = f"{shown}\n\nnothing was removed; --yes removes what may go"
        return Answer(_data(session, found, []), text, together(failed, len(hosts)))
    done, lost = await carry_out(session.fleet, found.items, policy, session.say)
    failed |= lost
    return Answer(_data(session, found, done), _told(session, done), _error(failed, done, len(hosts)))


async def _policy(session: Session) -> Policy:
    arguments = session.arguments
    if arguments.keep < 1:
        raise UsageError("--keep takes a number from 1 up: the newest run of a worker always stays")
    if arguments.unsynced and arguments.here:
        raise UsageError("--unsynced is about hosts; from this laptop only copies go that a host still keeps")
    if arguments.unsynced and not arguments.workers:
        raise UsageError("--unsynced removes the only copy there is, so it takes the names of workers")
    names = await session.know(dict.fromkeys(arguments.workers))
    slugs = frozenset(session.fleet.place(name).slug for name in names)
    return Policy(span_s(arguments.older, "--older"), arguments.keep, arguments.unsynced, slugs or None)


def _hosts(session: Session, policy: Policy) -> list[str]:
    if policy.slugs is not None:
        return sorted({session.host_of(name) for name in session.arguments.workers})
    return sorted({worker.host for worker in session.profile.workers.values()})


async def _agreed(session: Session, found: Plan, shown: str) -> bool:
    """A yes, or the typed number of things; for what is nowhere else, the typed name of each worker."""
    arguments = session.arguments
    if arguments.yes:
        session.changes()
        session.say(shown)
        return True
    if arguments.json or arguments.read_only or not session.terminal:
        return False
    session.say(shown)
    words = arguments.workers if arguments.unsynced else [str(len(found.items))]
    for word in words:
        what = f"all that is listed of {word}, also what is nowhere else" if arguments.unsynced else "them"
        if (await session.ask(f"\nType {word} to remove {what}: ") or "").strip() != word:
            raise Declined(f"nothing was removed: that was not {word}")
    return True


# ---------------------------------------------------------------------- for people


def _shown(session: Session, found: Plan) -> str:
    lines: list[str] = []
    for host in dict.fromkeys(item.host for item in found.items):
        items = [item for item in found.items if item.host == host]
        where = "on this laptop" if session.arguments.here else f"on {host}"
        lines.append(f"{where}: {_sum(items)} may go")
        for kind in dict.fromkeys(item.kind for item in items):
            lines += _listed(items, kind, lambda item: _named(session, item))
    if not lines:
        lines.append(f"nothing {'here' if session.arguments.here else 'on the hosts'} may go")
    return "\n".join([*lines, *_staying(session, found.kept)])


def _listed(items: Sequence[Item], kind: Kind, named: Callable[[Item], str]) -> list[str]:
    own = [item for item in items if item.kind is kind]
    rows = [
        f"  {size(item.thing.bytes):>9}  {age(item.thing.age_s):>7}  {NAMES[kind][0]} {named(item)}".rstrip()
        + (f"\n{'':21}which {item.lack}" if item.lack else "")
        for item in own[:LINES_MAX]
    ]
    rest = own[LINES_MAX:]
    return [*rows, f"  {_bytes(rest):>9}           and {len(rest)} more {NAMES[kind][1]}"] if rest else rows


def _named(session: Session, item: Item) -> str:
    worker = session.fleet.name_at(item.host, item.slug)
    if item.kind in (Kind.RUN, Kind.COPY):
        return f"{worker}/{item.run}"
    if item.kind is Kind.CHECKPOINT:
        return f"{worker}/{item.run}/{item.thing.name}"
    return worker if item.kind is Kind.WORKTREE else item.thing.name[:16]


def _staying(session: Session, kept: Sequence[Kept]) -> list[str]:
    """How many runs stay and why; those that a sync would free by name."""
    if not kept:
        return []
    reasons = Counter(one.why for one in kept if one.cure is None)
    told = "; ".join(
        f"1 run, as it {why}" if count == 1 else f"{count} runs, as each {why}" for why, count in reasons.most_common()
    )
    lines = [f"stays: {told}"] if told else []
    curable = [one for one in kept if one.cure is not None]
    for one in curable[:LINES_MAX]:
        worker = session.fleet.name_at(one.host, one.slug)
        lines += [f"stays: {worker}/{one.run} ({size(one.bytes)}), which", f"  {one.why}"]
        if one.cure is Cure.PROFILE:
            lines.append("  -> change `sync:` in the profile, or take it along with --unsynced")
        else:
            every = " --everything" if one.cure is Cure.EVERYTHING else ""
            lines.append(f"  -> trajvid-tui sync {worker} --run {one.run}{every}")
    if rest := curable[LINES_MAX:]:
        lines.append(f"stays: {counted(len(rest), 'more run')} that {'is' if len(rest) == 1 else 'are'} not whole here")
    return lines


def _told(session: Session, done: Sequence[Done]) -> str:
    freed = sum(one.freed_bytes for one in done)
    gone = [one.item for one in done if not one.skipped]
    lines = [f"removed {_counted(gone)}, {size(freed)}" if gone else "nothing was removed"]
    for one in done:
        if one.skipped:
            lines.append(f"stays: {NAMES[one.item.kind][0]} {_named(session, one.item)}: {one.skipped}")
    return "\n".join(lines)


def _sum(items: Sequence[Item]) -> str:
    return f"{_counted(items)}, {_bytes(items)},"


def _bytes(items: Iterable[Item]) -> str:
    return size(sum(item.thing.bytes for item in items))


def _counted(items: Sequence[Item]) -> str:
    counts = Counter(item.kind for item in items)
    return " and ".join(f"{count} {NAMES[kind][count > 1]}" for kind, count in counts.items())


# ---------------------------------------------------------------------- for programs


def _data(session: Session, found: Plan, done: Sequence[Done]) -> dict[str, Any]:
    def told(item: Item) -> dict[str, Any]:
        return {
            "kind": item.kind.value, "host": item.host, "worker": session.fleet.name_at(item.host, item.slug),
            "run": item.run, "name": item.thing.name, "bytes": item.thing.bytes, "age_s": round(item.thing.age_s),
            "lack": item.lack,
        }  # fmt: skip

    return {
        "may_go": [told(item) for item in found.items],
        "stays": [asdict(one) for one in found.kept],
        "removed": [
            {**told(one.item), "freed_bytes": one.freed_bytes, "skipped": one.skipped} for one in done
        ],
    }  # fmt: skip


def _error(failed: dict[str, RemoteError], done: Sequence[Done], hosts: int) -> RemoteError | None:
    error = together(failed, hosts)
    if error is None and any(one.skipped for one in done):
        return FarSideError("some of it is still there", hint="the reasons are above; look again", code="left")
    return error

"""`prune`: say what may go from the hosts, or from this laptop, and remove it after a yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from remote.errors import Declined, FarSideError, RemoteError, UsageError
from remote.prune import carry_out, survey
from remote.pruning_plan import Cure, Item, Kept, Kind, Plan, Policy, counted
from remote.removing import Done
from tui.activity.since import span_s
from tui.cli.envelope import Answer
from tui.cli.session import Session, nothing, together
from tui.format import age, size
from tui.housekeeping.pruning import NAMES, NameAt, counted_kinds, cure_words, item_name, reasons, told, total

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
    none = "no copy here may go of runs" if arguments.here else "nothing may go"
    shown = _shown(session, found, nothing(none, hosts, failed))
    if not found.items:
        return Answer(_data(session, found, []), shown, together(failed, len(hosts)))
    if not await _agreed(session, found, shown):
        text = f"{shown}\n\nnothing was removed; --yes removes what may go"
        return Answer(_data(session, found, []), text, together(failed, len(hosts)))
    done, lost = await carry_out(session.fleet, found.items, policy, session.say)
    failed |= lost
    text = "\n".join(told(done, lost, session.fleet.name_at))
    return Answer(_data(session, found, done), text, _error(failed, done, len(hosts)))


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


def _shown(session: Session, found: Plan, otherwise: str) -> str:
    """What may go, `otherwise` if nothing may; then what stays."""
    lines: list[str] = []
    for host in dict.fromkeys(item.host for item in found.items):
        items = [item for item in found.items if item.host == host]
        where = "on this laptop" if session.arguments.here else f"on {host}"
        lines.append(f"{where}: {counted_kinds(items)}, {total(items)}, may go")
        for kind in dict.fromkeys(item.kind for item in items):
            lines += _listed(items, kind, session.fleet.name_at)
    return "\n".join([*(lines or [otherwise]), *_staying(found.kept, session.fleet.name_at)])


def _listed(items: Sequence[Item], kind: Kind, name_at: NameAt) -> list[str]:
    own = [item for item in items if item.kind is kind]
    what = NAMES[kind][0]
    rows = [
        f"  {size(item.thing.bytes):>9}  {age(item.thing.age_s):>7}  {what} {item_name(item, name_at)}".rstrip()
        + (f"\n{'':21}which {item.lack}" if item.lack else "")
        for item in own[:LINES_MAX]
    ]
    rest = own[LINES_MAX:]
    return [*rows, f"  {total(rest):>9}           and {len(rest)} more {NAMES[kind][1]}"] if rest else rows


def _staying(kept: Sequence[Kept], name_at: NameAt) -> list[str]:
    """How many runs stay and why; those that a sync would free by name, or of one worker together."""
    why = reasons(kept)
    lines = [f"stays: {why}"] if why else []
    curable = [one for one in kept if one.cure is not None]
    groups: dict[tuple[str, str, str], list[Kept]] = {}
    for one in (one for one in curable if one.cure is Cure.SYNC):
        groups.setdefault((one.host, one.slug, one.why), []).append(one)
    for (host, slug, what), many in groups.items():
        if len(many) > 1:
            curable = [one for one in curable if one not in many]
            name, taken = name_at(host, slug), size(sum(one.bytes for one in many))
            lines += [f"stays: {len(many)} runs of {name} ({taken}), each of which", f"  {what}"]
            lines.append(f"  -> trajvid-tui sync {name} --earlier")
    for one in curable[:LINES_MAX]:
        lines += [f"stays: {name_at(one.host, one.slug)}/{one.run} ({size(one.bytes)}), which", f"  {one.why}"]
        lines.append(f"  -> {cure_words(one, name_at)}")
    if rest := curable[LINES_MAX:]:
        lines.append(f"stays: {counted(len(rest), 'more run')} that {'is' if len(rest) == 1 else 'are'} not whole here")
    return lines


# ---------------------------------------------------------------------- for programs


def _data(session: Session, found: Plan, done: Sequence[Done]) -> dict[str, Any]:
    def of(item: Item) -> dict[str, Any]:
        return {
            "kind": item.kind.value, "host": item.host, "worker": session.fleet.name_at(item.host, item.slug),
            "run": item.run, "name": item.thing.name, "bytes": item.thing.bytes, "age_s": round(item.thing.age_s),
            "lack": item.lack,
        }  # fmt: skip

    return {
        "may_go": [of(item) for item in found.items],
        "stays": [asdict(one) for one in found.kept],
        "removed": [
            {**of(one.item), "freed_bytes": one.freed_bytes, "skipped": one.skipped, "gone": one.gone} for one in done
        ],
    }  # fmt: skip


def _error(failed: dict[str, RemoteError], done: Sequence[Done], hosts: int) -> RemoteError | None:
    error = together(failed, hosts)
    if error is None and any(one.skipped for one in done):
        return FarSideError("some of it is still there", hint="the reasons are above; look again", code="left")
    return error

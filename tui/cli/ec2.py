"""`ec2`: the profile's EC2 instances as Amazon tells of them now; start them, or stop them with consent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from rich.cells import cell_len

from remote import ec2_verbs
from remote.ec2_instance import Instance
from remote.errors import Declined, RemoteError, UsageError
from remote.profiles import Host
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.format import duration, fitted

HEAD = ("HOST", "INSTANCE", "TYPE", "STATE", "UP", "PRICE", "SPENT SINCE START", "ADDRESS")
Act = Callable[[Session, Host], Awaitable[Instance]]


async def main(session: Session) -> Answer:
    """List them, start those that are named, or stop them."""
    action = session.arguments.action
    if action != "list":
        session.changes()
    if session.arguments.with_runs and action != "stop":
        raise UsageError("--with-runs is for `ec2 stop`")
    hosts = _chosen(session)
    session.on_interrupt = "interrupted; what was asked of Amazon goes on, trajvid-tui ec2 list shows it"
    if action != "stop":
        return await _all(session, hosts, _start if action == "start" else _look)
    await _consent(session, hosts)
    return await _all(session, hosts, _stop)


def _chosen(session: Session) -> list[Host]:
    """Hosts by name; without names all, for a list only. Raises `UsageError`."""
    every = {name: host for name, host in session.profile.hosts.items() if host.ec2 is not None}
    names = list(dict.fromkeys(session.arguments.hosts))
    for name in names:
        ec2_verbs.place_of_instance(session.fleet, name)
    if not every:
        hint = "for example `hosts: {gpu-1: {ec2: {region: eu-west-1, instance: i-...}, user: ubuntu}}`"
        raise UsageError("no host of this profile is an EC2 instance", hint=hint)
    if not names and session.arguments.action != "list":
        raise UsageError(f"ec2 {session.arguments.action} which host?", hint=f"there is {', '.join(every)}")
    return [every[name] for name in names or every]


async def _all(session: Session, hosts: list[Host], act: Act) -> Answer:
    """Do it to all at the same time and say what became of each."""
    found: dict[str, Instance] = {}
    failed: dict[str, RemoteError] = {}

    async def one(host: Host) -> None:
        try:
            found[host.name] = await act(session, host)
        except RemoteError as exc:
            failed[host.name] = exc

    await asyncio.gather(*map(one, hosts))
    told = [(host, found[host.name]) for host in hosts if host.name in found]
    return Answer({"instances": [_data(*one) for one in told]}, _table(told), together(failed, len(hosts)))


async def _look(session: Session, host: Host) -> Instance:
    return await ec2_verbs.look_at_instance(session.fleet, host.name)


async def _start(session: Session, host: Host) -> Instance:
    say = session.step_of(host.name)
    found = await ec2_verbs.start_instance(session.fleet, host.name, on_step=say)
    waits = "; its idle stop counts once a laptop has connected" if host.ec2 and host.ec2.idle_stop_min else ""
    say(f"running; its sshd may take another minute. {_price(host)}{waits}")
    return found


async def _stop(session: Session, host: Host) -> Instance:
    return await ec2_verbs.stop_instance(
        session.fleet, host.name, with_runs=session.arguments.with_runs, on_step=session.step_of(host.name)
    )


async def _consent(session: Session, hosts: list[Host]) -> None:
    """Return once each host's name was typed, or --yes said so; one that is stopped already needs none.

    Raises `Declined`, and as `ec2_verbs.demand_unused`: what would be refused afterwards is not asked about first.
    """
    for host in hosts:
        found = await _look(session, host)
        if found.state in ("stopping", "stopped"):
            continue
        if found.state == "running" and not session.arguments.with_runs:
            await ec2_verbs.demand_unused(session.fleet, host.name)
        if session.arguments.yes:
            continue
        session.say(f"{host.name}: {found.id} {found.kind}, up {duration(found.up_s or 0)}{_spent(host, found)}")
        typed = await session.ask(
            f"Its disks (EBS) stay and are still paid for; an instance store is lost. Type {host.name} to stop it: "
        )
        if typed is None or typed.strip() != host.name:
            raise Declined("nothing was stopped" + (": that was not its name" if typed else ""), hint="or say --yes")


def _data(host: Host, found: Instance) -> dict[str, Any]:
    """Everything that `--json` says of one; null where it is not known."""
    spent = found.spent_usd(host.cost_per_hour_usd)
    return {
        "host": host.name,
        **asdict(found),
        "region": host.ec2.region if host.ec2 else "",
        "up_s": found.up_s,
        "cost_per_hour_usd": host.cost_per_hour_usd,
        "spent_usd": None if spent is None else round(spent, 4),
    }


def _table(told: list[tuple[Host, Instance]]) -> str:
    if not told:
        return ""
    lines = [HEAD, *(_cells(host, found) for host, found in told)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(fitted, line, widths)).rstrip() for line in lines)


def _cells(host: Host, found: Instance) -> tuple[str, ...]:
    spent = found.spent_usd(host.cost_per_hour_usd)
    return (
        host.name,
        found.id,
        found.kind + (" (spot)" if found.spot else ""),
        found.state,
        "-" if found.up_s is None else duration(found.up_s),
        "-" if host.cost_per_hour_usd is None else f"${host.cost_per_hour_usd:.2f}/h",
        "-" if spent is None else f"${spent:.2f}",
        found.address(private=bool(host.ec2 and host.ec2.private)) or "-",
    )


def _price(host: Host) -> str:
    price = host.cost_per_hour_usd
    return f"It costs ${price:.2f}/h until `ec2 stop`" if price is not None else "It is paid for until `ec2 stop`"


def _spent(host: Host, found: Instance) -> str:
    spent = found.spent_usd(host.cost_per_hour_usd)
    return "" if spent is None else f", ${spent:.2f} spent since its start"

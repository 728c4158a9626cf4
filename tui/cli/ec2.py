"""`ec2`: the profile's EC2 instances as Amazon tells of them now; start them, or stop them with consent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from remote.clean import clean
from remote.ec2_instance import Instance
from remote.ec2_power import Power
from remote.errors import Declined, FarSideError, RemoteError, UsageError
from remote.profiles import Host
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.format import duration

RUNS_SHOWN = 5
HEAD = ("HOST", "INSTANCE", "TYPE", "STATE", "UP", "PRICE", "SPENT SINCE START", "ADDRESS")
Act = Callable[[Session, Host, Power], Awaitable[Instance]]


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
    running = await _consent(session, hosts)
    return await _all(session, running, _stop)


def _chosen(session: Session) -> list[Host]:
    """Hosts by name; without names all, for a list only. Raises `UsageError`."""
    every = {name: host for name, host in session.profile.hosts.items() if host.ec2 is not None}
    names = list(dict.fromkeys(session.arguments.hosts))
    for name in names:
        if session.fleet.host(name).ec2 is None:
            raise UsageError(f"{name} is not an EC2 host", hint="give it `ec2:` in the profile, see docs/ec2.md")
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
            found[host.name] = await act(session, host, _power(session, host))
        except RemoteError as exc:
            failed[host.name] = exc

    await asyncio.gather(*map(one, hosts))
    told = [(host, found[host.name]) for host in hosts if host.name in found]
    return Answer({"instances": [_data(*one) for one in told]}, _table(told), together(failed, len(hosts)))


def _power(session: Session, host: Host) -> Power:
    assert host.ec2 is not None
    return Power(host.name, host.ec2, session.step_of(host.name))


async def _look(session: Session, host: Host, power: Power) -> Instance:
    return await power.look()


async def _start(session: Session, host: Host, power: Power) -> Instance:
    found = await power.start()
    power.say(f"running; its sshd may take another minute. {_price(host)}")
    return found


async def _stop(session: Session, host: Host, power: Power) -> Instance:
    return await power.stop()


async def _consent(session: Session, hosts: list[Host]) -> list[Host]:
    """Each host, once its name was typed (or --yes); one that is stopped already needs none.

    Raises `Declined`, `FarSideError` (`running`), and as `Power.look`.
    """
    for host in hosts:
        found = await _power(session, host).look()
        if found.state in ("stopping", "stopped"):
            continue
        if found.state == "running" and not session.arguments.with_runs:
            await _idle(session, host)
        if session.arguments.yes:
            continue
        session.say(f"{host.name}: {found.id} {found.kind}, up {duration(found.up_s or 0)}{_spent(host, found)}")
        typed = await session.ask(
            f"Its disks (EBS) stay and are still paid for; an instance store is lost. Type {host.name} to stop it: "
        )
        if typed is None or typed.strip() != host.name:
            raise Declined("nothing was stopped" + (": that was not its name" if typed else ""), hint="or say --yes")
    return hosts


async def _idle(session: Session, host: Host) -> None:
    """Raises `FarSideError` while a run of any project goes on there, or where the host does not tell."""
    try:
        far = session.fleet.far(host.name)
        await far.ready()
        runs = (await far.call("active", {"root": far.root})).get("runs", [])
    except RemoteError as exc:
        hint = "mend the connection, or stop it all the same: --with-runs"
        raise FarSideError(f"{host.name}: whether runs go on there is not known: {exc}", hint=hint) from exc
    if runs:
        names = [clean(f"{run['worker']} of {run['project']}") for run in runs[:RUNS_SHOWN]]
        more = f" and {len(runs) - RUNS_SHOWN} more" if len(runs) > RUNS_SHOWN else ""
        hint = "trajvid-tui stop WORKER first, which makes a checkpoint; or --with-runs"
        raise FarSideError(f"{host.name}: {', '.join(names)}{more} is going on there", hint=hint, code="running")


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
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


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

"""`hosts`: how each machine is reached, what it has and does, which workers are there, and what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from remote.clean import clean
from remote.errors import RemoteError
from remote.hosts import HostSnapshot
from remote.snapshot import RunSnapshot
from remote.ssh_checks import config_warnings
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.format import Line, joined
from tui.hosts.instance import idle_line, why_no_idle_stop
from tui.hosts.machine import skew_words, spot_words, uses
from tui.hosts.rows import cost_words, gpu_parts, run_words, trip_words

FACTS_WITHIN_S = 5.0
"""How long a host that has told of its runs may take to tell of itself."""
LOOK_S = 0.05


async def main(session: Session) -> Answer:
    """Connect to every host of the profile."""
    fleet = session.fleet
    failed = await session.reach(session.profile.hosts)
    await _told(session, [name for name in session.profile.hosts if name not in failed])
    hosts, rows, now = fleet.hosts(), fleet.snapshots(), fleet.clock()
    configured = await asyncio.to_thread(lambda: {host.name: config_warnings(fleet.host(host.name)) for host in hosts})
    warnings = {host.name: [*configured[host.name], *(one.text for one in host.warnings)] for host in hosts}
    data = [
        {**_data(host, _of(host, rows), failed.get(host.name), now), "warnings": warnings[host.name]} for host in hosts
    ]
    texts = [[_text(host, _of(host, rows), failed.get(host.name), now), *warnings[host.name]] for host in hosts]
    text = "\n".join("\n  ! ".join(lines) for lines in texts)
    return Answer({"hosts": data}, text, together(failed, len(hosts)))


async def _told(session: Session, names: Collection[str]) -> None:
    """Return once each of these has told what it does, or has taken too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FACTS_WITHIN_S):
            while any(host.facts is None for host in session.fleet.hosts() if host.name in names):
                await asyncio.sleep(LOOK_S)


def _of(host: HostSnapshot, rows: list[RunSnapshot]) -> list[RunSnapshot]:
    return [row for row in rows if row.host == host.name]


def _data(host: HostSnapshot, rows: list[RunSnapshot], error: RemoteError | None, now: float) -> dict[str, Any]:
    """One host as JSON; what is not known is null."""
    probe, facts, link = host.probe, host.facts, host.link
    told = None if facts is None else {**asdict(facts), "age_s": round(now - facts.at, 1)}
    if told is not None:
        del told["at"]
    return {
        "host": host.name,
        "kind": host.kind,
        "address": host.place,
        "cost_per_hour_usd": host.cost_per_hour_usd,
        "state": "live" if error is None else error.code,
        "reason": "" if error is None else error.message,
        "hint": "" if error is None else error.hint,
        "round_trip_s": link.round_trip_s,
        "workers": {row.worker: row.state.value if row.confirmed(now) else "unknown" for row in rows},
        "facts": told,
        **({} if probe is None else {key: value for key, value in asdict(probe).items() if key not in UNTOLD}),
    }


UNTOLD = ("boot_id", "home", "executable", "clock_s", "nohup", "setsid")
"""Parts of the probe that only the launch needs."""


def _text(host: HostSnapshot, rows: list[RunSnapshot], error: RemoteError | None, now: float) -> str:
    """One line of how it is reached, below it what it has and does."""
    if error is not None:
        return f"{host.name}  {error.code}  {error.message}" + (f"\n  -> {error.hint}" if error.hint else "")
    head = joined([[(f"{host.name}  live  {host.place}", "")], trip_words(host.link), cost_words(host)])
    lines = [head, joined([_tools(host)]), joined(_machine(host)), run_words(rows, now), *_instance(host, now)]
    return "\n  ".join(filter(None, ("".join(text for text, _ in line) for line in lines)))


def _instance(host: HostSnapshot, now: float) -> list[Line]:
    """Of an EC2 host since when nobody uses it, and why it does not stop itself though the profile wishes it."""
    why = why_no_idle_stop(host)
    return [idle_line(host, now), *([[(f"! does not stop itself when idle: {why}", "")]] if why else [])]


def _tools(host: HostSnapshot) -> Line:
    probe = host.probe
    if probe is None:
        return []
    missing = [name for name, version in (("git", probe.git), ("rsync", probe.rsync)) if not version]
    words = [f"python {probe.python}", f"root {clean(probe.root)}", *(f"no {name}" for name in missing)]
    return [(", ".join([*words, *([] if probe.flock else ["file locks do not work there"])]), "")]


def _machine(host: HostSnapshot) -> list[Line]:
    facts = host.facts
    if facts is None:
        return [[("tells nothing of the machine yet", "")]]
    skew = skew_words(facts)
    clock: list[Line] = [[(f"clock {skew[0]}", "")]] if skew[1] == "warn" else []
    spot: list[Line] = [[(spot_words(facts), "")]] if facts.spot_at_s is not None else []
    return [*spot, *gpu_parts(facts), *(use.part for use in uses(facts)), *clock]

"""Start and stop of an EC2 host from the Hosts screen, each after a question; stopping asks for the host's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote.errors import RemoteError
from remote.hosts import HostSnapshot
from tui.format import Line, safe
from tui.hosts.instance import instance_line
from tui.screens.dialog import Confirm

if TYPE_CHECKING:
    from tui.app import TrajvidApp


async def start(app: TrajvidApp, host: HostSnapshot) -> str:
    """Start it, and say how that ended; '' if the person would rather not."""
    assert app.verbs is not None
    await app.verbs.look_at_instance(app.fleet, host.name)
    price = host.cost_per_hour_usd
    costs = "It is paid for from then on" + (f": ${price:.2f} an hour" if price is not None else "")
    question = Confirm(f"Start {safe(host.name)}?", [*_about(app, host.name), [(costs, "")]], "Start it", danger=False)
    if not await app.push_screen_wait(question):
        return ""
    found = await app.verbs.start_instance(app.fleet, host.name)
    return f"{found.id} runs; its sshd may take another minute"


async def stop(app: TrajvidApp, host: HostSnapshot) -> str:
    """Stop it unless a run goes on there, and say how that ended; '' if the person would rather not."""
    assert app.verbs is not None
    found = await app.verbs.look_at_instance(app.fleet, host.name)
    if found.state == "stopped":
        return f"{found.id} is stopped already"
    if found.state == "running":
        await app.verbs.demand_unused(app.fleet, host.name)
    lines = [*_about(app, host.name), [("Its disks (EBS) stay and are still paid for.", "")],
             [("What lies on an instance store is lost.", "bold warn")]]  # fmt: skip
    if not await app.push_screen_wait(Confirm(f"Stop {safe(host.name)}?", lines, "Stop it", typed=host.name)):
        return ""
    found = await app.verbs.stop_instance(app.fleet, host.name)
    return f"{found.id} is {found.state}"


async def look(app: TrajvidApp, host: str) -> None:
    """Ask Amazon how it stands; what goes wrong stands beside the host then."""
    assert app.verbs is not None
    try:
        await app.verbs.look_at_instance(app.fleet, host)
    except RemoteError:
        return


def _about(app: TrajvidApp, name: str) -> list[Line]:
    """Which host, and how its instance stands now."""
    host = next(one for one in app.fleet.hosts() if one.name == name) if app.fleet is not None else None
    if host is None:
        return []
    return [[("host      ", "dim"), (host.place, "")],
            [("instance  ", "dim"), *instance_line(host, app.store.clock())], []]  # fmt: skip

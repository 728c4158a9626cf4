"""Look at, start and stop the instance of an EC2 host: what a key of the app and `trajvid-tui ec2` do alike.

Each remembers in the fleet how the instance stands, and each start and stop is an action of this laptop.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from remote.clean import clean
from remote.ec2_instance import Instance
from remote.ec2_place import Ec2Place
from remote.ec2_power import Power
from remote.errors import FarSideError, RemoteError, UsageError
from remote.steps import Step

if TYPE_CHECKING:
    from remote.fleet import Fleet

RUNS_SHOWN = 5


async def look_at_instance(fleet: Fleet, host: str) -> Instance:
    """Ask Amazon now. Raises `UsageError` for a host that is none of its, and as `remote.ec2_client.find`."""
    return await _known(fleet, host, Power.look, lambda text: None)


async def start_instance(fleet: Fleet, host: str, *, on_step: Step | None = None) -> Instance:
    """Return it running, and dial it anew where it is followed: it has another address. Raises as `Power.start`."""
    found = await _recorded(fleet, host, "start", Power.start, on_step)
    fleet.redial(host)
    return found


async def stop_instance(fleet: Fleet, host: str, *, with_runs: bool = False, on_step: Step | None = None) -> Instance:
    """Return it stopped; its disks stay. Raises as `Power.stop`, and as `demand_unused` but for `with_runs`."""
    if not with_runs and (await look_at_instance(fleet, host)).state == "running":
        await demand_unused(fleet, host)
    return await _recorded(fleet, host, "stop", Power.stop, on_step)


async def demand_unused(fleet: Fleet, host: str) -> None:
    """Raises `FarSideError` while a run of any project goes on there (`running`), or where it does not tell."""
    hint = f"mend the connection, or stop it all the same: trajvid-tui ec2 stop {host} --with-runs"
    try:
        far = fleet.far(host)
        await far.ready()
        runs = (await far.call("active", {"root": far.root})).get("runs", [])
    except RemoteError as exc:
        raise FarSideError(f"{host}: whether runs go on there is not known: {exc}", hint=hint) from exc
    if runs:
        names = [clean(f"{run['worker']} of {run['project']}") for run in runs[:RUNS_SHOWN]]
        more = f" and {len(runs) - RUNS_SHOWN} more" if len(runs) > RUNS_SHOWN else ""
        hint = f"stop them first, which makes checkpoints; or trajvid-tui ec2 stop {host} --with-runs"
        raise FarSideError(f"{host}: {', '.join(names)}{more} is going on there", hint=hint, code="running")


def place_of_instance(fleet: Fleet, host: str) -> Ec2Place:
    """Raises `UsageError` for a host that is no EC2 instance."""
    place = fleet.host(host).ec2
    if place is None:
        raise UsageError(f"{host} is not an EC2 host", hint="give it `ec2:` in the profile, see docs/ec2.md")
    return place


Doing = Callable[[Power], Awaitable[Instance]]


async def _known(fleet: Fleet, host: str, doing: Doing, say: Step) -> Instance:
    """Do it, and remember how the instance stands then, or why that is not known."""
    power = Power(host, place_of_instance(fleet, host), say)
    try:
        found = await doing(power)
    except RemoteError as exc:
        fleet.note_instance(host, problem=exc.message)
        raise
    fleet.note_instance(host, found=found, at=fleet.clock(), problem="")
    return found


async def _recorded(fleet: Fleet, host: str, verb: str, doing: Doing, on_step: Step | None) -> Instance:
    """The same as an action of this laptop, with its steps shown beside the host."""

    def say(text: str) -> None:
        fleet.note_instance(host, step=text)
        if on_step is not None:
            on_step(text)

    place = place_of_instance(fleet, host)
    which = ["--instance-ids", place.instance] if place.instance else []
    command = shlex.join(["aws", "ec2", f"{verb}-instances", "--region", place.region, *which])
    try:
        found = await _known(fleet, host, doing, say)
    except RemoteError as exc:
        fleet.record_host(host, f"ec2 {verb}", command, f"failed: {exc.message}")
        raise
    finally:
        fleet.note_instance(host, step="")
    at = found.address(private=place.private)
    fleet.record_host(host, f"ec2 {verb}", command, f"{found.id} is {found.state}{f' at {at}' if at else ''}")
    return found

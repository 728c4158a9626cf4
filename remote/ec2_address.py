"""Where an EC2 host is right now: asked anew before every dial, as a start gives it another address.

Its key is on record under the instance's id, so a new address is no new host, and an address that Amazon has given to
somebody else's machine is never taken for ours.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from remote.ec2_instance import Instance
from remote.errors import Unreachable
from remote.profiles import Host

BY_ITSELF = "InstanceInitiatedShutdown"
"""In Amazon's reason where the machine was shut down from within, as its idle stop does."""
DOING = {"pending": "starting", "stopping": "stopping"}


async def located(host: Host) -> Host:
    """`host` with its address and the name of its key; as it is if it is no EC2 host.

    Raises `Unreachable` (`ec2_stopped` while it does not run) and what `remote.ec2_client.find` raises.
    """
    if host.ec2 is None:
        return host
    from remote.ec2_client import find

    found = await asyncio.to_thread(find, host.name, host.ec2)
    if found.state != "running":
        raise not_running(host.name, found)
    address = found.address(private=host.ec2.private)
    if not address:
        raise Unreachable(f"{host.name}: {found.id} runs, and has no address yet", code="ec2_no_address")
    return replace(host, address=address, key_name=found.id)


def not_running(name: str, found: Instance) -> Unreachable:
    """Why a host cannot be dialled, in words that fit beside its name."""
    if found.state in DOING:
        return Unreachable(f"{name}: {DOING[found.state]} (EC2 {found.id})", code="ec2_stopped")
    itself = " by itself" if BY_ITSELF in found.reason else ""
    text = f"{name}: {found.state}{itself} (EC2), trajvid-tui ec2 start {name}"
    # Client.* is what a person did; Server.* (no capacity, taken back) is worth knowing.
    hint = found.reason if found.reason.startswith("Server.") else ""
    return Unreachable(text, hint=hint, code="ec2_stopped")

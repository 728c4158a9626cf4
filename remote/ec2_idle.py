"""The idle stop of an EC2 host arranged as the profile says: by each laptop that arrives there, and at each launch.

An instance may shut itself down only where that is a stop, so Amazon is asked first; where it does not answer, what
was arranged before stays as it is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from remote import ec2_client
from remote.clean import clean
from remote.ec2_place import Ec2Place
from remote.errors import RemoteError

if TYPE_CHECKING:
    from remote.fleet import Fleet


async def arrange(fleet: Fleet, host: str) -> None:
    """Have the host stop itself when idle, or no longer; nothing on a host that is no instance.

    What keeps it from stopping itself becomes part of how the instance stands, never an error: a launch does not fail
    for it.
    """
    place = fleet.host(host).ec2
    if place is None:
        return
    far = fleet.far(host)
    try:
        stop_s, why = await _allowed(host, place)
        await far.ready()
        asked = {"root": far.root, "project": fleet.profile.project_id, "stop_s": stop_s}
        answer = await far.call("idle_stop", asked)
        why = why or clean(str(answer.get("trouble") or ""))
    except RemoteError as exc:
        why = exc.message
    if not place.idle_stop_min:
        why = ""
    arranged_at = 0.0 if why else fleet.clock()
    fleet.note_instance(host, idle_stop_min=place.idle_stop_min, no_idle_stop=why, arranged_at=arranged_at)


async def _allowed(host: str, place: Ec2Place) -> tuple[float | None, str]:
    """After how many idle seconds it may stop itself: 0 = never, None = as was arranged before; and why not."""
    if not place.idle_stop_min:
        return 0.0, ""
    try:
        why = await asyncio.to_thread(ec2_client.why_not_off, host, place)
    except RemoteError as exc:
        return None, f"whether a shutdown would only stop it is not known: {exc.message}"
    return (0.0 if why else place.idle_stop_min * 60.0), why

"""An EC2 host started or stopped, and waited for. Nothing here creates or terminates an instance."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from remote import ec2_client
from remote.ec2_instance import CHANGING, Instance
from remote.ec2_place import Ec2Place
from remote.errors import RemoteError, UsageError

POLL_S = 5.0
LAG_S = 20.0
"""So long Amazon may still tell the state before our request."""
WITHIN_S = 900.0
"""Large machines take minutes to stop."""

Say = Callable[[str], None]
Pause = Callable[[float], Awaitable[None]]


@dataclass
class Power:
    """Start and stop of one host; `say` hears how it goes, `pause` waits between two looks."""

    host: str
    place: Ec2Place
    say: Say
    pause: Pause = asyncio.sleep

    async def look(self) -> Instance:
        """Ask Amazon now. Raises as `remote.ec2_client.find`."""
        return await asyncio.to_thread(ec2_client.find, self.host, self.place)

    async def start(self) -> Instance:
        """Return it running. Raises `RemoteError` (`ec2_reason`) if it did not come up, and as `ec2_client.start`."""
        return await self._bring("running", "stopped", ec2_client.start)

    async def stop(self) -> Instance:
        """Return it stopped. Raises as `start`, and `UsageError` (`no_stop`) for one that a stop would destroy."""
        return await self._bring("stopped", "running", ec2_client.stop)

    async def _bring(self, wanted: str, before: str, ask: Callable[[str, Ec2Place, str], None]) -> Instance:
        found = await self.look()
        self.place = ec2_client.by_id(self.place, found)
        found = await self._until(found, lambda one, _: one.state not in CHANGING)
        if found.state == wanted:
            return found
        if wanted == "stopped" and found.why_no_stop:
            hint = "detach it from its group first, or end it in the AWS console"
            raise UsageError(f"{self.host}: {found.why_no_stop}", hint=hint, code="no_stop")
        await asyncio.to_thread(ask, self.host, self.place, found.id)
        found = await self._until(
            await self.look(),
            lambda one, waited_s: one.state not in CHANGING and (one.state != before or waited_s >= LAG_S),
        )
        if found.state != wanted:
            why = found.reason or "Amazon does not say why"
            raise RemoteError(f"{self.host}: {found.id} is {found.state} again: {why}", code="ec2_reason")
        return found

    async def _until(self, found: Instance, over: Callable[[Instance, float], bool]) -> Instance:
        waited_s = 0.0
        while not over(found, waited_s):
            if waited_s >= WITHIN_S:
                text = f"{self.host}: {found.id} is {found.state} for {WITHIN_S / 60:.0f} min"
                raise RemoteError(text, hint="look again later: trajvid-tui ec2 list", code="ec2_slow")
            self.say(f"{found.state}, {waited_s:.0f} s")
            await self.pause(POLL_S)
            waited_s += POLL_S
            found = await self.look()
        return found

"""What is known about a host at one moment, frozen: what the Hosts screen, `trajvid-tui hosts` and doctor go by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from remote.ec2_standing import Standing
from remote.snapshot import HostFacts, LinkStatus

if TYPE_CHECKING:
    from remote.farside import Probe
    from remote.profiles import Host


WARNINGS_KEPT, WARNING_CHARS = 50, 300


@dataclass(frozen=True)
class HostWarning:
    """Something about a host that makes no sense: what it said, or what could not be done there."""

    host: str
    text: str
    at: float
    """Monotonic time at which it was last noticed."""
    times: int = 1


def noted(known: tuple[HostWarning, ...], host: str, text: str, at: float) -> tuple[HostWarning, ...]:
    """The warnings with one more, newest last: a repeated one is counted, and the oldest make room."""
    before = next((one for one in known if (one.host, one.text) == (host, text)), None)
    rest = tuple(one for one in known if one is not before)
    return (*rest, HostWarning(host, text, at, 1 + (before.times if before else 0)))[-WARNINGS_KEPT:]


@dataclass(frozen=True)
class HostSnapshot:
    """One host of the profile."""

    name: str
    kind: str = "ssh"
    """`embedded` (this machine) or `ssh`."""
    place: str = ""
    """Who and where, as ssh takes it: `user@address:port`, an alias, or `this machine`."""
    cost_per_hour_usd: float | None = None
    """As the profile states it."""
    link: LinkStatus = field(default_factory=LinkStatus)
    facts: HostFacts | None = None
    """What the follower last said about the machine; `facts.at` tells when."""
    probe: Probe | None = None
    """What the host said about itself when it was last reached in this session."""
    ec2: Standing | None = None
    """How its instance stands; None for a host that is no EC2 instance."""
    warnings: tuple[HostWarning, ...] = ()
    """What of it made no sense in this session, newest last."""


def place_of(host: Host) -> str:
    """Who and where a host is, for people."""
    if host.kind == "embedded":
        return "this machine"
    if host.ec2 is not None:
        return (f"{host.user}@" if host.user else "") + f"EC2 {host.ec2.words}"
    where = f"[{host.address}]" if ":" in host.address else host.address or host.alias
    return (f"{host.user}@" if host.user else "") + where + (f":{host.port}" if host.port else "")

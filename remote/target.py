"""Where a host's entry in the profile leads to."""

from __future__ import annotations

from dataclasses import dataclass, field

from remote.clean import clean
from remote.identities import Identities
from remote.profiles import Host
from remote.ssh_config import Config
from remote.ssh_options import CONNECT_TIMEOUT_S


@dataclass(frozen=True)
class Jump:
    """One host of a ProxyJump as it is written there."""

    name: str
    user: str = ""
    port: int = 0


@dataclass(frozen=True)
class Target:
    """Where a host's entry leads to, after ~/.ssh/config."""

    host: Host
    address: str
    port: int
    user: str
    record_name: str
    """The name under which its key is on record (HostKeyAlias, else the address)."""
    identities: Identities
    config: Config = field(default_factory=Config)
    jumps: tuple[Jump, ...] = ()
    """Through which hosts, in this order."""
    proxy_command: str = ""
    """The program that makes the connection instead, ready for a shell."""
    timeout_s: float = CONNECT_TIMEOUT_S

    @property
    def place(self) -> str:
        """`name (user@address:port)`, for messages."""
        port = "" if self.port == 22 else f":{self.port}"
        return clean(f"{self.host.name} ({self.user}@{self.address}{port})")

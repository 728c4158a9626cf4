"""Where a host's entry in the profile leads to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from remote.clean import clean
from remote.profiles import Host


@dataclass(frozen=True)
class Target:
    """Where a host's entry leads to, after ~/.ssh/config."""

    host: Host
    address: str
    port: int
    user: str
    record_name: str
    """The name under which its key is on record (HostKeyAlias, else the address)."""
    identities: tuple[Path, ...]
    """Private keys named by the profile or by ~/.ssh/config, else the default ones."""

    @property
    def place(self) -> str:
        """`name (user@address:port)`, for messages."""
        port = "" if self.port == 22 else f":{self.port}"
        return clean(f"{self.host.name} ({self.user}@{self.address}{port})")

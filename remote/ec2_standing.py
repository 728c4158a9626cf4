"""How the instance of an EC2 host stands, as far as this session knows: what the Hosts screen shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remote.ec2_instance import Instance


@dataclass(frozen=True)
class Standing:
    """Each part with its own origin; what was known stays while something newer cannot be had."""

    found: Instance | None = None
    """What Amazon last said."""
    at: float = 0.0
    """Monotonic time of that."""
    problem: str = ""
    """Why Amazon could not be asked since then."""
    step: str = ""
    """What this laptop is doing with it right now: 'pending, 5 s', ''."""
    idle_stop_min: int = 0
    """After so many idle minutes it stops itself, as the profile wishes; 0 = never."""
    no_idle_stop: str = ""
    """Why it will not, though the profile wishes it."""
    arranged_at: float = 0.0
    """Monotonic time at which this laptop last had it arranged; 0 = not yet."""

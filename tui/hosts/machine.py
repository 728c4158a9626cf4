"""Load, memory and disk of a host: each a share that can be drawn, and words."""

from __future__ import annotations

import time
from dataclasses import dataclass

from remote.snapshot import HostFacts
from tui.format import Line, bar, duration, size
from tui.hosts.gpus import BAR, GIB

LOW_DISK_BYTES = 10 * GIB
SKEW_SHOWN_S = 1.0
YEAR_2100_S = 4_102_444_800


@dataclass(frozen=True)
class Use:
    """How much of one thing is in use."""

    name: str
    share: float
    """0..1; a load may be more."""
    short: str
    """For the list."""
    full: str
    """For the host in full."""
    scarce: bool = False

    @property
    def part(self) -> Line:
        """For the list; what runs out has a sign, too."""
        name = "mem" if self.name == "memory" else self.name
        return [(f"{name} ", "dim"), (("▲ " if self.scarce else "") + self.short, "warn" if self.scarce else "")]

    @property
    def line(self) -> Line:
        """A bar and the whole figures."""
        words = ("▲ " if self.scarce else "") + self.full
        return [*bar(self.share, BAR, "warn" if self.scarce else "ok"), ("  ", ""), (words, "")]


def uses(facts: HostFacts) -> list[Use]:
    """What the host tells of."""
    found = []
    if facts.load_1min is not None and facts.cpus:
        load, share = f"{facts.load_1min:.1f}", facts.load_1min / facts.cpus
        found.append(Use("load", share, f"{load}/{facts.cpus}", f"{load} of {facts.cpus} CPUs"))
    if total := facts.memory_total_bytes:
        used = total - facts.memory_available_bytes
        short = f"{used / GIB:.0f}/{total / GIB:.0f} GiB" if total >= 10 * GIB else f"{size(used)} of {size(total)}"
        words = f"{size(used)} of {size(total)}"
        found.append(Use("memory", used / total, short, words, scarce=used > 0.95 * total))
    if facts.disk_free_bytes or facts.disk_total_bytes:
        found.append(_disk(facts))
    return found


def _disk(facts: HostFacts) -> Use:
    free, total = facts.disk_free_bytes, facts.disk_total_bytes
    words = f"{size(free)} free"
    inodes = facts.inodes_free / facts.inodes_total if facts.inodes_total else 1.0
    full = words + (f" of {size(total)}" if total else "") + (f", {inodes:.0%} of inodes" if facts.inodes_total else "")
    share = 1 - free / total if total else 0.0
    return Use("disk", share, words, full.replace("%", " %"), scarce=free < LOW_DISK_BYTES or inodes < 0.05)


def spot_words(facts: HostFacts | None) -> str:
    """When its owner takes the machine away, by its own clock; '' if nobody said so."""
    if facts is None or facts.spot_at_s is None:
        return ""
    known = 0 <= facts.spot_at_s < YEAR_2100_S
    at = time.strftime("at %H:%M:%S UTC", time.gmtime(facts.spot_at_s)) if known else "soon"
    return f"▲ the machine is taken away {at} (spot)"


def skew_words(facts: HostFacts) -> tuple[str, str]:
    """How far its clock is from ours: shown, so that its logs are read rightly; nothing goes by it."""
    skew = facts.clock_skew_s
    if facts.clock_wrong:
        return (facts.clock_wrong, "warn")
    if skew is None:
        return ("not told", "dim")
    if abs(skew) < SKEW_SHOWN_S:
        return (f"within {SKEW_SHOWN_S:g} s of ours", "dim")
    return (f"{duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} ours", "warn")

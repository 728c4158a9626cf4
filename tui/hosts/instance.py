"""The instance of an EC2 host in words: how Amazon says it stands, what it costs, and since when nobody uses it."""

from __future__ import annotations

from remote.hosts import HostSnapshot
from remote.snapshot import HostFacts, Link
from tui.format import Line, age, duration, joined

STOP_SOON_S = 300.0
"""A stop by itself that is nearer than this is a warning."""
NEW_FACTS_S = 15.0
"""Facts that came so long after something was arranged would tell of it; they come every 10 s."""


def spent_usd(host: HostSnapshot) -> float | None:
    """What the time since its last start costs, as far as Amazon's last answer reaches; None if it is not known."""
    found = host.ec2.found if host.ec2 is not None else None
    return None if found is None else found.spent_usd(host.cost_per_hour_usd)


def instance_line(host: HostSnapshot, now: float) -> Line:
    """`running for 2 h · said 12 s ago · g5.xlarge · $3.00 since its start`, or what is being done with it."""
    ec2 = host.ec2
    if ec2 is None:
        return []
    if ec2.step:
        return [("◌ ", "info"), (ec2.step, "info")]
    if ec2.found is None:
        return [("not asked yet", "dim")]
    found, spent = ec2.found, spent_usd(host)
    up = f" for {duration(found.up_s)}" if found.up_s is not None else ""
    kind = found.kind + (" (spot)" if found.spot else "")
    parts: list[Line] = [[(found.state, "ok" if found.state == "running" else "warn"), (up, "")],
                         [(f"said {age(now - ec2.at)} ago", "dim")]]  # fmt: skip
    parts += [[(kind, "dim")]] if kind else []
    parts += [[(f"${spent:.2f} since its start", "")]] if spent is not None else []
    return joined(parts)


def idle_line(host: HostSnapshot, now: float) -> Line:
    """`idle for 25 min · stops itself in 5 min`; [] where nothing is known of it. Ages stand still with the facts."""
    facts = host.facts
    if facts is None:
        return []
    since_s = max(0.0, now - facts.at) if host.link.link is Link.LIVE else 0.0
    return joined([use_words(facts, since_s), stop_words(facts, since_s)])


def use_words(facts: HostFacts, since_s: float) -> Line:
    """What uses it, or for how long nobody has; `since_s` ago the host said so."""
    if facts.in_use:
        return [(f"in use: {facts.in_use}", "")]
    return [] if facts.idle_s is None else [(f"idle for {duration(facts.idle_s + since_s)}", "warn")]


def why_no_idle_stop(host: HostSnapshot) -> str:
    """Why it does not stop itself though the profile wishes it, '' if it does or need not."""
    ec2, facts = host.ec2, host.facts
    if ec2 is None or not ec2.idle_stop_min:
        return ""
    if ec2.no_idle_stop or facts is None or not ec2.arranged_at:
        return ec2.no_idle_stop
    ended = facts.stop_in_s is None and facts.at > ec2.arranged_at + NEW_FACTS_S
    return "its keeper has ended, maybe by another laptop's profile; doctor starts it again" if ended else ""


def stop_words(facts: HostFacts, since_s: float) -> Line:
    """When it stops itself, or why it could not."""
    if facts.stop_trouble:
        return [(f"▲ does not stop itself: {facts.stop_trouble}", "bold warn")]
    if facts.stop_in_s is None or facts.in_use:
        return []
    left_s = max(0.0, facts.stop_in_s - since_s)
    soon = left_s < STOP_SOON_S
    return [(f"{'▲ ' if soon else ''}stops itself in {duration(left_s)}", "bold warn" if soon else "dim")]

"""One host as the list of the Hosts screen shows it: how it is reached, what it has and does, what runs there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from remote.hosts import HostSnapshot
from remote.snapshot import HostFacts, Link, LinkStatus, RunSnapshot
from tui.format import Line, age, cut, duration, joined, spread, while_it_fits
from tui.hosts.gpus import gpu_words
from tui.hosts.instance import idle_line, spent_usd
from tui.hosts.machine import uses
from tui.words import STATES, UNCONFIRMED, link_words
from wire.state import State

HOST_ROWS = 3
FACTS_OLD_S = 30.0
"""Facts come every 10 s; older ones say their age as a warning."""
ORDER = (State.RUNNING, State.STOPPING, State.STARTING, State.PREPARING, State.QUEUED, State.HELD, State.FAILED,
         State.LOST, State.COMPLETED, State.STOPPED)  # fmt: skip


def host_lines(
    host: HostSnapshot, rows: Sequence[RunSnapshot], now: float, width: int, *, selected: bool
) -> list[Line]:
    """Three rows: connection and age; GPUs, else the machine; load, memory, disk and runs."""
    mark, pad = ("▌" if selected else " ", "bold accent"), 3
    name: Line = [
        (cut(host.name, max(20, width // 4)), "bold accent" if selected else "bold"),
        ("  ", ""),
        link_words(host.link, now),
    ]
    reason = link_reason(host.link, now)
    end = joined([trip_words(host.link), cost_words(host), [facts_age(host, now)]])
    head = spread([mark, (" ", ""), *joined([name, [(reason, "dim")]], "  ")], [*end, (" ", "")], width)
    room = width - pad - 1
    second = while_it_fits(gpu_parts(host.facts), room, " · ") or [(kind_words(host), "dim")]
    known = sorted(uses(host.facts), key=lambda use: not use.scarce) if host.facts is not None else []
    parts = [use.part for use in known]
    third = while_it_fits([run_words(rows, now), idle_line(host, now), *parts], room, " · ")
    return [head, *([mark, ("  ", ""), *line] for line in (dimmed(second, host), dimmed(third, host)))]


def dimmed(line: Line, host: HostSnapshot) -> Line:
    """What no live connection confirms is drawn as a memory."""
    return line if host.link.link is Link.LIVE else [(text, "dim") for text, _ in line]


def kind_words(host: HostSnapshot) -> str:
    return host.place or host.kind


def link_reason(link: LinkStatus, now: float) -> str:
    """Why, since when, how often it was tried."""
    tried = f"try {link.attempts}" if link.attempts > 1 and link.link is not Link.LIVE else ""
    since = f"for {age(now - link.since)}" if link.since and link.link is not Link.LIVE else ""
    return ", ".join(part for part in (link.reason, since, tried) if part)


def since_words(link: LinkStatus, now: float) -> str:
    """How long it has been live; what is not says it with its reason."""
    return f" for {duration(now - link.since)}" if link.since and link.link is Link.LIVE else ""


def trip_words(link: LinkStatus) -> Line:
    """The round trip of the last ping; nothing of a host that is not there."""
    if link.link is not Link.LIVE or link.round_trip_s is None:
        return []
    milliseconds = link.round_trip_s * 1000
    return [(f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms", "dim")]


def cost_words(host: HostSnapshot) -> Line:
    """The price of an hour; of an instance that runs what its time since the start costs, too."""
    if host.cost_per_hour_usd is None:
        return []
    spent = spent_usd(host)
    return [(f"${host.cost_per_hour_usd:.2f}/h" + (f", ${spent:.2f} so far" if spent is not None else ""), "")]


def facts_age(host: HostSnapshot, now: float) -> tuple[str, str]:
    """How old what is said of the machine is."""
    if host.facts is None:
        return ("no facts yet", "dim")
    old_s = now - host.facts.at
    return (f"{age(old_s)} ago", "dim" if old_s < FACTS_OLD_S else "warn")


def gpu_parts(facts: HostFacts | None) -> list[Line]:
    """Every GPU, as many as fit; their number first where there are several."""
    if facts is None or not facts.gpus:
        return []
    count = len(facts.gpus)
    return [[(f"{count} GPUs" if count > 1 else "GPU", "dim")], *([(gpu_words(gpu), "")] for gpu in facts.gpus)]


def run_words(rows: Sequence[RunSnapshot], now: float) -> Line:
    """`● 2 running  ✗ 1 failed`; what no live connection confirms is counted as such."""
    confirmed = Counter(row.state for row in rows if row.confirmed(now))
    parts: list[Line] = [[(f"{STATES[state][0]} {confirmed[state]} {state.value}", STATES[state][1])]
                         for state in ORDER if confirmed[state]]  # fmt: skip
    unsure = sum(1 for row in rows if row.run and not row.confirmed(now))
    if unsure:
        parts.append([(f"{UNCONFIRMED} {unsure} unconfirmed", "dim")])
    if parts or not rows:
        return joined(parts, "  ") or [("no worker uses it", "dim")]
    return [("nothing runs" if any(row.confirmed(now) for row in rows) else "what runs is not known", "dim")]

"""The title bar: project, workers by state, hosts by connection, freeze, clock."""

from __future__ import annotations

import time
from collections import Counter

from remote.snapshot import Link, LinkStatus, RunSnapshot
from tui.format import Line, age, cut, line_width, spread
from tui.store import Store
from tui.widgets.rows import MARK
from tui.words import STATES, UNCONFIRMED, known, link_words
from wire.state import State

Part = tuple[int, Line]
"""Rank (0 = most pressing) and text."""
SHOWN = (
    State.FAILED, State.LOST, State.HELD, State.STOPPING, State.RUNNING, State.STARTING, State.PREPARING, State.QUEUED,
    State.COMPLETED, State.STOPPED, State.NOT_STARTED,
)  # fmt: skip
RANK = {State.FAILED: 1, State.LOST: 1, State.RUNNING: 2, State.COMPLETED: 3, State.STOPPED: 6, State.NOT_STARTED: 6}


def title_line(store: Store, project: str, width: int, *, opening: bool) -> Line:
    """One line. What does not fit whole is left out, the least pressing first; the clock and a freeze always stay."""
    now = store.now()
    end: Line = []
    if store.frozen_at is not None:
        end += [(f" FROZEN {age(store.clock() - store.frozen_at)} ", "reverse bold warn"), ("  ", "")]
    end += [(time.strftime("%H:%M:%S", time.localtime(store.wall())), "dim"), (" ", "")]
    name: Line = [(" trajvid", "bold accent"), (" ▸ ", "faint"), (cut(project or "…", 24), "bold")]
    room = width - line_width(name) - line_width(end) - 4
    rows = store.all()
    parts = [*_counts(rows, now), *_hosts(rows, now)]
    if store.marked:
        parts.insert(0, (0, [(f"{MARK} {len(store.marked)} marked", "bold accent")]))
    if opening:
        parts.append((0, [("◌ opening", "info")]))
    return spread([*name, ("   ", ""), *_most_pressing(parts, room)], end, width)


def _most_pressing(parts: list[Part], room: int) -> Line:
    """As many parts as fit, chosen by rank and shown in their order."""
    chosen: set[int] = set()
    for index in sorted(range(len(parts)), key=lambda index: parts[index][0]):
        size = line_width(parts[index][1]) + 2
        if size <= room:
            chosen.add(index)
            room -= size
    shown = [parts[index][1] for index in sorted(chosen)]
    return [span for line in shown for span in (*line, ("  ", ""))]


def _counts(rows: list[RunSnapshot], now: float) -> list[Part]:
    """`● 3 running`; workers that no live connection confirms are counted as such, whatever they were."""
    parts: list[Part] = []
    attention = sum(1 for row in rows if row.stalled(now) or row.silent(now))
    if attention:
        parts.append((1, [(f"▲ {attention} stalled or silent", "bold warn")]))
    confirmed = Counter(row.state for row in rows if row.confirmed(now))
    for state in SHOWN:
        if confirmed[state]:
            glyph, role = STATES[state]
            parts.append((RANK.get(state, 4), [(f"{glyph} {confirmed[state]} {state.value}", role)]))
    unsure = [row for row in rows if not row.confirmed(now)]
    if unsure:
        word = "unconfirmed" if any(known(row) for row in unsure) else "unknown"
        parts.append((5, [(f"{UNCONFIRMED} {len(unsure)} {word}", "dim")]))
    return parts


def _hosts(rows: list[RunSnapshot], now: float) -> list[Part]:
    """Each host with its connection, those in trouble first; many live ones are only counted."""
    links = {row.host: row.link for row in rows}
    trouble = [host for host, link in links.items() if link.link in (Link.OFFLINE, Link.NEEDS_YOU)]
    others = [host for host in links if host not in trouble]
    parts: list[Part] = [(2, _host(host, links[host], now)) for host in trouble]
    if len(others) > 3 and all(links[host].link is Link.LIVE for host in others):
        return [*parts, (4, [(f"● {len(others)} hosts live", "ok")])]
    return [*parts, *((4, _host(host, links[host], now)) for host in others)]


def _host(name: str, link: LinkStatus, now: float) -> Line:
    return [(cut(name, 20) + " ", ""), link_words(link, now)]

"""The title bar: project, workers by state, hosts by connection, freeze, clock."""

from __future__ import annotations

import time
from collections import Counter

from remote.snapshot import Link, RunSnapshot
from tui.format import Line, age, cut, line_width, spread, while_it_fits
from tui.store import Store
from tui.words import STATES, UNCONFIRMED, known, link_words
from wire.state import State


def title_line(store: Store, project: str, width: int, *, opening: bool) -> Line:
    """One line; what does not fit whole is left out, the clock and a freeze last of all."""
    now = store.now()
    end: Line = []
    if store.frozen_at is not None:
        end += [(f" FROZEN {age(store.clock() - store.frozen_at)} ", "reverse bold warn"), ("  ", "")]
    end += [(time.strftime("%H:%M:%S", time.localtime(store.wall())), "dim"), (" ", "")]
    name: Line = [(" trajvid", "bold accent"), (" ▸ ", "faint"), (cut(project or "…", 24), "bold")]
    room = width - line_width(name) - line_width(end) - 4
    rows = store.all()
    counts = _counts(rows, now)
    hosts: list[Line] = [] if not opening else [[("◌ opening", "info")]]
    hosts += _hosts(rows, now, room - line_width(while_it_fits(counts, room)) - 6)
    middle = while_it_fits([*counts, *([[("│", "faint")]] if counts and hosts else []), *hosts], room)
    return spread([*name, ("   ", ""), *middle], end, width)


def _counts(rows: list[RunSnapshot], now: float) -> list[Line]:
    """`● 3 running`; workers that no live connection confirms are counted as such, whatever they were."""
    confirmed = Counter(row.state for row in rows if row.confirmed(now))
    parts: list[Line] = [
        [(f"{STATES[state][0]} {confirmed[state]} {state.value}", STATES[state][1])] for state in State if confirmed[state]
    ]
    attention = sum(1 for row in rows if row.stalled(now) or row.silent(now))
    if attention:
        parts.insert(0, [(f"▲ {attention} stalled or silent", "bold warn")])
    unsure = sum(1 for row in rows if not row.confirmed(now))
    if unsure:
        heard = any(known(row) for row in rows if not row.confirmed(now))
        parts.append([(f"{UNCONFIRMED} {unsure} {'unconfirmed' if heard else 'unknown'}", "dim")])
    return parts


def _hosts(rows: list[RunSnapshot], now: float, room: int) -> list[Line]:
    """Each host with its connection, or only how many are live when that does not fit."""
    links = {row.host: row.link for row in rows}
    each: list[Line] = [
        [(f"{cut(host, 20)} ", ""), link_words(link, now)]
        for host, link in sorted(links.items(), key=lambda item: item[1].link is Link.LIVE)
    ]
    if sum(line_width(part) + 2 for part in each) <= room:
        return each
    live = sum(1 for link in links.values() if link.link is Link.LIVE)
    return [[(f"{live}/{len(links)} hosts live", "ok" if live == len(links) else "warn")]] if links else []

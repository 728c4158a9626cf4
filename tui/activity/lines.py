"""Actions as lines: one a row, one in full, and what of each host is among them."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.cells import cell_len

from remote.activity import Deed, Origin, Source
from tui.format import Line, age, cut, cut_line, fitted, joined, line_width, wrapped

WIDE, ROOMY = 110, 150
WHEN, VERB, LABEL = 11, 9, 10
KNOWN = {
    Origin.BOTH: "by this laptop and its host",
    Origin.HERE: "by this laptop alone",
    Origin.HOST: "by the host alone; its time is by the host's clock",
}


def when(at_s: float, wall_s: float) -> str:
    """`12:03:11` today, `01-31 12:03` on other days; local time."""
    today = moment(at_s, "%Y-%m-%d") == moment(wall_s, "%Y-%m-%d")
    return moment(at_s, "%H:%M:%S" if today else "%m-%d %H:%M")


def moment(at_s: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Local time in a form of strftime; `?` for a number that is no time of any calendar."""
    try:
        return time.strftime(form, time.localtime(at_s))
    except (OverflowError, OSError, ValueError):
        return "?"


def result_role(deed: Deed) -> str:
    if deed.result.startswith("failed"):
        return "bad"
    return "dim" if not deed.result else ""


def deed_line(deed: Deed, width: int, wall_s: float, *, selected: bool = False) -> Line:
    """When, what, which worker, who, how it ended, and what ran where there is room for it."""
    name, who = (24, 22) if width >= ROOMY else (15, 16) if width >= 60 else (15, 0)
    line: Line = [
        ("▌" if selected else " ", "bold accent"),
        (when(deed.at_s, wall_s).ljust(WHEN + 1), "dim"),
        (fitted(deed.verb, VERB) + " ", "bold"),
        (fitted(deed.worker or deed.host, name) + " ", "bold" if selected else ""),
        (fitted(deed.by, who) + " " if who else "", "dim"),
        (cut(deed.origin.value, 4).ljust(5), "dim" if deed.origin is Origin.BOTH else "info"),
    ]
    room = width - line_width(line) - 1
    result = deed.result or "no answer kept"
    if width >= WIDE and deed.command:
        end = cut(result, room // 2)
        return [*line, (end, result_role(deed)), ("  ", ""), (cut(deed.command, room - cell_len(end) - 2), "dim")]
    return cut_line([*line, (cut(result, room), result_role(deed))], width)


def deed_lines(deed: Deed, width: int, wall_s: float) -> list[Line]:
    """Everything about one action; long texts are wrapped, never cut."""
    what = [deed.verb, *filter(None, (deed.worker, f"on {deed.host}" if deed.host else ""))]
    facts = [
        ("action", f"{' '.join(what)}, by {deed.by}"),
        ("when", f"{moment(deed.at_s)}, {age(wall_s - deed.at_s)} ago"),
        ("result", deed.result or "no answer kept"),
        ("command", deed.command or "none: this verb runs no command of its own"),
        ("attempt", deed.attempt),
        ("recorded", KNOWN[deed.origin]),
    ]
    lines: list[Line] = []
    for label, value in facts:
        role = result_role(deed) if label == "result" else ""
        for index, piece in enumerate(wrapped(value, max(10, width - LABEL))):
            lines.append(
                [("" if index else label, "dim"), (" " * (LABEL - (0 if index else len(label))), ""), (piece, role)]
            )
    return lines  # fmt: skip


def source_line(sources: Mapping[str, Source], now: float) -> Line:
    """Of which host its own records are here, and how old they are."""
    parts: list[Line] = []
    for host, source in sources.items():
        if not source.problem and source.at is not None:
            parts.append([(f"{host}: ", "dim"), (f"asked {age(now - source.at)} ago", "")])
            continue
        what = f"as it was {age(now - source.at)} ago" if source.at is not None else "only what this laptop did"
        parts.append([(f"{host}: ", "dim"), (f"{source.problem}, {what}", "warn")])
    return joined(parts)

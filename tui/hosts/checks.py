"""What doctor found, as lines: each check with its verdict in a word and a sign, and the mend below what is wrong."""

from __future__ import annotations

from remote.checks import Check, Report, Verdict
from tui.format import Line, age, cut, wrapped

SIGNS: dict[Verdict, tuple[str, str]] = {
    Verdict.FAIL: ("✗", "bold bad"),
    Verdict.WARN: ("▲", "bold warn"),
    Verdict.PASS: ("✓", "ok"),
    Verdict.SKIP: ("○", "dim"),
}
NAME = 15
INDENT = 7 + NAME


def summary(report: Report, now: float) -> Line:
    """`doctor: ✗ 1 fail ▲ 2 warn ✓ 9 pass, 12 s ago`."""
    counts: Line = []
    for verdict, (sign, role) in SIGNS.items():
        if number := report.count(verdict):
            counts.append((f"{sign} {number} {verdict.value}  ", role))
    return [*counts, (f"looked {age(now - report.at)} ago", "dim")]


def report_lines(report: Report, width: int, *, worst_first: bool = False) -> list[Line]:
    """Every check; with `worst_first` those that want something done come before the others."""
    order = list(SIGNS)
    shown = sorted(report.checks, key=lambda one: order.index(one.verdict)) if worst_first else report.checks
    return [line for check in shown for line in _check(check, width)]


def _check(check: Check, width: int) -> list[Line]:
    sign, role = SIGNS[check.verdict]
    room = max(8, width - INDENT)
    pieces = wrapped(check.text, room) or [""]
    head: Line = [(f"{sign} {check.verdict.value}", role), (" ", ""), (cut(check.name, NAME - 1).ljust(NAME), "")]
    plain = "dim" if check.verdict in (Verdict.PASS, Verdict.SKIP) else ""
    lines: list[Line] = [[*head, (pieces[0], plain)]]
    lines += [[(" " * INDENT, ""), (piece, plain)] for piece in pieces[1:]]
    for mark, text, colour in (("→ ", check.mend, "info"), ("✓ ", check.fixed, "ok")):
        for index, piece in enumerate(wrapped(text, room - 2)):
            lines.append([(" " * INDENT, ""), (mark if index == 0 else "  ", colour), (piece, colour)])
    return lines

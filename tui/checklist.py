"""A checklist in words, for the screen and for the terminal: a mark and a word, the proof, and how old it is."""

from __future__ import annotations

from remote.checklist import Checklist, Item
from tui.format import Line, age, wrapped

MARKS = {True: "☑", False: "☐"}
WORDS = {True: "proved", False: "unproved"}
MARGIN = 4


def proof_words(found: Checklist, item: Item, clock_s: float, commit: str = "") -> str:
    """`proved, 3 min ago: exit 0`, or `unproved: it has never run`. `commit` is what it must hold for."""
    proved = found.proved(item, commit)
    old = f", {age(max(0.0, clock_s - item.at_s))} ago" if item.at_s else ""
    other = f"of another commit, {item.commit[:7]}: " if item.proved and not proved else ""
    return f"{WORDS[proved]}{old}: {other}{item.why}"


def checklist_lines(found: Checklist, clock_s: float, width: int, commit: str = "") -> list[Line]:
    """Two lines an item: what is to be done, and below it the proof."""
    lines: list[Line] = []
    for item in found.items:
        proved = found.proved(item, commit)
        role = "ok" if proved else "warn"
        lines.append([(f"{MARKS[proved]} ", f"bold {role}"), (item.text, "bold")])
        pieces = wrapped(proof_words(found, item, clock_s, commit), width - MARGIN, 2)
        lines += [[(" " * MARGIN, ""), (piece, "" if proved else "dim")] for piece in pieces]
    return lines

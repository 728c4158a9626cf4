"""A checklist in words, for the screen and for the terminal: a mark and a word, the proof, and how old it is."""

from __future__ import annotations

from remote.checklist_items import Checklist, Item
from tui.format import Line, age, cut_line, spread
from tui.keys import shown
from wire.records import RunSpec

MARKS = {True: "☑", False: "☐"}
WORDS = {True: "proved", False: "unproved"}


def proof_words(found: Checklist, item: Item, clock_s: float, commit: str = "") -> str:
    """`proved, 3 min ago: exit 0`, or `unproved: it has never run`. `commit` is what it must hold for."""
    proved = found.proved(item, commit)
    old = f", {age(max(0.0, clock_s - item.at_s))} ago" if item.at_s else ""
    other = f"of another commit, {item.commit[:7]}: " if item.proved and not proved else ""
    return f"{WORDS[proved]}{old}: {other}{item.why}"


def held_against(found: Checklist, run: RunSpec | None) -> str:
    """The newest commit that the worktree is known to hold: that of the run, if it began after the proofs were looked
    for, else what was there as they were. Laptop and host each have a clock: the screen names the commit.
    """
    looked_s = max((item.at_s for item in found.items), default=0.0)
    return run.commit if run is not None and run.created_s > looked_s else found.commit


def checklist_lines(found: Checklist, clock_s: float, width: int, commit: str = "") -> list[Line]:
    """A head, and one line an item: what is to be done, and its proof."""
    done = sum(found.proved(item, commit) for item in found.items)
    at = f", at {held[:7]}" if (held := commit or found.commit) else ""
    head: Line = [(" checklist", "bold"), (f"  {done} of {len(found.items)} proved{at}", "")]
    lines = [spread(head, [(shown("checklist"), "bold info"), (" looks again ", "dim")], width)]
    for item in found.items:
        proved = found.proved(item, commit)
        mark, what = (f" {MARKS[proved]} ", "bold ok" if proved else "bold warn"), (item.text, "bold" * (not proved))
        lines.append(cut_line([mark, what, ("  " + proof_words(found, item, clock_s, commit), "dim")], width))
    return lines

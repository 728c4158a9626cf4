"""A run's config as lines: what was asked and what was in effect; or what differs from another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remote.compare_notes import settings
from remote.snapshot import RunSnapshot
from tui.format import Line, age, cut, line_width, pad_line, spread, wrapped
from tui.run_config import Change, Effective, Known, asked_changes, asked_facts, effective_changes

LABEL = 13
VALUE = 16
"""Cells of an option's value where several options stand side by side."""


def config_lines(row: RunSnapshot, effective: Effective, wall_s: float, width: int) -> list[Line]:
    """Everything about one run."""
    if row.spec is None:
        said = "Its spec.json has not been read yet." if row.run else "Never launched, so nothing was asked of it."
        hint: Line = [] if row.run else [(" n", "bold info"), (" launches it.", "dim")]
        return [[], [(f" {said}", "")], hint]
    lines = [_head("asked", "spec.json, written once by the launch", width)]
    for name, value in asked_facts(row, wall_s):
        lines += _fact(name, value, width)
    lines.append([])
    if not effective.values:
        return [*lines, _head("in effect", "", width), [(" not known: ", "dim"), (effective.why, "")]]
    lines.append(_head("in effect", _origin(effective, wall_s), width))
    return [*lines, *_options(effective.values, settings(row.spec), width)]


def _head(title: str, origin: str, width: int) -> Line:
    return spread([(f" {title} ", "bold accent")], [(origin + " ", "dim")] if origin else [], width)


def _origin(effective: Effective, wall_s: float) -> str:
    return f"{effective.origin}, {age(wall_s - effective.written_s)} old"


def _fact(name: str, value: str, width: int) -> list[Line]:
    pieces = wrapped(value, max(10, width - LABEL - 2)) or [""]
    return [[((" " if index else f" {name}").ljust(LABEL), "dim"), (text, "")] for index, text in enumerate(pieces)]


def _options(values: Mapping[str, str], asked: Mapping[str, str], width: int) -> list[Line]:
    """Options side by side where there is room, those that were asked for in bold; a long one has its own row."""
    name_width = min(max(map(len, values)) + 2, width // 2)
    columns = max(1, width // (name_width + VALUE))
    cell = width // columns
    lines: list[Line] = []
    row: Line = []
    for name, value in values.items():
        part: Line = [(f" {cut(name, name_width - 2)}".ljust(name_width), "dim")]
        part += [("* ", "info") if name in asked else ("  ", ""), (value, "bold" if name in asked else "")]
        if line_width(part) >= cell:
            lines += [row] if row else []
            pieces = wrapped(value, max(10, width - name_width - 3))
            lines += [
                [*(part[:2] if not index else [(" " * (name_width + 2), "")]), (text, part[2][1])]
                for index, text in enumerate(pieces)
            ]
            row = []
            continue
        row += pad_line(part, cell)
        if line_width(row) > width - cell:
            lines.append(row)
            row = []
    lines += [row] if row else []
    if asked:
        lines += [
            [],
            [(" * ", "info"), ("asked for in this run; the others come from its config and the defaults", "dim")],
        ]
    return lines


def against_lines(mine: Known, theirs: Known, name: str, wall_s: float, width: int) -> list[Line]:
    """What differs between two runs, both values; what is equal is left out."""
    lines: list[Line] = [
        [(" this ", "dim"), (f"{mine.row.worker}/{mine.row.run}", "bold")],
        [(" that ", "dim"), (name, "bold")],
        [],
    ]
    asked = asked_changes(mine.row, theirs.row)
    lines += [_head("asked", "differences only", width), *_changes(asked, width)]
    if theirs.row.spec is None:
        lines.append([(" that run says nothing of what was asked (no spec.json)", "warn")])
    lines.append([])
    for known, which in ((mine, "this"), (theirs, "that")):
        if not known.effective.values:
            return [*lines, _head("in effect", "", width),
                    [(f" not known of {which} run: ", "dim"), (known.effective.why, "")]]  # fmt: skip
    changes = effective_changes(mine.effective, theirs.effective)
    equal = len({*mine.effective.values, *theirs.effective.values}) - len(changes)
    lines.append(_head("in effect", f"{_origin(mine.effective, wall_s)}; {equal} equal options left out", width))
    return [*lines, *_changes(changes, width)]


def _changes(changes: Sequence[Change], width: int) -> list[Line]:
    """`key  this  that`, each wrapped in its column."""
    if not changes:
        return [[(" no difference", "dim")]]
    key_width = min(width // 4, max(len(change.key) for change in changes) + 3)
    column = max(8, (width - key_width - 2) // 2)
    lines: list[Line] = [[(" " * key_width, ""), ("this".ljust(column), "dim"), ("that", "dim")]]
    for change in changes:
        left, right = (wrapped(text or "not known", column - 2) for text in (change.mine, change.theirs))
        for index in range(max(len(left), len(right))):
            key = f" {cut(change.key, key_width - 2)}" if not index else ""
            one, other = (pieces[index] if index < len(pieces) else "" for pieces in (left, right))
            lines.append([(key.ljust(key_width), "dim"), *pad_line([(one, "bold")], column), (other, "bold")])
    return lines

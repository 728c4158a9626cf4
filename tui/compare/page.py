"""What stands under the curves: the table, the selected run where columns are missing, notes, and what differs."""

from __future__ import annotations

from collections.abc import Sequence

from remote.compare import Compared, Comparison
from tui.compare.table import Shown, line_of_facts, table_lines
from tui.format import Line, cut, cut_line, line_width, wrapped

KEY_WIDTH = 16
NOT_KNOWN = "not known"


def page_lines(comparison: Comparison, runs: Sequence[Shown], now: float, width: int, selected: str) -> list[Line]:
    """All of it, as many lines as it takes."""
    table = table_lines(runs, now, width, selected)
    lines = [*table, *_selected(runs, now, width, selected, table[0])]
    lines += [[("  ", ""), (cut(said, width - 2), "dim")] for said in legend_words(comparison.rows)]
    if comparison.notes:
        lines += [[], [("notes", "bold")]]
        for note in comparison.notes:
            lines += _hanging("▲ ", "warn", note, width)
    return [cut_line(line, width) for line in (*lines, [], *difference_lines(comparison, width))]


def legend_words(rows: Sequence[Compared]) -> list[str]:
    """What the signs mean that stand in the table."""
    said = []
    if any(one.figures.split == "validation" for one in rows):
        said.append("val@n: validation of the best epoch so far, n; not tested, so not ranked")
    if any(one.rank and one.rank > 1 and one.apart is False for one in rows):
        said.append("≈: its 95 % interval of accuracy overlaps with that of the first")
    return said


def _selected(runs: Sequence[Shown], now: float, width: int, selected: str, head: Line) -> list[Line]:
    """What the table had to leave out, of the selected run."""
    heads = "".join(part for part, _ in head)
    shown = next((one for one in runs if one.one.name == selected), None)
    return [] if shown is None else line_of_facts(shown, now, width, without=heads)


def difference_lines(comparison: Comparison, width: int) -> list[Line]:
    """One line a value, with the runs that have it; what is equal in all runs is left out."""
    names = [one.name for one in comparison.rows]
    if not comparison.differences:
        return [[("differences", "bold")], [("  ", ""), (cut(_none_of(comparison), width - 2), "dim")]]
    lines: list[Line] = [[("differences", "bold"), ("  of what was asked; what is equal is left out", "dim")]]
    room = min(40, (width - KEY_WIDTH - 2) // 2)
    for difference in comparison.differences:
        groups: dict[str, list[str]] = {}
        for value, name in zip(difference.values, names, strict=True):
            groups.setdefault(value or NOT_KNOWN, []).append(name)
        wide = min(room, max(len(value) for value in groups))
        for index, (value, of) in enumerate(sorted(groups.items(), key=lambda group: group[0] == NOT_KNOWN)):
            key = "" if index else cut(difference.key, KEY_WIDTH - 1)
            text = cut(value, wide)
            head: Line = [("  ", ""), (key.ljust(KEY_WIDTH), "dim"), (text.ljust(wide + 2), "bold")]
            lines.append([*head, (cut(", ".join(of), width - line_width(head)), "")])
    return lines


def _none_of(comparison: Comparison) -> str:
    """Why there is no difference to show."""
    if not any(one.row.spec is not None for one in comparison.rows):
        return "not known: no run says what was asked (spec.json)"
    return "none in config, code, host and overrides" if len(comparison.rows) > 1 else "one run has none"


def _hanging(mark: str, role: str, text: str, width: int) -> list[Line]:
    pieces = wrapped(text, width - 4)
    return [[("  ", ""), ("  " if index else mark, role), (piece, "")] for index, piece in enumerate(pieces)]

"""The table of a comparison: one line a run. Columns leave by their rank where the room is too narrow for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from remote.compare import Compared
from remote.figures import NO_SKILL
from tui.format import ELLIPSIS, Line, Span, age, cut, duration, line_width, number, pad_line, safe
from tui.widgets.chart import line_mark
from tui.words import UNCONFIRMED, state_words

GAP = 2
NAME_LEAST, NAME_MOST = 16, 30


@dataclass(frozen=True)
class Shown:
    """A run together with how it is drawn in the chart."""

    one: Compared
    role: str = ""
    style: str = ""
    """A name of `braille.STYLES`; '' where no curves are drawn."""

    @property
    def mark(self) -> str:
        """A piece of its curve: the legend of the chart stands in the table."""
        return line_mark(self.style) if self.style else ""


@dataclass(frozen=True)
class Column:
    """One column. Those of the lowest `rank` stay longest; rank 0 always does."""

    head: str
    rank: int
    cell: Callable[[Shown, float], Span]
    right: bool = True


def rank_words(one: Compared) -> str:
    """`2`, `2 ≈` for what cannot be told apart from the first, `-` for what is not ranked."""
    if one.rank is None:
        return "-"
    return f"{one.rank} ≈" if one.rank > 1 and one.apart is False else str(one.rank)


def state_cell(one: Compared, now: float) -> Span:
    """The state, with what must be read beside it: `✓ completed, no skill`, `◇ was running`."""
    text, role = state_words(one.row, now)
    if one.synced and not one.row.state.active:
        text, role = f"{UNCONFIRMED} {one.row.state.value}", "dim"
    return (f"{text}, {NO_SKILL}", "bold warn") if one.has_skill is False else (text, role)


def seen_words(one: Compared, now: float) -> str:
    """How old what is known of the run is, '' while a live connection confirms it."""
    row = one.row
    if row.confirmed(now):
        return ""
    seen = row.cached_age_s if row.seen_at is None else row.age_s(now)
    return "never" if seen is None else f"{age(seen)} ago"


def epochs_words(one: Compared) -> str:
    """`10`, `4/10` where fewer were done than planned."""
    if one.epochs is None:
        return ""
    return f"{one.epochs}/{one.planned}" if one.planned and one.planned != one.epochs else str(one.epochs)


def accuracy_words(one: Compared) -> str:
    """`0.972 (0.94-0.98)`; what stems from the validation says `val`."""
    figures = one.figures
    if figures.accuracy is None:
        return ""
    within = f" ({figures.interval[0]:.2f}-{figures.interval[1]:.2f})" if figures.interval is not None else ""
    return number(figures.accuracy) + (within or _validation(one))


def _validation(one: Compared) -> str:
    return f" val@{one.figures.epoch}" if one.figures.split == "validation" else ""


def control_words(one: Compared, metric: str) -> str:
    """The best control beside a figure."""
    best = one.best.get(metric)
    return (
        "" if best is None else f"{best[0]} {best[1]:.2f}" if metric == "accuracy" else f"{best[0]} {number(best[1])}"
    )


def _of(text: Callable[[Compared], str]) -> Callable[[Shown, float], Span]:
    """A cell that is drawn like its run: figures of the validation are dim."""
    return lambda shown, now: (text(shown.one), "" if shown.one.rank is not None else "dim")


def skill_cell(one: Compared) -> Span:
    """The skill; where there is none it is a warning, also if the room is too narrow to say so in words."""
    text = "" if one.figures.skill is None else f"{one.figures.skill:.2f}"
    return text, "bold warn" if one.has_skill is False else "" if one.rank is not None else "dim"


def _error(one: Compared) -> str:
    return "" if one.figures.pred_mse is None else number(one.figures.pred_mse)


def _time(one: Compared) -> str:
    return "" if one.train_s is None else duration(one.train_s)


COLUMNS: tuple[Column, ...] = (
    Column("", 0, lambda shown, now: (shown.mark, shown.role), right=False),
    Column("rank", 0, lambda shown, now: (rank_words(shown.one), "bold"), right=False),
    Column("run", 0, lambda shown, now: (shown.one.name, f"bold {shown.role}"), right=False),
    Column("accuracy", 1, _of(accuracy_words), right=False),
    Column("skill", 2, lambda shown, now: skill_cell(shown.one)),
    Column("state", 3, lambda shown, now: state_cell(shown.one, now), right=False),
    Column("known", 4, lambda shown, now: (seen_words(shown.one, now), "dim"), right=False),
    Column("MSE t+5", 5, _of(_error)),
    Column("epochs", 6, _of(epochs_words)),
    Column("time", 7, _of(_time)),
    Column("s/epoch", 8, _of(lambda one: number(one.epoch_s) if one.epoch_s is not None else "")),
    Column("weights", 9, _of(lambda one: f"{one.parameters:,}" if one.parameters else "")),
    Column("best control: MSE", 10, _of(lambda one: control_words(one, "pred_mse")), right=False),
    Column("best control: accuracy", 11, _of(lambda one: control_words(one, "accuracy")), right=False),
)
NAME = 2
"""Place of the run's name among the columns."""


def table_lines(runs: Sequence[Shown], now: float, width: int, selected: str = "") -> list[Line]:
    """Head and one line a run, each at most `width` cells; the selected run is marked beside its colour."""
    cells = [[column.cell(one, now) for column in COLUMNS] for one in runs]
    for row in cells:
        row[NAME] = (short_name(row[NAME][0], min(NAME_MOST, max(NAME_LEAST, width // 5))), row[NAME][1])
    places = range(len(COLUMNS))
    widths = [max([cell_len(COLUMNS[at].head), *(cell_len(row[at][0]) for row in cells)]) for at in places]
    kept = fitting(widths, [any(row[at][0] for row in cells) for at in places], width - 2)
    lines: list[Line] = [[("  ", ""), *_joined([(COLUMNS[at].head, "dim") for at in kept], kept, widths)]]
    for one, row in zip(runs, cells, strict=True):
        mark: Span = ("▌ ", "accent") if one.one.name == selected else ("  ", "")
        lines.append([mark, *_joined([row[at] for at in kept], kept, widths)])
    return [pad_line(line, width) for line in lines]


def fitting(widths: Sequence[int], filled: Sequence[bool], room: int) -> list[int]:
    """The columns that fit side by side, those of the lowest rank first; an empty one is left out."""
    kept: list[int] = []
    for at in sorted(range(len(COLUMNS)), key=lambda at: COLUMNS[at].rank):
        taken = sum(widths[one] + GAP for one in kept)
        if filled[at] and (COLUMNS[at].rank == 0 or taken + widths[at] <= room):
            kept.append(at)
    return sorted(kept)


def _joined(cells: Sequence[Span], kept: Sequence[int], widths: Sequence[int]) -> Line:
    line: Line = []
    for (text, role), at in zip(cells, kept, strict=True):
        text = safe(text)
        space = " " * (widths[at] - cell_len(text))
        line += [(space, ""), (text, role)] if COLUMNS[at].right else [(text, role), (space, "")]
        line.append((" " * GAP, ""))
    return line[:-1]


def short_name(name: str, width: int) -> str:
    """A name in at most `width` cells; of a run's own name the end tells most."""
    name = safe(name)
    worker, _, run = name.partition("/")
    if cell_len(name) <= width or not run:
        return cut(name, width)
    worker = cut(worker, width // 2)
    return f"{worker}/{ELLIPSIS}{run[-(width - cell_len(worker) - 2) :]}"


def line_of_facts(shown: Shown, now: float, width: int, *, without: str = "") -> list[Line]:
    """The facts of one run but those whose heads are in `without`, broken between them."""
    lines: list[Line] = []
    for column in COLUMNS[3:]:
        text, role = column.cell(shown, now)
        if not text or column.head in without:
            continue
        part: Line = [(f"{column.head} ", "dim"), (text, role)]
        if lines and line_width(lines[-1]) + 3 + line_width(part) <= width:
            lines[-1] += [(" · ", "faint"), *part]
        else:
            lines.append([("  ", ""), *part])
    return lines

"""One worker as three rows of the board or as one bordered panel: the same parts, laid out twice."""

from __future__ import annotations

from dataclasses import dataclass

from remote.snapshot import RunSnapshot
from tui import words
from tui.format import (
    Line,
    Span,
    bar,
    cut_line,
    fitted,
    joined,
    line_width,
    number,
    pad_line,
    spark,
    spread,
    while_it_fits,
    wrapped,
)  # fmt: skip
from tui.gate import at_gate
from tui.machine_words import gpus_named, machine_words
from tui.widgets.chart import chart
from tui.widgets.curves import curve_groups
from tui.widgets.frame import box
from tui.widgets.metrics import Metric, metrics_of, short
from wire.state import State

BOARD_ROWS = 3
PANEL_MOST = 17
CHART_LEAST = 7
PANEL_LEAST = 4
MARK = "»"
"""Beside the name of a marked worker."""


@dataclass(frozen=True)
class Row:
    """Everything that both layouts say of a worker, ready to place."""

    worker: str
    colour: str
    state: Span
    phase: str
    age: Span
    notice: Span | None
    place: Line
    host: str
    share: float | None
    bar_role: str
    counted: str
    left: str
    left_short: str
    metrics: tuple[Metric, ...]
    sync: Span
    checkpoint: str
    machine: Line
    gpus: str
    last: Span
    started: bool
    ended: bool
    at_gate: bool
    running: bool


def row_of(snapshot: RunSnapshot, now: float, colour: str) -> Row:
    """Put a snapshot into words as of `now` (monotonic seconds)."""
    running = snapshot.state is State.RUNNING
    return Row(
        worker=snapshot.worker,
        colour=colour,
        state=words.state_words(snapshot, now),
        phase=words.beside_state(snapshot),
        age=words.age_words(snapshot, now),
        notice=words.notice(snapshot, now),
        place=words.commit_words(snapshot),
        host=snapshot.host,
        share=words.share_done(snapshot),
        bar_role=_bar_role(snapshot, now),
        counted=words.count_words(snapshot),
        left=words.left_words(snapshot, now),
        left_short=words.left_words(snapshot, now, short=True),
        metrics=tuple(metrics_of(snapshot)),
        sync=words.sync_words(snapshot, now),
        checkpoint=words.checkpoint_words(snapshot, now),
        machine=machine_words(snapshot),
        gpus=gpus_named(snapshot),
        last=words.last_words(snapshot),
        started=bool(snapshot.run),
        ended=snapshot.state.final,
        at_gate=at_gate(snapshot),
        running=running,
    )


def _bar_role(snapshot: RunSnapshot, now: float) -> str:
    """A bar is only coloured like a healthy one while a live connection confirms it."""
    if not snapshot.confirmed(now):
        return "dim"
    if snapshot.stalled(now) or snapshot.silent(now):
        return "warn"
    if snapshot.state in (State.FAILED, State.LOST):
        return "bad"
    if snapshot.state is State.PREPARING:
        return "info"
    if snapshot.state is State.HELD:
        return "accent"
    return "dim" if snapshot.state in (State.STOPPED, State.STOPPING) else "ok"


def board_lines(row: Row, width: int, *, selected: bool, marked: bool = False) -> list[Line]:
    """Three rows: name, state, age / bar, ETA, metrics / notice or sync, host, last line."""
    bar_cell: Span = ("▌" if selected else " ", "accent" if selected else "")
    mark: Line = [bar_cell, (" ", "")]
    name_width = max(12, min(20, width * 2 // 5))
    name: Line = [(fitted(row.worker, name_width), f"bold {row.colour}"), ("  ", "")]
    state = words.state_parts(row.state, row.phase, width - name_width - 5 - len(row.age[0]))
    first = spread([bar_cell, (MARK if marked else " ", "bold accent"), *name, *state], [row.age], width)
    second = pad_line([*mark, *_middle(row, width - 2, max(8, width // 6))], width)
    third = pad_line([*mark, *_last_line(row, width - 2)], width)
    return [first, second, third]


def _middle(row: Row, width: int, bar_width: int) -> Line:
    """Bar, count, ETA and as many metrics as fit."""
    if not row.counted and row.share is None and not row.metrics:
        return joined([row.place, [(row.host, "dim")]])
    head: list[Line] = [bar(row.share, bar_width, row.bar_role), [(row.counted, "")], [(row.left_short, "dim")]]
    taken = sum(line_width(part) + 2 for part in head if line_width(part))
    graph = max(0, min(24, (width - taken) // 2 - 16))
    graph = graph if graph >= 6 else min(14, max(0, width - taken - 15))
    return while_it_fits([*head, *(short(metric, graph, row.colour) for metric in row.metrics[:4])], width)


def _last_line(row: Row, width: int) -> Line:
    """A notice, or sync and machine, then the newest text, which comes first while nothing trains."""
    if row.notice is not None:
        return cut_line(joined([[row.notice], [row.last]]), width)
    facts: list[Line] = [[row.sync]] if row.started else []
    if width >= 90 and row.started:
        facts += [[(row.host, "dim")], [] if row.ended else row.machine]
    else:
        facts.append([(row.gpus, "dim")])
    if row.running or not row.last[0]:
        return cut_line(joined([*facts, [row.last]]), width)
    return while_it_fits([[row.last], *facts], width, " · ") or cut_line([row.last], width)


def panel_lines(row: Row, width: int, height: int, *, selected: bool, marked: bool = False) -> list[Line]:
    """The worker in a frame of `width` x `height` cells (borders included)."""
    title: Line = [(f"{MARK} ", "bold accent")] if marked else []
    title.append((row.worker, f"bold {row.colour}"))
    border = row.colour if selected else "faint"
    body = _panel_body(row, width - 4, height - 2)
    return box(body, width, height, title=title, end=[(row.host, "dim")], foot=row.place, focus=selected, role=border)


def _panel_body(row: Row, inner: int, room: int) -> list[Line]:
    body = [spread(words.state_parts(row.state, row.phase, inner - len(row.age[0]) - 1), [row.age], inner)]
    if row.notice is not None:
        body += [[(piece, row.notice[1])] for piece in wrapped(row.notice[0], inner, 1 if row.counted else 3)]
    told = wrapped(row.last[0], inner, 3)
    # How a run ended is worth a second row: that of the bar if it is full anyway, else that of the metrics.
    tight = row.ended and len(told) > 1 and room - len(body) < 5
    if (row.counted or row.share is not None) and not (tight and row.share == 1.0):
        body.append(_count_line(row, inner))
    # Why a gate holds a run is what somebody must decide by: it is worth the row of the metrics too.
    if not (tight and (row.share != 1.0 or row.at_gate)):
        body += _metric_lines(row, inner, max(1, room - len(body) - 1 - min(2, len(told))))
    tall = min(10, room - len(body) - 3)
    groups = curve_groups(row.metrics, row.colour) if tall >= CHART_LEAST else []
    if groups:
        body += [[], *chart(groups[0][1], inner, tall, title=groups[0][0])]
    free = room - len(body) - 1
    body += [[(piece, row.last[1])] for piece in wrapped(row.last[0], inner, max(1, min(3, free)))]
    if row.started:
        body.append(_fact_line(row, inner))
    return body[:room]


def _count_line(row: Row, width: int) -> Line:
    """Bar that takes what count and ETA leave."""
    text: Line = [(row.counted, ""), (f"  {row.left}" if row.left else "", "dim")] if row.counted else []
    room = width - line_width(text) - (2 if text else 0)
    return [*bar(row.share, max(0, room), row.bar_role), ("  " if text else "", ""), *text]


def _metric_lines(row: Row, width: int, at_most: int) -> list[Line]:
    """Metrics side by side in one line, or one a line where the panel is tall."""
    if not row.metrics:
        return [[("no metrics yet", "dim")]] if row.counted and row.running else []
    if at_most < 2 or len(row.metrics) < 2:
        graph = 8 if width < 60 else 14
        return [while_it_fits([short(metric, graph, row.colour) for metric in row.metrics[:3]], width)]
    shown = row.metrics[: min(3, at_most)]
    label = max(len(metric.label) for metric in shown)
    return [_metric_line(metric, label, width, row.colour) for metric in shown]


def _metric_line(metric: Metric, label: int, width: int, colour: str) -> Line:
    head: Line = [(metric.label.ljust(label + 1), "dim"), (number(metric.value).rjust(7), "bold"), ("  ", "")]
    room = max(0, width - line_width(head))
    return [*head, (spark(metric.values, min(room, len(metric.values))), colour)]


def _fact_line(row: Row, width: int) -> Line:
    checkpoint: Line = [(row.checkpoint, "dim")] if row.checkpoint else []
    return while_it_fits([[row.sync], checkpoint, row.machine], width, " · ") or cut_line([row.sync], width)

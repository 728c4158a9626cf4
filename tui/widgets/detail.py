"""The selected worker in full: facts, metrics, curves, log. Lines for a side panel, or for a whole screen."""

from __future__ import annotations

from collections.abc import Sequence

from remote.snapshot import RunSnapshot
from tui import words
from tui.format import Line, bar, cut, line_width, number, pad_line, size, spark, spread, while_it_fits, wrapped
from tui.gate import at_gate, decision_words, gate_lines, passage_words
from tui.keys import shown
from tui.machine_words import gpu_lines, machine_parts
from tui.results import result_lines
from tui.widgets.chart import chart
from tui.widgets.curves import curve_groups
from tui.widgets.frame import box
from tui.widgets.metrics import Metric, metrics_of
from wire.state import State

LABEL = 11
WIDE = 110


def detail_lines(
    row: RunSnapshot, now: float, colour: str, width: int, height: int, *, keys: Line, focus: bool = False
) -> list[Line]:
    """Everything about `row` in a frame of `width` x `height` cells; `keys` (what can be done) is its lower edge."""
    inner, room = width - 4, height - 2
    body = _two_columns(row, now, colour, inner, room) if inner >= WIDE else _one_column(row, now, colour, inner, room)
    title: Line = [(row.worker, f"bold {colour}")]
    end: Line = [(row.run, "dim")] if row.run and width >= 50 else []
    return box(body, width, height, title=title, end=end, foot=keys, focus=focus, role=colour)


def _one_column(row: RunSnapshot, now: float, colour: str, width: int, room: int) -> list[Line]:
    """Facts first; what room is left is shared by the curves and the log."""
    metrics = metrics_of(row)
    facts = fact_lines(row, now, colour, width)
    figures = metric_lines(metrics, width, colour, at_most=6 if room >= 20 else 2)
    spare = room - len(facts) - len(figures)
    if spare < 0:
        return [*facts[: max(3, room - len(figures))], *figures][:room]
    curves: list[Line] = []
    if spare >= 14 and row.metrics:
        tall = min(9, max(6, (spare - 9) // 2))
        groups = curve_groups(metrics, colour)
        shown = groups[:2] if spare >= 2 * tall + 5 else groups[:1]
        for title, group in shown:
            curves += [[], *chart(group, width, tall, title=title)]
    rest = spare - len(curves)
    log = [[], *log_lines(row, width, rest - 1)] if rest >= 3 else log_lines(row, width, rest)[1:] if rest else []
    return [*facts, *figures, *curves, *log]


def _two_columns(row: RunSnapshot, now: float, colour: str, width: int, room: int) -> list[Line]:
    """Facts and curves on the left, what was asked and the log on the right."""
    left_width = (width - 3) // 2
    right_width = width - 3 - left_width
    metrics = metrics_of(row)
    left = [*fact_lines(row, now, colour, left_width), *metric_lines(metrics, left_width, colour, at_most=8)]
    groups = curve_groups(metrics, colour) if row.metrics else []
    for index, (title, group) in enumerate(groups):
        tall = min(14, (room - len(left)) // (len(groups) - index) - 1)
        if tall >= 5:
            left += [[], *chart(group, left_width, tall, title=title)]
    right = [*asked_lines(row, right_width), []]
    right += log_lines(row, right_width, room - len(right))
    lines = []
    for index in range(room):
        one = left[index] if index < len(left) else []
        other = right[index] if index < len(right) else []
        lines.append([*pad_line(one, left_width), (" │ ", "faint"), *pad_line(other, right_width)])
    return lines


def fact_lines(row: RunSnapshot, now: float, colour: str, width: int) -> list[Line]:
    """State, why, where, how far, results: one fact a line."""
    lines = [words.state_line(row, now, width)]
    noted = words.notice(row, now)
    if noted is not None:
        lines += [[(piece, noted[1])] for piece in wrapped(noted[0], width, 4)]
    lines += _told_lines(row, width)
    if row.run:
        bar_line = _run_bar(row, now, width - LABEL)
        lines += [_fact("run", bar_line)] if line_width(bar_line) else []
    room = width - LABEL
    lines.append(_fact("code", _code(row, room)))
    lines.append(_fact("host", while_it_fits([[(row.host, "")], *machine_parts(row), _disk(row)], room, " · ")))
    lines += [_fact("" if index else "GPUs", line) for index, line in enumerate(gpu_lines(row))]
    if row.run:
        checkpoint = words.checkpoint_words(row, now)
        if not checkpoint and row.state is State.RUNNING and row.progress is not None:
            checkpoint = "no checkpoint yet"
        results: list[Line] = [[words.sync_words(row, now)], [(checkpoint, "dim")]]
        lines.append(_fact("results", while_it_fits(results, room, " · ") or results[0]))
    if row.spec is not None and row.spec.parent:
        lines += _facts("repeats", row.spec.parent, "", width)
    if row.cluster is not None:
        lines += _facts("slurm", row.cluster.place, "", width)
    return lines


def _told_lines(row: RunSnapshot, width: int) -> list[Line]:
    """What a run amounts to, or why it is as it is and what it said last."""
    if row.state is State.COMPLETED and row.result is not None and not row.step:
        return [*result_lines(row.result, LABEL, width), *_facts("gate", passage_words(row), "dim", width)]
    table = gate_lines(row, width - LABEL) if at_gate(row) and not row.step else []
    decided = _facts("gate", decision_words(row), "", width)
    if table:
        return [*decided, *(_fact("" if decided or index else "gate", line) for index, line in enumerate(table))]
    last = words.last_words(row)
    lines: list[Line] = []
    if row.reason and row.reason != last[0]:
        lines += _facts("why", row.reason, "", width)
    label = "now" if row.state.active or row.step else "end" if row.run else "next"
    told = _facts(label, last[0], last[1], width) if last[0] not in ("", words.NO_PROGRESS) else []
    return [*lines, *told, *(decided if row.state.active else [])]


def _fact(label: str, value: Sequence[tuple[str, str]]) -> Line:
    return [(label.ljust(LABEL), "dim"), *value]


def _facts(label: str, value: str, role: str, width: int, at_most: int = 3) -> list[Line]:
    """A fact of any length, wrapped behind its label."""
    pieces = wrapped(value, width - LABEL, at_most)
    return [_fact("" if index else label, [(piece, role)]) for index, piece in enumerate(pieces)]


def _run_bar(row: RunSnapshot, now: float, width: int) -> Line:
    """Bar, count and time left in `width` cells."""
    left = words.left_words(row, now)
    silent = words.NO_PROGRESS if row.state is State.RUNNING and row.progress is None else ""
    text: Line = [(words.count_words(row) or silent, ""), (f"  {left}" if left else "", "dim")]
    share = words.share_done(row)
    if share is None:
        return text
    healthy = {State.RUNNING: "ok", State.COMPLETED: "ok", State.PREPARING: "info"}
    role = healthy.get(row.state, "dim") if row.confirmed(now) else "dim"
    return [*bar(share, min(40, max(0, width - line_width(text) - 2)), role), ("  ", ""), *text]


def _code(row: RunSnapshot, width: int) -> Line:
    """Branch, commit, dirty mark, extractor; the subject in what room is left."""
    subject = row.spec.subject if row.spec is not None else ""
    dirty: Line = [("dirty", "bold warn")] if row.spec is not None and row.spec.dirty else []
    line = while_it_fits([words.commit_words(row), dirty, [(row.extractor, "dim")]], width, " · ")
    room = width - line_width(line) - 3
    return [*line, (" · ", "faint"), (cut(subject, room), "dim")] if subject and room >= 12 else line


def _disk(row: RunSnapshot) -> Line:
    free = row.facts.disk_free_bytes if row.facts is not None else 0
    return [(f"{size(free)} free", "dim")] if free else []


def metric_lines(metrics: Sequence[Metric], width: int, colour: str, *, at_most: int) -> list[Line]:
    """One metric a line: value, sparkline, best."""
    lines: list[Line] = []
    label = max(LABEL, min(width // 5, max((len(metric.label) + 1 for metric in metrics[:at_most]), default=0)))
    for metric in metrics[:at_most]:
        best = metric.best
        end: Line = [("best ", "dim"), (number(best), "")] if best is not None and len(metric.values) > 1 else []
        head: Line = [(cut(metric.label, label - 1).ljust(label), "dim"), (number(metric.value).rjust(7), "bold")]
        graph = spark(metric.values, min(40, len(metric.values), max(0, width - label - 9 - line_width(end) - 2)))
        lines.append(spread([*head, ("  " + graph, colour)], end, width))
    return lines


def log_lines(row: RunSnapshot, width: int, room: int) -> list[Line]:
    """A rule and the end of the log (or the newest beats while no log is streamed), `room` lines in all."""
    if room < 2:
        return []
    source, name = (row.log_tail, "log") if row.log_tail else (row.messages, "heartbeats")
    if not source:
        empty = (
            "nothing printed yet"
            if row.run or row.step
            else f"{shown('launch')} launches this worker; its log appears here"
        )
        return [_rule("log", width), [(empty, "dim")]]
    return [_rule(name, width), *_newest(source, width, room - 1)]


def _newest(source: Sequence[str], width: int, room: int) -> list[Line]:
    """The newest lines in `room` rows: wrapped where there is room for it, the oldest ones give way."""
    at_most = 1 if room < 3 else 2 if room < 8 else 3
    lines: list[Line] = []
    for text in reversed(source[-room:]):
        pieces = wrapped(text, width, min(at_most, room - len(lines))) or [""]
        lines = [*([(piece, "")] for piece in pieces), *lines]
        if len(lines) >= room:
            break
    return lines


def _rule(title: str, width: int) -> Line:
    return [(title + " ", "bold"), ("─" * max(0, width - line_width([(title, "")]) - 1), "faint")]


def asked_lines(row: RunSnapshot, width: int) -> list[Line]:
    """What the run was asked to do, and by whom."""
    spec = row.spec
    if spec is None:
        return [[("never launched", "dim")]]
    facts = [
        ("asked by", spec.by),
        ("command", " ".join(spec.command)),
        ("config", " ".join((spec.config, *spec.overrides))),
        ("in", spec.cwd),
        ("results", row.sync.folder),
    ]
    lines: list[Line] = []
    for label, value in facts:
        lines += _facts(label, value, "", width)
    return lines

"""What an ended run amounts to: its figures, each beside the best control, and how it ended where it has none."""

from __future__ import annotations

from remote.figures import NO_SKILL, best_control, has_skill, is_number
from remote.snapshot import RunSnapshot
from tui.format import Line, Span, cut, duration, line_width, number, pad_line, spread, while_it_fits
from tui.hosts.machine import SKEW_SHOWN_S
from wire.records import RunSummary
from wire.state import State

FIGURES = {"accuracy": "accuracy", "pred_mse": "mse", "skill": "skill"}
"""The figures that are shown, in their order, and what they are called."""
SHORT = {"accuracy": "acc"}


def result_words(result: RunSummary) -> Span:
    """`accuracy 0.972 (0.94-0.98) · mse 0.021 · skill 0.75`; a run without skill, or with a flag, is a warning."""
    figures = dict(_figures(result))
    poor = not has_skill(result)
    head = f"{NO_SKILL} ({figures.pop('skill')}): " if poor and "skill" in figures else f"{NO_SKILL}: " if poor else ""
    flags = [f"▲ {flag}" for flag in _other_flags(result)]
    text = " · ".join([*(f"{label} {text}" for label, text in figures.items()), *flags])
    return ((head + text).removesuffix(": ") or result.verdict, "warn" if poor or flags else "")


def result_lines(result: RunSummary, label: int, width: int) -> list[Line]:
    """One figure a line with its best control beside it, behind a column of `label` cells."""
    role = "bold warn" if not has_skill(result) else "bold"
    figures = _figures(result)
    lines: list[Line] = []
    for name, text in figures:
        head: Line = [("" if lines else "result", "dim")]
        line = [*pad_line(head, label), (SHORT.get(name, name).ljust(6), ""), (text, role)]
        lines.append(spread(line, _beside(result, name, width - line_width(line) - 1), width))
    lines += [[("".ljust(label), ""), (f"▲ {flag}", "warn")] for flag in _other_flags(result)]
    return lines


def ended_words(row: RunSnapshot) -> Span:
    """How a run ended that left no result: why, else its exit code and the last line that it printed."""
    if row.reason:
        roles = {State.FAILED: "bad", State.LOST: "bad", State.HELD: "accent"}
        return (row.reason, roles.get(row.state, "dim"))
    end = row.exit
    code = f"exit code {end.code}" if end is not None and end.code is not None else ""
    last = end.extra.get("last_line") if end is not None else None
    printed = last if isinstance(last, str) and last else row.log_tail[-1] if row.log_tail else ""
    return (": ".join(part for part in (code, printed) if part), "dim")


def took_words(row: RunSnapshot) -> str:
    """`after 2 min 5 s`, from the launch to the end; '' while it runs or if that is not known.

    A resumed run counts its attempts instead: the pauses between them say nothing.
    """
    if not row.state.final or row.exit is None:
        return ""
    attempt = row.attempt.rpartition(".")[2]
    if attempt.isdigit() and int(attempt) > 1:
        return f"attempt {attempt}"
    started = row.spec.created_s if row.spec is not None else 0.0
    skew = row.facts.clock_skew_s if row.facts is not None and row.facts.clock_skew_s is not None else 0.0
    # What the way of a message makes of two clocks that agree is no skew: the figure would be another each time.
    seconds = row.exit.at_s - started - (skew if abs(skew) >= SKEW_SHOWN_S else 0.0)
    return f"after {duration(seconds)}" if started and seconds >= 0 else ""


def _figures(result: RunSummary) -> list[tuple[str, str]]:
    """(label, text) of each figure that the run has."""
    found = []
    for key, label in FIGURES.items():
        value = result.metrics.get(key)
        if value is not None and is_number(value):
            text = f"{value:.2f}" if key == "skill" else number(float(value))
            found.append((label, text + (_interval(result) if key == "accuracy" else "")))
    return found


def _interval(result: RunSummary) -> str:
    low, high = result.metrics.get("accuracy_low"), result.metrics.get("accuracy_high")
    return f" ({low:.2f}-{high:.2f})" if is_number(low) and is_number(high) else ""


def _beside(result: RunSummary, name: str, room: int) -> Line:
    """What a figure must be compared with: its best control; the effort beside the skill. A number is never cut."""
    if name == "skill":
        told = [[("not above its best control", "warn")]] if not has_skill(result) else _effort(result)
        return while_it_fits(told, room, " · ")
    control = best_control(result.controls, next(key for key, label in FIGURES.items() if label == name))
    if control is None:
        return []
    value = f"{control[1]:.2f}" if name == "accuracy" else number(control[1])
    named = cut(control[0], room - len(value) - 1)
    return [(f"{named} ", "dim"), (value, "")] if len(named) > 3 else []


def _effort(result: RunSummary) -> list[Line]:
    """How long it learned, and how large the model is."""
    trained: Line = [(f"trained {duration(result.train_s)}", "dim")] if result.train_s > 0 else []
    weights: Line = [(f"{result.parameters:,} weights", "dim")] if result.parameters > 0 else []
    return [trained, weights]


def _other_flags(result: RunSummary) -> list[str]:
    return [flag for flag in result.flags if flag not in (NO_SKILL, result.verdict)]

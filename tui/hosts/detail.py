"""The selected host in full: connection, GPUs, machine, workers, and what doctor found."""

from __future__ import annotations

from collections.abc import Sequence

from remote.checks import Report
from remote.clean import clean
from remote.hosts import HostSnapshot
from remote.snapshot import Link, RunSnapshot
from tui.format import Line, age, cut, cut_line, fitted, joined, pad_line, spread, while_it_fits, wrapped
from tui.hosts.checks import report_lines, summary
from tui.hosts.gpus import gpu_line
from tui.hosts.instance import idle_line, instance_line, why_no_idle_stop
from tui.hosts.machine import skew_words, spot_words, uses
from tui.hosts.rows import (
    cost_words,
    dimmed,
    facts_age,
    kind_words,
    link_reason,
    run_words,
    since_words,
    trip_words,
)
from tui.machine_words import gpus_named
from tui.widgets.frame import box
from tui.words import age_words, beside_state, known, link_words, state_words

LABEL = 11
WARNINGS_SHOWN = 3
DOCTOR = ("doctor ", "bold")
CURSOR = ("▌ ", "bold accent")
SIDE = 150
"""From this width on workers and doctor stand beside the machine."""


def framed(
    host: HostSnapshot, body: Sequence[Line], top: int, width: int, height: int, *, foot: str = ""
) -> list[Line]:
    """`body` from line `top` on, in a frame of `width` x `height` cells, with `foot` in its lower edge."""
    room = height - 2
    shown = list(body[top : top + room])
    if len(body) > top + room:
        shown[-1] = [(f"… {len(body) - top - room + 1} more lines: pgdn", "dim")]
    title: Line = [(host.name, "bold accent")]
    return box(
        shown,
        width,
        height,
        title=title,
        end=[(kind_words(host), "dim")],
        foot=[(foot, "dim")] if foot else [],
        focus=False,
        role="accent",
    )


def body_lines(
    host: HostSnapshot, rows: Sequence[RunSnapshot], now: float, width: int, *,
    worker: str = "", report: Report | None = None, looking: bool = False,
) -> list[Line]:  # fmt: skip
    """Everything about a host; `worker` is the selected one, `looking` says that doctor is on its way."""
    if width < SIDE:
        machine, workers = machine_lines(host, now, width), worker_lines(rows, now, width, worker)
        return [*machine, *workers, *doctor_lines(report, now, width, looking=looking)]
    half = (width - 3) // 2
    left, rest = machine_lines(host, now, half), width - 3 - half
    right = [*worker_lines(rows, now, rest, worker), [], *doctor_lines(report, now, rest, looking=looking)]
    return [
        [*pad_line(_at(left, row), half), (" │ ", "faint"), *_at(right, row)]
        for row in range(max(len(left), len(right)))
    ]


def _at(lines: Sequence[Line], index: int) -> Line:
    return lines[index] if index < len(lines) else []


def _fact(label: str, value: Line) -> Line:
    return [(label.ljust(LABEL), "dim"), *value]


def machine_lines(host: HostSnapshot, now: float, width: int) -> list[Line]:
    """Connection, GPUs with their memory first, processor, memory, disk, clock."""
    room = width - LABEL
    link: Line = [link_words(host.link, now), (since_words(host.link, now), "dim")]
    lines = [_fact("connection", while_it_fits([link, trip_words(host.link), cost_words(host)], room, " · "))]
    why = link_reason(host.link, now)
    lines += [_fact("" if index else "why", [(piece, "warn")]) for index, piece in enumerate(wrapped(why, room, 4))]
    lines += _instance_lines(host, now, room)
    facts = host.facts
    if facts is None:
        todo = ": ctrl+r connects" if host.link.link is Link.UNKNOWN else ""
        lines.append(_fact("machine", [(f"tells nothing yet{todo}", "dim")]))
        return [*lines, *_probe_lines(host, room), *_warning_lines(host, now, room)]
    if spot := spot_words(facts):
        lines.append(_fact("spot", [(cut(spot, room), "bold warn")]))
    for index, gpu in enumerate(facts.gpus):
        lines.append(_fact("" if index else "GPU", dimmed(gpu_line(gpu, room), host)))
    if not facts.gpus:
        lines.append(_fact("GPU", [("none that nvidia-smi tells of", "dim")]))
    lines += [_fact(use.name, dimmed(use.line, host)) for use in uses(facts)]
    lines.append(_fact("clock", [skew_words(facts)]))
    lines.append(_fact("known", [facts_age(host, now)]))
    return [*lines, *_probe_lines(host, room), *_warning_lines(host, now, room)]


def _warning_lines(host: HostSnapshot, now: float, room: int) -> list[Line]:
    """What of it makes no sense, the newest first."""
    newest = host.warnings[: -WARNINGS_SHOWN - 1 : -1]
    lines: list[Line] = []
    for index, one in enumerate(newest):
        times = f", {one.times} times" if one.times > 1 else ""
        when = f"  {age(now - one.at)} ago{times}"
        text = ("▲ " + cut(one.text, room - len(when) - 2), "warn")
        lines.append(_fact("" if index else "odd", [text, (when, "dim")]))
    return lines


def _instance_lines(host: HostSnapshot, now: float, room: int) -> list[Line]:
    """How the instance of an EC2 host stands, since when nobody uses it, and what is wrong with either."""
    ec2 = host.ec2
    if ec2 is None:
        return []
    lines = [_fact("EC2", cut_line(instance_line(host, now), room))]
    problem = ec2.problem.removeprefix(f"{host.name}: ")
    wrong = [f"Amazon could not be asked again: {problem}"] if problem else []
    if why := why_no_idle_stop(host):
        wrong.append(f"does not stop itself after {ec2.idle_stop_min} idle min: {why}")
    if idle := idle_line(host, now):
        lines.append(_fact("usage", dimmed(cut_line(idle, room), host)))
    return lines + [
        _fact("", [(("▲ " if index == 0 else "  ") + piece, "warn")])
        for text in wrong for index, piece in enumerate(wrapped(text, max(8, room - 2), 4))
    ]  # fmt: skip


def _probe_lines(host: HostSnapshot, room: int) -> list[Line]:
    """What it said about itself when it was reached."""
    probe = host.probe
    if probe is None:
        return []
    git = (probe.git or "no git").removeprefix("git version ")
    told = [(f"python {probe.python}", ""), (f"git {git}", "") if probe.git else (git, "warn"), (probe.platform, "dim")]
    tools: list[Line] = [[span] for span in told]
    return [_fact("has", while_it_fits(tools, room, " · ")), _fact("root", [(cut(clean(probe.root), room), "dim")])]


def worker_lines(rows: Sequence[RunSnapshot], now: float, width: int, selected: str) -> list[Line]:
    """Its workers, one a row: state, what it does, how old that is."""
    head: Line = [("workers ", "bold"), *(run_words(rows, now) if rows else [("none of the profile", "dim")])]
    lines = [head]
    for row in rows:
        mark = CURSOR if row.worker == selected else ("  ", "")
        name = (fitted(row.worker, 20) + " ", "bold" if row.worker == selected else "")
        state = joined([[state_words(row, now)], [(beside_state(row), "dim")], [(gpus_named(row), "dim")]])
        end: Line = [age_words(row, now)] if known(row) else []
        lines.append(spread([mark, name, *state], end, width))
    return lines


def doctor_lines(report: Report | None, now: float, width: int, *, looking: bool) -> list[Line]:
    """What doctor found and when; what is wrong comes first."""
    head: Line = [DOCTOR]
    if looking:
        return [[*head, ("◌ looking …", "info")]]
    if report is None:
        return [[*head, ("has not looked yet: ", "dim"), ("D", "bold info"), (" checks this host", "dim")]]
    return [[*head, *summary(report, now)], *report_lines(report, width, worst_first=True)]

"""The one table of keys: bindings, footer, help and palette all come from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from remote.errors import ConfigError
from remote.snapshot import Link, RunSnapshot
from tui.format import Line, Span, line_width, while_it_fits
from tui.keymap import remapped
from tui.settings import settings
from wire.gate import is_retired
from wire.state import State

Condition = Callable[[RunSnapshot], bool]


def always(row: RunSnapshot) -> bool:
    return True


def may_launch(row: RunSnapshot) -> bool:
    """Nothing of the worker runs, as far as is known."""
    return not row.state.active


def may_stop(row: RunSnapshot) -> bool:
    """Something runs, or was running when it was last seen."""
    return row.state.active


def may_resume(row: RunSnapshot) -> bool:
    """A run ended before it was complete, and nobody made that final."""
    return row.state in (State.FAILED, State.STOPPED, State.LOST) and not is_retired(row.decision)


def may_decide(row: RunSnapshot) -> bool:
    """Its gate holds the run."""
    return row.state is State.HELD


def may_relaunch(row: RunSnapshot) -> bool:
    """There is a run to repeat, and nothing in its way."""
    return bool(row.run) and not row.state.active


def may_reconnect(row: RunSnapshot) -> bool:
    """The host waits for its next try, or for a person."""
    return row.link.link in (Link.OFFLINE, Link.NEEDS_YOU)


def has_run(row: RunSnapshot) -> bool:
    """There is a run directory on the host."""
    return bool(row.run)


@dataclass(frozen=True)
class Key:
    """One row: `keys` in Textual's spelling, `shown` as people read it, `rank` orders the footer (0 = not there)."""

    action: str
    keys: str
    shown: str
    label: str
    help: str
    group: str
    rank: int = 0
    mutates: bool = False
    applies: Condition = always
    verb: bool = False
    """True for what acts on the selected worker: shown in its panel while it applies."""


def table(name: str, *rows: Key) -> tuple[Key, ...]:
    """A table under its name, with the keys that the person chose; if those are wrong, the app says so at its start."""
    try:
        return remapped(name, rows, settings().keys)
    except ConfigError:
        return rows


UP = "up,k", "↑ k", "up"
DOWN = "down,j", "↓ j", "down"
PAGE_UP = "pageup,ctrl+u", "pgup", "page up"
PAGE_DOWN = "pagedown,ctrl+d", "pgdn", "page down"
FIRST = "g,home", "g", "first"
LAST = "G,end", "G", "last"
"""How one moves everywhere: keys, how they are shown, and the label."""

KEYS = table(
    "app",
    Key("launch", "n", "n", "launch", "launch the worker on its branch's newest commit", "Worker", 3, True,
        may_launch, True),
    Key("stop", "x", "x", "stop", "stop the run: a checkpoint is written first; asks", "Worker", 4, True,
        may_stop, True),
    Key("resume", "r", "r", "resume", "go on from the last checkpoint", "Worker", 5, True, may_resume, True),
    Key("relaunch", "a", "a", "relaunch", "the same once more, as a new run with changes", "Worker", 6, True,
        may_relaunch, True),
    Key("release", "e", "e", "release", "let a held run go on past its gate all the same; asks", "Worker", 1, True,
        may_decide, True),
    Key("retire", "E", "E", "retire", "make a held run final: it is never resumed; asks", "Worker", 2, True,
        may_decide, True),
    Key("open('log')", "l", "l", "log", "follow and search the log", "Worker", 7, False, has_run, True),
    Key("sync", "R", "R", "sync", "bring the results to this laptop now", "Worker", 8, True, has_run, True),
    Key("fetch", "F", "F", "fetch", "bring home what was committed in its worktree", "Worker", 0, True, always, True),
    Key("kill", "X", "X", "kill", "end the run at once, no checkpoint; asks for its name", "Worker", 12,
        True, may_stop, True),
    Key("copy", "y", "y", "copy", "copy the place of its run, host:path", "Worker", 0, False, has_run, True),
    Key("shell", "s", "s", "shell", "a shell on its host, in its worktree; exit comes back", "Worker", 0, True,
        always, True),
    Key("tests", "i", "i", "tests", "run its tests on its host: red, green, refactor, or prove all", "Worker", 0, True,
        always, True),
    Key("checklist", "C", "C", "checklist", "look for the proofs of its checklist now", "Worker", 0, True, always,
        True),
    Key("reconnect", "ctrl+r", "ctrl+r", "reconnect", "try a lost host again now, and answer its question", "Worker", 5,
        False, may_reconnect, True),
    Key("launch_all", "N", "N", "launch all", "launch all that never ran, failed or were stopped; asks", "Worker", 13,
        True),
    Key("open", "enter,d", "enter", "open", "the selected worker on the whole screen", "Screens", 9),
    Key("mark", "space", "space", "mark", "mark the worker, or take its mark away", "Screens", 11),
    Key("mark_range", "v", "v", "mark range", "mark everything from the last mark to here", "Screens"),
    Key("order", "o", "o", "order", "sort by the profile, state, name, host, newest run", "Screens"),
    Key("compare", "c", "c", "compare", "the marked workers side by side; without marks all that ran", "Screens", 11),
    Key("hosts", "h", "h", "hosts", "every host: connection, GPUs, load, disk, runs, doctor", "Screens", 12),
    Key("activity", "A", "A", "activity", "every action: when, who, exactly what ran, how it ended", "Screens", 13),
    Key("housekeeping('report')", "T", "T", "report", "one page: what ran, passed, failed and why, and what it took",
        "Screens"),
    Key("housekeeping('prune')", "P", "P", "prune", "what may go from hosts and laptop, and what it takes; asks",
        "Screens"),
    Key("housekeeping('worktrees')", "W", "W", "worktrees",
        "where each worker's code lies on its host; removes it; asks", "Screens"),
    Key("filter", "slash", "/", "filter", "show only workers that match (name, host, branch, state)", "Screens", 10),
    Key("layout", "V", "V", "view", "panels or board", "Screens", 11),
    Key("freeze", "p", "p", "freeze", "hold the screen still, or go on", "Screens", 14),
    Key("palette", "colon,ctrl+p", ": ctrl+p", "palette", "every action and worker by name", "Screens", 15),
    Key("theme", "t", "t", "theme", "next theme: dark, light, Okabe-Ito, the terminal's own", "Screens"),
    Key("help", "question_mark,f1", "?", "help", "this page", "Screens", 0),
    Key("quit", "q,ctrl+c,ctrl+q", "q", "quit", "leave at once; what runs goes on running", "Screens", 0),
    Key("back", "escape", "esc", "back", "close what is on top, clear the filter, then the marks", "Screens"),
    Key("move(-1)", *UP, "previous worker", "Move"),
    Key("move(1)", *DOWN, "next worker", "Move"),
    Key("side(-1)", "left", "←", "left", "panel to the left", "Move"),
    Key("side(1)", "right", "→", "right", "panel to the right", "Move"),
    Key("next(1)", "tab", "tab", "next", "next worker, round and round", "Move"),
    Key("next(-1)", "shift+tab", "shift+tab", "previous", "previous worker, round and round", "Move"),
    Key("move(-9999)", *FIRST, "first worker", "Move"),
    Key("move(9999)", *LAST, "last worker", "Move"),
)  # fmt: skip

WORKER_KEYS = table(
    "worker",
    Key("tab(1)", "tab,right", "tab →", "next tab", "next tab", "One worker", 16),
    Key("tab(-1)", "shift+tab,left", "←", "previous tab", "previous tab", "One worker"),
    *(Key(f"show({n})", str(n), str(n), f"tab {n}", f"tab {n}", "One worker") for n in range(1, 7)),
    Key("worker(1)", "J", "J", "next worker", "the same tab of the next worker", "One worker", 17),
    Key("worker(-1)", "K", "K", "previous worker", "the same tab of the previous worker", "One worker"),
    Key("app.back", "escape", "esc", "back", "back to all workers", "One worker", 18),
)  # fmt: skip


def offered(table: tuple[Key, ...], *rows: RunSnapshot | None, read_only: bool) -> list[Key]:
    """Keys that do something now to one of the workers that a verb is for (None = there is none), in the footer's
    order."""
    keys = [key for key in table if key.rank and not (read_only and key.mutates)]
    return sorted((key for key in keys if any(not key.verb if row is None else key.applies(row) for row in rows)),
                  key=lambda key: key.rank)  # fmt: skip


def shown(label: str) -> str:
    """How people read the key of an action of the app, by its label: texts that name a key say the chosen one."""
    return next(key.shown.split(" ")[0] for key in KEYS if key.label == label)


def _hint(key: Key) -> list[Span]:
    return [(key.shown.split(" ")[0], "bold info"), (" " + key.label, "dim")]


def footer_line(keys: list[Key], width: int) -> Line:
    """Hints that fit whole; help and quit are always the last two."""
    end: Line = [(shown("help"), "bold info"), (" help", "dim"), ("  ", ""), (shown("quit"), "bold info"),
                 (" quit ", "dim")]  # fmt: skip
    taken = line_width(end)
    left = while_it_fits([_hint(key) for key in keys], width - taken - 3)
    return [(" ", ""), *left, (" " * max(1, width - 1 - line_width(left) - taken), ""), *end]


def panel_hints(row: RunSnapshot, width: int, *, read_only: bool) -> Line:
    """The verbs that apply to a worker, for the lower edge of its panel."""
    verbs = [key for key in offered(KEYS, row, read_only=read_only) if key.verb]
    return while_it_fits([_hint(key) for key in verbs], width)

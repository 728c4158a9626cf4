"""One verb for many workers: one question that names them, those that are left out, and what the filter hides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from remote.errors import RemoteError
from remote.snapshot import RunSnapshot
from tui.format import Line, cut, cut_line
from tui.keys import Condition, always, has_run, may_decide, may_launch, may_resume, may_stop, shown
from tui.screens.dialog import Confirm
from tui.words import commit_words, state_and_age

if TYPE_CHECKING:
    from tui.app import TrajvidApp

Work = Callable[[], Awaitable[str]]
"""Something to be done in the background; its result is what is told at its end, '' for nothing."""

SHOWN, TEXT_WIDTH = 12, 70
"""A line a worker, cut: long names must not push the buttons out of the dialog."""


@dataclass(frozen=True)
class Many:
    """How a verb is done to several workers."""

    verb: str
    applies: Condition
    warning: str = ""
    danger: bool = False
    typed: bool = False
    """True where the number of workers must be typed."""


MANY = {
    many.verb: many
    for many in (
        Many("launch", may_launch),
        Many("stop", may_stop, danger=True),
        Many("kill", may_stop, "Work since each one's last checkpoint is lost.", danger=True, typed=True),
        Many("resume", may_resume),
        Many("release", may_decide),
        Many("retire", may_decide, "They stay as they ended: never resumed, never released.", danger=True),
        Many("sync", has_run),
        Many("fetch", always),
    )
}


def question(many: Many, rows: Sequence[RunSnapshot], left_out: int, hidden: int, now: float) -> Confirm:
    """The one question for all of them."""
    lines = [cut_line(_one_of(row, now), TEXT_WIDTH) for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append([(f"and {len(rows) - SHOWN} more", "bold")])
    if hidden:
        lines.append([(f"▲ {hidden} of them hidden by the filter", "bold warn")])
    if left_out:
        lines.append([(f"{left_out} more marked, but {many.verb} does not apply to them now", "dim")])
    if many.warning:
        lines += [[], [(many.warning, "bold warn")]]
    title = f"{many.verb.capitalize()} {workers_words(len(rows))}?"
    yes = f"{many.verb.capitalize()} {len(rows)}"
    return Confirm(title, lines, yes, danger=many.danger, typed=str(len(rows)) if many.typed else "")


def _one_of(row: RunSnapshot, now: float) -> Line:
    """Who, in which state, where and on what: the state is seen even if the names are long."""
    state = state_and_age(row, now)
    where: Line = [(f"  on {cut(row.host, 20)}  ", "dim"), *commit_words(row)]
    return [(cut(row.worker, 24), "bold"), ("  ", ""), *state, *where]


class BulkRunner:
    """Asks once, then does the verb to each in the background: each row tells how it goes, each failure is a toast."""

    def __init__(
        self, app: TrajvidApp, run: Callable[[str, str, Work], None], once: Callable[[str, str], Awaitable[Any]]
    ):
        """`run(worker, doing, work)` runs one guarded piece of work; `once(verb, worker)` does the verb, unasked."""
        self._app, self._run, self._once = app, run, once

    def do(self, verb: str, chosen: list[RunSnapshot]) -> None:
        """Ask, then do `verb` to those of the chosen workers to which it applies."""
        rows = [row for row in chosen if MANY[verb].applies(row)]
        if rows:
            self.ask(verb, rows, len(chosen) - len(rows))
        else:
            self._app.toast(f"{verb}: applies to none of the {len(chosen)} marked workers now", "warning")

    def ask(self, verb: str, rows: list[RunSnapshot], left_out: int = 0) -> None:
        """Ask, then do `verb` to all of these."""
        store = self._app.store
        asked = question(MANY[verb], rows, left_out, store.hidden(rows), store.clock())

        async def work() -> str:
            if await self._app.push_screen_wait(asked):
                self.each(verb, rows)
            return ""

        self._run(workers_words(len(rows)), verb, work)

    def each(self, verb: str, rows: Iterable[RunSnapshot]) -> None:
        """Do `verb` to all of these at the same time, without a question."""
        for row in rows:
            self._run(row.worker, verb, partial(self._quietly, verb, row.worker))

    async def _quietly(self, verb: str, worker: str) -> str:
        await self._once(verb, worker)
        return ""


def workers_words(count: int) -> str:
    """`1 worker`, `3 workers`."""
    return f"{count} worker{'' if count == 1 else 's'}"


def ended_words(done: Any, doing: str) -> str:
    """How a stop or a kill ended. Raises `RemoteError` if processes are left."""
    if not done.stopped:
        left = ", ".join(str(pid) for pid in done.left)
        raise RemoteError(f"still running: processes {left}", hint=f"{shown('kill')} kills the run")
    if not done.was_running:
        return f"was not running ({done.state})"
    code = f", exit code {done.code}" if done.code is not None else ""
    return f"{done.state}{code}" + (" (had to be killed)" if done.forced and doing == "stop" else "")

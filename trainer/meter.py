"""How far a long count of clips is: a bar with rate and remaining time on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from trainer.console import LINE_INTERVAL_S, write_line

if TYPE_CHECKING:
    from rich.progress import Progress

Tell = Callable[[int, int, float], None]
"""(done, total, seconds left)."""


class Meter:
    """Counts clips up to `total`, on stderr. Use it as a context.

    `done` clips were there before; `tell` hears how many of how many are done and how many seconds are left at every
    step, and may raise to end the work.
    """

    def __init__(self, what: str, total: int, done: int = 0, *, tell: Tell = lambda done, total, left_s: None) -> None:
        self.what = what
        self.total = total
        self.done = done
        self._tell = tell
        self._fresh = 0
        self._began = self._said = time.monotonic()
        self._bar = _bar(what, total, done) if sys.stderr.isatty() else None

    def advance(self, clips: int) -> None:
        """Count more clips."""
        self.done += clips
        self._fresh += clips
        self._tell(self.done, self.total, self._left_s())
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, rate=self._rate())
        elif time.monotonic() - self._said >= LINE_INTERVAL_S:
            self._said = time.monotonic()
            write_line(2, f"{time.strftime('%H:%M:%S', time.gmtime())} {self.line()}")

    def line(self) -> str:
        """Return the state as one line of text."""
        return (
            f"{self.what}: {self.done:,} of {self.total:,} clips, {self._rate():,.0f} clips/s, "
            f"{self._left_s():,.0f} s left"
        )

    def _left_s(self) -> float:
        rate = self._rate()
        return (self.total - self.done) / rate if rate else 0.0

    def _rate(self) -> float:
        return self._fresh / max(time.monotonic() - self._began, 1e-3)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar(what: str, total: int, done: int) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("clips, {task.fields[rate]:,.0f}/s,", markup=False),
        TimeRemainingColumn(),
        TextColumn("left", markup=False),
    )
    bar = Progress(*columns, console=Console(stderr=True, highlight=False), transient=True)
    bar.add_task(what, total=total, completed=done, rate=0.0)
    return bar

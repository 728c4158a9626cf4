"""How a run speaks to a person: a live line on a terminal, plain lines with their time (UTC) elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from trainer import words
from wire.records import Progress

Say = Callable[[Progress, bool], None]
"""Takes the newest progress, and whether its message is worth a line of its own."""
LINE_INTERVAL_S = 10.0


def speaker() -> tuple[Say, Callable[[], None]]:
    """Return (say, close): rich's progress bar if stdout is a terminal, else lines for training.log."""
    return _bar() if sys.stdout.isatty() else (_lines(), lambda: None)


def write_line(descriptor: int, text: str) -> None:
    """Write one line past Python's buffers, which would fail again at exit: a log on a full disk, or a reader that
    went away, must not change how the run ends.
    """
    try:
        os.write(descriptor, text.encode("utf-8", "replace") + b"\n")
    except OSError:
        pass


def _lines() -> Say:
    """Say what is important, and otherwise one line in ten seconds."""
    said = float("-inf")

    def say(progress: Progress, important: bool) -> None:
        nonlocal said
        if important or time.monotonic() - said >= LINE_INTERVAL_S:
            said = time.monotonic()
            write_line(1, f"{time.strftime('%H:%M:%S', time.gmtime())} {progress.message}")

    return say


def _bar() -> tuple[Say, Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    console = Console(highlight=False)
    bar = Bar(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    task = bar.add_task("", total=None)
    bar.start()

    def say(progress: Progress, important: bool) -> None:
        if important:
            console.print(progress.message, markup=False, soft_wrap=True)
        bar.update(task, description=words.short(progress), completed=progress.step, total=progress.total_steps or None)

    return say, bar.stop

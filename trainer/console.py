"""How a run speaks to a person: a live line on a terminal, plain PROGRESS lines everywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from wire.records import Progress
from wire.state import Phase


def speaker() -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """Return (say, close): rich's progress bar if stdout is a terminal, else lines for training.log."""
    return _bar() if sys.stdout.isatty() else (_line, lambda: None)


def write_line(descriptor: int, text: str) -> None:
    """Write one line past Python's buffers, which would fail again at exit: a log on a full disk, or a reader that
    went away, must not change how the run ends.
    """
    try:
        os.write(descriptor, text.encode("utf-8", "replace") + b"\n")
    except OSError:
        pass


def _line(progress: Progress) -> None:
    write_line(1, f"PROGRESS {progress.message}")


def _bar() -> tuple[Callable[[Progress], None], Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.description}", markup=False),
              console=Console(), redirect_stdout=False, redirect_stderr=False)  # fmt: skip
    task = bar.add_task("load", total=None)
    bar.start()

    def say(progress: Progress) -> None:
        total = progress.total_steps or None
        bar.update(task, description=progress.message, completed=progress.step, total=total)
        if progress.phase == Phase.DONE.value:
            bar.stop()

    return say, bar.stop

"""What is said on the terminal that stays when the app is left."""

from __future__ import annotations

from collections.abc import Collection

from rich.cells import cell_len

from remote.snapshot import RunSnapshot
from tui.format import Line, fitted, safe
from tui.words import count_words, state_and_age


def what_goes_on(rows: list[RunSnapshot], now: float, tested: Collection[str] = ()) -> list[Line]:
    """What quitting leaves running, said after the app has gone; and whose tests it ends."""
    going = [row for row in rows if row.state.active]
    ended: list[Line] = [[(f"The tests of {', '.join(tested)} ended with it: no evidence was written.", "warn")]]
    ended = ended if tested else []
    if not going:
        return [*ended, [("Nothing is running.", "")]]
    hosts = sorted({row.host for row in going})
    sure = "" if all(row.confirmed(now) for row in going) else ", as far as is known"
    head = f"{len(going)} still running on {', '.join(hosts)}{sure}; this terminal is not needed:"
    lines: list[Line] = [[(head, "bold")]]
    width = max(cell_len(safe(row.worker)) for row in going)
    lines += [
        [("  " + fitted(row.worker, width) + "  ", ""), *state_and_age(row, now), ("  " + count_words(row), "dim")]
        for row in going
    ]
    return [
        *ended,
        *lines,
        [("See them again: ", "dim"), ("trajvid-tui", "info"), (" or ", "dim"), ("trajvid-tui status", "info")],
    ]

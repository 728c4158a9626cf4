"""An hour of the whole app, played faster: do its memory, its CPU and all that it holds stay flat?

50 workers of one host beat, train, print and make checkpoints as real runs do; the app follows them over SSH in a real
pseudo-terminal, fetches their results and keeps its history, while somebody goes from worker to worker and looks at
their charts, logs and host. The hour begins once all results of the start are there. The app is weighed at the end of
each quarter, after a search for garbage, while no results are on their way. The first quarter is for what is made once;
the last is compared with the second.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.beating_host import BEAT_S
from benchmarks.many_hosts import farm
from benchmarks.report import Row, arguments, lower_is_better, show
from benchmarks.terminal import WITHIN_S, Terminal
from benchmarks.weight import weigh

HOUR_S = 3600.0
QUARTERS = 4
KEY_S = 1.0
"""About so long from key to key."""
REST_S = 20.0
"""So long a weighing waits at most until no results are on their way and the last key has done its work."""
KEYS = ("j", "\r", "2", "3", "\x1b", "h", "\x1b")
"""The next worker, all of it, its charts, its log, back, its host, back."""
FIGURES = {
    "cpu_s": ("CPU", "s"), "resident_mib": ("resident", "MiB"), "descriptors": ("descriptors", ""),
    "tasks": ("tasks", ""), "threads": ("threads", ""), "widgets": ("widgets", ""),
}  # fmt: skip


def inside(profile: str, out: str) -> None:
    """In the terminal: the app on a profile; it adds its weight to `out` once all is there, and at each SIGUSR1."""
    from remote.snapshot import Link, RunSnapshot, SyncPhase
    from tui.app import TrajvidApp
    from tui.remembered import app_state_file
    from tui.session import ProfileSession

    app = TrajvidApp(ProfileSession(Path(profile)).open, memory=app_state_file())
    begun = 0.0

    def rows() -> list[RunSnapshot]:
        return app.fleet.snapshots() if app.fleet is not None else []

    def resting() -> bool:
        return len(app.screen_stack) == 1 and all(row.sync.phase is not SyncPhase.RUNNING for row in rows())

    async def note() -> None:
        nonlocal begun
        cpu_s, until = time.process_time() - begun, time.monotonic() + REST_S
        while not resting() and time.monotonic() < until:
            await asyncio.sleep(0.02)
        assert all(row.link.link is Link.LIVE for row in rows()), rows()[0].link
        with Path(out).open("a") as file:
            file.write(json.dumps({**living(), **asdict(weigh()), "cpu_s": cpu_s}) + "\n")
        begun = time.process_time()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: app.run_worker(note()))
        running = asyncio.create_task(app.run_async())
        while {row.sync.phase for row in rows()} != {SyncPhase.DONE}:
            await asyncio.sleep(0.1)
        await note()
        await running

    asyncio.run(main())


def living() -> dict[str, int]:
    """How many widgets are alive, whether on a screen or not, and how many objects of any kind."""
    from textual.widget import Widget

    gc.collect()
    objects = gc.get_objects()
    return {"widgets": sum(issubclass(type(one), Widget) for one in objects), "objects": len(objects)}


def play(folder: Path, workers: int, seconds: float, hours: float) -> list[dict[str, Any]]:
    """The weights at the end of each quarter; the first of them is that of the start."""
    out = folder / "weights"
    with farm(folder, 1, workers, BEAT_S * seconds / (HOUR_S * hours), works=True) as beats:
        words = (str(beats.profile.path), str(out))
        argv = [sys.executable, "-c", f"from benchmarks.hour import inside; inside(*{words!r})"]
        with Terminal(argv, env={"TRAJVID_STATE_DIR": str(folder / "state")}) as app:

            def noted(count: int) -> Callable[[], bool]:
                return lambda: out.exists() and out.read_text().count("\n") == count

            def until(count: int) -> None:
                if not app.read_until(noted(count), 5 * WITHIN_S):
                    raise RuntimeError(f"the app wrote no weight: {app.seen[-500:]!r}")

            until(1)
            keys = KEYS * max(1, round(seconds / QUARTERS / KEY_S / len(KEYS)))
            for quarter in range(1, QUARTERS + 1):
                for key in keys:
                    app.press(key)
                    app.read_for(seconds / QUARTERS / len(keys))
                os.kill(app.pid, signal.SIGUSR1)
                until(quarter + 1)
    return [json.loads(line) for line in out.read_text().splitlines()]


def rows_of(weights: list[dict[str, Any]], played: str) -> list[Row]:
    """The last quarter against the second."""
    second, last = weights[2], weights[-1]
    return [
        lower_is_better(f"{played}: {name}", last[key], second[key], target=0.9, unit=unit)
        for key, (name, unit) in FIGURES.items()
    ]


def compare(workers: int = 50, seconds: float = 60.0, hours: float = 1.0) -> list[Row]:
    """Play it and weigh."""
    with tempfile.TemporaryDirectory(prefix="tv-", ignore_cleanup_errors=True) as folder:
        weights = play(Path(folder), workers, seconds, hours)
    for number, weight in enumerate(weights):
        print(f"quarter {number}:", *(f"{key} {value:.6g}" for key, value in weight.items()), file=sys.stderr)
    return rows_of(weights, f"{hours:g} h in {seconds:g} s, quarter {QUARTERS} against 2")


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="seconds in which it is played")
    parser.add_argument("--hours", type=float, default=1.0, help="what is played")
    chosen = parser.parse_args()
    rows = compare(chosen.workers, chosen.seconds, chosen.hours)
    show("An hour of the app", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

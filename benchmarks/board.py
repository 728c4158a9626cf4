"""The app's board under 10 updates a second of each worker, against one panel of Textual's own widgets per worker.

Theirs is what the toolkit suggests: a bordered panel with a Static and a Sparkline for each worker, updated as its
news arrives, in a scrolling grid. Ours is the whole app (title, board, detail panel with curves, log and footer) over
a feed in memory. Each runs alone in a real pseudo-terminal, in turn, fed with the same snapshots. A way that cannot
keep up leaves updates out; its CPU is then that of the share which it drew, scaled up to all of them.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.report import Row, arguments, lower_is_better, percentile, show
from benchmarks.sync import lag_row, loop_lag

if TYPE_CHECKING:
    from textual.app import App

    from remote.snapshot import RunSnapshot

HZ = 10.0
BATCH_S = 0.05
FRAMES = 20
LAG_LIMIT_MS, KEY_LIMIT_MS = 15.0, 50.0
COLUMNS, LINES = 160, 50
WITHIN_S = 30.0
ROOT = Path(__file__).parents[1]
MARK = "▌ "
"""Stands before the name of the selected worker, in both apps."""
_ESCAPES = re.compile(rb"\x1b\[[0-9;:?<>=]*[A-Za-z]|\x1b[()][A-Z0-9]")

Take = Callable[["RunSnapshot"], None]


def worker(index: int) -> str:
    return f"w{index:03d}"


def films(workers: int) -> list[list[RunSnapshot]]:
    """For each worker some snapshots that follow one another: made before anything is measured."""
    from tests.tui.worlds import LIVE, running

    now, shown = time.monotonic(), []
    for index in range(workers):
        base = running(worker(index), done=40, seen_at=now, beat_at=now, progress_at=now, checkpoint_at=now)
        base = replace(base, link=replace(LIVE, since=now))
        shown.append([_frame(base, number) for number in range(FRAMES)])
    return shown


def _frame(base: RunSnapshot, number: int) -> RunSnapshot:
    assert base.progress is not None
    metrics = {name: (value or 0.0) + number / 1000 for name, value in base.progress.metrics.items()}
    progress = replace(base.progress, step=base.progress.step + number, metrics={**metrics})
    return replace(base, progress=progress, messages=(f"epoch 3 of 10, step {progress.step}",))


async def feed(take: Take, film: list[list[RunSnapshot]], until_s: float) -> float:
    """Give every worker its next snapshot 10 times a second; the share that was in time. Late ones are left out."""
    workers, rate = len(film), len(film) * HZ
    given, skipped, begun = 0, 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < until_s:
        due = int(passed * rate)
        if (late := due - given - skipped - workers) > 0:
            skipped += late
        for number in range(given + skipped, due):
            take(film[number % workers][number // workers % FRAMES])
            given += 1
        await asyncio.sleep(BATCH_S)
    return given / max(1, given + skipped)


def our_app(film: list[list[RunSnapshot]]) -> tuple[App[Any], Take]:
    """The app over a feed in memory."""
    from tests.tui.worlds import Feed
    from tui.app import TrajvidApp

    memory = Feed([frames[0] for frames in film])

    async def opener(asker: object) -> Feed:
        return memory

    return TrajvidApp(opener, verbs=object(), project="bench"), memory.put  # type: ignore[arg-type]


def their_app(film: list[list[RunSnapshot]]) -> tuple[App[Any], Take]:
    """A panel widget for each worker."""
    from textual.app import App, ComposeResult
    from textual.containers import Grid, Vertical, VerticalScroll
    from textual.widgets import Sparkline, Static

    class Panel(Vertical):
        DEFAULT_CSS = "Panel { height: 8; border: round $primary; } Panel Sparkline { height: 2; }"

        def __init__(self, snapshot: RunSnapshot) -> None:
            super().__init__()
            self.snapshot, self.selected = snapshot, False
            self.text, self.graph = Static(markup=False), Sparkline([])

        def compose(self) -> ComposeResult:
            yield self.text
            yield self.graph

        def on_mount(self) -> None:
            self.take(self.snapshot)

        def take(self, snapshot: RunSnapshot) -> None:
            self.snapshot, progress = snapshot, snapshot.progress
            assert progress is not None
            figures = "  ".join(f"{name} {value:.3f}" for name, value in list(progress.metrics.items())[:2])
            head = f"{MARK if self.selected else '  '}{snapshot.worker}  {snapshot.state.value}"
            self.text.update(f"{head}\nstep {progress.step}  {figures}\n{snapshot.messages[-1]}")
            self.graph.data = [point.values["val_loss"] or 0.0 for point in snapshot.metrics]

    class Panels(App[None]):
        CSS = "Grid { grid-size: 4; grid-rows: 8; height: auto; }"
        ENABLE_COMMAND_PALETTE = False
        BINDINGS: ClassVar = [("j", "move(1)"), ("k", "move(-1)")]

        def __init__(self) -> None:
            super().__init__()
            self.panels = {frames[0].worker: Panel(frames[0]) for frames in film}
            self.at = 0

        def compose(self) -> ComposeResult:
            with VerticalScroll():
                yield Grid(*self.panels.values())

        def on_mount(self) -> None:
            self.action_move(0)

        def action_move(self, by: int) -> None:
            old, self.at = self.at, max(0, min(len(film) - 1, self.at + by))
            for index in {old, self.at}:
                panel = self.panels[worker(index)]
                panel.selected = index == self.at
                panel.take(panel.snapshot)

    app = Panels()
    return app, lambda snapshot: app.panels[snapshot.worker].take(snapshot)


APPS = {"ours": our_app, "theirs": their_app}


def inside(name: str, workers: int, seconds: float, warm_s: float, out: Path) -> None:
    """In the terminal: run an app, measure, write the figures to `out`, and go on feeding until killed."""
    film = films(workers)
    app, take = APPS[name](film)

    async def drive() -> None:
        await feed(take, film, warm_s)
        cpu, begun = time.process_time(), time.perf_counter()
        share = await feed(take, film, seconds)
        cost = (time.process_time() - cpu) / (time.perf_counter() - begun)
        async with loop_lag() as lags:  # its 200 wake-ups a second would count as the app's CPU
            await feed(take, film, seconds)
        made = out.with_suffix(".new")
        made.write_text(json.dumps({"cpu": cost, "share": share, "lags": lags}))
        made.rename(out)
        await feed(take, film, float("inf"))

    async def main() -> None:
        running = asyncio.create_task(app.run_async(mouse=False))
        driving = asyncio.create_task(drive())
        await asyncio.wait([running, driving], return_when=asyncio.FIRST_COMPLETED)

    asyncio.run(main())


class Terminal:
    """A pseudo-terminal with one of the apps in it; kills it at the end."""

    def __init__(self, name: str, workers: int, seconds: float, warm_s: float, out: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
        more = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        given = ["--inside", name, "--workers", str(workers), "--seconds", str(seconds)]
        given += ["--warm", str(warm_s), "--out", str(out)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.board", *given],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env={**kept, **more}, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self.master)

    def read_until(self, ready: Callable[[], bool], within_s: float) -> bool:
        """Take what the app paints until `ready` holds; False if that was not in time."""
        deadline = time.monotonic() + within_s
        while not ready():
            if time.monotonic() > deadline:
                return False
            if select.select([self.master], [], [], 0.02)[0]:
                try:
                    self.seen = (self.seen + os.read(self.master, 65536))[-262144:]
                except OSError as exc:
                    raise RuntimeError(f"the app ended: {self.seen[-500:]!r}") from exc
        return True

    def painted(self, text: str) -> bool:
        """True if `text` was painted since `seen` was emptied."""
        return text.encode() in _ESCAPES.sub(b"", self.seen)

    def key_ms(self, key: str, text: str) -> float:
        """Milliseconds from pressing `key` until `text` was painted."""
        self.seen, begun = b"", time.perf_counter()
        os.write(self.master, key.encode())
        if not self.read_until(lambda: self.painted(text), WITHIN_S):
            raise RuntimeError(f"{text!r} was not painted after {key!r}; a board needs 20 workers or more here")
        return (time.perf_counter() - begun) * 1e3


@dataclass(frozen=True)
class Watched:
    """What one app cost."""

    cpu: float
    """Share of a core."""
    share: float
    """Share of the updates that it took."""
    lags: list[float]
    keys_ms: list[float]


def watch(name: str, workers: int, seconds: float, warm_s: float, presses: int) -> Watched:
    """Run one app: first undisturbed, then under keys that move the selection down and up again."""
    with tempfile.TemporaryDirectory(prefix="tv-") as folder:
        out = Path(folder) / "out.json"
        with Terminal(name, workers, seconds, warm_s, out) as terminal:
            if not terminal.read_until(out.exists, warm_s + 8 * seconds + 4 * WITHIN_S):
                raise RuntimeError(f"the app wrote no figures: {terminal.seen[-500:]!r}")
            figures = json.loads(out.read_text())
            keys, at = [], 0
            for number in range(presses):
                down = number // 3 % 2 == 0
                at = max(0, min(workers - 1, at + (1 if down else -1)))
                keys.append(terminal.key_ms("j" if down else "k", MARK + worker(at)))
                pause = time.monotonic() + 0.05 + number * 0.037 % 0.1
                terminal.read_until(lambda until=pause: time.monotonic() > until, 1)  # type: ignore[misc]
    return Watched(figures["cpu"], figures["share"], figures["lags"], keys)


def compare(workers: int, seconds: float, warm_s: float, presses: int) -> list[Row]:
    us, them = (watch(name, workers, seconds, warm_s, presses) for name in ("ours", "theirs"))
    target = 15.0 if workers >= 200 else 7.0
    name = f"{workers} workers"
    ours, theirs = (seen.cpu / seen.share * 100 for seen in (us, them))
    lag, their_lag = (percentile(seen.lags, 0.99) for seen in (us, them))
    key, their_key = (percentile(seen.keys_ms, 0.99) for seen in (us, them))
    return [
        lower_is_better(f"{name}: CPU", ours, theirs, target=target, unit="% of a core"),
        lag_row(f"{name}: loop lag p99 against its limit", us.lags, LAG_LIMIT_MS),
        lower_is_better(f"{name}: loop lag p99 against theirs", lag, their_lag, target=1, unit="ms"),
        lower_is_better(f"{name}: key to paint p99 against its limit", key, KEY_LIMIT_MS, target=1, unit="ms"),
        lower_is_better(f"{name}: key to paint p99 against theirs", key, their_key, target=1, unit="ms"),
    ]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--workers", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
    parser.add_argument("--warm", type=float, default=3.0, help="seconds of the same before it")
    parser.add_argument("--keys", type=int, default=60, help="keys that are pressed in each app")
    parser.add_argument("--inside", choices=APPS, help="be one of the apps (used by the benchmark itself)")
    parser.add_argument("--out", type=Path, help="where that app writes its figures")
    chosen = parser.parse_args()
    if chosen.inside:
        inside(chosen.inside, chosen.workers[0], chosen.seconds, chosen.warm, chosen.out)
        return
    rows = [row for workers in chosen.workers for row in compare(workers, chosen.seconds, chosen.warm, chosen.keys)]
    show(f"The board at {HZ:g} updates a second of each worker", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

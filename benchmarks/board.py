"""The app's board under 10 updates a second of each worker, against one panel of Textual's own widgets per worker.

Theirs is what the toolkit suggests: a bordered panel with a Static and a Sparkline for each worker, updated as its
news arrives, in a scrolling grid. Ours is the whole app (title, board, detail panel with curves, log and footer) over
a feed in memory. Each runs alone in a real pseudo-terminal, in turn, fed with the same snapshots. A way that cannot
keep up leaves updates out; its CPU and bytes are then those of the share which it took, scaled up to all of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.lag import Lags, late_rows, loop_lag, together
from benchmarks.report import Row, lower_is_better
from benchmarks.terminal import WITHIN_S, Terminal

if TYPE_CHECKING:
    from textual.app import App

    from remote.snapshot import RunSnapshot

HZ = 10.0
BATCH_S = 0.05
FRAMES = 20
LAG_LIMIT_MS, KEY_LIMIT_MS = 15.0, 50.0
CPU_TARGETS = {50: 7.0, 200: 15.0}
MARK = "▌ "
"""Stands before the name of the selected worker, in both apps."""

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


def inside(name: str, workers: int, seconds: float, warm_s: float, out: str) -> None:
    """In the terminal: run an app, measure, write the figures to `out`, and go on feeding until killed."""
    film = films(workers)
    app, take = APPS[name](film)

    async def drive() -> None:
        await feed(take, film, warm_s)
        # The collector need not look through films and imports; the app does the same as it opens.
        gc.freeze()
        cpu, sent, begun = time.process_time(), sent_bytes(), time.perf_counter()
        share = await feed(take, film, seconds)
        passed = time.perf_counter() - begun
        figures: dict[str, Any] = {
            "cpu": (time.process_time() - cpu) / passed,
            "sent": (sent_bytes() - sent) / passed,
            "share": share,
        }
        async with loop_lag() as lags:  # its 200 wake-ups a second would count as the app's CPU
            await feed(take, film, seconds)
        figures["lags"] = asdict(lags)
        made = Path(f"{out}.new")
        made.write_text(json.dumps(figures))
        made.rename(out)
        await feed(take, film, float("inf"))

    async def main() -> None:
        running = asyncio.create_task(app.run_async(mouse=False))
        driving = asyncio.create_task(drive())
        await asyncio.wait([running, driving], return_when=asyncio.FIRST_COMPLETED)

    asyncio.run(main())


def sent_bytes() -> int:
    """Bytes that this process has written: to its terminal, for nothing else is open (proc(5), io)."""
    return int(Path("/proc/self/io").read_text().split("wchar:")[1].split()[0])


@dataclass(frozen=True)
class Watched:
    """What one app cost in one turn."""

    cpu: float
    """Share of a core."""
    sent: float
    """Bytes a second to the terminal."""
    share: float
    """Share of the updates that it took."""
    lags: Lags
    keys: Lags
    """From a key to its paint."""


@dataclass(frozen=True)
class Load:
    """How an app is fed and watched."""

    workers: int
    seconds: float
    """Length of each measurement."""
    warm_s: float
    """The same before it."""
    keys: int
    """How many are pressed."""


def watch(name: str, load: Load) -> Watched:
    """Run one app: first undisturbed, then under keys that move the selection down and up again."""
    with tempfile.TemporaryDirectory(prefix="tv-") as folder:
        out = Path(folder) / "out.json"
        arguments = (name, load.workers, load.seconds, load.warm_s, str(out))
        argv = [sys.executable, "-c", f"from benchmarks.board import inside; inside(*{arguments!r})"]
        with Terminal(argv) as terminal:
            if not terminal.read_until(out.exists, load.warm_s + 8 * load.seconds + 4 * WITHIN_S):
                raise RuntimeError(f"the app wrote no figures: {terminal.seen[-500:]!r}")
            figures = json.loads(out.read_text())
            keys, at = Lags(), 0
            for number in range(load.keys):
                down = number // 3 % 2 == 0
                at = max(0, min(load.workers - 1, at + (1 if down else -1)))
                clock_ms, own_ms = terminal.key_ms("j" if down else "k", MARK + worker(at))
                keys.clock_ms.append(clock_ms)
                keys.own_ms.append(own_ms)
                terminal.read_for(0.05 + number * 0.037 % 0.1)
    lags = Lags(**figures.pop("lags"))
    return Watched(**figures, lags=lags, keys=keys)


def compare(load: Load, turns: int) -> list[Row]:
    """Both apps `turns` times, in turn."""
    us, them = [], []
    for _ in range(turns):
        us.append(watch("ours", load))
        them.append(watch("theirs", load))
    name = f"{load.workers} workers"

    def both(figure: Callable[[Watched], float]) -> tuple[float, float]:
        return statistics.median(map(figure, us)), statistics.median(map(figure, them))

    cpu = both(lambda turn: turn.cpu / turn.share * 100)
    sent = both(lambda turn: turn.sent / turn.share / 1e3)
    for app, share in zip(("ours", "theirs"), both(lambda turn: turn.share), strict=True):
        print(f"{name}: {app} took {share:.0%} of the updates", file=sys.stderr)
    target = CPU_TARGETS.get(load.workers, 1.0)
    lags = together(turn.lags for turn in us), together(turn.lags for turn in them)
    keys = together(turn.keys for turn in us), together(turn.keys for turn in them)
    return [
        lower_is_better(f"{name}: CPU", *cpu, target=target, unit="% of a core"),
        lower_is_better(f"{name}: to the terminal", *sent, target=1, unit="kB/s"),
        *late_rows(f"{name}: loop lag", *lags, LAG_LIMIT_MS),
        *late_rows(f"{name}: key to paint", *keys, KEY_LIMIT_MS),
    ]

"""The update of a chart of 3 curves of 500 points in 80 x 20 cells, against the widget of textual-plot.

Both are the only widget of an app without a screen, on the same Textual and in braille dots; an update hands over new
points and ends when their frame was composed. The figure is processor time.
"""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.widget import Widget

    from benchmarks.report import Row

SIZE = (80, 20)
CURVES, POINTS, WARM = 3, 500, 5
TARGET = 3.0
ROOT = Path(__file__).parents[1]

Update = Callable[[list[list[float]]], None]


def curves(number: int) -> list[list[float]]:
    """What the curves have become at the update of this number: losses that fall, with some noise."""
    return [
        [math.exp(-at / (100 + 40 * curve)) + 0.05 * math.sin(at * 1.7 + number + curve) for at in range(POINTS)]
        for curve in range(CURVES)
    ]


def our_chart() -> tuple[Widget, Update]:
    from tui.format import Line
    from tui.theme import DEFAULT_THEME, Palette
    from tui.widgets.chart import Curve, chart
    from tui.widgets.lines import Lines

    palette, shown, xs = Palette(DEFAULT_THEME), [list[Curve]()], tuple(map(float, range(POINTS)))

    def draw(width: int, height: int) -> list[Line]:
        return chart(shown[0], width, height, title="loss", x_name="step")

    widget = Lines(draw, lambda: palette, id="chart")

    def update(ys: list[list[float]]) -> None:
        shown[0] = [Curve(f"run {index}", f"w{index}", xs, values) for index, values in enumerate(ys)]
        widget.redraw()

    return widget, update


def their_chart() -> tuple[Widget, Update]:
    from textual_plot import HiResMode, PlotWidget  # type: ignore[import-not-found]

    plot, xs = PlotWidget(), list(map(float, range(POINTS)))

    def update(ys: list[list[float]]) -> None:
        plot.clear()
        for index, values in enumerate(ys):
            style = ("blue", "yellow", "green")[index]
            plot.plot(xs, values, line_style=style, hires_mode=HiResMode.BRAILLE, label=f"run {index}")
        plot.show_legend()

    return plot, update


CHARTS = {"ours": our_chart, "theirs": their_chart}


async def update_ms(name: str, updates: int) -> float:
    """Milliseconds of processor time of one update."""
    from textual.app import App, ComposeResult

    widget, update = CHARTS[name]()

    class Alone(App[None]):
        CSS = "Screen > * { width: 100%; height: 100%; }"

        def compose(self) -> ComposeResult:
            yield widget

    app = Alone()
    async with app.run_test(size=SIZE) as pilot:
        data = [curves(number) for number in range(WARM + updates)]
        for number, ys in enumerate(data):
            if number == WARM:
                begun = time.process_time()
            painted = asyncio.Event()
            update(ys)
            app.call_after_refresh(painted.set)
            await painted.wait()
        took = time.process_time() - begun
        await pilot.pause()
    return took * 1e3 / updates


def tell(name: str, updates: int) -> None:
    """In the Python that has this chart: measure and print."""
    print(json.dumps(asyncio.run(update_ms(name, updates))))


def compare(updates: int, turns: int) -> list[Row]:
    """Both charts `turns` times, in turn."""
    from statistics import median

    from benchmarks.peers import peer
    from benchmarks.report import lower_is_better

    pythons = {"ours": sys.executable, "theirs": str(peer("textual-plot") / "python")}
    figures: dict[str, list[float]] = {name: [] for name in pythons}
    for _ in range(turns):
        for name, python in pythons.items():
            code = f"from benchmarks.plotting import tell; tell({name!r}, {updates})"
            done = subprocess.run([python, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
            figures[name].append(json.loads(done.stdout))
    ours, theirs = median(figures["ours"]), median(figures["theirs"])
    name = f"update of a chart, {CURVES} x {POINTS} points"
    return [lower_is_better(name, ours, theirs, target=TARGET, unit="ms CPU")]

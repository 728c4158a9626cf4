"""Starting: `--help`, and from the start to the first painted frame, against other programs of Textual's.

A frame counts once the whole screen was taken and there is some text on it. Every program has a home of its own, and
was started there once before anything is measured; ours opens the demo's profile, which has four workers. Processor
time is that of the program until then; on the clock, other work counts too.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.peers import peer
from benchmarks.report import Row, lower_is_better
from benchmarks.supervised import cpu_s
from benchmarks.terminal import ROOT, Terminal, has_painted

OURS, PEERS = "trajvid-tui", ("harlequin", "posting")
TARGETS = {"--help": 1 / 0.15, "first paint": 1 / 0.5}


@dataclass
class Times:
    """Milliseconds of each start."""

    cpu: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Program:
    """Something that is started in a folder with a home of its own."""

    argv: tuple[str, ...]
    folder: Path
    modules: str = ""
    """Where Python looks besides."""

    @property
    def env(self) -> dict[str, str]:
        home = str(self.folder / "home")
        xdg = {f"XDG_{kind}_HOME": f"{home}/{kind.lower()}" for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
        return {**xdg, "HOME": home, "PYTHONPATH": self.modules, "TERM": "xterm-256color", "LANG": "C.UTF-8"}

    def help(self, times: Times) -> None:
        """Print the help and end."""
        begun = time.perf_counter()
        process = subprocess.Popen(
            [*self.argv, "--help"], cwd=self.folder, env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        _, process.returncode, used = os.wait4(process.pid, 0)
        if process.returncode:
            raise RuntimeError(f"{self.argv[0]} --help failed")
        times.clock.append((time.perf_counter() - begun) * 1e3)
        times.cpu.append((used.ru_utime + used.ru_stime) * 1e3)

    def paint(self, times: Times) -> None:
        """Start and wait for the first frame."""
        begun = time.perf_counter()
        with Terminal(self.argv, self.folder, self.env) as terminal:
            if not terminal.read_until(lambda: has_painted(terminal.seen)):
                raise RuntimeError(f"{self.argv[0]} painted nothing: {terminal.seen[-500:]!r}")
            times.clock.append((time.perf_counter() - begun) * 1e3)
            times.cpu.append(cpu_s(terminal.pid) * 1e3)


def programs(folder: Path) -> dict[str, Program]:
    """Ours in the demo's folder, and the peers."""
    from tui.demo import make_demo

    for name in (OURS, *PEERS):
        (folder / name / "home").mkdir(parents=True)
    demo = asyncio.run(make_demo(folder / OURS / "demo"))
    argv = (sys.executable, "-m", "tui", "--profile", str(demo))
    peers = {name: Program((str(peer(name) / name),), folder / name) for name in PEERS}
    return {OURS: Program(argv, folder / OURS, modules=str(ROOT)), **peers}


def compare(turns: int) -> list[Row]:
    """Every program `turns` times, in turn; a ratio is against the faster of the peers."""
    times: dict[tuple[str, str], Times] = defaultdict(Times)
    with tempfile.TemporaryDirectory(prefix="tv-", ignore_cleanup_errors=True) as folder:
        all_of = programs(Path(folder))
        for program in all_of.values():
            program.help(Times())
            program.paint(Times())
        for _ in range(turns):
            for name, program in all_of.items():
                program.help(times["--help", name])
                program.paint(times["first paint", name])
    rows = []
    for what, target in TARGETS.items():
        for kind in ("cpu", "clock"):
            figures = {name: median(getattr(times[what, name], kind)) for name in all_of}
            best = min(PEERS, key=figures.__getitem__)
            label = f"{what} against {best}" + (", on the clock" if kind == "clock" else "")
            unit = "ms CPU" if kind == "cpu" else "ms"
            rows.append(lower_is_better(label, figures[OURS], figures[best], target=target, unit=unit))
    return rows

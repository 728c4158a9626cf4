"""A GPU in words: its memory first, then use, power, temperature; what its host does not tell is left out."""

from __future__ import annotations

from remote.snapshot import Gpu
from tui.format import Line, bar, cut, joined

GIB = 1024**3
BAR = 12
FULL = 0.95
"""From this share on a GPU's memory is drawn as a warning: the next tensor may be the one too many."""


def gpu_words(gpu: Gpu) -> str:
    """`0: 12.3/79.6 GiB, 87 %, 251 W, 61 C`."""
    figures = [*_memory(gpu), *_busy(gpu), *_power(gpu), *_warmth(gpu)]
    return f"{gpu.index}: {', '.join(figures)}" if figures else f"{gpu.index}: tells nothing"


def gpu_line(gpu: Gpu, width: int) -> Line:
    """The same with a bar of its memory, the limit of its power, and its name as far as there is room."""
    share = gpu.memory_used_bytes / gpu.memory_total_bytes if _tells_memory(gpu) else None  # type: ignore[operator]
    full = share is not None and share >= FULL
    role = "dim" if share is None else "warn" if full else "ok"
    figures: list[Line] = [[("▲ " * full + text, "bold warn" if full else "bold")] for text in _memory(gpu)]
    figures += [[(text, "")] for text in (*_busy(gpu), *_power(gpu, limit=True), *_warmth(gpu))]
    line: Line = [(f"{gpu.index} ", "dim"), *bar(share, BAR, role), ("  ", ""), *joined(figures)]
    room = width - sum(len(text) for text, _ in line) - 2
    return [*line, ("  ", ""), (cut(gpu.name, room), "dim")] if room >= 12 else line


def _tells_memory(gpu: Gpu) -> bool:
    return gpu.memory_used_bytes is not None and bool(gpu.memory_total_bytes)


def _memory(gpu: Gpu) -> list[str]:
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    return [f"{used / GIB:.1f}/{total / GIB:.1f} GiB"] if used is not None and total else []


def _busy(gpu: Gpu) -> list[str]:
    return [] if gpu.busy_percent is None else [f"{gpu.busy_percent} %"]


def _power(gpu: Gpu, *, limit: bool = False) -> list[str]:
    if gpu.power_w is None:
        return []
    return [f"{gpu.power_w}/{gpu.power_limit_w} W" if limit and gpu.power_limit_w else f"{gpu.power_w} W"]


def _warmth(gpu: Gpu) -> list[str]:
    return [] if gpu.temperature_c is None else [f"{gpu.temperature_c} C"]

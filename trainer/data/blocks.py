"""Render blocks of clips into their files, in this process or in several; the bytes are the same either way."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from renderer.recipe import Recipe, read_recipe
from renderer.video import render
from trainer.data.shards import Block
from trainer.errors import DataError

BUFFER_BYTES = 32 * 1024**2
"""Pixels rendered between two writes."""
POLL_S = 0.1

Advance = Callable[[int], None]
"""Told the number of clips written since the last call; it may raise to end the work."""


def render_block(recipe: Recipe, block: Block, folder: Path, advance: Advance) -> str:
    """Render a block into its place and see it safe on the disk; return its SHA-256."""
    sha = hashlib.sha256()
    side = recipe.window.size_px
    at_once = max(1, min(BUFFER_BYTES // block.shard.clip_bytes, block.stop - block.start))
    buffer = np.empty((at_once, recipe.window.frames, 3, side, side), np.uint8)
    with (folder / block.shard.temporary).open("r+b") as file:
        file.seek(block.offset)
        for start in range(block.start, block.stop, at_once):
            rows = np.arange(start, min(start + at_once, block.stop))
            video = render(recipe.take(rows), buffer[: len(rows)])
            sha.update(video.data)
            file.write(video.data)
            advance(len(rows))
        file.flush()
        os.fsync(file.fileno())
    return sha.hexdigest()


def render_here(recipe: Recipe, blocks: Sequence[Block], folder: Path, advance: Advance) -> Iterator[tuple[Block, str]]:
    """Yield each block with its digest, as it is done."""
    for block in blocks:
        yield block, render_block(recipe, block, folder, advance)


def render_in_processes(
    recipe_file: Path, blocks: Sequence[Block], folder: Path, advance: Advance, workers: int
) -> Iterator[tuple[Block, str]]:
    """Yield each block with its digest, in the order in which `workers` processes finish them."""
    context = multiprocessing.get_context("spawn")
    count, stop = context.Value("q", 0), context.Event()
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(recipe_file, count, stop)
    )
    try:
        with _deaf_to_ctrl_c():
            pending = {pool.submit(_work, block, folder): block for block in blocks}
        told = 0
        while pending:
            done, _ = wait(pending, POLL_S, FIRST_COMPLETED)
            for future in done:
                yield pending.pop(future), future.result()
            advance(count.value - told)
            told = count.value
    except BrokenProcessPool as exc:
        raise DataError(
            "a worker process was killed (out of memory?)",
            hint="the same command goes on from the last checkpoint; fewer --workers need less memory",
        ) from exc
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let processes start that ignore Ctrl-C: it reaches the whole terminal, but the parent decides what it means."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Stopped(Exception):
    """The parent wants the block no more."""


_recipe: Recipe
_advance: Advance


def _start_worker(recipe_file: Path, count: Synchronized[int], stop: Event) -> None:
    global _recipe, _advance
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()
    _recipe = read_recipe(recipe_file.read_bytes())

    def advance(clips: int) -> None:
        if stop.is_set():
            raise _Stopped
        with count.get_lock():
            count.value += clips

    _advance = advance


def _die_with(sentinel: int) -> None:
    """End with the parent, however it ends: a killed one cannot tell its workers."""
    wait_for([sentinel])
    os._exit(1)


def _work(block: Block, folder: Path) -> str:
    return render_block(_recipe, block, folder, _advance)

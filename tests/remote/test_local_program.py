"""A program on the laptop: its lines arrive cleaned, and cancelling leaves none of its processes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from remote.local_program import output_of, run_program

ENV = {"PATH": os.environ["PATH"]}


async def test_lines_end_at_either_line_end_and_are_cleaned() -> None:
    out: list[str] = []
    err: list[str] = []
    script = r"printf 'a\rb\nc\033]0;x\007d'; printf 'Writing objects:  5%%\rWriting objects: 10%%\n' >&2; exit 3"
    ended = await run_program(["sh", "-c", script], env=ENV, on_output=out.append, on_error=err.append)
    assert (ended.code, out, err) == (3, ["a", "b", "cd"], ["Writing objects:  5%", "Writing objects: 10%"])


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo noise >&2; echo 'fatal: no such place' >&2; exit 1", "fatal: no such place"),
        ("exit 4", "exit code 4"),
        ("kill -KILL $$", "exit code 137"),
    ],
)
async def test_the_telling_line_is_the_reason(script: str, reason: str) -> None:
    assert (await run_program(["sh", "-c", script], env=ENV)).reason == reason


async def test_endless_line_is_capped() -> None:
    lines: list[str] = []
    await run_program(["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x"], env=ENV, on_output=lines.append)
    assert len(lines) == 1 and len(lines[0]) <= 4096


async def test_cancel_ends_the_whole_group_even_if_it_ignores_term(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.local_program.TERM_WAIT_S", 0.2)
    begun = asyncio.Event()
    script = f"trap '' TERM; sleep 600 & echo $! >{tmp_path}/pid; echo begun; cat /dev/zero"
    task = asyncio.create_task(run_program(["sh", "-c", script], env=ENV, on_output=lambda line: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(20):
            await task
    pid = int((tmp_path / "pid").read_text())
    async with asyncio.timeout(20):
        while _alive(pid):
            await asyncio.sleep(0.01)


async def test_failing_listener_ends_the_program() -> None:
    def fail(line: str) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        async with asyncio.timeout(20):
            await run_program(["sh", "-c", "echo x; exec cat /dev/zero"], env=ENV, on_output=fail)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return not os.path.exists("/proc/self")


async def test_a_cancellation_that_meets_the_end_of_a_program_is_not_lost() -> None:
    """A ProcessLookupError in its place once let a cancelled task live on."""
    for turn in range(60):
        task = asyncio.ensure_future(output_of(["true"], ENV))
        await asyncio.sleep(turn * 0.0001)
        if task.done():
            continue
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError | tuple), ended

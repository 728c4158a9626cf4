"""A guarded command dies with the connection."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from remote.onhost import processes
from tests.onhost.far import Far, wait_for

TREE = "sleep 60 & echo $! $$; wait"


def alive(pids: list[int]) -> bool:
    return any(processes.start_ticks(pid) for pid in pids)


def started(process: subprocess.Popen[bytes]) -> list[int]:
    assert process.stdout is not None
    return [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143)])
def test_the_exit_code_is_the_commands(far: Far, script: str, code: int) -> None:
    with far.start("guard", "sh", "-c", script) as process:
        assert process.wait(30) == code


def test_output_passes_through_and_an_unknown_command_is_127(far: Far) -> None:
    with far.start("guard", "--", "sh", "-c", "cat; echo out; echo err >&2") as process:
        # Its stdin is empty though ours stays open: ours is the sign of life.
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == (b"out\n", b"err\n")
    with far.start("guard", "no-such-command") as process:
        assert process.wait(30) == 127
        assert process.stderr is not None
        assert b"no-such-command" in process.stderr.read()


def test_the_end_of_stdin_ends_the_whole_group(far: Far) -> None:
    with far.start("guard", "sh", "-c", TREE) as process:
        pids = started(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 143
        wait_for(lambda: not alive(pids))


def test_a_deaf_command_is_killed(far: Far) -> None:
    with far.start("guard", "sh", "-c", "trap '' TERM; echo $$; while :; do sleep 1; done") as process:
        pids = started(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 137
        wait_for(lambda: not alive(pids))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_the_group(far: Far, number: int) -> None:
    with far.start("guard", "--input", "sh", "-c", TREE) as process:
        pids = started(process)
        process.send_signal(number)
        assert process.wait(30) == 143
        wait_for(lambda: not alive(pids))


def test_with_input_its_end_only_closes_the_commands_stdin(far: Far) -> None:
    with far.start("guard", "--input", "sh", "-c", "cat; sleep 0.2; echo after") as process:
        out, _ = process.communicate(b"data\n" * 50_000, timeout=30)
    assert process.returncode == 0
    assert out == b"data\n" * 50_000 + b"after\n"


def test_with_input_a_reader_that_is_gone_ends_the_group(far: Far) -> None:
    with far.start("guard", "--input", "sh", "-c", TREE) as process:
        pids = started(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(30) == 143
        wait_for(lambda: not alive(pids))


def test_with_input_a_parent_that_is_gone_ends_the_group(far: Far) -> None:
    script = "import subprocess, sys; subprocess.Popen(sys.argv[1:]); sys.stdin.readline()"
    argv = [sys.executable, "-c", script, *far.argv("guard", "--input", "sh", "-c", TREE)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        pids = started(parent)
        assert parent.stdin is not None
        os.kill(parent.pid, signal.SIGKILL)
        wait_for(lambda: not alive(pids))

"""A command that somebody watches: all its output, its code, and the end of everything that it started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from remote.onhost import processes
from remote.onhost.__main__ import bundle_path
from tests.onhost.far import wait_for

GUARD = """
import os, sys
sys.path.insert(0, sys.argv[1])
from remote.onhost import guarded
guarded.GRACE_S = 0.3
tell = lambda text: os.write(1, text.encode())
code = guarded.run_guarded(sys.argv[2:], os.getcwd(), dict(os.environ), tell)
os.write(2, repr(code).encode())
"""
LEAVES_ONE = (
    "import subprocess, sys\n"
    "deaf = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); '\n"
    "deaf += 'time.sleep(60)'\n"
    "child = subprocess.Popen([sys.executable, '-S', '-c', deaf], start_new_session=True, stdout=subprocess.PIPE)\n"
    "child.stdout.readline()\n"
    "print('child', child.pid, flush=True)\n"
)
Guarded = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    def start(code: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-S", "-c", GUARD, bundle_path(), sys.executable, "-S", "-c", code]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(argv, text=True, cwd=tmp_path, **pipes)  # type: ignore[call-overload]

    return start


def test_output_and_code_come_through(guarded: Guarded) -> None:
    with guarded("import os, sys; print('grün'); print('bad', file=sys.stderr); sys.exit(3)") as process:
        assert process.stdout is not None and process.stderr is not None
        assert sorted(process.stdout.read().split()) == ["bad", "grün"] and process.stderr.read() == "3"


def test_a_signal_is_told_as_a_shell_says_it(guarded: Guarded) -> None:
    with guarded("import os; os.close(1); os.close(2); os.kill(os.getpid(), 9)") as process:
        assert process.stderr is not None and process.stderr.read() == "137"


@pytest.mark.parametrize("watched", [True, False])
def test_nothing_is_left_whether_it_ends_or_is_given_up(guarded: Guarded, watched: bool) -> None:
    with guarded(LEAVES_ONE + ("" if watched else "import time; time.sleep(60)")) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        word, pid = process.stdout.readline().split()
        assert word == "child"
        if not watched:
            process.stdin.close()
        assert process.stderr.read() == ("0" if watched else "None")
        wait_for(lambda: processes.start_ticks(int(pid)) is None, "the end of the child")


def test_what_it_left_cannot_print_for_ever(guarded: Guarded) -> None:
    chatty = "import os\nwhile True: os.write(1, b'y' * 4096)"
    leaves = f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {chatty!r}])"
    with guarded(leaves) as process:
        assert process.stdout is not None and process.stderr is not None
        assert set(process.stdout.read()) <= {"y"} and process.stderr.read() == "0"

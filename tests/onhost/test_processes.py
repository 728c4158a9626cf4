"""Which processes are provably ours."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from remote.onhost import processes
from tests.onhost.far import wait_for
from wire.records import JobRecord

NONCE = secrets.token_hex(8)
LONGER, ABSENT, OTHER = NONCE + "0", NONCE + "2", "other-" + NONCE


@contextmanager
def sleeping(nonce: str = "", argv: tuple[str, ...] = ("sleep", "60")) -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, **({processes.MARKER: nonce} if nonce else {})}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


def job_of(pid: int) -> JobRecord:
    return JobRecord("r.1", NONCE, pid, processes.start_ticks(pid) or 0, processes.boot_id(), time.time())


def test_life_is_proved_by_pid_start_and_boot() -> None:
    with sleeping() as child:
        job = job_of(child.pid)
        assert processes.prove(job) == processes.Proof(True)
        assert processes.prove(replace(job, start_ticks=job.start_ticks + 1)).why == "pid_reused"
        assert processes.prove(replace(job, boot_id="other")).why == "rebooted"
        child.kill()
        # Not yet waited for, so a zombie: not alive.
        wait_for(lambda: processes.prove(job).why == "gone")
        child.wait()
        assert processes.prove(job).why == "gone"


def test_a_name_with_parentheses_and_spaces(tmp_path: os.PathLike[str]) -> None:
    odd = os.path.join(tmp_path, ") R 1 (x 2")
    os.symlink(sys.executable, odd)
    with sleeping(argv=(odd, "-S", "-c", "print(flush=True); import time; time.sleep(60)")) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with open(f"/proc/{child.pid}/comm", encoding="utf-8") as file:
            assert file.read().startswith(") R 1 (x")
        found = processes.process(child.pid)
        assert found is not None
        assert (found.parent, found.zombie) == (os.getpid(), False)
        with sleeping() as later:
            assert found.ticks <= (processes.start_ticks(later.pid) or 0) < found.ticks + 6000


def test_the_marker_is_an_exact_record() -> None:
    with sleeping(LONGER) as longer, sleeping(NONCE) as exact:
        wait_for(lambda: set(processes.family(NONCE)) == {exact.pid})
        wait_for(lambda: set(processes.family(LONGER)) == {longer.pid})
        assert processes.families([NONCE, ABSENT])[ABSENT] == {}


def test_descendants_without_the_marker_are_family() -> None:
    """As after setproctitle, which writes over the environment's memory; and a nested run is not."""
    script = (
        "import os, subprocess, sys, time\n"
        "a = subprocess.Popen(['sleep', '60'], env={'PATH': os.environ['PATH']}, start_new_session=True)\n"
        "b = subprocess.Popen(['sleep', '60'], env={**os.environ, 'TRAJVID_NONCE': sys.argv[1]})\n"
        "print(a.pid, b.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with sleeping(NONCE, (sys.executable, "-c", script, OTHER)) as child:
        assert child.stdout is not None
        unmarked, nested = (int(word) for word in child.stdout.readline().split())
        wait_for(lambda: set(processes.families([NONCE, OTHER])[NONCE]) == {child.pid, unmarked})
        for pid in (unmarked, nested):
            os.kill(pid, signal.SIGKILL)


def test_a_signal_reaches_only_the_process_that_was_meant() -> None:
    with sleeping() as child:
        ticks = processes.start_ticks(child.pid)
        assert ticks is not None
        assert processes.send(child.pid, ticks + 1, signal.SIGKILL) is False
        assert child.poll() is None
        assert processes.send(child.pid, ticks, signal.SIGTERM) is True
        assert child.wait(30) == -signal.SIGTERM
        assert processes.send(child.pid, ticks, signal.SIGTERM) is False


def test_who_holds_a_file(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "lock")
    with open(path, "wb") as file, subprocess.Popen(["sleep", "60"], pass_fds=[file.fileno()]) as child:
        assert processes.holders(path) == {child.pid}
        child.kill()

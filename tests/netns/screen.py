"""What the app would show, as JSON lines on stdout, for tests that look from outside: `python -m tests.netns.screen`.

    screen.py PROFILE [WORKER]     every change of every row in the app's own words; WORKER's log line by line

`Screen` is the test's end of it: a process in the laptop's namespace that can be stopped, killed and looked at.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


async def show(path: Path, selected: str) -> None:
    """Follow all workers of a profile until the process is killed."""
    from remote.fleet import Fleet
    from remote.profiles import load_profile
    from tui.words import notice, state_and_age

    fleet = Fleet(load_profile(path))
    last: dict[str, str] = {}

    def tell(what: Mapping[str, Any]) -> None:
        print(json.dumps({"at": time.monotonic(), **what}), flush=True)

    def look() -> None:
        now = fleet.clock()
        for row in fleet.snapshots():
            beside = notice(row, now)
            says = "".join(text for text, _ in state_and_age(row, now)) + (f" · {beside[0]}" if beside else "")
            if last.get(row.worker) != says:
                last[row.worker] = says
                tell({"worker": row.worker, "link": row.link.link.value, "state": row.state.value, "says": says})

    fleet.subscribe(lambda row: look())
    if selected:
        fleet.select(selected)
        fleet.on_log(selected, lambda lines, skipped: tell({"log": list(lines), "skipped": skipped}))
    await fleet.start(sync=False)
    while True:
        look()
        await asyncio.sleep(0.25)


@dataclass(frozen=True)
class Shown:
    """What one row said from one moment on."""

    at: float
    """Monotonic time, the same for all processes of a machine."""
    worker: str
    link: str
    state: str
    says: str


class Screen:
    """A running `show`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.shown: list[Shown] = []
        self.log: list[str] = []
        self._more = threading.Condition()
        self._process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._readers = [threading.Thread(target=target) for target in (self._read, self._read_errors)]
        self.errors = ""
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def until(
        self, found: Callable[[Shown], bool], since: float = 0.0, worker: str = "one", within_s: float = 60
    ) -> Shown:
        """The first thing that a worker's row said after `since` and that is `found`; waits for it."""
        deadline = time.monotonic() + within_s
        with self._more:
            while True:
                for shown in self.shown:
                    if shown.at >= since and shown.worker == worker and found(shown):
                        return shown
                left = deadline - time.monotonic()
                assert left > 0 and self._process.poll() is None, f"waited in vain; {self.errors}\n" + "\n".join(
                    f"{shown.at:.2f} {shown.worker}: {shown.says}" for shown in self.shown[-40:]
                )
                self._more.wait(min(left, 1.0))

    def live(self, since: float = 0.0, worker: str = "one", state: str = "") -> Shown:
        return self.until(lambda row: row.link == "live" and state in ("", row.state), since, worker)

    def offline(self, since: float = 0.0, worker: str = "one") -> Shown:
        return self.until(lambda row: row.link == "offline", since, worker)

    def has_logged(self, line: str, within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        with self._more:
            while line not in self.log:
                assert time.monotonic() < deadline, self.log[-5:]
                self._more.wait(1.0)

    def sleep(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> float:
        """Wake up; when that was."""
        at = time.monotonic()
        os.kill(self.pid, signal.SIGCONT)
        return at

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)
        for reader in self._readers:
            reader.join(30)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._more:
                if "log" in said:
                    self.log += said["log"]
                else:
                    self.shown.append(Shown(**said))
                self._more.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.errors = (self.errors + line)[-4000:]


if __name__ == "__main__":
    asyncio.run(show(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))

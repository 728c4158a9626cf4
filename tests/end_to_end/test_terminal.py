"""The app in a real terminal, driven by keys: start, look, be killed, come back, stop with consent, quit."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import Desk, wait_for

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.parametrize("desk", ["embedded"], indirect=True),
]
COUNT = "import time\nfor n in range(6000): print(f'count {n}', flush=True); time.sleep(0.1)"


class Terminal:
    """A tmux server of its own, 120 columns by 40 rows."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.socket = str(desk.home / "tmux")
        self.servers = 0

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self.socket, "-f", "/dev/null", *arguments],
            capture_output=True,
            text=True,
            env={**self.desk.environment, "LANG": "C.UTF-8", "TERM": "xterm-256color"},
            timeout=30,
        )
        return done.stdout

    def start(self, *arguments: str) -> None:
        command = shlex.join([sys.executable, "-m", "tui", *arguments])
        size = ("-x", "120", "-y", "40")
        self.tmux("kill-server")
        self.servers += 1
        self.socket = str(self.desk.home / f"tmux{self.servers}")
        self.tmux("new-session", "-d", *size, "-c", str(self.desk.repo), f"{command}; echo left $?; sleep 600")

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def shows(self, *texts: str, timeout: float = 30) -> str:
        try:
            return str(wait_for(lambda: (s := self.screen) and all(text in s for text in texts) and s, "", timeout))
        except AssertionError:
            raise AssertionError(f"no {texts} on the screen:\n{self.screen}") from None

    def hides(self, text: str) -> None:
        wait_for(lambda: text not in self.screen, f"{text!r} to leave the screen", 30)

    def app_pid(self) -> int:
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", shell], capture_output=True, text=True).stdout
        return int(children.split()[0])


@pytest.fixture
def terminal(desk: Desk) -> Iterator[Terminal]:
    made = Terminal(desk)
    yield made
    made.tmux("kill-server")


def test_a_session_from_first_launch_to_coming_back(desk: Desk, terminal: Terminal) -> None:
    command = [sys.executable, "-c", COUNT]
    desk.profile({name: {"branch": f"exp/{name}", "command": command} for name in ("alpha", "beta")})

    terminal.start("--start")
    terminal.shows("2 running", "count ")

    os.kill(terminal.app_pid(), signal.SIGKILL)
    terminal.shows("left 137")
    assert len(desk.marked()) >= 2 and desk.state("alpha") == "running"

    terminal.start()
    terminal.shows("2 running", "live")

    terminal.press("x")
    terminal.shows("Stop alpha?", "exp/alpha")
    terminal.press("Enter")
    terminal.hides("Stop alpha?")
    terminal.press("x")
    terminal.shows("Stop alpha?", "2 running")
    terminal.press("Tab", "Enter")
    terminal.shows("1 running", "1 stopped")

    terminal.press("q")
    terminal.shows("left 0", "beta", "still running")
    assert desk.state("beta") == "running"
    assert [len(desk.runs(name)) for name in ("alpha", "beta")] == [1, 1]

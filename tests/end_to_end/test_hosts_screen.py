"""Hosts, doctor, a shell and the activity in a real terminal, on a real host (a minute each on two busy cores)."""

from __future__ import annotations

import shutil
import sys
import time

import pytest

from tests.end_to_end.conftest import Desk
from tests.end_to_end.test_terminal import COUNT, Terminal, terminal  # noqa: F401

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.parametrize("desk", ["embedded", "openssh"], indirect=True),
]
FROZEN_S = 9.0
"""Longer than 30 repaints take: that many waiting for a terminal that is lent would hang the app for ever."""


def test_a_shell_takes_the_terminal_and_gives_it_back(desk: Desk, terminal: Terminal) -> None:  # noqa: F811
    desk.profile({"alpha": {"branch": "exp/alpha", "command": [sys.executable, "-c", COUNT]}})
    assert "live" in desk.look("hosts").stdout  # where the host's key is put on record
    terminal.start("--start")
    terminal.shows("1 running", "count ")
    terminal.press("h")
    terminal.shows("● live for", "load ", "▌ alpha", "has not looked yet")
    terminal.press("D")
    terminal.shows("✓ pass git", "looked ", timeout=120)

    terminal.press("s")
    terminal.shows("exit or ctrl-d comes back to the app")
    terminal.tmux("resize-window", "-x", "91", "-y", "33")
    time.sleep(1)  # the window is looked at five times a second
    terminal.press("clear; git log --oneline | cat; stty size", "Enter")
    terminal.shows("33 91")
    time.sleep(FROZEN_S)
    terminal.press("echo still $((6 * 7))", "Enter")
    assert "● live" not in terminal.shows("still 42"), "nothing of the app is drawn meanwhile"
    terminal.press("exit 3", "Enter")
    terminal.shows("the shell ended with status 3", "● live for")

    terminal.press("A")
    terminal.shows("launch    alpha", "both started", "shell     alpha")
    terminal.press("Escape")
    terminal.hides("Activity")
    terminal.press("q")
    terminal.shows("left 0", "still running")
    assert desk.state("alpha") == "running"

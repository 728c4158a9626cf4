"""A whole session in tmux: first run, launch four, look, mark two, compare, stop one, quit, come back."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import Desk, git, wait_for
from tests.end_to_end.test_terminal import Terminal
from tests.tui.test_verbs import WORK

NAMES = ("alpha", "beta", "gamma", "delta")
TABS = {"2": "x epoch", "3": "following", "4": "told", "5": "test-first", "6": "spec.json", "1": "asked by"}
"""What each tab of a worker shows for certain."""

pytestmark = [
    pytest.mark.slow,  # a minute: a dozen processes start, and a terminal is polled
    pytest.mark.hosts,  # with `make test-hosts`, though the embedded host is enough
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.parametrize("desk", ["embedded"], indirect=True),
]


@pytest.fixture
def terminal(desk: Desk) -> Iterator[Terminal]:
    made = Terminal(desk)
    yield made
    made.tmux("kill-server")


def four_workers(desk: Desk) -> None:
    """Four branches that write metrics as a training does, for as long as they are let."""
    (desk.repo / "work.py").write_text(WORK.replace("sleep(0.02)", "sleep(0.2)"))
    git(desk.repo, "add", "work.py")
    git(desk.repo, "commit", "-qm", "Add the work")
    command = [sys.executable, "work.py", "100000"]
    desk.profile({name: {"branch": f"idea/{name}", "command": command} for name in NAMES})


def test_a_session_from_no_profile_to_coming_back(desk: Desk, terminal: Terminal) -> None:
    terminal.start()
    terminal.shows("Welcome to trajvid-tui", "There is no profiles.yaml in")
    terminal.press("Enter")
    terminal.shows("not started", "first")
    assert "workers:" in (desk.repo / "profiles.yaml").read_text()

    four_workers(desk)
    terminal.shows("profiles.yaml was read anew", "4 not started", *NAMES)
    terminal.press("N")
    terminal.shows("Launch 4 workers?", "Cancel")
    terminal.press("Tab", "Enter")
    terminal.shows("4 running", timeout=90)
    terminal.shows("val acc", "step ")

    terminal.press("Enter")
    for key, text in TABS.items():
        terminal.press(key)
        terminal.shows(text, "alpha")
    terminal.press("Tab")
    terminal.shows(TABS["2"])
    terminal.press("Escape")
    terminal.hides(TABS["2"])

    terminal.press("Space", "j", "Space")
    terminal.shows("2 marked")
    terminal.press("c")
    compared = terminal.shows("rank", "alpha", "beta", "differences")
    assert "gamma" not in compared and "delta" not in compared
    terminal.press("Escape")
    terminal.shows("gamma")
    terminal.press("Escape")
    terminal.hides("2 marked")

    terminal.press("x")
    terminal.shows("Stop beta?", "idea/beta")
    terminal.press("Enter")
    terminal.hides("Stop beta?")
    terminal.press("x")
    terminal.shows("Stop beta?", "4 running")
    terminal.press("Tab", "Enter")
    terminal.shows("3 running", "1 stopped")

    terminal.press("q")
    terminal.shows("left 0", "alpha", "still running")
    assert [desk.state(name) for name in NAMES] == ["running", "stopped", "running", "running"]

    terminal.start()
    terminal.shows("3 running", "1 stopped", "stopped (143)", "live", *NAMES)
    assert [len(desk.runs(name)) for name in NAMES] == [1, 1, 1, 1], "coming back launches nothing"
    terminal.press("q")
    terminal.shows("left 0")
    wait_for(lambda: len(desk.marked()) >= 3, "the runs to go on", 5)

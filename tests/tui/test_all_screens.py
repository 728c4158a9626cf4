"""Every screen in every state at 80x24, and the normal one at 120x40 and in light, as far as no other test keeps it.

One run of the app walks through all screens of a state. SNAP=1 writes the snapshots anew; look at them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from remote.ssh_hosts import SshHost
from tests.tui.desk import desk
from tests.tui.scenes import PREVIEW_S, SCENES, STATES, Answers, Scene, at_rest, bring_home, walk, world
from tests.tui.screen_text import plain
from tests.tui.test_hosts import machines
from tests.tui.worlds import running
from tui.screens.welcome import WelcomeScreen
from tui.tabs import artifacts

Same = Callable[..., None]
KEYS = ("enter", "l", "c", "escape", "h", "escape", "A", "escape", "n", "x", "X", "a", "space", "v", "s", "y", "V", "o")
HOSTS = (SshHost("lab", "lab.example.org", "ada"), SshHost("gpu-1", "gpu-1.example.org", "ada"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's results, under relative names that are the same everywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(artifacts, "PREVIEW_AFTER_S", PREVIEW_S)
    bring_home()


LOOKS = [
    *(pytest.param(state, (80, 24), "dark", id=state) for state in STATES),
    pytest.param("120x40", (120, 40), "dark", id="120x40", marks=pytest.mark.slow),  # 8 s
    pytest.param("light", (120, 40), "light", id="light", marks=pytest.mark.slow),  # 2 s
]


@pytest.mark.parametrize(("state", "size", "theme"), LOOKS)
async def test_screens(state: str, size: tuple[int, int], theme: str, same_as_before: Same) -> None:
    scenes = [scene for scene in SCENES if state not in scene.elsewhere]
    shown = state if state in STATES else "normal"

    def look(scene: Scene) -> None:
        lines = plain(app).split("\n")
        assert len(lines) == size[1] and all(len(line) <= size[0] for line in lines), scene
        same_as_before(app, scene.name)

    async with desk(world(shown), size, verbs=Answers(shown)) as (app, pilot, feed):
        feed.machines = machines() if shown == "normal" else []
        app.use_theme(f"trajvid-{theme}")
        await at_rest(app, pilot)
        await walk(app, pilot, scenes, look)
        if shown == "normal":
            app.push_screen(WelcomeScreen(Path("/home/ada/moving-dots"), HOSTS))
            await at_rest(app, pilot)
            same_as_before(app, "welcome")


async def test_a_tiny_terminal_breaks_no_tab() -> None:
    def look(scene: Scene) -> None:
        lines = plain(app).split("\n")
        assert len(lines) == 5 and all(len(line) <= 20 for line in lines), scene

    async with desk(world("normal"), (20, 5), verbs=Answers()) as (app, pilot, _):
        await walk(app, pilot, [scene for scene in SCENES if scene.keys[:1] == ("enter",)], look)


async def test_without_a_worker_no_key_breaks_anything() -> None:
    async with desk([], (80, 24), *KEYS, verbs=Answers("empty")) as (app, pilot, _):
        await pilot.press(*["escape"] * 3)
        await at_rest(app, pilot)
        assert "The profile has no workers." in plain(app) and "workers:" in plain(app)


async def test_five_hundred_workers_are_moved_through_filtered_and_compared() -> None:
    rows = [running(f"worker-{number:03}", done=4) for number in range(500)]
    async with desk(rows, (80, 24), "G") as (app, pilot, _):
        assert app.store.selected == "worker-499" and "worker-499" in plain(app) and "500 running" in plain(app)
        await pilot.press("slash", *"r-25", "enter", "g")
        await at_rest(app, pilot)
        assert "worker-250" in plain(app) and len(app.store.visible()) == 10
        await pilot.press("v", "c")
        await at_rest(app, pilot)
        assert "worker-250" in plain(app)

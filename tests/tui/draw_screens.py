"""Pictures of every screen for the docs: python -m tests.tui.draw_screens [FOLDER]"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from contextlib import chdir
from pathlib import Path

from textual import constants
from textual.widgets import Input

from remote.ssh_hosts import SshHost
from tests.tui.desk import desk
from tests.tui.scenes import PREVIEW_S, SCENES, Answers, Scene, at_rest, bring_home, walk, world
from tests.tui.screen_picture import screen_picture
from tests.tui.test_hosts import machines
from tui.app import TrajvidApp
from tui.screens.welcome import WelcomeScreen
from tui.tabs import artifacts

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
HOSTS = (SshHost("lab", "lab.example.org", "ada"), SshHost("gpu-1", "gpu-1.example.org", "ada"))


async def draw(folder: Path) -> None:
    """Write one PNG a screen; home also in light, in 80x24, and without its host."""

    def keep(app: TrajvidApp, name: str) -> None:
        screen_picture(app).save(folder / f"{name}.png", optimize=True)

    async with desk(world("normal"), (120, 40), verbs=Answers()) as (app, pilot, feed):
        feed.machines = machines()
        await walk(app, pilot, SCENES, lambda scene: keep(app, scene.name))
        app.use_theme("trajvid-light")
        await at_rest(app, pilot)
        keep(app, "home-light")
        app.use_theme("trajvid-dark")
        app.push_screen(WelcomeScreen(Path("/home/ada/moving-dots"), HOSTS))
        await at_rest(app, pilot)
        keep(app, "welcome")
    for name, state, size in (("home-80x24", "normal", (80, 24)), ("home-offline", "offline", (120, 40))):
        async with desk(world(state), size, verbs=Answers(state)) as (app, pilot, _):
            await walk(app, pilot, (Scene(name),), lambda scene: keep(app, scene.name))


def main() -> None:
    folder = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TZ"] = "UTC"
    time.tzset()
    constants.TEXTUAL_ANIMATIONS = "none"
    Input.cursor_blink = False
    artifacts.PREVIEW_AFTER_S = PREVIEW_S
    with tempfile.TemporaryDirectory() as place, chdir(place):
        bring_home()
        asyncio.run(draw(folder))
    pictures = sorted(folder.glob("*.png"))
    print(f"{len(pictures)} pictures in {folder}, the largest {max(path.stat().st_size for path in pictures):,} bytes")


if __name__ == "__main__":
    main()

"""The first run without a profile, and a profile that changes under the running app: on a real embedded host."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot

from remote.fleet import Fleet
from tests.tui.screen_text import plain
from tui.app import TrajvidApp
from tui.demo import MARKER, PROFILE, clean_demo, make_demo
from tui.session import ProfileSession

PROFILE_OF_ONE = """\
project: opening
hosts:
  local: {kind: embedded, root: ROOT}
workers:
  one: {branch: main, command: [sleep, "60"]}
"""


@pytest.fixture
def place(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder that the app starts in, with a home of its own."""
    home, project = short_tmp / "home", short_tmp / "project"
    (home / ".ssh").mkdir(parents=True)
    project.mkdir()
    (home / ".ssh" / "config").write_text("Host lab\n  HostName lab.example\n  User ada\nHost *\n  User bob\n")
    for name in ("TRAJVID_CONFIG_DIR", "TRAJVID_STATE_DIR", "TRAJVID_DATA_DIR"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(project)
    return project


@asynccontextmanager
async def opened(**options: bool) -> AsyncIterator[tuple[TrajvidApp, Callable[[str], object]]]:
    """The app as `trajvid-tui` opens it here, and what waits for a text on its screen."""
    session = ProfileSession(None)
    app = TrajvidApp(session.open, session=session, **options)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:

        async def shown(text: str) -> Pilot[int]:
            for _ in range(400):
                await pilot.pause(0.05)
                if text in plain(app):
                    return pilot
            raise AssertionError(f"no {text!r} on\n{plain(app)}")

        yield app, shown
    session.close()


async def test_the_first_run_writes_a_profile_and_goes_on_with_it(place: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--initial-branch=idea", "."], check=True)
    async with opened() as (app, shown):
        pilot = await shown("There is no profiles.yaml in")
        assert "on lab (ada@lab.example)" in plain(app)
        await pilot.press("enter")
        await shown("not started")
        assert [(row.worker, row.branch, row.host) for row in app.store.all()] == [("first", "idea", "local")]
        text = (place / "profiles.yaml").read_text()
        assert "# lab: {alias: lab}" in text

        (place / "profiles.yaml").write_text(text + "  second: {branch: idea, command: ['true']}\n")
        await shown("second")
        (place / "profiles.yaml").write_text(text.replace("workers:", "wrokers:"))
        await shown("The app goes on with the profile as it was")
        assert len(app.store.all()) == 2, "a profile that cannot be read changes nothing"
        assert cast(Fleet, app.fleet)._selected == "first", "the log that is looked at is streamed by the new fleet too"

        (place / "profiles.yaml").unlink()
        await shown("It is gone. The app goes on")
        assert len(app.store.all()) == 2


async def test_a_host_of_the_ssh_config_can_be_chosen(place: Path) -> None:
    async with opened() as (app, shown):
        pilot = await shown("There is no profiles.yaml in")
        await pilot.press("down", "enter")
        await shown("first")
        assert [(row.worker, row.host) for row in app.store.all()] == [("first", "lab")]


async def test_a_profile_that_cannot_be_written_is_said(place: Path) -> None:
    async with opened() as (app, shown):
        pilot = await shown("There is no profiles.yaml in")
        (place / "profiles.yaml").symlink_to("nowhere")
        await pilot.press("enter")
        await shown("profiles.yaml is there already")
        await pilot.press("q")
    assert app.return_code == 2


async def test_read_only_writes_nothing_and_leaving_is_one_key(place: Path) -> None:
    async with opened(read_only=True) as (app, shown):
        pilot = await shown("--read-only writes none")
        await pilot.press("enter")
    assert app.return_code == 0 and not list(place.iterdir())


async def test_the_demo_is_a_repository_with_the_default_profile_and_goes_as_it_came(place: Path) -> None:
    folder = place / "demo"
    profile = await make_demo(folder)
    assert (
        profile.read_bytes() == PROFILE.read_bytes() == Path(__file__).parents[2].joinpath("profiles.yaml").read_bytes()
    )
    log = subprocess.run(["git", "-C", folder, "log", "--format=%s"], check=True, capture_output=True, text=True)
    status = subprocess.run(["git", "-C", folder, "status", "--short"], check=True, capture_output=True, text=True)
    assert (log.stdout, status.stdout) == ("The demo\n", "")
    assert await make_demo(folder) == profile, "once made it stays"
    assert clean_demo(folder) and not folder.exists() and not clean_demo(folder)


async def test_no_other_folder_is_taken_for_the_demo(place: Path) -> None:
    (place / "mine.txt").write_text("work")
    with pytest.raises(Exception, match="is not empty and not the demo"):
        await make_demo(place)
    with pytest.raises(Exception, match="is not the demo: it stays"):
        clean_demo(place)
    assert (place / "mine.txt").exists() and not (place / MARKER).exists()

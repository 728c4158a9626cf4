"""What every screen looks like, at every size: characters and styles, kept in snapshots/."""

from __future__ import annotations

import asyncio
import gc
import re
import weakref
from collections.abc import Callable

import pytest
from rich.style import Style

from remote.asker import Asker
from remote.errors import ConfigError
from tests.tui.desk import desk, settle
from tests.tui.screen_text import plain, rows
from tests.tui.worlds import default_world, many_states, offline, running
from tui.app import TrajvidApp
from tui.screens.worker import WorkerScreen
from tui.session import FleetLike

Same = Callable[[TrajvidApp], None]
SIZES = [(80, 24), (120, 40), (200, 60)]
SIZE_NAMES = ["80x24", "120x40", "200x60"]


@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
async def test_home(size: tuple[int, int], same_as_before: Same) -> None:
    async with desk(default_world(), size) as (app, _, _):
        same_as_before(app)


@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
async def test_every_state(size: tuple[int, int], same_as_before: Same) -> None:
    async with desk(many_states(), size) as (app, _, _):
        same_as_before(app)


@pytest.mark.parametrize("theme", ["trajvid-light", "okabe-ito"])
async def test_theme(theme: str, same_as_before: Same) -> None:
    async with desk(default_world()) as (app, pilot, _):
        app.use_theme(theme)
        await settle(app, pilot)
        same_as_before(app)


@pytest.mark.parametrize(
    "keys",
    ["V", "enter", "l", "question_mark", "x", "X", "n", "p", "slash,z,z,z", "j,j,j"],
    ids=["board", "zoom", "log", "help", "stop", "kill", "launch", "frozen", "no-match", "preparing"],
)
async def test_after_keys(keys: str, same_as_before: Same) -> None:
    async with desk(default_world(), (120, 40), *keys.split(",")) as (app, _, _):
        same_as_before(app)


async def test_a_screen_that_was_closed_leaves_nothing_drawn_behind() -> None:
    async with desk(default_world(), (120, 40), "enter") as (app, pilot, _):
        assert isinstance(app.screen, WorkerScreen)
        drawn = weakref.ref(app.screen.title_bar._styles_cache)
        await pilot.press("escape")
        await settle(app, pilot)
        gc.collect()
        assert drawn() is None


@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
async def test_nothing_is_wider_than_the_screen_and_no_frame_is_broken(size: tuple[int, int]) -> None:
    async with desk(many_states(), size) as (app, _, _):
        lines = plain(app).split("\n")
        assert len(lines) == size[1]
        assert all(len(line) <= size[0] for line in lines)
        assert lines[-1].endswith("q quit")
        assert lines[0].endswith("00:00:00")


async def test_without_colour_every_status_is_still_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with desk(many_states(), (200, 60)) as (app, _, _):
        text = plain(app)
        for word in ("running", "completed", "failed (3)", "lost", "stopped (143)", "was running", "stalled", "silent"):
            assert word in text
        styles = {style for row in rows(app) for _, style in row}
        assert {colour_of(style) for style in styles} == {"default"}


def colour_of(style: Style) -> str:
    """Foreground and background, 'default' when neither is a colour."""
    named = {colour.name for colour in (style.color, style.bgcolor) if colour is not None}
    return "default" if named <= {"default"} else ",".join(sorted(named))


@pytest.mark.parametrize("key", ["n", "x", "X"])
async def test_a_dialog_keeps_its_buttons_on_a_low_terminal(key: str) -> None:
    async with desk(default_world(), (80, 24), key) as (app, _, _):
        assert "Cancel" in plain(app)


@pytest.mark.parametrize("key", ["n", "x", "X", "l", "V", "enter", "question_mark", "colon", "slash"])
async def test_a_tiny_terminal_breaks_nothing(key: str) -> None:
    async with desk(many_states(), (20, 5), key) as (app, _, _):
        assert len(plain(app).split("\n")) == 5


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40)])
async def test_a_number_is_never_cut(size: tuple[int, int]) -> None:
    async with desk(many_states(), size, "V") as (app, _, _):
        assert not re.search(r"\d…", plain(app).replace("package 1…", ""))


async def test_what_was_wrong_with_the_profile_stays_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def opener(asker: Asker) -> FleetLike:
        raise ConfigError("profiles.yaml:3: unknown key 'comand'")

    app = TrajvidApp(opener, project="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        text = plain(app)
        assert "unknown key 'comand'" in text and "mend the file" in text and "Opening" not in text
        said: list[str] = []
        leave = app.exit
        monkeypatch.setattr(app, "exit", lambda *args, **how: (said.append(str(how["message"])), leave(*args, **how)))
        await pilot.press("q")
    assert app.return_code == 2
    assert "unknown key 'comand'" in "".join(said)


async def test_an_unreachable_worker_is_neither_healthy_nor_failed() -> None:
    async with desk([row for row in many_states() if row.worker == "far-away"], (120, 40)) as (app, _, _):
        text = plain(app)
        assert "offline, retry in 7 s: connection refused" in text
        assert "◇ was running" in text and "last seen 42 s ago" in text
        assert "● running" not in text and "failed" not in text and "min left" not in text


async def test_before_the_fleet_is_there_the_last_snapshots_are_shown() -> None:
    from tests.tui.worlds import Feed, still_store

    gate = asyncio.Event()

    async def opener(asker: object) -> Feed:
        await gate.wait()
        return Feed([])

    cached = [running("keypoint-a", link=offline(), seen_at=None, cached_age_s=7300.0)]
    app = TrajvidApp(opener, cached=cached, project="demo", store=still_store())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(app, pilot)
        assert "from cache, 2 h old" in plain(app) and "opening" in plain(app)
        gate.set()

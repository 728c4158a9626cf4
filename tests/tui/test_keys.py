"""The one table of keys: no key twice, every action exists, footer, help and palette tell the same."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.tui.desk import desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import blank, default_world, ended, offline, running
from tui.app import TrajvidApp
from tui.keymap import remapped
from tui.keys import KEYS, Key, footer_line, offered
from tui.screens.activity import ActivityScreen
from tui.screens.compare import CompareScreen
from tui.screens.help import help_text
from tui.screens.hosts import HostsScreen
from tui.screens.housekeeping import SCREENS
from tui.screens.worker import WorkerScreen
from tui.tables import TABLES
from tui.tabs.artifacts import ArtifactsTab
from tui.tabs.charts import ChartsTab
from tui.tabs.config import ConfigTab
from tui.tabs.evidence import EvidenceTab
from tui.tabs.log import LogTab
from tui.theme import COLOURS
from wire.state import State

OWNERS: dict[str, type] = {
    "app": TrajvidApp,
    "worker": WorkerScreen,
    "charts": ChartsTab,
    "log": LogTab,
    "artifacts": ArtifactsTab,
    "evidence": EvidenceTab,
    "config": ConfigTab,
    "compare": CompareScreen,
    "hosts": HostsScreen,
    "activity": ActivityScreen,
    **SCREENS,
}
"""Whose actions a table names."""


@pytest.mark.parametrize("name", TABLES)
def test_no_key_means_two_things(name: str) -> None:
    counted = Counter(name for key in TABLES[name] for name in key.keys.split(","))
    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("name", TABLES)
def test_every_key_does_something(name: str) -> None:
    def owner(key: Key) -> tuple[type, str]:
        action = key.action.partition("(")[0]
        return (TrajvidApp, action[4:]) if action.startswith("app.") else (OWNERS[name], action)

    found = {key.action: owner(key) for key in TABLES[name]}
    missing = [action for action, (kind, called) in found.items() if not hasattr(kind, "action_" + called)]
    assert missing == []


def test_the_help_names_every_key() -> None:
    text = "\n".join("".join(part for part, _ in line) for line in help_text(read_only=False))
    for key in (key for table in TABLES.values() for key in table):
        assert key.shown in text and key.help in text


@pytest.mark.parametrize(
    ("row", "has", "lacks"),
    [
        (running("a"), {"stop", "kill", "sync", "open('log')"}, {"launch", "resume", "reconnect"}),
        (blank("a"), {"launch"}, {"stop", "kill", "resume", "sync", "open('log')"}),
        (ended("a", State.FAILED, 3, "exit code 3"), {"launch", "resume", "sync", "open('log')"}, {"stop", "kill"}),
        (ended("a", State.COMPLETED, 0, ""), {"launch", "sync", "open('log')"}, {"stop", "kill", "resume"}),
        (running("a", link=offline()), {"reconnect", "stop"}, {"launch"}),
    ],
    ids=["running", "blank", "failed", "completed", "offline"],
)
def test_only_what_applies_is_offered(row: object, has: set[str], lacks: set[str]) -> None:
    actions = {key.action for key in offered(KEYS, row, read_only=False)}  # type: ignore[arg-type]
    assert has <= actions and not lacks & actions


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_footer_never_cuts_a_hint(width: int) -> None:
    line = footer_line(offered(KEYS, running("a"), read_only=False), width)
    text = "".join(part for part, _ in line)
    assert text.rstrip().endswith("q quit")
    labels = {key.label for key in KEYS} | {"help", "quit"}
    assert all(any(word in label.split() for label in labels) for word in text.split()[1::2] if len(word) > 3)


def test_the_footer_says_the_keys_that_were_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    table = remapped("app", KEYS, {"help": "f2", "quit": "ctrl+x"})
    monkeypatch.setattr("tui.keys.KEYS", table)
    assert "".join(part for part, _ in footer_line([], 60)).endswith("f2 help  ctrl+x quit ")


@pytest.mark.parametrize("name", COLOURS)
async def test_every_theme_can_be_drawn(name: str) -> None:
    async with desk(default_world(), (80, 24)) as (app, pilot, _):
        app.use_theme(name)
        for keys in (["question_mark"], ["escape", "colon"], ["escape", "slash", "a"], ["enter", "x"]):
            await pilot.press(*keys)
            await settle(app, pilot)
        assert "Stop" in plain(app)


@pytest.mark.parametrize(("keys", "group"), [("", "Worker"), ("l", "Log"), ("enter", "One worker"), ("c", "Compare")])
async def test_the_keys_of_the_place_stand_first_in_its_help(keys: str, group: str) -> None:
    async with desk(default_world(), (80, 24), *([keys] if keys else []), "question_mark") as (app, _, _):
        assert plain(app).split("\n")[3].strip(" │▁▂▃▄▅▆▇█") == group


async def test_read_only_takes_the_changing_keys_away() -> None:
    async with desk(default_world(), (120, 40), "x", read_only=True) as (app, pilot, _):
        assert "Stop keypoint-a?" not in plain(app)
        assert "--read-only" in plain(app)
        footer = plain(app).split("\n")[-1]
        assert " stop" not in footer and " launch" not in footer and " log" in footer
        await pilot.press("question_mark")
        assert "stop the run" not in plain(app)


async def test_moving_selects_and_tells_the_fleet_whose_log_to_stream() -> None:
    async with desk(default_world(), (120, 40), "j") as (app, pilot, feed):
        assert (app.store.selected, feed.selected) == ("keypoint-b", "keypoint-b")
        for keys, name in (("G", "smoke"), ("tab", "keypoint-a"), ("shift+tab", "smoke"), ("g", "keypoint-a"),
                           ("k", "keypoint-a"), ("down", "keypoint-b"), ("up", "keypoint-a")):  # fmt: skip
            await pilot.press(keys)
            assert app.store.selected == name, keys


async def test_the_filter_narrows_keeps_and_clears() -> None:
    async with desk(default_world(), (120, 40), "slash", *"transf") as (app, pilot, feed):
        assert "transformer-a" in plain(app) and "keypoint-b" not in plain(app)
        await pilot.press("enter")
        await settle(app, pilot)
        assert feed.selected == "transformer-a"
        await pilot.press("x")
        assert app.store.pattern == "transf", "keys are keys again"
        await pilot.press("escape", "escape")
        await settle(app, pilot)
        assert "keypoint-b" in plain(app)


async def test_a_frozen_screen_stands_still_and_catches_up() -> None:
    async with desk([running("a")], (120, 40), "p") as (app, pilot, feed):
        feed.put(ended("a", State.FAILED, 3, "exit code 3"))
        await settle(app, pilot)
        assert "FROZEN" in plain(app) and "● running" in plain(app) and "✗ failed" not in plain(app)
        await pilot.press("p")
        await settle(app, pilot)
        assert "FROZEN" not in plain(app) and "✗ failed (3)" in plain(app)


async def test_the_end_of_a_run_is_told() -> None:
    async with desk([running("a")]) as (app, pilot, feed):
        feed.put(ended("a", State.LOST, None, "pid gone, no exit record"))
        await settle(app, pilot)
        assert "lost: pid gone, no exit record" in plain(app)


async def test_the_palette_finds_workers_and_actions() -> None:
    async with desk(default_world(), (120, 40), "colon", *"go to smoke") as (app, pilot, _):
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert app.store.selected == "smoke"


async def test_reconnect_asks_the_host_of_the_selected_worker() -> None:
    async with desk([running("a", host="gpu-1", link=offline())], (120, 40), "ctrl+r") as (_, _, feed):
        assert feed.retried == "gpu-1"

"""What a run was asked and what was in effect, and what differs from another run."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from remote.snapshot import RunSnapshot
from tests.tui.desk import desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import NOW, WALL, blank, ended, offline, running
from tui.app import TrajvidApp
from tui.run_config import (
    Change,
    Effective,
    Known,
    asked_changes,
    asked_facts,
    earlier_runs,
    effective_changes,
    read_effective,
    read_known,
)
from tui.tabs.config import ConfigTab
from wire.state import State

Same = Callable[[TrajvidApp], None]
CONFIG = {
    "extractor": "keypoint", "width": 1.0, "fuse": [], "data": "", "clips": 2000, "epochs": 10, "freeze": False,
    "gate": {"accuracy": "> 0.70", "hours": "< 2"}, "clip_weights": "openai/clip-vit-base-patch32",
}  # fmt: skip


def synced(row: RunSnapshot, **changed: object) -> RunSnapshot:
    """Write the results of a run into ./results, as a sync brings them."""
    assert row.spec is not None
    folder = Path("results") / row.worker / row.run
    (folder / "artifacts").mkdir(parents=True)
    (folder / "spec.json").write_bytes(row.spec.to_line())
    file = folder / "artifacts" / "training_results.json"
    file.write_text(json.dumps({"config": {**CONFIG, **changed}, "history": []}))
    os.utime(file, (WALL - 30, WALL - 30))
    return replace(row, sync=replace(row.sync, folder=str(folder)))


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunSnapshot]:
    """Two workers with results, the first with an earlier run too, and one that never ran."""
    monkeypatch.chdir(tmp_path)
    first, second = running("keypoint-a"), running("keypoint-b")
    assert first.spec is not None and second.spec is not None
    early = "20251231T000000-aaaaaaa-77aa"
    synced(
        replace(first, run=early, spec=replace(first.spec, run=early, overrides=("epochs=10", "clips=500"))), clips=500
    )
    spec = replace(second.spec, overrides=("epochs=10", "width=2"), commit="c0ffee1" + "0" * 33)
    return [synced(first), synced(replace(second, spec=spec), width=2.0, extra="new"), blank("smoke")]


async def shown(app: TrajvidApp, pilot: Pilot[int]) -> str:
    """The screen when what is read in the background is there."""
    await app.workers.wait_for_complete()
    await settle(app, pilot)
    return plain(app)


def number(app: TrajvidApp) -> str:
    """The key of the config tab."""
    return str(next(at for at, one in enumerate(app.screen.tabs, 1) if isinstance(one, ConfigTab)))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("size", "theme", "keys"),
    [((80, 24), "", ""), ((80, 24), "", "w"), ((120, 40), "", ""), ((120, 40), "trajvid-light", "w")],
    ids=["80x24", "80x24-against", "120x40", "light-against"],
)
async def test_config(
    size: tuple[int, int], theme: str, keys: str, rows: list[RunSnapshot], same_as_before: Same
) -> None:  # fmt: skip
    async with desk(rows, size, "enter") as (app, pilot, _):
        await pilot.press(number(app), *filter(None, [keys]))
        if theme:
            app.use_theme(theme)
        await shown(app, pilot)
        same_as_before(app)


async def test_keys_go_through_the_other_runs_and_scroll(rows: list[RunSnapshot]) -> None:
    async with desk([*rows, running("far", link=offline(), seen_at=NOW - 42)], (80, 24), "enter") as (app, pilot, _):
        await pilot.press(number(app))
        text = await shown(app, pilot)
        assert "w compares with 3 other runs" in text and "more below" in text and "bar" not in text
        await pilot.press("G")
        assert "asked for in this run" in await shown(app, pilot) and "spec.json" not in plain(app)
        await pilot.press("w")
        assert "against keypoint-b/" in await shown(app, pilot) and "1 of 3" in plain(app)
        await pilot.press("w")
        text = await shown(app, pilot)
        assert "against far/" in text and "not known of that run: no results here" in text
        await pilot.press("w")
        text = await shown(app, pilot)
        assert "against keypoint-a/20251231T000000-aaaaaaa-77aa" in text and "500" in text and "3 of 3" in text
        await pilot.press("w")
        assert "asked" in await shown(app, pilot) and "against" not in plain(app).split("\n")[3]
        await pilot.press("W", "escape")
        assert "compares with" in await shown(app, pilot)
        app.pick("smoke")
        assert "Never launched" in await shown(app, pilot) and "n launches it" in plain(app)
        app.pick("far")
        text = await shown(app, pilot)
        assert "not known: no results here" in text and "last seen 42 s ago" in text and "offline" in text


async def test_a_tiny_terminal_breaks_nothing(rows: list[RunSnapshot]) -> None:
    async with desk(rows, (20, 5), "enter", "6", "w") as (app, pilot, _):
        assert len((await shown(app, pilot)).split("\n")) == 5


def test_everything_that_was_asked_is_told_and_cleaned() -> None:
    row = running("a")
    assert row.spec is not None
    spec = replace(
        row.spec, dirty=True, parent="20251231T000000-aaaaaaa-77aa", env={"B": "2", "A": "\x1b[31m1"}, restart_limit=3,
        environment={"python": "3.11"}, subject="an \x1b]52;c;aGk=\x07 escape",
    )  # fmt: skip
    facts = asked_facts(replace(row, spec=spec), WALL)
    text = "\n".join(f"{name}={value}" for name, value in facts)
    assert text.isprintable() or all(line.isprintable() for line in text.split("\n"))
    for part in (spec.commit, "dirty", spec.parent, "(2 min ago) by ada@laptop", "--config keypoint", "B=2", "3.11",
                 "at most 3", "attempt 1"):  # fmt: skip
        assert part in text


def test_changes_name_both_values_and_leave_out_what_is_equal(rows: list[RunSnapshot]) -> None:
    mine, theirs = (Known(row, read_effective(row)) for row in rows[:2])
    assert effective_changes(mine.effective, theirs.effective) == [
        Change("width", "1.0", "2.0"), Change("extra", "not there", "new"),
    ]  # fmt: skip
    assert {change.key for change in asked_changes(mine.row, theirs.row)} == {"width", "commit", "branch"}
    assert mine.effective.values["gate.accuracy"] == "> 0.70" and mine.effective.values["data"] == '""'
    assert effective_changes(mine.effective, Effective()) == []
    (early,) = earlier_runs(rows[0])
    known = read_known(early)
    assert isinstance(known, Known) and known.effective.values["clips"] == "500"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not a JSON record"),
        (b'{"a": 1}', "names no config"),
        (b'{"config": ' + b'{"a":' * 300 + b"1" + b"}" * 301, None),
        (b'{"config": {"\\u001b[31mx": "\\u001b]0;t\\u0007y"}}', None),
        (None, "they come with the run's end"),
    ],
    ids=["cut", "no-config", "deep", "escapes", "missing"],
)
def test_results_that_are_odd_are_said_or_harmless(tmp_path: Path, content: bytes | None, why: str | None) -> None:
    row = running("a")
    row = replace(row, sync=replace(row.sync, folder=str(tmp_path)))
    (tmp_path / "artifacts").mkdir()
    if content is not None:
        (tmp_path / "artifacts" / "training_results.json").write_bytes(content)
    found = read_effective(row)
    assert why is None or why in found.why
    assert all((key + value).isprintable() for key, value in found.values.items())


def test_a_link_in_place_of_the_results_is_not_followed(tmp_path: Path) -> None:
    row = ended("a", State.COMPLETED, 0, "")
    row = replace(row, sync=replace(row.sync, folder=str(tmp_path / "run")))
    (tmp_path / "run" / "artifacts").mkdir(parents=True)
    (tmp_path / "secret.json").write_text('{"config": {"password": "x"}}')
    (tmp_path / "run" / "artifacts" / "training_results.json").symlink_to(tmp_path / "secret.json")
    assert read_effective(row).values == {}


async def test_news_of_a_sync_is_read_again(rows: list[RunSnapshot]) -> None:
    row = replace(rows[0], sync=replace(rows[0].sync, folder="results/keypoint-a/none"))
    async with desk([row], (80, 24), "enter") as (app, pilot, feed):
        await pilot.press(number(app))
        assert "not known" in await shown(app, pilot)
        feed.put(replace(rows[0], sync=replace(rows[0].sync, at=NOW - 1)))
        app.flush()
        await asyncio.sleep(0)
        assert "training_results.json, 30 s old" in await shown(app, pilot)

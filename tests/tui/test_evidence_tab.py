"""Evidence files: found, read for the verdict that they state themselves, and shown; and what is said without any."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote.snapshot import RunSnapshot, SyncStatus
from tests.tui.desk import desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import NOW, WALL, blank, running
from tui.app import TrajvidApp
from tui.evidence import evidence_of
from tui.tabs.evidence import EvidenceTab

Same = Callable[[TrajvidApp], None]
FILES = {
    "tdd_tracker_green.txt": "commit 3f2a91c, clean\n....\n===== 4 passed in 0.12s =====\nexit code 0\n",
    "tdd_tracker_red.txt": "verdict: red, 1 failed by assertion\n===== 1 failed, 3 passed in 0.10s =====\n",
    "tdd_loss_red.txt": "refused: a syntax error in tests/test_loss.py is no failing test\n= 1 error in 0.02s =\n",
    "tdd_loss_green.txt": "nothing that tells\n",
    "evidence.json": '{"verdict": "complete", "items": []}',
    "evidence_odd.json": "{",
    "test_coverage_report.html": '<html><h1>Coverage report: <span class="pc_cov">87%</span></h1></html>',
    "other.txt": "verdict: not evidence\n",
}


def with_files(row: RunSnapshot, files: dict[str, str]) -> RunSnapshot:
    """Write files into ./results as a sync brings them."""
    folder = Path("results") / row.worker / row.run
    (folder / "artifacts").mkdir(parents=True)
    for name, text in files.items():
        path = folder / "artifacts" / name
        path.write_text(text)
        os.utime(path, (WALL - 600, WALL - 600))
    return replace(row, sync=replace(row.sync, folder=str(folder)))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_file_is_told_with_its_own_verdict() -> None:
    row = with_files(running("a"), FILES)
    found = [(one.about, one.verdict, one.refused) for one in evidence_of(row.sync.folder)]
    assert found[:4] == [
        ("loss, red", "refused: a syntax error in tests/test_loss.py is no failing test", True),
        ("loss, green", "", False),
        ("tracker, red", "verdict: red, 1 failed by assertion", False),
        ("tracker, green", "4 passed in 0.12s", False),
    ]
    assert found[4][:2] == ("evidence.json", "complete") and found[5][1].startswith("no JSON")
    assert found[6][:2] == ("test_coverage_report.html", "87% covered") and len(found) == 7


def test_a_link_is_not_followed_and_escapes_do_nothing() -> None:
    row = with_files(running("a"), {"tdd_\x1b[31mx_red.txt": "verdict: \x1b]0;t\x07red\n"})
    Path("secret").write_text("verdict: secret\n")
    (Path(row.sync.folder) / "artifacts" / "tdd_y_red.txt").symlink_to(Path("secret").absolute())
    text = "".join(one.about + one.verdict for one in evidence_of(row.sync.folder))
    assert text.isprintable() and "secret" not in text and "never followed" in text


async def shown(app: TrajvidApp, pilot: object) -> str:
    await app.workers.wait_for_complete()
    await settle(app, pilot)  # type: ignore[arg-type]
    await app.workers.wait_for_complete()
    await settle(app, pilot)  # type: ignore[arg-type]
    return plain(app)


def number(app: TrajvidApp) -> str:
    """The key of the evidence tab."""
    return str(next(at for at, one in enumerate(app.screen.tabs, 1) if isinstance(one, EvidenceTab)))  # type: ignore[attr-defined]


async def test_evidence(same_as_before: Same) -> None:
    async with desk([with_files(running("a"), FILES)], (80, 24), "enter") as (app, pilot, _):
        await pilot.press(number(app), "down", "down")
        await shown(app, pilot)
        same_as_before(app)


async def test_without_evidence_it_says_what_it_is_and_where_it_looked() -> None:
    unsynced = running("unsynced", sync=SyncStatus())
    rows = [
        with_files(running("without"), {"other.txt": "x"}),
        unsynced,
        blank("never"),
        with_files(running("b"), FILES),
    ]
    async with desk(rows, (80, 24), "enter") as (app, pilot, feed):
        await pilot.press(number(app))
        text = await shown(app, pilot)
        assert "test-first" in text and "None was found in results/without/" in text and "R brings" in text
        app.pick("unsynced")
        assert "Nothing of this run is on this laptop yet" in await shown(app, pilot)
        app.pick("never")
        assert "never launched" in await shown(app, pilot)
        app.pick("b")
        text = await shown(app, pilot)
        assert "7 files" in text and "▲ refused: a syntax error" in text and "states no verdict" in text
        await pilot.press("down", "down", "down", "pagedown", "g")
        text = await shown(app, pilot)
        assert "commit 3f2a91c, clean" in text and "exit code 0" in text
        (Path(rows[3].sync.folder) / "artifacts" / "tdd_zoom_red.txt").write_text("verdict: red\n")
        await pilot.press("u")
        assert "8 files" in await shown(app, pilot)
        (Path(rows[0].sync.folder) / "artifacts" / "evidence.json").write_text('{"verdict": "held"}')
        feed.put(replace(rows[0], sync=replace(rows[0].sync, at=NOW)))
        app.pick("without")
        assert "1 file " in await shown(app, pilot) and "held" in plain(app)

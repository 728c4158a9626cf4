"""The log tab: follow, search, filter, errors, earlier attempts and runs, long and restless lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote.errors import Unreachable
from remote.log_pages import LogPage
from remote.snapshot import RunSnapshot
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import blank, offline, running
from tui.app import TrajvidApp
from tui.earlier import Chapter, Earlier, chapters
from tui.widgets.log import is_error, log_line

Same = Callable[[TrajvidApp], None]
RUN = "20260101T000000-3f2a91c-9b1e"
BEFORE = "20251230T120000-aaaaaaa-1111"
CRASH = (
    "12:04:20 step  720 loss nan lr 1.0e-03",
    "UserWarning: the loss is not finite",
    "Traceback (most recent call last):",
    '  File "train.py", line 7, in <module>',
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
)


def crashed(**more: Any) -> RunSnapshot:
    row = running("keypoint-a", log_skipped_bytes=1_300_000, **more)
    return replace(row, log_tail=(*row.log_tail, *CRASH, "x" * 90 + " the end of a long line"))


class Logs(NoVerbs):
    """Two runs, the newer of two attempts."""

    def __init__(self) -> None:
        self.error: Unreachable | None = None
        self.pages = {
            RUN: LogPage(RUN, ("first a", "first b", "second"), ((0, 1), (2, 2)), 500, "copy here", 7300.0),
            BEFORE: LogPage(BEFORE, ("long ago",), (), 0, "asked from local", None),
        }

    async def runs_of(self, fleet: object, worker: str) -> tuple[list[str], str]:
        if self.error is not None:
            raise self.error
        return [RUN, BEFORE], ""

    async def log_page(self, fleet: object, worker: str, run: str) -> LogPage:
        return self.pages[run]


@pytest.mark.parametrize(("size", "theme"), [((80, 24), "dark"), ((120, 40), "light")], ids=["80x24", "120x40-light"])
async def test_log(size: tuple[int, int], theme: str, same_as_before: Same) -> None:
    async with desk([crashed()], size, "l") as (app, pilot, _):
        app.use_theme(f"trajvid-{theme}")
        await pilot.press("exclamation_mark")
        await settle(app, pilot)
        same_as_before(app)


@pytest.mark.parametrize("state", ["offline", "empty"])
async def test_log_in_trouble(state: str, same_as_before: Same) -> None:
    row = crashed(link=offline()) if state == "offline" else blank("keypoint-a", run=RUN)
    async with desk([row], (80, 24), "l") as (app, _, _):
        same_as_before(app)


async def test_searching_filtering_and_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(tmp_path))
    async with desk([crashed()], (100, 20), "l") as (app, pilot, _):
        tab = app.screen.shown  # type: ignore[attr-defined]
        view = tab.view
        seen = []
        for _ in range(5):
            await pilot.press("exclamation_mark")
            seen.append(view.copied()[0])
        assert seen == [CRASH[0], CRASH[2], CRASH[4], CRASH[0], CRASH[2]], "round and round"
        assert not view.following
        await pilot.press("y", "ampersand", *"step 0", "enter")
        await settle(app, pilot)
        assert (tmp_path / "copied.txt").read_text() == CRASH[2] + "\n"
        assert "No line is left by the filter" in plain(app) and "0 of 30 lines with step 0" in plain(app)
        await pilot.press("escape", "ampersand", *"LOSS", "enter")
        await settle(app, pilot)
        assert "26 of 30 lines with LOSS" in plain(app) and "Traceback" not in plain(app)
        await pilot.press("slash", *"nan", "enter", "Y")
        await settle(app, pilot)
        assert "1 row matches nan" in plain(app)
        assert len((tmp_path / "copied.txt").read_text().splitlines()) == 26
        app.clear_notifications()
        await pilot.press("escape")
        assert not view.needle and view.pattern, "the search goes first"
        await pilot.press("escape", "f", "w", "right", "right")
        await settle(app, pilot)
        assert "the end of a long line" in plain(app) and "following" in plain(app)
        await pilot.press("w", "right")
        assert app.screen.shown is not tab, "wrapped again, the arrows are the screen's"  # type: ignore[attr-defined]


async def test_the_way_back_goes_by_attempts_and_runs() -> None:
    logs = Logs()
    row = running("keypoint-a", log_tail=("second",))
    async with desk([row], (120, 20), "l", verbs=logs) as (app, pilot, feed):

        async def press(key: str) -> str:
            await pilot.press(key)
            await app.workers.wait_for_complete()
            await settle(app, pilot)
            return plain(app)

        logs.error = Unreachable("local: connection lost")
        assert "▲ local: connection lost" in await press("comma")
        logs.error = None
        text = await press("comma")
        assert "first a" in text, "the second attempt is what the stream shows"
        assert f"attempt 1 · {RUN} · copy here, 2 h old · 500 B before not shown" in text
        text = await press("comma")
        assert "long ago" in text and f"{BEFORE} · asked from local" in text
        assert "no earlier log of keypoint-a" in await press("comma")
        feed.put(replace(row, log_tail=("second", "third")))
        assert "first a" in await press("full_stop"), "news does not take the page away"
        text = await press("full_stop")
        assert "third" in text and "following" in text
        await press("comma")
        await press("comma")
        text = await press("f")
        assert "third" in text and "▼ following" in text, "one key from however far back"
        await press("comma")
        feed.put(replace(row, run="20260102T000000-3f2a91c-2222", log_tail=("a new run",)))
        await settle(app, pilot)
        assert "a new run" in plain(app)


async def test_a_line_without_end_and_a_restless_one_are_one_row_each() -> None:
    from remote.fold import fold
    from remote.row import Row

    row = running("keypoint-a", log_tail=())
    lines = ["start", "\r 10 %\r 90 %", "y" * 40_000]
    message = {"k": "lines", "run": RUN, "file": "log", "inode": 1, "start": 0, "end": 1, "lines": lines}
    taken = fold(Row(row), message, 0.0).row.snapshot
    async with desk([taken], (80, 24), "l", "g") as (app, pilot, _):
        await settle(app, pilot)
        text = plain(app)
        assert "1 cut at 4,096 characters" in text and "90 %" in text and "10 %" not in text
        await pilot.press("w")
        await settle(app, pilot)
        assert sum("yyyy" in line for line in plain(app).split("\n")) == 1


def test_a_page_is_told_apart_into_chapters() -> None:
    page = LogPage(RUN, ("a", "b", "c", "d"), ((1, 3), (2, 4)), 9, "here", None)
    found = [(part.attempt, part.lines, part.skipped_bytes) for part in chapters(page)]
    assert found == [(4, ("c", "d"), 0), (3, ("b",), 0), (0, ("a",), 9)]
    assert chapters(replace(page, attempts=())) == [Chapter(RUN, 0, page.lines, 9, "here", None)]
    assert [part.lines for part in chapters(replace(page, lines=(), attempts=()))] == [()]
    assert not Earlier().newer()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ValueError: bad", True), ("error: no such file", True), ("RuntimeError", True), ("ERROR [x]", True),
        ("val_loss nan", True), ("loss=NaN,", True), ("Killed", True), ("exited with code 3", True),
        ("exit code 137", True), ("Command returned non-zero exit status 1", True),
        ("exit code 0", False), ("nano banana 0.nan", False), ("error rate 0.05", False), ("pred_mse error 0.1", False),
        ("Terror", False), ("errors 0", False),
    ],
)  # fmt: skip
def test_what_looks_like_an_error(line: str, found: bool) -> None:
    assert is_error(line) is found
    assert "".join(text for text, _ in log_line(line)) == line
    assert any("bad" in role for _, role in log_line(line)) is found

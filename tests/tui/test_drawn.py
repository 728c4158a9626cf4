"""Only the rows that changed are painted again, and none of those that did."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot
from textual.strip import Strip

from remote.snapshot import RunSnapshot
from tests.tui.desk import desk, settle
from tests.tui.screen_text import screen_text
from tests.tui.worlds import default_world, running
from tui.app import TrajvidApp
from tui.format import Line
from tui.widgets.drawn import Drawn


def test_the_rows_that_differ_are_told_and_drawn() -> None:
    drawn, asked = Drawn(), list[str]()

    def strip(line: Line) -> Strip:
        asked.append(line[0][0])
        return Strip([])

    assert drawn.take([[("a", "")], [("b", "")]], strip) == [0, 1]
    assert drawn.take([[("a", "")], [("c", "")], [("d", "")]], strip) == [1, 2]
    assert drawn.take([[("a", "")], [("c", "dim")]], strip) == [1, 2], "a row that is gone changed too"
    assert asked == ["a", "b", "c", "d", "c"] and len(drawn.strips) == 2


def saying(worker: str, text: str) -> RunSnapshot:
    row = running(worker, done=30)
    assert row.progress is not None
    return replace(row, progress=replace(row.progress, message=text))


async def painted(app: TrajvidApp, pilot: Pilot[int]) -> str:
    """What stands on the screen, which is the same when everything is painted anew."""
    await settle(app, pilot)
    piece_by_piece = screen_text(app)
    for widget in app.screen.walk_children():
        widget.notify_style_update()
        widget.refresh()
    await pilot.pause()
    assert screen_text(app) == piece_by_piece
    return piece_by_piece


async def test_what_is_painted_piece_by_piece_is_what_is_painted_at_once() -> None:
    rows = default_world()
    async with desk(rows, (120, 40), "V", "j", "j", "space", "k") as (app, pilot, feed):
        for row in rows:
            feed.put(saying(row.worker, "later"))
        assert (await painted(app, pilot)).count("later") >= 4
        await pilot.press("j")
        feed.put(saying(rows[1].worker, "latest"))
        assert (await painted(app, pilot)).count("latest") == 1
        await pilot.press("?")
        feed.put(saying(rows[0].worker, "behind the help"))
        await settle(app, pilot)
        await pilot.press("escape")
        assert (await painted(app, pilot)).count("behind the help") == 1

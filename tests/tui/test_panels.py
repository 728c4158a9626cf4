"""How panels, board, curves and the store arrange what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remote.snapshot import SyncPhase, SyncStatus
from tests.tui.worlds import NOW, blank, default_world, many_states, running, still_store
from tui.format import Line, line_width
from tui.theme import COLOURS, Palette
from tui.widgets.curves import curve_groups
from tui.widgets.detail import detail_lines
from tui.widgets.metrics import metrics_of
from tui.widgets.rows import board_lines, panel_lines, row_of
from tui.widgets.workers import fit_layout
from tui.words import last_words, sync_words
from wire.records import MetricPoint


def texts(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


@pytest.mark.parametrize("row", many_states(), ids=lambda row: row.worker)
@pytest.mark.parametrize("width", [38, 60, 100])
def test_every_state_fits_its_panel_its_rows_and_its_detail(row: object, width: int) -> None:
    told = row_of(row, NOW, "w1")  # type: ignore[arg-type]
    for height in (6, 8, 11):
        panel = panel_lines(told, width, height, selected=True)
        assert len(panel) == height and {line_width(line) for line in panel} == {width}
    board = board_lines(told, width, selected=False)
    assert len(board) == 3 and all(line_width(line) <= width for line in board)
    for height in (6, 10, 38):
        detail = detail_lines(row, NOW, "w1", width, height, keys=[("x stop", "")])  # type: ignore[arg-type]
        assert len(detail) == height and {line_width(line) for line in detail} == {width}


@pytest.mark.parametrize(
    ("count", "size", "panels", "columns"),
    [
        (5, (64, 38), True, 1),
        (12, (108, 58), True, 2),
        (5, (80, 12), False, 1),
        (50, (108, 58), False, 1),
        (1, (30, 20), False, 1),
    ],
)
def test_panels_while_they_fit_whole_else_the_board(
    count: int, size: tuple[int, int], panels: bool, columns: int
) -> None:
    layout = fit_layout(count, *size)
    assert (layout.panels, layout.columns) == (panels, columns)
    assert not panels or layout.rows(count) <= size[1]
    assert layout.columns * layout.width <= size[0]


def test_a_wish_is_obeyed() -> None:
    assert fit_layout(50, 108, 58, "panels").panels
    assert not fit_layout(3, 108, 58, "board").panels


def test_metrics_come_in_order_with_their_best() -> None:
    row = running("a", metrics=tuple(
        MetricPoint(step, step, 0.0, {"learning_rate": 0.1, "val_loss": value, "val_accuracy": 1 - value, "zeta": 1.0})
        for step, value in enumerate([0.5, 0.2, 0.3])
    ), progress=None)  # fmt: skip
    metrics = metrics_of(row)
    assert [metric.name for metric in metrics] == ["val_accuracy", "val_loss", "zeta", "learning_rate"]
    assert [metric.best for metric in metrics] == [0.8, 0.2, None, None]
    assert [title for title, _ in curve_groups(metrics, "w1")] == ["loss", "accuracy"]


def test_a_metric_that_is_no_number_is_said_and_breaks_nothing() -> None:
    row = running("a")
    assert row.progress is not None
    row = replace(row, progress=replace(row.progress, metrics={"val_loss": None}))
    assert "n/a" in texts(board_lines(row_of(row, NOW, "w1"), 120, selected=False))


def test_a_failed_sync_says_why_and_how_old_the_last_one_is() -> None:
    row = running("a", sync=SyncStatus(SyncPhase.FAILED, NOW - 60, error="disk full"))
    assert sync_words(row, NOW)[0] == "▲ sync failed, last 1 min ago: disk full"
    row = running("a", sync=SyncStatus(SyncPhase.FAILED, error="refused", retry_at=NOW + 120))
    assert sync_words(row, NOW)[0] == "▲ sync failed, again in 2 min: refused"
    row = running("a", sync=SyncStatus(SyncPhase.PAUSED, NOW - 60, error="this disk waits for 1.1 GiB free, has 0.4"))
    assert sync_words(row, NOW)[0] == "▲ sync paused: this disk waits for 1.1 GiB free, has 0.4"


def test_a_sync_says_what_is_on_its_way_and_how_much_there_is() -> None:
    sync = SyncStatus(SyncPhase.RUNNING, bytes_done=2**20, bytes_total=2**22, files_done=1, files_total=5)
    row = running("a", sync=replace(sync, file="checkpoints/best.pt"))
    assert sync_words(row, NOW)[0] == "↓ syncing 1.0 MiB of 4.0 MiB, file 2 of 5: best.pt"
    row = running("a", sync=SyncStatus(SyncPhase.RUNNING, bytes_done=2**20, run="20250101T000000-3f2a91c-aaaa"))
    assert sync_words(row, NOW)[0] == "↓ earlier run 1.0 MiB: 20250101T000000-3f2a91c-aaaa"
    row = running("a", sync=SyncStatus(SyncPhase.RUNNING, waits=True))
    assert sync_words(row, NOW)[0] == "↓ syncing: another sync of it goes first"
    row = running("a", sync=SyncStatus(SyncPhase.DONE, NOW - 12, left_out=2))
    assert sync_words(row, NOW)[0] == "↓ synced 12 s ago, 2 too large"


def test_a_worker_that_reports_no_progress_is_not_called_stalled() -> None:
    row = running("a", progress=None, metrics=(), progress_at=NOW - 9999)
    text = texts(detail_lines(row, NOW, "w1", 80, 20, keys=[]))
    assert "no progress reported" in text and "stalled" not in text


def test_what_this_laptop_does_comes_before_everything_else() -> None:
    assert last_words(replace(blank("a"), step="pushing commit 3f2a91c"))[0] == "→ pushing commit 3f2a91c"


def test_the_store_keeps_order_colours_and_selection() -> None:
    store = still_store()
    store.fill(default_world())
    assert store.selected == "keypoint-a" and len(store.take_dirty()) == 5
    store.put(running("late"))
    assert [row.worker for row in store.all()][-1] == "late"
    assert store.take_dirty() == {"late"} and store.colour("keypoint-b") == "w1"
    store.pattern = "transf running"
    assert [row.worker for row in store.visible()] == ["transformer-a"]
    assert store.current().worker == "transformer-a"  # type: ignore[union-attr]


def test_a_history_is_taken_apart_once_and_the_newest_value_is_that_of_the_progress() -> None:
    row = running("a")
    assert row.progress is not None
    moved = replace(row, progress=replace(row.progress, metrics={**row.progress.metrics, "val_loss": 0.125, "new": 1}))
    before, after = ({metric.name: metric for metric in metrics_of(one)} for one in (row, moved))
    assert all(after[name].values is before[name].values for name in before)
    assert after["val_loss"].value == 0.125 and before["val_loss"].value == row.metrics[-1].values["val_loss"]
    assert after["new"].value == 1 and after["new"].values == ()
    longer = replace(moved, metrics=(*row.metrics, MetricPoint(9999, 99, 0.0, {"val_loss": 0.5})))
    assert {metric.name: metric for metric in metrics_of(longer)}["val_loss"].values[-1] == 0.5


@pytest.mark.parametrize("name", [name for name, colours in COLOURS.items() if not colours.ansi])
def test_text_colours_can_be_read_on_their_background(name: str) -> None:
    colours = COLOURS[name]
    for role in ("text", "dim", "ok", "info", "warn", "bad", "accent"):
        assert contrast(getattr(colours, role), colours.background) >= 4.5, role
    for colour in colours.workers:
        assert contrast(colour, colours.background) >= 4.5, colour


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two #rrggbb colours."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_without_colour_a_role_keeps_only_weight() -> None:
    style = Palette("trajvid-dark", colour=False).style("bold warn")
    assert style.bold and style.color is None

"""Compare on the screen, as a verb, and the files that are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote.snapshot import RunSnapshot
from tests.trainer.test_analysis import raw_results
from tests.tui.compared_runs import RUN, judged, profile, world, write_run
from tests.tui.desk import desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import NOW, blank, ended, offline, running
from tui.__main__ import main
from tui.app import TrajvidApp
from tui.screens.compare import CompareScreen
from wire.state import State

Same = Callable[[TrajvidApp], None]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_compare(size: tuple[int, int], same_as_before: Same) -> None:
    async with desk(world(), size, "c") as (app, _, _):
        same_as_before(app)


async def test_compare_light_by_step(same_as_before: Same) -> None:
    async with desk(world(), (120, 40), "space", "j", "space", "c", "b", "m") as (app, pilot, _):
        app.use_theme("trajvid-light")
        await settle(app, pilot)
        same_as_before(app)


@pytest.mark.parametrize(
    "rows",
    [
        [
            running("a", link=offline(), seen_at=NOW - 42),
            running("b", link=offline(), seen_at=None, cached_age_s=7300.0),
        ],
        [blank("a"), blank("b")],
        [ended("a", State.FAILED, 3, "exit code 3", metrics=()), ended("b", State.LOST, None, "gone", metrics=())],
    ],
    ids=["offline", "empty", "failed"],
)
async def test_compare_80x24(rows: list[RunSnapshot], same_as_before: Same) -> None:
    async with desk(rows, (80, 24), "c") as (app, _, _):
        same_as_before(app)


async def test_marks_choose_what_is_compared_and_keys_change_how() -> None:
    async with desk(world(), (120, 40), "space", "j", "j", "space") as (app, pilot, feed):
        assert app.store.marked == ["keypoint-a", "i3d-a"] and plain(app).split("\n", 1)[1].count("»") == 2
        await pilot.press("space", "space", "c")
        await settle(app, pilot)
        text = plain(app)
        assert "keypoint-b" not in text and " val loss" in text and "1     keypoint-a" in text
        assert "▌ " + "⠤" in text.replace("⠄", "⠤") and "no skill" in text
        await pilot.press("m", "L", "s")
        await settle(app, pilot)
        assert " val acc (log, smooth 0.6)" in plain(app)
        await pilot.press("M", "k")
        assert app.store.selected == "keypoint-a"
        feed.put(replace(world()[0], result=None, state=State.RUNNING))
        app.flush(everything=True)
        await settle(app, pilot)
        assert "-     keypoint-a" in plain(app), "its figures are those of the newest snapshot"
        await pilot.press("enter")
        await settle(app, pilot)
        assert type(app.screen).__name__ == "WorkerScreen"
        await pilot.press("escape", "c")
        assert type(app.screen).__name__ == "HomeScreen"
        app.store.pattern = "magvit"
        await pilot.press("c", "enter")
        await settle(app, pilot)
        assert "keypoint-a" in plain(app).split("\n")[1], "also where the filter of home hides it"


async def test_the_selected_run_stays_in_view() -> None:
    rows = [running(f"run-{at:02}") for at in range(30)]
    async with desk(rows, (80, 24), "c", "G") as (app, pilot, _):
        assert "▌ ⠤⠤⠄⠀  -     run-29" in plain(app)
        await pilot.press("g")
        await settle(app, pilot)
        assert "▌ ⠤⠤⠤⠤  -     run-00" in plain(app) and "rank  run" in plain(app)
        await pilot.press("escape", "slash", *"run-0", "enter", "c")
        assert isinstance(app.screen, CompareScreen)
        assert len(app.screen.comparison.rows) == 30, "a filter of home hides no run from the comparison"


async def test_a_tiny_terminal_is_no_error() -> None:
    async with desk(world(), (20, 5), "c", "j", "pagedown", "m") as (app, _, _):
        assert all(len(line) <= 20 for line in plain(app).split("\n"))


async def test_what_is_on_screen_is_written_into_the_results_folder(tmp_path: Path) -> None:
    async with desk(world(), (80, 24)) as (app, pilot, feed):
        feed.results = tmp_path / "results"
        await pilot.press("c", "w")
        await pilot.pause()
        assert "Write the comparison as" in plain(app)
        await pilot.press("down", "enter")
        await app.workers.wait_for_complete()
        await settle(app, pilot)
        (path,) = feed.results.glob("compare-*")
        assert path.name == "compare-20260101T000000Z.json" and path.name in plain(app).replace("\n", "")
        assert len(json.loads(path.read_text())["rows"]) == 4 and (feed.results / ".gitignore").exists()
        feed.results = path
        await pilot.press("w", "enter")
        await app.workers.wait_for_complete()
        await settle(app, pilot)
        assert "not written" in plain(app)


async def test_trained_controls_and_manifest_come_from_the_synced_folder(tmp_path: Path) -> None:
    folder = write_run(tmp_path / RUN, raw_results(), worker="keypoint-a")
    (folder / "artifacts/controls.json").write_text(json.dumps({"controls": {"shuffled": {"pred_mse": 0.04}}}))
    row = judged("keypoint-a", 0.97)
    async with desk([replace(row, sync=replace(row.sync, folder=str(folder)))], (80, 24), "c") as (app, pilot, _):
        await app.workers.wait_for_complete()
        await settle(app, pilot)
        assert " 0.50  ✓ completed" in plain(app)


def test_the_verb_compares_earlier_runs_as_they_were_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from remote.names import slug

    monkeypatch.setenv("TRAJVID_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    profile(tmp_path)
    worker = tmp_path / "results" / slug("kp")
    write_run(worker / RUN, raw_results(0.9), worker="kp")
    write_run(worker / "20251231T000000-3f2a91c-0000", raw_results(0.8), worker="kp")
    assert main(["compare", "--cached", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(row["run"], row["host"], row["origin"]) for row in answer["data"]["rows"]] == [(RUN, "local", "results")]
    assert main(["compare", "kp", "--cached", "--previous"]) == 0
    out = capsys.readouterr().out
    assert f"1     kp/{RUN}" in out.replace("…", "") or "1     kp/…" in out
    assert main(["compare", f"{slug('kp')}/{RUN}", "--markdown", "--png", "c.png"]) == 0
    assert "| 1 | kp | ◇ completed |" in capsys.readouterr().out and Path("c.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nobody", "--cached"], 2, "no worker named 'nobody'"),
        (["kp/gone"], 2, "kp/gone holds no run that was synced"),
        (["smoke", "--cached"], 2, "smoke has never run"),
        (["--cached"], 2, "nothing to compare"),
        (["--json", "--markdown"], 2, "not both"),
    ],
)
def test_the_verb_says_what_is_wrong(
    words: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    profile(tmp_path)
    assert main(["compare", *words]) == code
    done = capsys.readouterr()
    assert said in done.out + done.err and "Traceback" not in done.err

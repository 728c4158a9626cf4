"""Compare: figures, order and notes of runs side by side, of snapshots and of folders; how they are said."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from remote.compare import Candidate, compare
from remote.errors import UsageError
from remote.figures import beside_controls, has_skill, validation_figures
from remote.run_folders import find_run, read_candidate, runs_of
from tests.trainer.test_analysis import raw_results
from tests.tui.compared_runs import RUN, asked, judged, of, texts, write_run
from tests.tui.worlds import NOW, WALL, blank, ended, many_states, offline, plain_command, running
from trainer.analysis.comparison import compare as trainer_compare
from tui.compare.curves import curves_of, metric_names
from tui.compare.export import as_json, markdown
from tui.compare.page import page_lines
from tui.compare.picture import INKS
from tui.compare.table import COLUMNS, NAME, Shown, fitting, rank_words, short_name, table_lines
from tui.compare.writing import content
from tui.format import line_width
from tui.theme import COLOURS
from wire.records import MetricPoint
from wire.state import State


def test_the_order_is_skill_then_accuracy_then_error_and_then_those_that_were_not_tested() -> None:
    found = of(running("going"), judged("second", 0.9, 0.03), judged("unskilled", 0.99, 0.2), judged("third", 0.8),
               judged("first", 0.9, 0.02), plain_command("plain"))  # fmt: skip
    assert [(one.name, one.rank) for one in found.rows] == [
        ("first", 1), ("second", 2), ("third", 3), ("unskilled", 4), ("going", None), ("plain", None)
    ]  # fmt: skip
    assert [one.apart for one in found.rows] == [False, False, True, True, None, None]
    assert [rank_words(one) for one in found.rows] == ["1", "2 ≈", "3", "4", "-", "-"]
    assert rank_words(replace(found.rows[1], apart=None)) == "2", "without intervals nothing is said to be alike"
    assert [one.verdict for one in found.rows[2:]] == ["completed", "no skill", "unfinished", "unfinished"]


def test_an_unfinished_run_shows_its_best_validation_and_never_a_test() -> None:
    (one,) = of(running("a")).rows
    assert (one.figures.split, one.figures.epoch, one.rank, one.figures.interval) == ("validation", 3, None, None)
    (plain,) = of(plain_command("plain")).rows
    assert plain.epochs is None, "what counts no epochs has not done 0 of them"
    at_gate = judged("b", 0.9)
    (gone_on,) = of(replace(at_gate, state=State.RUNNING)).rows
    assert gone_on.figures.split == "validation", "a result of an older stage says nothing of the run as it goes on"


def test_the_best_epoch_is_the_lowest_loss_else_the_highest_accuracy() -> None:
    def points(name: str, *values: float | None) -> list[MetricPoint]:
        return [MetricPoint(at, at, 0.0, {name: value, "pred_mse": at / 10}) for at, value in enumerate(values, 1)]

    assert validation_figures(points("val_loss", 0.5, 0.2, 0.2, None)).epoch == 2
    assert validation_figures(points("val_accuracy", 0.5, 0.9, 0.8)).pred_mse == 0.2
    assert validation_figures([MetricPoint(1, 0.5, 0.0, {"val_loss": 1.0})]).split == ""


def test_no_skill_is_judged_against_every_control_but_references() -> None:
    summary = judged("a", 0.9).result
    assert summary is not None and has_skill(summary)
    better = beside_controls(summary, {"shuffled_frames": {"pred_mse": 0.01, "accuracy": 0.5}})
    assert better.metrics["skill"] == pytest.approx(1 - 0.02 / 0.01) and not has_skill(better)
    assert not has_skill(replace(summary, controls={"majority": {"accuracy": 0.9}}))
    assert has_skill(replace(summary, controls={"physics_fit": {"pred_mse": 0.0}}))
    assert not has_skill(replace(summary, flags=("no skill",)))


def test_a_trained_control_counts_for_every_run_of_the_same_clips() -> None:
    lender = Candidate(judged("lender", 0.9), {"shuffled_frames": {"pred_mse": 0.04}}, digest="d")
    found = compare([lender, Candidate(judged("same", 0.9), digest="d"), Candidate(judged("other", 0.9), digest="e")])
    skills = {one.name: one.figures.skill for one in found.rows}
    assert skills == {"lender": pytest.approx(0.5), "same": pytest.approx(0.5), "other": pytest.approx(0.75)}
    assert "same is judged against the controls of lender too: they are of the same clips" in found.notes
    unknown = compare([replace(lender, digest=""), Candidate(judged("other", 0.9))])
    assert {one.name: one.figures.skill for one in unknown.rows}["other"] == pytest.approx(0.75)
    assert not unknown.notes, "clips that nobody identified are not the same"


def test_why_an_untested_run_ended_is_a_note_of_its_own() -> None:
    stopped = ended("a", State.STOPPED, 143, "by ada@laptop")
    failed = ended("b", State.FAILED, 1, "exit code 1: boom")
    assert {"a: stopped by ada@laptop", "b: exit code 1: boom"} <= set(of(stopped, failed).notes)


def test_other_data_is_said_by_manifest_and_by_overrides() -> None:
    rows = [asked(judged("a", 0.9), "seed=1"), asked(judged("b", 0.9), "seed=2", "tier=easy"), judged("c", 0.9)]
    rows[2] = asked(rows[2], "seed=1")
    notes = of(*rows).notes
    assert notes == (
        "not all of the same data, so rows differ by their clips too:",
        "tier easy (b), not set (a, c)", "seed 2 (b), 1 (a, c)",
    )  # fmt: skip
    made = [Candidate(row, data={"seed": 0}, digest=f"{at}" * 20) for at, row in enumerate(rows)]
    assert compare(made).notes == (
        "not the same clips, so rows differ by them too: 000000000000 (a), 111111111111 (b), 222222222222 (c)",
    )
    assert of(rows[0], rows[2]).notes == ()


def test_only_what_was_asked_differently_is_a_difference() -> None:
    rows = [
        asked(running("a"), "epochs=5", "width=2"),
        asked(running("b"), "epochs=5", dirty=True),
        blank("c", run=RUN),
    ]
    found = {one.key: one.values for one in of(*rows).differences}
    assert found == {
        "width": ("2", "not set", ""), "commit": ("3f2a91c", "3f2a91c *", ""), "branch": ("idea/a", "idea/b", "")
    }  # fmt: skip
    page = markdown(of(*rows), NOW, WALL)
    assert "| width | 2 | not set | not known |" in page, "what is not known is not empty"


def test_app_verb_and_trainer_say_the_same_of_the_same_folders(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / "best", raw_results(0.95, extractor="a")),
        write_run(tmp_path / "near", raw_results(0.93, mse=0.01, extractor="b")),
        write_run(tmp_path / "poor", raw_results(0.97, mse=0.2, extractor="c")),
        write_run(tmp_path / "going", raw_results(0.9, extractor="d"), state=""),
    ]
    trained = {"controls": {"shuffled_frames": {"pred_mse": 0.04, "accuracy": 0.5}}}
    (folders[0] / "artifacts/controls.json").write_text(json.dumps(trained))
    (folders[3] / "artifacts/training_results.json").unlink(missing_ok=True)
    theirs = trainer_compare(folders)
    ours = compare([read_candidate(folder) for folder in folders])
    shown = as_json(ours, 0.0)["rows"]
    ranked = [row for row in shown if row["rank"]]
    assert [row["name"] for row in ranked] == [entry.name for entry in theirs.entries]
    for row, entry in zip(shown, [*theirs.entries, *theirs.unfinished], strict=True):
        own = (entry.accuracy, entry.pred_mse, entry.skill)
        for figure, value in zip(("accuracy", "pred_mse", "skill"), own, strict=True):
            assert row[figure] == (None if value is None else pytest.approx(value.mean)), (entry.name, figure)
        assert row["has_skill"] is None or row["has_skill"] == entry.has_skill
        assert (row["epochs"], row["train_s"], row["epoch_s"]) == (entry.epochs, entry.train_s, entry.epoch_s)
        assert row["parameters"] == entry.parameters
        if row["rank"]:
            assert tuple(row["interval"]) == pytest.approx(entry.interval)
    skills = {row["name"]: row["skill"] for row in ranked}
    assert skills["near"] == pytest.approx(0.75), "0.01 against the trained control that another run lends"


def test_a_synced_folder_is_read_like_the_host_tells_it(tmp_path: Path) -> None:
    write_run(tmp_path / "kp" / RUN, raw_results(), worker="kp")
    write_run(tmp_path / "kp" / "20251231T000000-3f2a91c-0000", raw_results(0.8), worker="kp")
    (tmp_path / "kp" / "notes").mkdir()
    assert [folder.name for folder in runs_of(tmp_path, "kp")] == ["20251231T000000-3f2a91c-0000", RUN]
    assert find_run(tmp_path, f"kp/{RUN}") == tmp_path / "kp" / RUN and find_run(tmp_path, "kp") is None
    one = read_candidate(tmp_path / "kp" / RUN, wall_s=WALL + 60)
    row = one.row
    assert (row.worker, row.run, row.state) == ("kp", RUN, State.COMPLETED)
    assert (row.cached_age_s, row.seen_at, len(row.metrics), one.digest) == (60.0, None, 8, "d1")


def test_a_hostile_folder_is_harmless(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run") as refused:
        read_candidate(write_run(tmp_path / "\x1b[2J", raw_results(), worker="kp"))
    assert refused.value.message.isprintable()
    folder = write_run(tmp_path / RUN, raw_results(), worker="kp\x1b[2J|[/x]")
    (folder / "metrics.jsonl").write_text('{"step":1}\nnot JSON\n[' + "[" * 10_000)
    (folder / "artifacts/controls.json").write_text('{"controls": [1]}')
    (folder / "artifacts/data/manifest.json").write_text("{" * 10_000)
    (folder / "result.json").write_text('{"attempt": 3}')
    one = read_candidate(folder)
    assert (one.row.result, one.row.metrics, one.controls, one.data) == (None, (), {}, {})
    found = compare([one])
    for text in (*texts(page_lines(found, [Shown(found.rows[0])], NOW, 80, "")).split("\n"), found.rows[0].name):
        assert text.isprintable()


@pytest.mark.parametrize("width", [24, 40, 80, 120, 200])
def test_the_page_keeps_to_its_width_and_never_cuts_a_number(width: int) -> None:
    rows = [row for row in many_states() if row.run]
    found = of(*rows, judged("held", 0.9, run="20260101T000000-3f2a91c-aaaa"), judged("held", 0.8))
    runs = [Shown(one, "w1", "dashed") for one in found.rows]
    lines = page_lines(found, runs, NOW, width, "unskilled")
    assert all(line_width(line) <= width for line in lines)
    text = texts(table_lines(runs, NOW, width, "unskilled"))
    assert width < 80 or ("no skill" in text and "val@" in text)
    assert not any(part in text for part in ("0.9…", "(0.…", "val…"))


def test_columns_leave_by_rank_and_empty_ones_first() -> None:
    widths = [10] * len(COLUMNS)
    kept = fitting(widths, [True] * len(COLUMNS), 50)
    assert [COLUMNS[at].head for at in kept] == ["", "rank", "run", "accuracy"] and COLUMNS[NAME].head == "run"
    assert len(fitting(widths, [at != 3 for at in range(len(COLUMNS))], 10_000)) == len(COLUMNS) - 1


def test_of_a_long_name_the_end_of_the_run_stays() -> None:
    assert short_name("held/20261129T083424-f04db81-c382", 20) == "held/…4-f04db81-c382"
    assert short_name("a-very-long-worker-name", 10) == "a-very-lo…"


def test_an_unreachable_run_is_neither_healthy_nor_failed() -> None:
    far = running("far", link=offline(), seen_at=NOW - 42)
    text = texts(page_lines(of(far), [Shown(of(far).rows[0])], NOW, 120, ""))
    assert "◇ was running" in text and "42 s ago" in text and "● running" not in text


def test_the_selected_curve_is_drawn_last_and_each_keeps_its_style() -> None:
    runs = [
        Shown(one, f"w{at}", "dotted" if at else "solid") for at, one in enumerate(of(running("a"), running("b")).rows)
    ]
    assert metric_names([one.one.row for one in runs])[:3] == ["val_loss", "val_accuracy", "pred_mse"]
    curves = curves_of(runs, "val_loss", "time", "b")
    assert [(curve.name, curve.style, curve.role) for curve in curves] == [("b", "dotted", "w1"), ("a", "solid", "w0")]
    assert curves_of(runs, "skill", "step") == []


def test_markdown_and_json_hold_what_is_shown() -> None:
    found = of(asked(judged("a|b", 0.9), "seed=1"), asked(judged("c", 0.8, 0.2), "seed=2"), running("d"))
    page = markdown(found, NOW, WALL)
    assert "| 1 | a\\|b | ✓ completed | live |" in page and "✓ completed, no skill" in page and "## Notes" in page
    assert len({line.count(" | ") for line in page.split("\n") if line.startswith(("| rank", "| 2"))}) == 1
    assert "| seed | 1 | 2 | not set |" in page
    data = json.loads(content("json", found, [], "epoch", NOW, WALL))
    assert data["rows"][0]["best_controls"]["pred_mse"] == {"name": "constant velocity", "value": 0.08}
    assert data["rows"][2]["split"] == "validation" and data["differences"]["seed"]["c"] == "2"


def test_the_picture_is_drawn_and_its_colours_are_those_of_the_light_theme() -> None:
    found = of(judged("a", 0.9), running("b"), plain_command("c"))
    runs = [
        Shown(one, f"w{at}", style)
        for at, (one, style) in enumerate(zip(found.rows, ("solid", "dashed", "dotted"), strict=True))
    ]
    data = content("png", found, runs, "time", NOW, WALL)
    width, height = struct.unpack(">II", data[16:24])
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and width == 1600 and height > 900
    assert COLOURS["trajvid-light"].workers == INKS
    assert content("png", of(plain_command("c")), runs[:1], "epoch", NOW, WALL)[:4] == b"\x89PNG"

"""`trainer compare`: seeds together, the order, what cannot be told apart, the ensemble, and who is not compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.test_analysis import history, raw_results, results
from trainer.__main__ import main
from trainer.analysis import comparison_tables as tables
from trainer.analysis.comparison import compare, distinguishable, recommendation, verdict
from trainer.analysis.comparison_picture import styles
from trainer.analysis.comparison_report import as_json, page
from trainer.analysis.entries import Spread
from trainer.analysis.predictions import PREDICTIONS_NAME, StoredPredictions, read_predictions
from trainer.errors import DataError
from trainer.metrics import wilson_interval
from wire.records import MetricPoint


def write(tmp_path: Path, name: str, accuracy: float, **more: Any) -> Path:
    """Write a run of its own config, unless told otherwise; return its folder."""
    digest = more.pop("digest", name)
    raw = raw_results(accuracy, **{"extractor": name, **more})
    raw["data"]["digest"] = digest
    results(tmp_path, raw, name)
    return tmp_path / name


def predict(folder: Path, probabilities: np.ndarray, error: float, digest: str = "d") -> StoredPredictions:
    """Store predictions for the labels 0 1 2 3: given probabilities, a forecast that errs by `error` everywhere."""
    path = np.zeros((len(probabilities), 5, 3), np.float32)
    stored = StoredPredictions(
        digest, np.arange(len(probabilities)) % 4, probabilities.astype(np.float32), path + np.float32(error), path
    )
    stored.write(folder / "artifacts" / PREDICTIONS_NAME)
    return stored


def test_rank_is_by_skill_then_accuracy_then_error(tmp_path: Path) -> None:
    places = [
        write(tmp_path, "second", 0.9, mse=0.03),
        write(tmp_path, "unskilled", 0.99, mse=0.2),
        write(tmp_path, "third", 0.8),
        write(tmp_path, "first", 0.9, mse=0.02),
    ]
    table = compare(places)
    assert [entry.name for entry in table.entries] == ["first", "second", "third", "unskilled"]
    assert [verdict(entry) for entry in table.entries] == ["through the gate"] * 3 + ["no skill"]
    assert verdict(compare([write(tmp_path, "best", 0.95)]).entries[0]) == "above the bars of full"


def test_overlapping_intervals_are_not_distinguishable(tmp_path: Path) -> None:
    table = compare([write(tmp_path, name, value) for name, value in (("a", 0.9), ("b", 0.88), ("c", 0.5))])
    first, near, far = table.entries
    assert distinguishable(first, near) is False and distinguishable(first, far) is True
    text = page(table, "comparison.png")
    assert "| 1 | a |" in text and "| 2 ≈ | b |" in text and "| 3 | c |" in text


def test_the_lower_error_is_recommended_among_equals(tmp_path: Path) -> None:
    table = compare(
        [write(tmp_path, "a", 0.9, mse=0.04), write(tmp_path, "b", 0.89, mse=0.02), write(tmp_path, "c", 0.5)]
    )
    assert table.recommended is not None and table.recommended.name == "b"
    assert recommendation(table).startswith("Take b: its accuracy is not distinguishable from that of a")
    assert recommendation(compare([write(tmp_path, "bad", 0.2)])) == "Take none: no row is above its best control."


def test_a_cheaper_equal_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a", 0.9)
    raw = raw_results(0.89, mse=0.03, extractor="b")
    raw["summary"] |= {"train_s": 8.0, "parameters": 900}
    results(tmp_path, raw, "b")
    said = recommendation(compare([tmp_path / "a", tmp_path / "b"]))
    assert said.startswith("Take a: it has the highest accuracy. b is not distinguishable from it")
    assert said.endswith("needs 10 % of its training time.")


def test_seeds_of_one_config_are_mean_and_deviation(tmp_path: Path) -> None:
    values = (0.90, 0.94, 0.92)
    places = [write(tmp_path, f"kp-seed{seed}", value, extractor="kp", seed=seed) for seed, value in enumerate(values)]
    (entry,) = compare(places).entries
    assert entry.name == "kp (3 seeds)" and entry.accuracy is not None
    assert entry.accuracy.mean == pytest.approx(0.92) and entry.accuracy.deviation == pytest.approx(0.02)
    assert entry.interval == wilson_interval(828, 900) and entry.tests["noisy"]["accuracy"].mean == pytest.approx(0.72)
    text = page(compare(places), "comparison.png")
    assert "| 1 | kp (3 seeds) | 3 | 92.0 ± 2.0 % |" in text and "| kp-seed1 | 1 | 94.0 % |" in text
    assert "seeds 0, 1, 2" in text


def test_seeds_on_the_same_clips_do_not_narrow_the_interval(tmp_path: Path) -> None:
    places = [write(tmp_path, f"s{seed}", 0.9, extractor="kp", seed=seed, digest="same") for seed in range(3)]
    (entry,) = compare(places).entries
    assert entry.interval == wilson_interval(270, 300)


def test_the_same_seed_twice_is_said(tmp_path: Path) -> None:
    table = compare([write(tmp_path, "a", 0.9, extractor="kp"), write(tmp_path, "b", 0.8, extractor="kp", threads=2)])
    assert any("same config and seed" in note for note in table.notes)


def test_other_data_is_said(tmp_path: Path) -> None:
    table = compare([write(tmp_path, "a", 0.9), write(tmp_path, "b", 0.8, tier="easy")])
    assert table.notes[0] == "b was tested on other data than a (tier easy): compare with care"
    assert table.notes[1].endswith("may differ by their test clips too (a: a; b: b)")
    assert compare([tmp_path / "a"]).notes == []


def test_what_looks_too_good_is_said(tmp_path: Path) -> None:
    assert compare([write(tmp_path, "a", 1.0)]).notes == ["a: investigate: accuracy is exactly 1"]


def test_nobody_is_left_out_in_silence(tmp_path: Path) -> None:
    good = write(tmp_path, "good", 0.9)
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "progress.json").write_text('{"message": "epoch 2/9"}')
    (tmp_path / "old.json").write_text('{"val_losses": [1, 0.5], "val_accuracies": [0.5, 0.8]}')
    (tmp_path / "bad.json").write_text("not JSON")
    places = [good, tmp_path / "running", tmp_path / "old.json", tmp_path / "bad.json", tmp_path / "gone", good]
    table = compare(places)
    why = [one.why for one in table.not_compared]
    assert len(table.entries) == 1 and len(why) == 4
    assert (
        "epoch 2/9" in why[0] and "cannot be read" in why[1] and "does not exist" in why[2] and why[3] == "named twice"
    )
    text = page(table, "x.png")
    assert all(f"{one.place}: {one.why}" in text for one in table.not_compared)
    assert "| gone | - | - | - | - | **nothing to judge**: does not exist |" in text
    assert "| *not tested* | old | 1 | 80.0 % | - |" in text, "only validation figures"
    with pytest.raises(DataError, match="nothing to compare"):
        compare([places[1], places[3]])


def test_controls_stand_below_without_a_rank(tmp_path: Path) -> None:
    text = page(compare([write(tmp_path, "a", 0.9), write(tmp_path, "b", 0.8)]), "x.png")
    rows = [line.split(" | ")[:3] for line in text.split("## Results")[1].splitlines() if line.startswith("| *")]
    assert rows == [
        ["| *control*", "constant velocity", "2"], ["| *control*", "majority", "2"], ["| *reference*", "oracle", "2"]
    ]  # fmt: skip


def test_controls_of_the_same_clips_count_once(tmp_path: Path) -> None:
    table = compare([write(tmp_path, "a", 0.9, digest="one"), write(tmp_path, "b", 0.8, digest="one")])
    assert [(entry.count, entry.pred_mse) for entry in table.controls] == [
        (1, Spread(0.08)),
        (1, None),
        (1, Spread(0.001)),
    ]


def train_control(folder: Path, **figures: float) -> None:
    """Leave what `trainer controls` leaves."""
    trained = {
        "accuracy": 0.5,
        "n": 300,
        "pred_mse": 0.04,
        "recall_linear": 0.25,
        "train_s": 60,
        "epochs": 8,
        **figures,
    }
    controls = {"controls": {"shuffled_frames": trained | {"parameters": 1000}}}
    (folder / "artifacts" / "controls.json").write_text(json.dumps(controls))


def test_skill_is_against_every_control_of_the_same_clips(tmp_path: Path) -> None:
    for name, digest in (("a", "one"), ("donor", "one"), ("elsewhere", "two")):
        write(tmp_path, name, 0.9, extractor="kp", digest=digest)
    train_control(tmp_path / "donor", pred_mse=0.03)
    train_control(tmp_path / "elsewhere", pred_mse=0.001)
    alone = compare([tmp_path / "a"])
    table = compare([tmp_path / "a"], controls=[tmp_path / "donor", tmp_path / "elsewhere"])
    (before,), (after,) = alone.entries, table.entries
    assert before.skill == Spread(0.75) and after.skill is not None and after.skill.mean == pytest.approx(1 / 3)
    assert table.notes == ["judged against the controls of donor too, which are of the same clips: a"]
    (shuffled,) = [entry for entry in table.controls if entry.name == "shuffled frames"]
    assert shuffled.count == 2 and shuffled.pred_mse is not None and shuffled.pred_mse.mean == pytest.approx(0.0155)
    train_control(tmp_path / "a", pred_mse=0.04)
    for own_first in (["a", "donor"], ["donor", "a"]):
        entries = compare([tmp_path / name for name in own_first]).entries
        assert all(entry.skill and entry.skill.mean == pytest.approx(1 / 3) for entry in entries), "each has its own"


def rows_of(lines: list[str]) -> list[dict[str, str]]:
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_the_tables_have_every_figure_of_every_row(tmp_path: Path) -> None:
    raw = raw_results(0.9, clips=2000, width=0.25)
    raw |= {"inference_ms": 2.5, "inference": {"batch_ms": 1.5}}
    results(tmp_path, raw, "a")
    train_control(tmp_path / "a")
    table = compare([tmp_path / "a"])
    run, *_, shuffled, _ = rows_of(tables.headline(table))
    assert (run["accuracy"], run["95 % interval"], run["MSE at t+5"]) == ("90.0 %", "86.1 to 92.9", "0.0200")
    assert (run["% MAE t+4"], run["t+5"], run["verdict"]) == ("4.0", "5.0", "through the gate")
    assert run["skill"] == "0.50", "against the trained control"
    assert (shuffled["run"], shuffled["95 % interval"]) == ("shuffled frames", "44.4 to 55.6")
    run, shuffled = rows_of(tables.cost(table))
    assert (run["clips"], run["epochs"], run["width"], run["training"]) == ("2,000", "8", "0.25", "1 min 20 s")
    assert (run["s/epoch"], run["parameters"], run["MB"]) == ("10", "1,000", "0.004")
    assert (run["ms alone"], run["ms in a batch"]) == ("2.5", "1.5")
    assert (shuffled["s/epoch"], shuffled["parameters"], shuffled["clips"]) == ("7.5", "1,000", "-")
    run, shuffled = rows_of(tables.class_recalls(table))
    assert (run["linear"], shuffled["linear"]) == ("90.7 %", "25.0 %")
    (run,) = rows_of(tables.held_out(table))
    assert (run["noisy: accuracy"], run["drop"], run["MSE"]) == ("70.0 %", "20.0", "0.0500")
    assert tables.noisy_target(table)[-1].endswith("not met by a (20.0).")


def test_the_goal_of_the_best_is_judged_figure_by_figure(tmp_path: Path) -> None:
    raw = raw_results(0.98, mse=0.03) | {"threads": 1}
    raw["tests"]["noisy"]["metrics"]["accuracy"] = 0.95
    results(tmp_path, raw, "a")
    met = {row["a"]: (row["reached"], row[""]) for row in rows_of(tables.goal(compare([tmp_path / "a"])))}
    assert met == {
        "accuracy": ("98.0 %", "met"), "MSE at t+5": ("0.03", "**not met**"), "epochs": ("8", "met"),
        "training, one thread": ("1 min 20 s", "met"), "drop on `noisy`, points": ("+3.0", "met"),
    }  # fmt: skip


def test_the_goal_is_asked_of_the_best_row_that_trained_no_longer_than_it_allows(tmp_path: Path) -> None:
    rows = (("long", 0.985, 0.01, 50), ("short", 0.98, 0.015, 10), ("worse", 0.975, 0.02, 8))
    for name, accuracy, mse, epochs in rows:
        raw = raw_results(accuracy, mse=mse) | {"threads": 1}
        raw["summary"]["epochs"] = epochs
        raw["config"]["epochs"] = epochs
        results(tmp_path, raw, name)
    comparison = compare([tmp_path / name for name, *_ in rows])
    assert comparison.recommended is not None and comparison.recommended.name == "long"
    assert rows_of(tables.goal(comparison))[0]["short"] == "accuracy"


@pytest.mark.parametrize(
    ("accuracy", "mse", "epochs", "summary", "verdict"),
    [
        (0.95, 0.02, 50, {}, "**met** after 50 epochs"),
        (0.92, 0.02, 50, {}, "**met** after 50 epochs, but the interval spans the bar"),
        (0.95, 0.02, 30, {}, "**met** after 30 of 50 epochs, stopped early"),
        (0.80, 0.062, 50, {}, "**not met** after 50 epochs: missed accuracy by 10.0 points and MSE by 0.0120"),
        (0.95, 0.02, 10, {"verdict": "held"}, "**not run**: held at the gate"),
    ],
)
def test_each_run_with_two_stages_stands_beside_the_bar_of_the_plan(
    tmp_path: Path, accuracy: float, mse: float, epochs: int, summary: dict[str, Any], verdict: str
) -> None:
    raw = raw_results(accuracy, mse=mse, epochs=10, full_epochs=40)
    raw["summary"] |= {"epochs": epochs, "gate": {"passed": not summary, "epoch": 10, "reasons": ["no"]}, **summary}
    results(tmp_path, raw, "branch")
    results(tmp_path, raw_results(0.9), "one-stage")
    (row,) = rows_of(tables.plan(compare([tmp_path / "branch", tmp_path / "one-stage"])))
    assert (row["run"], row["bar of the plan"]) == ("branch", verdict)
    assert row["gate"] == ("held at epoch 10: no" if summary else "passed at epoch 10")


def test_who_retired_or_released_a_held_run_is_said(tmp_path: Path) -> None:
    raw = raw_results(0.95, epochs=10, full_epochs=40)
    raw["summary"] |= {"verdict": "held", "epochs": 10, "gate": {"passed": False, "epoch": 10, "reasons": ["slow"]}}
    results(tmp_path, raw, "a")
    (tmp_path / "a" / "gate_decision.json").write_text('{"decision": "retire", "by": "me@laptop"}')
    (row,) = rows_of(tables.plan(compare([tmp_path / "a"])))
    assert row["gate"] == "held at epoch 10: slow; retired by me@laptop"
    raw["summary"] |= {"at_s": 100.0}
    results(tmp_path, raw, "a")
    (tmp_path / "a" / "progress.json").write_text('{"phase": "train", "stage": "full", "epoch": 16, "at_s": 160}')
    table = compare([tmp_path / "a"])
    (row,) = rows_of(tables.plan(table))
    assert row["bar of the plan"] == "**not yet**: 16 of 50 epochs done" and verdict(table.entries[0]) == "goes on"
    assert "a is not at its end; it was last heard of 40 s before" in page(table, "x.png", now_s=200.0)


def test_a_run_under_way_has_validation_figures_and_no_rank(tmp_path: Path) -> None:
    run = tmp_path / "i3d-0"
    (run / "artifacts" / "data").mkdir(parents=True)
    (run / "artifacts" / "data" / "manifest.json").write_text('{"counts": {"validation": {"a": 150, "b": 150}}}')
    rows = history([2.0, 1.0, 1.5], val_accuracy=[0.5, 0.9, 0.8], pred_mse=[0.3, 0.06, 0.07], skill=[-2, 0.2, 0.1])
    points = [MetricPoint(place, row.pop("epoch"), 0.0, {**row}).to_line() for place, row in enumerate(rows)]
    (run / "metrics.jsonl").write_bytes(b"".join(points))
    progress = {"phase": "train", "stage": "validate", "epoch": 3, "total_epochs": 10, "at_s": 1000.0}
    (run / "progress.json").write_text(json.dumps(progress))
    table = compare([run, write(tmp_path, "done", 0.8)])
    done, row, *_ = rows_of(tables.headline(table))
    assert (done["rank"], row["rank"], row["accuracy"]) == ("1", "*not tested*", "90.0 %")
    assert row["95 % interval"] == "86.1 to 92.9" and row["verdict"] == "validation figures, 3 of 10 epochs to the gate"
    (row,) = rows_of(tables.plan(table))
    assert (row["gate"], row["MSE < 0.05"]) == ("not reached", "0.0600 (validation)")
    assert row["bar of the plan"] == "**not yet**: 3 of 10 epochs to the gate done"
    alone = compare([run])
    assert recommendation(alone) == "Take none yet: no run has been tested." and page(alone, "x.png")
    assert as_json(alone)["unfinished"][0]["planned"] == 10 and as_json(alone)["plan"][0]["met"] is None


def test_a_page_says_what_wrote_it_and_what_made_its_figures(tmp_path: Path) -> None:
    raw = raw_results(0.9)
    raw |= {"commit": "abc123", "versions": {"torch": "2.13.0"}, "cpu": "Xeon", "threads": 1}
    results(tmp_path, raw, "a")
    text = page(compare([tmp_path / "a"]), "x.png", "trainer compare a --out docs/results.md")
    assert "    trainer compare a --out docs/results.md\n" in text
    assert "the files of one run alone: seeds 1; commits abc123; torch 2.13.0; cpu Xeon; threads 1." in text


def test_an_extractor_keeps_its_colour(tmp_path: Path) -> None:
    names = ("i3d", "keypoint", "other")
    both = styles(compare([write(tmp_path, name, 0.9) for name in names]).entries)
    wide = write(tmp_path, "keypoint-wide", 0.95, extractor="keypoint", width=2)
    more = styles(compare([tmp_path / "keypoint", wide]).entries)
    assert len({look.colour for look in both}) == 3 and {look.colour for look in more} == {both[1].colour}
    assert more[0].line != more[1].line


def test_the_command_fits_a_terminal_and_writes_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    places = [str(write(tmp_path, f"a-branch-with-a-long-name-{n}", 0.9, extractor="kp", seed=n)) for n in range(2)]
    page_path = tmp_path / "docs" / "results.md"
    assert main(["compare", *places, "--out", str(page_path), "--controls"]) == 0
    table = capsys.readouterr().out.partition("Take ")[0].splitlines()
    assert len(table) == 8 and max(map(len, table)) <= 80
    assert table[2].split()[1].startswith("a-branch-with") and table[2].rstrip().endswith("gate passed")
    assert {path.name for path in page_path.parent.iterdir()} == {"results.md", "results.json", "results.png"}
    text = page_path.read_text()
    assert f"    trainer compare {' '.join(places)} --out {page_path}\n" in text and "](results.png)" in text


def test_the_ensemble_is_the_mean_of_the_predictions(tmp_path: Path) -> None:
    sure, wrong = np.eye(4), np.roll(np.eye(4), 1, axis=1)
    predict(write(tmp_path, "a", 0.9), np.tile(0.6 * sure + 0.4 * wrong, (25, 1)), 0.3)
    mixed = np.tile(0.45 * sure + 0.55 * wrong, (25, 1))
    predict(write(tmp_path, "b", 0.8), mixed, -0.1)
    write(tmp_path, "c", 0.7)
    table = compare([tmp_path / name for name in "abc"], ensemble=True)
    (entry,) = [one for one in table.entries if one.kind == "ensemble"]
    assert entry is table.entries[0] and entry.name == "mean of a, b"
    assert entry.accuracy is not None and entry.accuracy.mean == 1 and entry.interval == wilson_interval(100, 100)
    assert entry.pred_mse is not None and entry.pred_mse.mean == pytest.approx(0.01, rel=1e-5)
    assert entry.mae_percent is not None and entry.mae_percent.mean == pytest.approx(5, rel=1e-5)
    assert entry.skill is not None and entry.skill.mean == pytest.approx(1 - 0.01 / 0.08, rel=1e-5)
    assert entry.train_s == 160 and entry.parameters == 2000 and entry.inference_ms is None
    assert any(note.startswith("c is not in the ensemble") for note in table.notes)
    json.dumps(as_json(table))


def test_an_ensemble_of_other_clips_is_refused(tmp_path: Path) -> None:
    predict(write(tmp_path, "a", 0.9), np.eye(4), 0.1, digest="one")
    predict(write(tmp_path, "b", 0.9), np.eye(4), 0.1, digest="two")
    with pytest.raises(DataError, match="b was tested on other clips than a") as caught:
        compare([tmp_path / "a", tmp_path / "b"], ensemble=True)
    assert "same seed" in caught.value.hint
    with pytest.raises(DataError, match=r"needs two runs .* there are 1"):
        compare([tmp_path / "a", write(tmp_path, "c", 0.9)], ensemble=True)


def test_predictions_come_back_as_they_were_stored(tmp_path: Path) -> None:
    write(tmp_path, "a", 0.9)
    stored = predict(tmp_path / "a", np.eye(4), 0.1)
    back = read_predictions(tmp_path / "a" / "artifacts" / PREDICTIONS_NAME)
    assert back.digest == stored.digest and back.forecast is not None and stored.forecast is not None
    assert back.forecast.dtype == np.float32 and np.array_equal(back.forecast, stored.forecast)
    only_classes = StoredPredictions("d", np.zeros(3, np.int64))
    only_classes.write(tmp_path / "p.npz")
    assert read_predictions(tmp_path / "p.npz").forecast is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x80\x04N."])
def test_predictions_that_cannot_be_read_are_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        read_predictions(tmp_path / "p.npz")


def test_predictions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="4 labels"):
        StoredPredictions("d", np.zeros(4, np.int64), probabilities=np.zeros((3, 4), np.float32))

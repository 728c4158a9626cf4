"""`trainer compare`: seeds together, the order, what cannot be told apart, the ensemble, and who is not compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.test_analysis import raw_results, results
from trainer.analysis.comparison import compare, distinguishable, recommendation, verdict
from trainer.analysis.comparison_report import as_json, page, whole_table
from trainer.analysis.predictions import PREDICTIONS_NAME, StoredPredictions, read_predictions
from trainer.errors import DataError
from trainer.metrics import wilson_interval


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
    assert "| 2 | b |" in text and text.count("not distinguishable |") == 1 and text.count("| below |") == 1


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
    assert "92.0 ± 2.0 %" in text and "| kp (3 seeds) | kp-seed1 | 1 | 94.0 % |" in text


def test_seeds_on_the_same_clips_do_not_narrow_the_interval(tmp_path: Path) -> None:
    places = [write(tmp_path, f"s{seed}", 0.9, extractor="kp", seed=seed, digest="same") for seed in range(3)]
    (entry,) = compare(places).entries
    assert entry.interval == wilson_interval(270, 300)


def test_the_same_seed_twice_is_said(tmp_path: Path) -> None:
    table = compare([write(tmp_path, "a", 0.9, extractor="kp"), write(tmp_path, "b", 0.8, extractor="kp")])
    assert any("same config and seed" in note for note in table.notes)


def test_other_data_is_said(tmp_path: Path) -> None:
    table = compare([write(tmp_path, "a", 0.9), write(tmp_path, "b", 0.8, tier="easy")])
    assert table.notes == ["b was tested on other data than a (tier easy): compare with care"]


def test_nobody_is_left_out_in_silence(tmp_path: Path) -> None:
    good = write(tmp_path, "good", 0.9)
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "progress.json").write_text('{"message": "epoch 2/9"}')
    (tmp_path / "old.json").write_text('{"val_losses": [1, 0.5], "val_accuracies": [0.5, 0.8]}')
    (tmp_path / "bad.json").write_text("not JSON")
    places = [good, tmp_path / "running", tmp_path / "old.json", tmp_path / "bad.json", tmp_path / "gone", good]
    table = compare(places)
    why = [one.why for one in table.not_compared]
    assert len(table.entries) == 1 and len(why) == 5
    assert "epoch 2/9" in why[0] and "only accuracy 0.8 (validation, epoch 2)" in why[1] and "cannot be read" in why[2]
    assert "does not exist" in why[3] and why[4] == "named twice"
    assert all(f"{one.place}: {one.why}" in page(table, "x.png") for one in table.not_compared)
    with pytest.raises(DataError, match="nothing to compare"):
        compare(places[1:4])


def test_controls_stand_below_without_a_rank(tmp_path: Path) -> None:
    table = compare([write(tmp_path, "a", 0.9), write(tmp_path, "b", 0.8)], controls=True)
    assert [(entry.name, entry.kind) for entry in table.controls] == [
        ("constant velocity", "control"), ("majority", "control"), ("oracle", "reference")
    ]  # fmt: skip
    assert "|  | oracle | 99.9 ± 0.0 % |" in page(table, "x.png") and compare([tmp_path / "a"]).controls == []


def test_one_table_has_every_figure_of_every_row(tmp_path: Path) -> None:
    raw = raw_results(0.9, clips=2000, width=0.25)
    raw |= {"inference_ms": 2.5, "inference": {"batch_ms": 1.5}}
    results(tmp_path, raw, "a")
    trained = {"accuracy": 0.5, "n": 300, "pred_mse": 0.04, "recall_linear": 0.25, "train_s": 60, "epochs": 8}
    controls = tmp_path / "a" / "artifacts" / "controls.json"
    controls.write_text(json.dumps({"controls": {"shuffled_frames": trained | {"parameters": 1000}}}))
    table = compare([tmp_path / "a"], controls=True)
    head, _, run, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in whole_table(table)]
    cells = dict(zip(head, run, strict=True))
    assert (cells["accuracy"], cells["95 % interval"], cells["% MAE"]) == ("90.0 %", "86.1 % to 92.9 %", "4")
    assert cells["skill"] == "0.5", "against the trained control"
    assert (cells["recall, linear"], cells["noisy: accuracy"], cells["noisy: MSE"]) == ("90.7 %", "70.0 %", "0.05")
    assert (cells["trained on"], cells["training"]) == ("2,000 clips, 8 epochs, width 0.25", "1 min 20 s")
    assert (cells["s/epoch"], cells["parameters"], cells["MB"]) == ("10", "1,000", "0.004")
    assert (cells["inference, ms a clip"], cells["in a batch"]) == ("2.5", "1.5")
    (shuffled,) = [dict(zip(head, row, strict=True)) for row in rows if row[1] == "shuffled frames"]
    assert (shuffled["95 % interval"], shuffled["recall, linear"]) == ("44.4 % to 55.6 %", "25.0 %")
    assert (shuffled["s/epoch"], shuffled["parameters"], shuffled["verdict"]) == ("7.5", "1,000", "control")


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

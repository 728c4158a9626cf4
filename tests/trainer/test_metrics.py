"""Figures against hand calculations and an independent formula; controls; the judge's flags."""

from __future__ import annotations

import numpy as np
import pytest

from renderer.trajectories import make_recipe
from trainer.controls import compute_controls
from trainer.data.source import RecipeSource
from trainer.data.splits import split_scenes
from trainer.metrics import Predictions, classification_metrics, confusion_matrix, skill, wilson_interval
from trainer.results import judge

RECIPE = make_recipe("medium", 400, 1).recipe
ROWS = split_scenes(RECIPE.scene, RECIPE.label, 1)
TRAIN, TEST = RECIPE.take(ROWS["train"]), RECIPE.take(ROWS["test"])


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_interval_of_published_examples(correct: int, count: int, low: float, high: float) -> None:
    """The first three are examples of Newcombe (1998), table I, method 3."""
    assert wilson_interval(correct, count) == pytest.approx((low, high), abs=6e-4)


def test_the_interval_solves_its_equation() -> None:
    """(p - share)^2 = z^2 p (1 - p) / n at both ends."""
    for end in wilson_interval(37, 50):
        assert (end - 0.74) ** 2 == pytest.approx(1.959963984540054**2 * end * (1 - end) / 50)


def test_classification_by_hand() -> None:
    confusion = confusion_matrix(np.array([0, 0, 0, 1, 1, 2, 3, 3]), np.array([0, 0, 1, 1, 1, 2, 3, 0]))
    assert confusion[0].tolist() == [2, 1, 0, 0] and confusion[3].tolist() == [1, 0, 0, 1]
    figures = classification_metrics(confusion)
    assert figures["accuracy"] == 6 / 8 and figures["n"] == 8
    assert figures["recall"] == pytest.approx((2 / 3 + 1 + 1 + 1 / 2) / 4)
    assert figures["precision"] == pytest.approx((2 / 3 + 2 / 3 + 1 + 1) / 4)


def test_forecast_figures_by_hand() -> None:
    path = np.zeros((2, 5, 3))
    forecast = np.full((2, 5, 3), 0.1) * np.arange(1, 6)[None, :, None]
    label = np.array([0, 1])
    figures = Predictions(label, label, forecast, path, 0.0, 0.0).metrics(best_control_mse=0.5)
    assert figures["mse_t1"] == pytest.approx(0.01) and figures["pred_mse"] == figures["mse_t5"] == pytest.approx(0.25)
    assert figures["mae_percent_t4"] == pytest.approx(20.0)
    assert figures["skill"] == pytest.approx(0.5) and skill(0.5, 0.5) == 0


def test_controls_are_what_they_say() -> None:
    controls = compute_controls(RecipeSource(TRAIN), RecipeSource(TEST))
    path = TEST.camera_path()
    assert np.array_equal(controls.forecasts["hold_last"][:, 4], path[:, 15])
    expected = path[:, 15] + 5 * (path[:, 15] - path[:, 14])
    assert controls.forecasts["constant_velocity"][:, 4] == pytest.approx(expected)
    linear = TEST.label == 0
    assert controls.forecasts["constant_velocity"][linear] == pytest.approx(path[linear, 16:], abs=1e-9)
    mean = TRAIN.camera_path(16)[TRAIN.label == TEST.label[0]].mean(axis=0)
    assert controls.forecasts["class_mean"][0] == pytest.approx(mean)
    table = controls.table()
    assert set(table) == {"hold_last", "constant_velocity", "class_mean", "majority"}
    assert controls.best_mse == min(row["pred_mse"] for row in table.values() if "pred_mse" in row)
    assert table["majority"]["accuracy"] == pytest.approx(0.25)


def figures(accuracy: float = 0.9, skill: float = 0.5) -> dict[str, float]:
    return {"accuracy": accuracy, "skill": skill, "precision": 0.9, "recall": 0.9, "f1": 0.9}


def test_the_judge_flags_what_says_nothing_and_what_is_too_good() -> None:
    fine = [{"train_loss": 0.1}]
    assert judge(figures(), 0.25, fine) == ()
    assert judge(figures(skill=-0.1), 0.25, fine) == ("no skill",)
    assert judge(figures(accuracy=0.25), 0.25, fine) == ("no skill",)
    assert "investigate: accuracy is exactly 1" in judge(figures(accuracy=1.0), 0.25, fine)
    assert {"no skill", "investigate: accuracy is exactly 0"} <= set(judge(figures(accuracy=0.0), 0.25, fine))
    assert judge(figures(), 0.25, [{"train_loss": 1e-7}]) == ("investigate: training loss under 1e-06",)

"""What `trainer analyze` says of a run: every number by hand, every recommendation by its rule, any form of file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import REPOSITORY
from trainer.analysis import curves, standing
from trainer.analysis.advice import RULES, recommend
from trainer.analysis.analysis import analyse
from trainer.analysis.classes import class_recalls, lacking_classes
from trainer.analysis.reading import read_results
from trainer.analysis.report import as_json, page
from trainer.analysis.results import Results, results_of
from trainer.analysis.writing import write_analysis, write_report
from trainer.errors import DataError
from trainer.metrics import wilson_interval
from wire.records import MetricPoint

PICTURES = {
    "training_curves.png",
    "confusion_matrix.png",
    "metrics_summary.png",
    "learning_rate.png",
    "generalization_gap.png",
    "forecasting_curves.png",
}
PAGES = {"analysis_report.md", "analysis.json", "llm_analysis.md", "llm_analysis.json"}
COMPARISON = {"comparison.md", "comparison.json", "comparison.png"}


def history(
    val_loss: list[float], train_loss: list[float] | None = None, **more: list[float]
) -> list[dict[str, float]]:
    columns = {"val_loss": val_loss, "train_loss": train_loss or [0.9 * loss for loss in val_loss], **more}
    return [
        {"epoch": place + 1, **{name: values[place] for name, values in columns.items()}}
        for place in range(len(val_loss))
    ]


def horizons(mse: list[float], mae: list[float]) -> dict[str, float]:
    steps = range(1, 6)
    return {f"mse_t{step}": mse[step - 1] for step in steps} | {f"mae_percent_t{step}": mae[step - 1] for step in steps}


def raw_results(accuracy: float = 0.9, n: int = 300, mse: float = 0.02, **config: Any) -> dict[str, Any]:
    """A results file as a run writes it, with figures of our choice."""
    low, high = wilson_interval(round(accuracy * n), n)
    right, quarter = round(accuracy * n / 4), n // 4
    own = horizons([0.004, 0.006, 0.01, 0.015, mse], [2, 2.5, 3, 4, 5])
    velocity = horizons([0.0004, 0.004, 0.012, 0.03, 0.08], [0.6, 1.7, 3.3, 5.3, 7.5])
    losses = [1.0, 0.6, 0.4, 0.3, 0.26, 0.25, 0.25, 0.25]
    return {
        "config": {"extractor": "keypoint", "tier": "medium", "learning_rate": 0.001, "seed": 1, **config},
        "summary": {
            "attempt": "kp.1", "verdict": "completed", "train_s": 80.0, "epochs": 8, "parameters": 1000,
            "model_bytes": 4000, "gate": {}, "flags": [],
            "metrics": {
                "accuracy": accuracy, "accuracy_low": low, "accuracy_high": high, "n": n, "pred_mse": mse,
                "skill": 1 - mse / 0.08, **own,
            },
            "controls": {
                "constant_velocity": {"pred_mse": 0.08, **velocity},
                "majority": {"accuracy": 0.25},
                "oracle": {"accuracy": 0.999, "pred_mse": 0.001},
            },
        },
        "history": history(losses, train_accuracy=[0.9] * 8, val_accuracy=[0.88] * 8, pred_mse=[mse] * 8,
                           learning_rate=[1e-3] * 8),
        "confusion_matrix": [[right if row == column else quarter - right if column == (row + 1) % 4 else 0
                              for column in range(4)] for row in range(4)],
        "tests": {"noisy": {"metrics": {"accuracy": accuracy - 0.2, "pred_mse": 0.05}, "controls": {}}},
        "data": {"name": "trajectories", "digest": "d1",
                 "counts": {"train": dict.fromkeys(("linear", "circular", "helical", "parabolic"), 10)}},
    }  # fmt: skip


def results(tmp_path: Path, raw: dict[str, Any], name: str = "run") -> Results:
    path = tmp_path / name / "artifacts" / "training_results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(raw))
    return read_results(tmp_path / name)


def of_history(rows: list[dict[str, float]]) -> Results:
    return Results("run", Path("run.json"), history=tuple(rows))


def rules(one: Results) -> set[str]:
    return {advice.rule for advice in recommend(analyse(one))}


def test_everything_is_read_from_a_run(tmp_path: Path) -> None:
    one = results(tmp_path, raw_results())
    assert one.name == "run" and one.folder == tmp_path / "run" / "artifacts"
    assert (one.train_s, one.epochs, one.parameters, one.model_bytes) == (80.0, 8, 1000, 4000)
    assert one.class_names == ("linear", "circular", "helical", "parabolic")
    assert one.missing == ("inference time",) and one.notes == ()


@pytest.mark.parametrize(
    ("losses", "epoch", "falling"),
    [
        ([1.0, 0.5, 0.26, 0.22, 0.2, 0.2, 0.2, 0.2], 4, False),  # 95 % of .8 is reached at .24: .22 is the first below
        ([1.0, 0.9, 0.8, 0.7, 0.6], None, True),
        ([1.0, 1.1, 1.2, 1.3], None, False),
        ([1.0, 0.2, 0.5, 0.5, 0.5, 0.5], 2, False),
    ],
)
def test_convergence_is_95_percent_of_the_way(losses: list[float], epoch: int | None, falling: bool) -> None:
    found = curves.convergence(of_history(history(losses)))
    assert found is not None and (found.epoch, found.still_falling) == (epoch, falling)
    assert bool(found.why) == (epoch is None)


def test_overfitting_needs_a_growing_gap_and_a_risen_loss() -> None:
    train = [1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1]
    overfit = curves.overfitting(of_history(history([1, 0.8, 0.7, 0.65, 0.66, 0.7, 0.75, 0.8], train)))
    healthy = curves.overfitting(of_history(history([1.1, 0.9, 0.7, 0.5, 0.4, 0.3, 0.25, 0.2], train)))
    assert overfit is not None and healthy is not None
    assert overfit.level == "yes" and overfit.gap == pytest.approx(0.7) and overfit.gap_at_best == pytest.approx(0.25)
    assert overfit.rise == pytest.approx(0.8 / 0.65 - 1)
    slope, intercept = np.polyfit([5, 6, 7, 8], [0.36, 0.5, 0.6, 0.7], 1)
    assert overfit.trend == pytest.approx(slope) and intercept < 0
    assert healthy.level == "none"
    beginning = curves.overfitting(of_history(history([1, 0.8, 0.7, 0.65, 0.65, 0.64, 0.66, 0.67], train)))
    assert beginning is not None and beginning.level == "beginning"


def test_stability_tells_wobble_from_slope() -> None:
    smooth = curves.stability(of_history(history([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])))
    wobbly = curves.stability(of_history(history([1.0, 0.5, 0.9, 0.4, 0.8, 0.4, 0.8, 0.4])))
    broken = curves.stability(of_history(history([1.0, 0.9, float("nan"), 0.8, 0.7])))
    assert smooth is not None and (smooth.level, smooth.rises) == ("steady", 0) and smooth.jitter == pytest.approx(0)
    assert wobbly is not None and wobbly.level == "unstable" and wobbly.largest_rise == pytest.approx(2)
    assert broken is not None and broken.not_finite == 2 and broken.level == "unstable"


def test_the_gaps_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    gaps = curves.generalisation(results(tmp_path, raw_results(accuracy=0.8)))
    assert gaps is not None and gaps.epoch == 6
    assert (gaps.loss, gaps.accuracy, gaps.to_test) == (pytest.approx(0.025), pytest.approx(0.02), pytest.approx(0.08))


def test_recall_of_each_class_and_what_it_is_taken_for(tmp_path: Path) -> None:
    raw = raw_results()
    raw["confusion_matrix"] = [[9, 1, 0, 0], [0, 2, 7, 1], [0, 0, 10, 0], [0, 0, 0, 0]]
    linear, circular, helical, parabolic = class_recalls(results(tmp_path, raw))
    assert (linear.recall, linear.taken_for, linear.taken_count) == (0.9, "circular", 1)
    assert (circular.recall, circular.taken_for, circular.taken_count) == (0.2, "helical", 7)
    assert (circular.low, circular.high) == wilson_interval(2, 10)
    assert (helical.taken_for, parabolic.recall) == ("", None)


def test_a_split_that_lacks_a_class_is_said(tmp_path: Path) -> None:
    raw = raw_results()
    raw["data"]["counts"]["validation"] = {"linear": 5, "circular": 0, "helical": 3}
    one = results(tmp_path, raw)
    assert lacking_classes(one) == ["validation: circular", "validation: parabolic"]
    assert "split-lacks-class" in rules(one)


def test_skill_against_every_control_and_references_aside(tmp_path: Path) -> None:
    velocity, majority, oracle = standing.against_controls(results(tmp_path, raw_results()))
    assert velocity.skill == pytest.approx(0.75) and velocity.better_from == 3 and not velocity.stands
    assert majority.gained == pytest.approx(0.65) and majority.skill is None
    assert oracle.reference and oracle.skill is not None and oracle.skill < 0 and not oracle.stands
    raw = raw_results()
    raw["summary"]["controls"]["constant_velocity"]["mse_t5"] = 0.001
    assert standing.against_controls(results(tmp_path, raw))[0].better_from is None, "at the end it is not"


def test_a_run_below_a_control_has_no_skill_whatever_it_says(tmp_path: Path) -> None:
    one = results(tmp_path, raw_results(mse=0.09))
    assert one.flags == () and standing.flags(one) == ["no skill"]
    assert "no-skill" in rules(one)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_figures_that_are_too_good_or_too_bad_are_flagged(tmp_path: Path, accuracy: float) -> None:
    raw = raw_results(accuracy=accuracy)
    raw["history"][-1]["train_loss"] = 1e-7
    found = standing.flags(results(tmp_path, raw))
    assert f"investigate: accuracy is exactly {accuracy:.0f}" in found
    assert "investigate: training loss under 1e-06" in found


def test_targets_say_met_not_met_not_known_and_whether_the_interval_tells(tmp_path: Path) -> None:
    targets = {(one.stage, one.figure, one.bar): one for one in standing.targets(results(tmp_path, raw_results(0.91)))}
    full, gate = targets["full", "accuracy", "> 90 %"], targets["gate", "accuracy", "> 70 %"]
    assert full.met and not full.sure and gate.met and gate.sure
    assert targets["full", "pred_mse", "< 0.05"].met and targets["gate", "hours for 10 epochs", "< 2"].met
    assert targets["forecast", "mae_percent_t4", "< 10 % (excellent)"].met
    assert targets["gate", "still improving", "or above the bars of full"].met
    older = {one.figure: one.met for one in standing.targets(of_history(history([1, 0.9, 0.8, 0.9])))}
    assert older["pred_mse"] is None and older["still improving"] is True


def test_no_rule_speaks_without_a_number() -> None:
    assert recommend(analyse(Results("empty", Path("x.json")))) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"history": history([1, 0.8, 0.7, 0.65, 0.75, 0.9], [1, 0.8, 0.6, 0.4, 0.3, 0.2])}, "stop-earlier"),
        ({"history": history([1, 0.9, 0.8, 0.7, 0.6, 0.5])}, "train-longer"),
        ({"history": history([1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2])}, "fewer-epochs"),
        ({"history": history([1.0, 0.5, 0.9, 0.4, 0.8, 0.4, 0.8, 0.4])}, "unsteady"),
        ({"history": history([1.0, 0.5, 1.2, 2.4])}, "diverged"),
        ({"history": history([1.0] * 4, train_accuracy=[0.5] * 4, val_accuracy=[0.49] * 4)}, "underfit"),
        ({"confusion_matrix": [[75, 0, 0, 0], [0, 30, 45, 0], [0, 0, 75, 0], [0, 0, 0, 75]]}, "weak-class"),
        ({}, "held-out"),
        ({}, "near-horizons"),
        ({}, "more-test-clips"),
    ],
)  # fmt: skip
def test_each_rule_is_triggered_by_its_number(tmp_path: Path, change: dict[str, Any], rule: str) -> None:
    assert rule in rules(results(tmp_path, raw_results() | change))


def test_a_class_of_few_clips_is_not_called_weak(tmp_path: Path) -> None:
    few = [[4, 0, 0, 0], [0, 3, 1, 0], [0, 0, 4, 0], [0, 0, 0, 4]]
    assert "weak-class" not in rules(results(tmp_path, raw_results() | {"confusion_matrix": few}))


@pytest.mark.parametrize("phase", ["done", "train"])
def test_only_a_run_that_went_on_after_its_results_is_under_way(tmp_path: Path, phase: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "progress.json").write_text(json.dumps({"phase": phase, "at_s": 9e9}))
    assert bool(results(tmp_path, raw_results()).progress) == (phase == "train")


def test_a_good_run_is_left_in_peace(tmp_path: Path) -> None:
    raw = raw_results(accuracy=0.98, n=1200)
    del raw["tests"]
    raw["history"] = history([1.0, 0.6, 0.45, 0.35, 0.3, 0.27, 0.265, 0.265, 0.265])
    raw["summary"]["controls"]["constant_velocity"] |= {"mse_t1": 1.0, "mse_t2": 1.0}
    one = analyse(results(tmp_path, raw))
    assert recommend(one) == []
    assert f"None of the {len(RULES)} rules" in page(one, [], [])


@pytest.mark.parametrize(
    "raw",
    [
        {"train_losses": [1, 0.8, 0.6, 0.5], "val_losses": [1.1, 0.9, 0.8, 0.7], "val_accuracies": [30, 50, 60, 66.5]},
        {"history": {"loss": [1, 0.8, 0.6, 0.5], "val_loss": [1.1, 0.9, 0.8, 0.7], "val_acc": [0.3, 0.5, 0.6, 0.665]}},
        {"history": [{"train_loss": a, "val_loss": b, "val_accuracy": c}
                     for a, b, c in ((1, 1.1, 0.3), (0.8, 0.9, 0.5), (0.6, 0.8, 0.6), (0.5, 0.7, 0.665))]},
    ],
)  # fmt: skip
def test_older_plain_forms_are_read(tmp_path: Path, raw: dict[str, Any]) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(raw | {"banana": [[1]], "model": "x"}))
    one = read_results(path)
    analysis = analyse(one)
    assert one.name == "old" and one.curve("train_loss").tolist() == [1, 0.8, 0.6, 0.5]
    assert analysis.figures == {"accuracy": 0.665} and analysis.judged_on == "validation, epoch 4"
    assert any("banana, model" in note for note in one.notes)
    assert {"controls", "test figures", "a confusion matrix"} <= set(one.missing)
    text = page(analysis, recommend(analysis), [])
    assert "not there, so not judged" in text and "accuracy 66.5 %" in text


def test_the_wire_records_alone_are_enough(tmp_path: Path) -> None:
    lines = [
        MetricPoint(step, epoch, 0.0, {"train_loss": 1 / step, "val_loss": 2 / step}).to_line()
        for step, epoch in ((1, 0.5), (2, 1), (3, 1.5), (4, 2), (8, 3))
    ]
    (tmp_path / "metrics.jsonl").write_bytes(b"".join(lines) + b'{"torn')
    one = read_results(tmp_path)
    assert [row["epoch"] for row in one.history] == [1, 2, 3] and one.curve("train_loss").tolist() == [0.5, 0.25, 0.125]
    assert one.folder == tmp_path / "artifacts" and any("no JSON" in note for note in one.notes)


def test_a_run_that_tells_no_epochs_is_read_point_by_point(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(
        b"".join(MetricPoint(i, 0, 0.0, {"loss": 1.0 / i}).to_line() for i in (1, 2))
    )
    one = read_results(tmp_path)
    assert one.curve("train_loss").tolist() == [1, 0.5] and one.epochs is None and "counted" in one.notes[0]


def test_a_worker_stands_for_its_newest_run(tmp_path: Path) -> None:
    for name, accuracy in (("20260101T000000-a", 0.5), ("20260102T000000-b", 0.8)):
        results(tmp_path, raw_results(accuracy), f"worker/{name}")
        (tmp_path / "worker" / name / "spec.json").write_text(json.dumps({"worker": "worker", "run": name}))
    one = read_results(tmp_path / "worker")
    assert one.name == "worker/20260102T000000-b" and one.metrics["accuracy"] == 0.8


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"[1]", "no JSON object"),
        (b"{" * 100_000, "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_what_is_no_results_file_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_results(tmp_path / "x.json")


def test_a_folder_without_results_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_results(tmp_path / "gone")
    (tmp_path / "progress.json").write_text('{"message": "loading torch"}')
    with pytest.raises(DataError, match="holds no results") as caught:
        read_results(tmp_path)
    assert "loading torch" in caught.value.hint


@pytest.mark.parametrize("value", [None, 3, "x", [[1, 2]], [[1], [2]], [[1, "x"], [2, 3]], [[1, -2], [3, 4]]])
def test_foreign_values_in_our_places_are_missing_not_a_crash(tmp_path: Path, value: Any) -> None:
    keys = ("config", "summary", "history", "confusion_matrix", "tests", "data", "class_names", "inference_ms")
    one = results(tmp_path, dict.fromkeys(keys, value))
    analysis = analyse(one)
    json.dumps(as_json(analysis, recommend(analysis)))
    assert "a confusion matrix" in one.missing and page(analysis, [], [])


def test_odd_values_inside_our_own_parts_are_no_crash(tmp_path: Path) -> None:
    odd = {"flags": 3, "gate": {"passed": True, "reasons": 5, "bar": []}, "metrics": {"accuracy": 10**400, "n": "many"},
           "controls": {"majority": 1}, "train_s": -1, "epochs": True}  # fmt: skip
    one = results(tmp_path, {"summary": odd, "history": [{"epoch": 1, "val_loss": 10**400}, {"epoch": "x"}, 7]})
    analysis = analyse(one)
    assert page(analysis, recommend(analysis), []) and one.metrics == {} and one.flags == ()


def test_what_no_figure_can_be_is_said(tmp_path: Path) -> None:
    raw = raw_results(mse=float("nan"))
    raw["summary"]["metrics"] |= {"accuracy": 93.5, "skill": None}
    raw["summary"]["controls"]["majority"]["accuracy"] = 25
    raw["confusion_matrix"][0][0] = 1e300
    one = results(tmp_path, raw)
    assert one.metrics["accuracy"] == 0.935 and "pred_mse" not in one.metrics and one.controls["majority"] == {}
    assert "accuracy was read as percent" in one.notes and "a confusion matrix" in one.missing
    assert any("without a value that can be" in note and "pred_mse, skill" in note for note in one.notes)


@pytest.mark.parametrize("epochs", [[0, 0, 0, 0, 0], [0.5, 1, 1.5, 2, 2.5]])
def test_rows_that_tell_no_whole_epochs_are_counted(tmp_path: Path, epochs: list[float]) -> None:
    rows = [{"epoch": epoch, "val_loss": 1 / place} for place, epoch in enumerate(epochs, 1)]
    one = results(tmp_path, {"history": [{**row, "train_loss": 0.1} for row in rows]})
    assert one.curve("epoch").tolist() == [1, 2, 3, 4, 5] and analyse(one).best_epoch == 5
    assert any("counted instead" in note for note in one.notes)


def test_nothing_from_a_host_reaches_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]52;c;eA==\x07\x9b2J\u202e"
    raw = raw_results()
    raw["summary"] |= {"flags": [evil], "verdict": evil}
    raw |= {evil: 1, "class_names": [evil] * 4, "tests": {evil: {"metrics": {"accuracy": 0.5}}}}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "spec.json").write_text(json.dumps({"worker": evil, "run": evil}))
    (tmp_path / "run" / "progress.json").write_text(json.dumps({"phase": evil, "message": evil, "at_s": 1}))
    (tmp_path / "run" / "metrics.jsonl").write_text("[" * 100_000 + "\n")
    one = results(tmp_path, raw)
    said = page(analyse(one), recommend(analyse(one)), []) + str(one.progress)
    assert not set("\x1b\x07\x9b\u202e") & set(said) and "\ufffd]52;c;" in said
    one.source.unlink()
    assert "metrics.jsonl has a line that is no JSON" in read_results(tmp_path / "run").notes


def test_the_command_writes_all_without_torch(tmp_path: Path) -> None:
    """Torch and what asks language models are blocked, as on a laptop that has neither: analyse a run with everything,
    and one with hardly anything.
    """
    results(tmp_path, raw_results())
    (tmp_path / "old.json").write_text('{"val_losses": [1, 0.5]}')
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "openai", "anthropic", "transformers"):
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
from trainer.__main__ import main
assert main(["analyze", {str(tmp_path / "run")!r}, "--llm"]) == 0
assert main(["analyze", {str(tmp_path / "old.json")!r}, "--out", {str(tmp_path / "out")!r}]) == 0
assert main(["compare", {str(tmp_path / "run")!r}, "--out", {str(tmp_path / "out")!r}, "--controls"]) == 0
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    assert (
        "accuracy 90.0 % (86.1 % to 92.9 %)" in done.stdout and "Take run: it has the highest accuracy" in done.stdout
    )
    artifacts = {path.name: path for path in (tmp_path / "run" / "artifacts").iterdir()}
    assert PICTURES | PAGES | {"training_results.json"} == set(artifacts)
    assert all(artifacts[name].read_bytes().startswith(b"\x89PNG") for name in PICTURES)
    report = artifacts["analysis_report.md"].read_text()
    assert all(f"]({name})" in report for name in PICTURES) and "Held-out tests" in report
    numbers = json.loads(artifacts["analysis.json"].read_text())
    assert numbers["best_epoch"] == 6 and numbers["controls"][0]["skill"] == pytest.approx(0.75)
    out = {path.name for path in (tmp_path / "out").iterdir()}
    assert out == {"training_curves.png", "analysis_report.md", "analysis.json", *COMPARISON}


def test_an_empty_file_gets_a_page_and_no_picture(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    write_analysis(tmp_path / "x.json")
    assert {path.name for path in tmp_path.iterdir()} == {"x.json", "analysis_report.md", "analysis.json"}


@pytest.mark.slow  # 3 s
def test_the_curves_of_another_problem_are_left_as_its_run_drew_them(tmp_path: Path) -> None:
    for problem, drawn in (("trajectories", True), ("detector", False)):
        folder = tmp_path / problem
        folder.mkdir()
        own = folder / "training_curves.png"
        own.write_bytes(b"drawn by the run")
        write_report(results_of(folder / "training_results.json", raw_results(problem=problem)), folder)
        assert (own.read_bytes() != b"drawn by the run") is drawn

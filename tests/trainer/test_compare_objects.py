"""The page of runs that find objects and tell which stay: seeds together, controls beside, targets by the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.__main__ import main
from trainer.analysis.entries import Spread
from trainer.analysis.objects.page import Stages, page
from trainer.analysis.objects.targets import Target, figure
from trainer.analysis.objects.writing import read_stages
from trainer.config import load_config

FRAMES = (*range(1, 13), 32)


def write(folder: Path, config: str, *words: str, metrics: dict[str, float], **more: Any) -> Path:
    """Write what a run of a bundled config leaves; return its folder."""
    controls, tests = more.pop("controls", {}), more.pop("tests", {})
    raw = {
        "config": load_config(config, list(words)).model_dump(),
        "summary": {"attempt": "r.1", "verdict": "completed", "metrics": metrics, "controls": controls, "flags": [],
                    "train_s": 60.0, "epochs": 2, "parameters": more.pop("parameters", 1000), "gate": {}},
        "tests": tests, "history": more.pop("history", []), "data": {"digest": "one"}, **more,
    }  # fmt: skip
    path = folder / "artifacts" / "training_results.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(raw))
    return folder


def found(recall: float, false: float = 0.0) -> dict[str, float]:
    return {"recall": recall, "false_per_frame": false, "recall_visible_above_0.75": 0.995, "n": 100}


def detector(tmp_path: Path, name: str, recall: float, *words: str, parameters: int = 1000) -> Path:
    data = ("easy", "easy/noisy", "easy/shifted-camera", "standard", "standard-clutter")
    tests = {
        one: {"metrics": found(recall, 0.02 if "clutter" in one else 0.0), "controls": {"classical": found(0.5, 1.0)}}
        for one in data
    }
    return write(tmp_path / name, "detector", *words, metrics=found(recall), tests=tests, parameters=parameters)


def stage(tmp_path: Path, name: str, right: float, ratio: float, *words: str) -> Path:
    keys = ("balanced_accuracy", "balanced_accuracy_12", "track_balanced_accuracy", "track_balanced_accuracy_12")
    metrics = {**dict.fromkeys(keys, right), "n": 50, "missed": 1, "attention_ratio": ratio, "attention_ratio_n": 9,
               "attention_ratio_geometric": ratio, "attention_ratio_above_3": 0.9, "attention_ratio_layer_1": ratio,
               **saved(right)}  # fmt: skip
    curve = [0.5] * 9 + [right] * 4
    curves = {
        "frames_seen": list(FRAMES),
        "objects": {"model": curve, "hits >= h": [0.6] * 13, "bayes": [0.5] * 9 + [1.0] * 4},
        "tracks": {"model": curve, "hits >= h": [0.6] * 13},
    }
    history = [{"epoch": 1, "attention_ratio": 1.0}, {"epoch": 2, "attention_ratio": ratio}]
    controls = {"hits >= h": dict.fromkeys(keys, 0.6), "bayes": dict.fromkeys(keys[:2], 1.0)}
    return write(tmp_path / name, "objects", *words, metrics=metrics, controls=controls, curves=curves, history=history,
                 boxes="perturbed")  # fmt: skip


def saved(right: float) -> dict[str, float]:
    return {"flops_saved": 0.5, "flops_saved_ceiling": 0.6, "time_saved": 0.45, "time_saved_ceiling": 0.55,
            "persistent_kept": 0.95, "gated_balanced_accuracy": right - 0.005, "mflops_a_clip": 20.0}  # fmt: skip


def from_pixels(run: Path, detector: str, tier: str, right: float) -> None:
    """Write what `trainer objects RUN --detector DETECTOR --on TIER --out` leaves."""
    figures = {"balanced_accuracy": right, "balanced_accuracy_12": right, "idf1": 0.92, "purity": 0.95, "mota": 0.9,
               "switches": 7, "pipeline_flops_saved": 0.3, "detector_mflops_a_clip": 800.0, **saved(right)}  # fmt: skip
    curves = {"objects": {"model": [right] * 13}, "tracks": {"model": [right] * 13}}
    content = {"options": {"detector": f"runs/{detector}", "boxes": None, "clips": 60},
               "data": {tier: {"figures": figures, "controls": {}, "curves": curves}}}  # fmt: skip
    place = run / "artifacts" / "pixels" / "results.json"
    place.parent.mkdir()
    place.write_text(json.dumps(content))


def clips(tmp_path: Path, name: str, config: str, accuracy: float, *words: str) -> Path:
    metrics = {"accuracy": accuracy, "f1": accuracy, "n": 376, "accuracy_persistent": 0.9, "clip_ms": 12.0}
    controls = {"hits": {"accuracy": 0.73, "f1": 0.7, "h": 10}, "majority": {"accuracy": 0.5}}
    return write(tmp_path / name, config, *words, metrics=metrics, controls=controls, importance={"looks": 0.3})


def text_of(places: list[Path]) -> str:
    stages = read_stages(places)
    assert isinstance(stages, Stages)
    return page(stages, {}, "trainer compare runs")


@pytest.mark.parametrize(
    ("value", "most", "said"),
    [(0.97, False, "met, goal too"), (0.91, False, "met, goal not"), (0.89, False, "**not met**"),
     (None, False, "not measured"), (0.95, True, "**not met**"), (0.90, True, "met, goal not")],
)  # fmt: skip
def test_what_became_of_a_target_follows_from_the_number(value: float | None, most: bool, said: str) -> None:
    target = Target("it", None if value is None else Spread(value), 0.9, 0.8 if most else 0.95, most=most)
    assert target.words == said and target.cells[-1] == said


def test_a_small_loss_has_no_sign() -> None:
    assert figure(Spread(-0.0001)) == "0.000" and figure(None) == "-" and figure(Spread(0.5, 0.01), 2) == "0.50 ± 0.01"


def test_detectors_stand_beside_the_classical_one(tmp_path: Path) -> None:
    places = [detector(tmp_path, f"wide-{seed}", 0.95 + 0.01 * seed, f"seed={seed}") for seed in range(3)]
    places.append(detector(tmp_path, "narrow-0", 0.9, "width=0.45", parameters=100))
    text = text_of(places)
    assert "| easy | of the tier | wide (3 seeds) | 0.960 ± 0.010 |" in text
    assert "| easy | noisy | narrow-0 | 0.900 |" in text and "| easy | noisy | *classical* | 0.500" in text
    assert "shifted-camera" not in text
    without, _, clutter = text.partition("With clutter")
    assert "| standard | of the tier | narrow-0 | 0.900 |" in without
    assert "| standard | of the tier | narrow-0 | 0.900 |" in clutter
    assert "| recall, `easy`, wide (3 seeds) | >= 0.97 | >= 0.985 | 0.960 ± 0.010 | **not met** |" in text
    assert (
        "| false boxes a frame, `standard` with clutter | <= 0.01 | <= 0.002 | 0.0200 ± 0.0000 | **not met** |" in text
    )
    assert "    trainer run --config detector width=0.45    # narrow-0; seed 0" in text


def test_the_curve_stands_beside_rules_and_the_best_possible(tmp_path: Path) -> None:
    places = [stage(tmp_path, f"plain-{seed}", 0.92 + 0.02 * seed, 1.1, f"seed={seed}") for seed in range(2)]
    text = text_of(places)
    (row,) = [line for line in text.splitlines() if line.startswith("| objects | plain (2 seeds)")]
    assert row.count("| .500 ") == 9 and row.endswith("| .930 | .930 | .930 ± .014 | .930 ± .014 |")
    assert "| objects | *bayes* |" in text and "| tracks | *hits >= h* |" in text and "| tracks | *bayes* |" not in text
    assert "balanced accuracy 0.9 from 10 frames on" in text
    assert (
        "| balanced accuracy at k = 12, plain (2 seeds) | >= 0.87 | >= 0.92 | 0.930 ± 0.014 | met, goal too |" in text
    )


def test_a_network_that_a_rule_equals_has_no_skill(tmp_path: Path) -> None:
    text = text_of([stage(tmp_path, "weak", 0.6, 1.1), stage(tmp_path, "good", 0.61, 1.1, "epochs=3")])
    assert "| objects | weak: **no skill** |" in text and "| objects | good |" in text


def test_attention_is_paid_for_beside_the_network_that_was_not_asked(tmp_path: Path) -> None:
    places = [stage(tmp_path, "plain", 0.94, 1.1), stage(tmp_path, "asked", 0.92, 12.0, "attention_supervision=2")]
    text = text_of(places)
    assert "| attention ratio, median, standard, asked | >= 3 | >= 8 | 12.0 | met, goal too |" in text
    assert "| track accuracy that it costs, standard, asked | <= 0.01 | - | 0.020 | **not met** |" in text
    assert "- Not asked for, `standard`: ratio 1.10 at a track accuracy of 94.0 %." in text


def test_what_is_saved_stands_beside_its_cost_and_ceiling(tmp_path: Path) -> None:
    heavy = stage(tmp_path, "heavy", 0.9, 1.1, "tier=transient_heavy")
    from_pixels(heavy, "narrow-0", "transient_heavy", 0.85)
    text = text_of([heavy])
    assert (
        "| transient_heavy | perturbed | heavy | once a clip | 50.0 | 60.0 | 45.0 | 55.0 | 95.0 | 0.50 | 20 |" in text
    )
    assert "| transient_heavy | narrow | heavy | once a clip | 30.0 | - | 800 | 20 |" in text
    assert "    trainer objects heavy --on transient_heavy --detector runs/narrow-0 --clips 60\n" in text
    assert "heavy, boxes: narrow | >= 0.4 | - | 0.300 | **not met** |" in text
    assert "| transient_heavy | narrow | all | 0.950 | - | 0.920 | - | 0.900 | 7 | - |" in text
    assert "| IDF1, `transient_heavy`, boxes: narrow | >= 0.86 | >= 0.91 | 0.920 | met, goal too |" in text
    assert "| IDF1, `easy`, boxes: narrow | >= 0.93 | >= 0.96 | - | not measured |" in text


def test_a_saving_that_loses_what_persists_counts_for_nothing(tmp_path: Path) -> None:
    heavy = stage(tmp_path, "heavy", 0.9, 1.1, "tier=transient_heavy")
    path = heavy / "artifacts" / "training_results.json"
    raw = json.loads(path.read_text())
    raw["summary"]["metrics"] |= {"flops_saved": 1.0, "persistent_kept": 0.0}
    path.write_text(json.dumps(raw))
    text = text_of([heavy])
    assert "| operations saved, `transient_heavy`, heavy, boxes: perturbed | >= 0.4 | >= 0.6 | 1.000 " in text
    assert "1.000 | **not met**: it costs too much |" in text and "1.000 | met" not in text


def test_clips_stand_beside_rules_by_tier(tmp_path: Path) -> None:
    places = [
        clips(tmp_path, "both", "persistence-hybrid", 0.95),
        clips(tmp_path, "numbers", "persistence-statistical", 0.80, "tier=shape-motion"),
        clips(tmp_path, "shuffled", "persistence-magvit", 0.60, "frame_order=shuffled"),
        clips(tmp_path, "matched", "persistence-statistical", 0.72),
        stage(tmp_path, "plain", 0.94, 1.1),
    ]
    text = text_of(places)
    assert "| `shape-motion`, both | >= 0.88 | >= 0.94 | 0.950 | met, goal too |" in text
    assert "| `shape-motion`, numbers: one side alone | <= 0.78 | - | 0.800 | **not met** |" in text
    assert "| `shape-motion`, shuffled: one side alone | <= 0.78 | - | 0.600 | met |" in text
    assert "| `matched`, matched: above the longest track | >= 0 | - | -0.010 | **not met** |" in text
    assert text.count("| hits | 0.730 | 0.700 | 10 |") == 2, "the rules once for each tier"


def test_the_verb_writes_page_pictures_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [detector(tmp_path, "found", 0.96), stage(tmp_path, "told", 0.94, 4.0, "attention_supervision=2")]
    (runs[0] / "artifacts" / "detections.png").write_bytes(b"a picture")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "metrics.jsonl").write_text('{"step": 1, "epoch": 1, "values": {"val_loss": 1.0}}\n')
    places, out = [*map(str, runs), str(tmp_path / "begun"), str(tmp_path / "gone")], tmp_path / "docs" / "objects.md"
    assert main(["compare", *places, "--out", str(out)]) == 0
    said, text = capsys.readouterr().out, out.read_text()
    assert "Attention: 1 of 1 targets met, 1 not measured" in said and "Persistence of objects: 2 of 2" in said
    assert f"- {tmp_path / 'gone'}: {tmp_path / 'gone'} does not exist" in text and "- begun: not tested yet" in text
    for what in ("curve", "attention", "detections"):
        assert f"![{what}](objects-{what}.png)" in text and out.with_name(f"objects-{what}.png").stat().st_size
    content = json.loads(out.with_suffix(".json").read_text())
    assert [run["name"] for run in content["runs"]] == ["found", "told"]
    assert {one["section"] for one in content["targets"]} >= {"Detection", "Attention"}
    assert main(["compare", *places, "--ensemble"]) == 2


def test_runs_of_clips_alone_keep_the_usual_comparison(tmp_path: Path) -> None:
    assert read_stages([clips(tmp_path, "both", "persistence-hybrid", 0.95)]) is None

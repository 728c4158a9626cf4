"""Runs of `persistence` to their end: what they leave, promoted and put to use. Slow: some 15 s of CPU time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.__main__ import main
from trainer.analysis.comparison import compare
from trainer.analysis.comparison_report import page
from trainer.config import TrainConfig, load_config
from trainer.errors import ConfigError
from trainer.persistence.filter import PersistenceFilter

from .sessions import Run, values

pytestmark = pytest.mark.slow
TINY = ("clips=40", "epochs=2", "batch_size=8", "log_every=1", "shifted_tests=false", "tier=easy")


def tiny(features: str, *words: str) -> TrainConfig:
    return load_config(f"persistence-{features}", [*TINY, *words])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("persistence") / "mine"
    torch.set_num_threads(1)
    Run(folder, tiny("statistical", "shifted_tests=true")).to_the_end()
    return folder


def test_a_run_says_what_it_knows_beside_the_rules(finished: Path) -> None:
    said = json.loads((finished / "artifacts" / "training_results.json").read_text())
    assert set(said["summary"]["controls"]) == {"majority", "hits", "span", "sightings", "born at 0"}
    assert set(said["importance"]) == {"presence", "position", "size", "speed", "coherence"}
    assert {"accuracy", "f1", "accuracy_persistent", "decided_at_frame", "clip_ms"} <= set(said["summary"]["metrics"])
    assert any("trivial" in flag for flag in said["summary"]["flags"])
    assert set(said["tests"]) == {"shifted-camera", "shifted-motion", "noisy"}
    for name in ("attention.png", "scores.png", "samples.png", "training_curves.png"):
        assert (finished / "artifacts" / name).stat().st_size > 5000


def test_a_run_is_compared_by_kind(finished: Path) -> None:
    text = page(compare([finished]), "comparison.png")
    assert "## Persistence of clips" in text
    assert "## What they go by" in text


def test_promoted_and_put_to_use(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path / "filter")
    assert main(["promote", str(finished), "--out", place, "--even-so"]) == 0
    about = json.loads((tmp_path / "filter" / "filter.json").read_text())
    assert about["features"] == "statistical" and 0 < about["threshold"] < 1 and about["test"]["n"] > 0
    capsys.readouterr()
    assert main(["filter", place, str(finished / "artifacts" / "data"), "--limit", "2", "--explain"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["threshold"] for line in lines] == pytest.approx([about["threshold"]] * 2, abs=1e-4)
    assert all(line["why"]["words"] for line in lines)
    clips = np.zeros((25, 3, 64, 64), np.uint8)
    assert PersistenceFilter(place).predict(clips)[:2] == PersistenceFilter(finished).predict(clips)[:2]


@pytest.mark.parametrize("features", ["statistical", "hybrid"])
def test_split_run_is_straight_run(tmp_path: Path, features: str) -> None:
    config = tiny(features)
    straight, split = Run(tmp_path / "straight", config), tmp_path / "split"
    straight.trainer.fit()
    Run(split, config).stop_at(5)
    Run(split, config).trainer.fit()
    assert values(split) == values(tmp_path / "straight")


def test_a_frozen_encoder_comes_from_a_tokenizer_of_crops(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none is named"):
        Run(tmp_path / "none", tiny("magvit", "freeze=true"))
    words = [*TINY, "epochs=1", "width=0.25"]
    assert main(["pretrain", "magvit", "--config", "persistence-magvit", *words, "--out", str(tmp_path / "crops")]) == 0
    tokenizer = tmp_path / "crops" / "artifacts" / "tokenizer.pt"
    run = Run(tmp_path / "mine", tiny("magvit", f"tokenizer={tokenizer}", "freeze=true"))
    before = {name: value.clone() for name, value in run.session.model.state_dict().items()}
    run.die_after_epoch()
    after = run.session.model.state_dict()
    kept = [name for name in before if name.startswith("features.tokens.")]
    assert kept and all(torch.equal(before[name], after[name]) for name in kept)
    assert not torch.equal(before["features.embed.weight"], after["features.embed.weight"])
    tokenizer.unlink()  # the checkpoint holds all that is needed
    assert Run(tmp_path / "mine", tiny("magvit", f"tokenizer={tokenizer}", "freeze=true")).session.state.epoch == 1

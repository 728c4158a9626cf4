"""What a CUDA device must show: every problem trains there, goes on there, and answers there as on a CPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from renderer.video import render
from tests.trainer.conftest import Command
from tests.trainer.sessions import EPOCH, Run, tiny
from trainer.objects.detector import LEAST_SCORE
from trainer.objects.learned import LearnedDetector
from trainer.objects.measuring import open_scenes

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]

DEVICE = "cuda"
SMALL = ("epochs=1", "shifted_tests=false", f"device={DEVICE}")
NETWORKS = ("i3d", "slowfast", "transformer", "magvit", "keypoint", "statistical", "hybrid")
OF_OBJECTS = ("detector", "objects", "persistence-hybrid")


@pytest.mark.parametrize("config", NETWORKS)
def test_every_extractor_trains_in_bfloat16(config: str, command: Command, tmp_path: Path) -> None:
    words = [*SMALL, "full_epochs=0", "then=[]", "clips=56", "dtype=bfloat16", "batch_size=8"]
    code, said = command("run", "--config", config, *words, "--out", "run")
    assert code == 0, said
    assert (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("config", OF_OBJECTS)
def test_the_networks_of_objects_train(config: str, command: Command, tmp_path: Path) -> None:
    clips = 400 if config == "detector" else 112
    code, said = command("run", "--config", config, *SMALL, f"clips={clips}", "loaders=2", "--out", "run")
    assert code == 0, said
    assert json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    config = tiny(f"device={DEVICE}")
    Run(tmp_path, config).stop_at(EPOCH + 1)
    run = Run(tmp_path, config)
    assert run.session.state.step == EPOCH + 1
    run.trainer.fit()
    assert run.session.state.epoch == config.epochs


def test_a_detector_finds_on_the_device_what_it_finds_on_a_cpu(command: Command, tmp_path: Path) -> None:
    code, said = command("run", "--config", "detector", *SMALL, "tier=easy", "clips=56", "--out", "run")
    assert code == 0, said
    detector = LearnedDetector.load(str(tmp_path / "run")).at(LEAST_SCORE)
    video = render(open_scenes("easy", "test", 1, 5, 0))[0]
    here = detector.detect(video)
    detector.model.to(DEVICE)
    torch.backends.cudnn.allow_tf32 = False
    there = detector.detect(video)
    assert [len(boxes) for boxes in here.boxes] == [len(boxes) for boxes in there.boxes]
    for one, other in zip(here.boxes, there.boxes, strict=True):
        assert np.allclose(one, other, atol=1e-2)

"""The traps that concern results, each built on purpose.

5 is in test_attention, more of 14 in test_split_runs, test_session and test_resume; those of data are in test_traps.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from renderer.video import render
from tests.trainer.folders import RECIPE, write_folder
from tests.trainer.sessions import Run, tiny
from tests.trainer.test_models import LIGHT, video
from trainer.analysis.comparison_notes import notes_on
from trainer.analysis.results import Results
from trainer.checkpoint import Checkpoints, TrainState, read_checkpoint
from trainer.config import TrainConfig
from trainer.data.batches import Batches
from trainer.data.external import open_external
from trainer.durable import write_durably
from trainer.errors import CheckpointError
from trainer.evaluate import evaluate
from trainer.models.extractors import build_extractor
from trainer.models.unified import UnifiedModel
from trainer.precision import Precision
from trainer.probe import plain_setting
from trainer.trained import load_trained
from trainer.words import start_line
from wire.records import RunSummary

# 3 and 15: figures too good to be true, and figures that say nothing


def marked(folder: Path) -> Path:
    """The leak: the first pixel of every frame tells the class."""
    pixels = render(RECIPE)
    pixels[:, :, :, 0, 0] = (60 * RECIPE.label)[:, None, None]
    return write_folder(folder, pixels)


@pytest.mark.parametrize(
    ("shift", "flags"),
    [
        (0, {"investigate: accuracy is exactly 1", "investigate: training loss under 1e-06"}),
        (1, {"investigate: accuracy is exactly 0", "no skill"}),
    ],
)
def test_3_and_15_a_leak_is_flagged_beside_the_controls_and_what_is_below_them_has_no_skill(
    shift: int, flags: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = UnifiedModel.forward

    def by_the_mark(model: UnifiedModel, clips: Tensor) -> dict[str, Tensor]:
        known = (clips[:, 0, 0, 0, 0].long() // 60 + shift) % 4
        outputs = inner(model, clips)
        return outputs | {"classification": 40.0 * torch.eye(4)[known] + 0 * outputs["classification"]}

    monkeypatch.setattr(UnifiedModel, "forward", by_the_mark)
    monkeypatch.setattr("trainer.finish.write_artifacts", lambda *_: None)
    data = (f"data={marked(tmp_path / 'videos')}", "clips=null")
    Run(tmp_path, tiny("extractor=statistical", "epochs=1", "w_pred=0", *data)).to_the_end()
    result = RunSummary.from_bytes((tmp_path / "result.json").read_bytes())
    assert set(result.flags) - {"the forecast is not trained (w_pred is 0)"} == flags
    assert result.verdict == ("no skill" if "no skill" in flags else "completed")
    assert 0 < result.controls["majority"]["accuracy"] < 1  # type: ignore[operator]


# 6: an extractor that is made anew between training and evaluation


OTHERS = sorted({*LIGHT, "fuse"} - {"i3d", "keypoint"})


@pytest.mark.parametrize("name", ["i3d", "keypoint", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_6_a_checkpoint_holds_all_of_the_extractor_and_a_reload_gives_equal_features(name: str, tmp_path: Path) -> None:
    words = ("fuse=[keypoint, i3d]",) if name == "fuse" else (f"extractor={name}",)
    path = write_checkpoint(tmp_path, model := trained_model(config := tiny(*words, "patch_px=4")), config)
    torch.manual_seed(2)
    again = load_trained(str(path)).model.eval()
    assert torch.equal(again.extractor(video()), model.eval().extractor(video()))
    assert not torch.equal(trained_model(config, seed=3).eval().extractor(video()), model.extractor(video()))

    content = read_checkpoint(path)
    del content["model"][[key for key in content["model"] if key.startswith("extractor.")][-1]]
    write_durably(path, lambda file: torch.save(content, file))
    with pytest.raises(CheckpointError, match="holds another network"):
        load_trained(str(path))


def trained_model(config: TrainConfig, seed: int = 1) -> UnifiedModel:
    """Return a model whose running statistics have seen clips."""
    torch.manual_seed(seed)
    model = UnifiedModel(build_extractor(config), frames=4)
    model.train()(video())
    return model


def write_checkpoint(folder: Path, model: UnifiedModel, config: TrainConfig) -> Path:
    clips = {"folder": "", "frames": 4, "size_px": 32, "class_names": ["a", "b", "c", "d"]}
    checkpoints = Checkpoints(folder, {**config.model_dump(), "data": ""})
    checkpoints.known = {"clips": clips}
    precision = Precision(plain_setting(config), torch.device("cpu"))
    checkpoints.save(["best.pt"], TrainState(), model, torch.optim.SGD(model.parameters()), precision)
    return folder / "best.pt"


# 9: an early decision scored as the full one


def test_9_figures_say_how_many_frames_they_rest_on_and_a_comparison_tells_where_these_differ(tmp_path: Path) -> None:
    """The same videos twice: without positions after frame 16, the last five of the 16 are what is to be forecast."""
    results = []
    for name, path in (("whole", RECIPE.camera_path()), ("early", RECIPE.camera_path(0, 16))):
        source = open_external(write_folder(tmp_path / name, trajectory_3d=path.tolist()), seed=1).split("test")
        model = UnifiedModel(build_extractor(tiny("extractor=statistical")), source.frames)
        found = evaluate(model, Batches(source, 8, 0, shuffle=False), torch.device("cpu"), lambda *_: None)
        results.append(Results(name, tmp_path, config={"frames": 16}, metrics=found.metrics(1.0)))
    assert [one.metrics["decided_at_frame"] for one in results] == [16, 11]
    said = "early was tested on other data than whole (frames 11): compare with care"
    assert said in notes_on(results) and said not in notes_on(results[:1] * 2)


# 14: a resume that silently starts again, which gives the same bits


def test_14_an_attempt_that_is_not_the_first_says_where_it_begins() -> None:
    assert start_line(0, "r.1") == ""
    assert start_line(57, "r.2") == "going on from last.pt at step 57"
    assert start_line(0, "r.2") == "no checkpoint to go on from: training starts again"

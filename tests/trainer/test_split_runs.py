"""Split run = straight run, bit for bit, for every extractor, by one process and by two; and two are worth one.

The whole matrix is slow (see `MODELS`); `test_session`, `test_distributed` and `test_resume` stop two models at every
kind of moment by default.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from tests.trainer.folders import write_clip_tower
from tests.trainer.processes import WORLD, ends, start
from tests.trainer.sessions import TINY, Run, assert_same_weights, values
from trainer.config import TrainConfig, load_config
from trainer.data.dataset import Wanted, write_dataset
from trainer.distributed import Ranks, joined

MODELS: dict[str, tuple[str, ...]] = {
    **({"clip": ("width=0.05",)} if find_spec("transformers") else {}),
    "fuse": ("width=0.05", "fuse=[keypoint, magvit]", "patch_px=4"),
    "hybrid": ("width=0.125",),
    "i3d": (),
    "keypoint": ("width=0.25",),
    "magvit": ("patch_px=4",),
    "slowfast": (),
    "statistical": ("width=0.25",),
    "transformer": (),
}
BATCH_NORM = ("i3d", "slowfast")
WANTED = Wanted("trajectories", "medium", clips=30, size_px=32)
UNEVEN = ("batch_size=5", "w_pred=10", "epochs=2")
"""22 clips to train on: four batches of which one process takes three clips and the other two, then one clip each."""
EPOCH = 5
TOLERANCE = dict.fromkeys(MODELS, 1e-5) | {"fuse": 2e-2, "magvit": 2e-2}
"""Relative, on every figure of two epochs: sums in another order come to 8e-7 here. Where codes are rounded they may
also round some of them the other way (30 of 25,920 in `fuse` at its end), which comes to 8e-3.
"""


def config_of(name: str, inputs: Path) -> TrainConfig:
    """Return the config of a model that trains on the folder `inputs` / data."""
    base = "magvit" if name == "fuse" else name
    given = (f"data={inputs / 'data'}", "clips=null", f"clip_weights={inputs / 'clip'}")
    return load_config(base, [*TINY, *MODELS[name], *UNEVEN, *given])


def straight_and_split(folder: Path, config: TrainConfig, ranks: Ranks | None = None) -> None:
    """Train without a break, with one after an epoch, and with one inside an epoch; keep what this process holds."""
    straight = Run(folder / "straight", config, ranks)
    straight.trainer.fit()
    torch.save(straight.session.model.state_dict(), folder / f"held-{straight.ranks.rank}.pt")
    Run(folder / "between", config, ranks).die_after_epoch()
    go_on(Run(folder / "between", config, ranks), EPOCH)
    Run(folder / "inside", config, ranks).stop_at(EPOCH + 2)
    go_on(Run(folder / "inside", config, ranks), EPOCH + 2)


def go_on(run: Run, step: int) -> None:
    """Train to the end, from a step: to start again in silence would give the same bits."""
    assert run.session.state.step == step
    run.trainer.fit()


def in_two_processes(folder: Path, inputs: Path) -> None:
    """Do so for all models, so that torch is loaded once."""
    with joined() as ranks:
        for name in MODELS:
            straight_and_split(folder / name, config_of(name, inputs), ranks)


def assert_same_end(folder: Path) -> None:
    """Metrics, weights, statistics and moments agree to the bit."""
    for split in ("between", "inside"):
        assert [step for step, _ in values(folder / split)] == list(range(1, 2 * EPOCH + 1))
        assert values(folder / split) == values(folder / "straight")
        for name in ("best.pt", "checkpoint_epoch_2.pt", "last.pt"):
            assert_same_weights(folder / split, folder / "straight", name)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_dataset(folder / "data", WANTED)
    if find_spec("transformers"):
        write_clip_tower(folder / "clip")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, inputs: Path) -> Path:
    """What two processes left, a folder for each model."""
    folder = tmp_path_factory.mktemp("pairs")
    assert ends(start(in_two_processes, folder, inputs), timeout_s=600) == [0] * WORLD
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_one_process(name: str, tmp_path: Path, inputs: Path) -> None:
    straight_and_split(tmp_path, config_of(name, inputs))
    assert_same_end(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MODELS)
def test_two_processes(name: str, pairs: Path) -> None:
    assert_same_end(pairs / name)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MODELS)
def test_both_processes_hold_the_same_weights_and_statistics(name: str, pairs: Path) -> None:
    one, other = (torch.load(pairs / name / f"held-{rank}.pt") for rank in range(WORLD))
    assert any("running_var" in key for key in one) == (name in BATCH_NORM)
    assert list(one) == list(other)
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name in MODELS if name not in BATCH_NORM])
def test_without_batch_norm_two_processes_give_the_figures_of_one(
    name: str, pairs: Path, tmp_path: Path, inputs: Path
) -> None:
    Run(tmp_path, config_of(name, inputs)).trainer.fit()
    for (step, expected), (_, found) in zip(values(tmp_path), values(pairs / name / "straight"), strict=True):
        assert found == pytest.approx(expected, rel=TOLERANCE[name]), step

"""What ends a stage before its time: patience, and a training that went wrong. The checkpoints before it stay."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.trainer.sessions import EPOCH, Run, tiny, values
from trainer.checkpoint import read_checkpoint
from trainer.data.batches import Batch
from trainer.errors import DataError, TrainerError
from trainer.stages import running_stage


def losses(*numbers: float) -> list[dict[str, float]]:
    return [{"val_loss": number} for number in numbers]


def test_patience_counts_epochs_without_a_better_loss() -> None:
    stage = running_stage(tiny("epochs=10", "patience=2"), [])
    assert not stage.over(losses(1, 0.9, 0.95))
    assert stage.over(losses(1, 0.9, 0.95, 0.9)), "the same loss again is no better one"
    assert not stage.over(losses(1, 0.9, 0.95, 0.89, 0.95))
    assert running_stage(tiny("epochs=10"), []).over(losses(*range(1, 11))), "off, a stage ends as planned"
    assert not running_stage(tiny("epochs=10"), []).over(losses(*range(1, 10)))


def test_patience_starts_anew_in_full() -> None:
    config = tiny("epochs=3", "full_epochs=10", "patience=2")
    full = running_stage(config, [3])
    assert not full.over(losses(0.1, 0.1, 0.1, 0.5, 0.6))
    assert full.over(losses(0.1, 0.1, 0.1, 0.5, 0.6, 0.5))


@pytest.mark.slow  # 3 s
def test_a_stage_that_stops_early_says_so_and_a_resume_trains_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.finish.write_artifacts", lambda *_: None)
    config = tiny("epochs=9", "patience=1", "checkpoint_every_epochs=9")
    run = Run(tmp_path, config)
    scripted = iter((1.0, 0.8, 0.9))
    run.trainer.validate = lambda: {"val_loss": next(scripted)}  # type: ignore[method-assign]
    result = run.to_the_end()
    said = "validate stopped early after epoch 3 of 9: 1 epochs without a better validation loss"
    assert result.epochs == 3 and said in result.flags and said in run.said
    assert read_checkpoint(tmp_path / "checkpoints" / "checkpoint_epoch_3.pt")["state"]["best_epoch"] == 2
    before = values(tmp_path)
    assert Run(tmp_path, config).to_the_end().epochs == 3 and values(tmp_path) == before


def break_step(run: Run, at: int, harm: Callable[[Batch], Batch]) -> None:
    """Do something to the batch of one step."""
    inner = run.trainer.train_step

    def step(batch: Batch) -> None:
        inner(harm(batch) if run.session.state.step == at else batch)

    run.trainer.train_step = step  # type: ignore[method-assign]


def kept(folder: Path) -> list[bytes]:
    return [(folder / "checkpoints" / name).read_bytes() for name in ("last.pt", "best.pt")]


def train_and_break(folder: Path, at: int, harm: Callable[[Run], Callable[[Batch], Batch]]) -> str:
    """Train one epoch, keep its checkpoints, break a later step; return what was said, all checkpoints untouched."""
    run = Run(folder, tiny("epochs=2"))
    run.trainer.train_epoch()
    run.trainer.finish_epoch(run.trainer.validate())
    before = kept(folder)
    break_step(run, at, harm(run))
    with pytest.raises(TrainerError) as caught:
        run.trainer.fit()
    assert kept(folder) == before
    return f"{type(caught.value).__name__}: {caught.value}; {caught.value.hint}"


@pytest.mark.slow  # 2 s
def test_a_loss_or_gradient_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    def spoil(run: Run) -> Callable[[Batch], Batch]:
        def harm(batch: Batch) -> Batch:
            run.session.model.classify.weight.data.fill_(float("inf"))
            return batch

        return harm

    said = train_and_break(tmp_path / "loss", EPOCH + 1, spoil)
    assert f"the loss of step {EPOCH + 2} is not finite: training has diverged" in said
    assert "the checkpoints of up to epoch 1 are kept" in said and "lower learning_rate" in said

    def steepen(run: Run) -> Callable[[Batch], Batch]:
        def harm(batch: Batch) -> Batch:
            run.session.model.classify.bias.register_hook(lambda gradient: gradient * float("inf"))
            return batch

        return harm

    said = train_and_break(tmp_path / "gradient", EPOCH + 1, steepen)
    assert f"the gradient of step {EPOCH + 2} is not finite: training has diverged" in said


def test_a_validation_loss_far_above_the_first_ends_the_run(tmp_path: Path) -> None:
    def explode(run: Run) -> Callable[[Batch], Batch]:
        def harm(batch: Batch) -> Batch:
            run.session.model.predict.bias.data.fill_(1e3)
            return batch

        return harm

    said = train_and_break(tmp_path, EPOCH, explode)
    assert "in the first epoch: training has diverged" in said


def test_a_position_that_is_not_finite_is_named(tmp_path: Path) -> None:
    def blank(_: Run) -> Callable[[Batch], Batch]:
        def harm(batch: Batch) -> Batch:
            assert batch.future_path is not None
            path = batch.future_path.clone()
            path[2, 4, 0] = float("nan")
            return replace(batch, future_path=path)

        return harm

    said = train_and_break(tmp_path, EPOCH + 1, blank)
    assert said.startswith(DataError.__name__) and "clip 3 of batch 2 in epoch 2 has a position" in said


@pytest.mark.parametrize(
    ("error", "fits", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), 3, "; 2 would fit; .*batch_size=2"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes"), 4, "; 4 would fit"),
        (MemoryError(), 0, "not even one fits; .*smaller width"),
    ],
)
def test_out_of_memory_ends_with_the_batch_size_that_fits(
    tmp_path: Path, error: Exception, fits: int, expected: str
) -> None:
    run = Run(tmp_path, tiny("epochs=1"))
    inner = run.session.model.forward

    def forward(video: torch.Tensor) -> dict[str, torch.Tensor]:
        if len(video) > fits:
            raise error
        return inner(video)

    run.session.model.forward = forward  # type: ignore[method-assign]
    with pytest.raises(TrainerError) as caught:
        run.trainer.fit()
    text = f"{caught.value}; {caught.value.hint}"
    assert re.search(rf"out of memory in a step of 8 clips.*{expected}", text), text
    assert not (tmp_path / "checkpoints" / "last.pt").exists(), "steps that only try are never saved"


@pytest.mark.parametrize("fits", [3, 0])
def test_an_evaluation_that_does_not_fit_into_memory_is_done_in_parts(tmp_path: Path, fits: int) -> None:
    usual = Run(tmp_path / "usual", tiny("epochs=1")).trainer.validate()
    run = Run(tmp_path / "run", tiny("epochs=1"))
    inner = run.session.model.forward

    def forward(video: torch.Tensor) -> dict[str, torch.Tensor]:
        if len(video) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return inner(video)

    run.session.model.forward = forward  # type: ignore[method-assign]
    if fits:
        assert run.trainer.validate() == pytest.approx(usual, rel=1e-5)
    else:
        with pytest.raises(TrainerError, match="in an evaluation: not even one clip fits"):
            run.trainer.validate()


def test_another_runtime_error_stays_what_it_is(tmp_path: Path) -> None:
    run = Run(tmp_path, tiny("epochs=1"))

    def forward(video: torch.Tensor) -> dict[str, torch.Tensor]:
        raise RuntimeError("shapes do not match")

    run.session.model.forward = forward  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run.trainer.fit()

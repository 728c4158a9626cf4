"""Threads, number format, memory order: what `auto` measures touches nothing, and is chosen once a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.trainer.sessions import EPOCH, Run, assert_same_weights, tiny, values
from trainer import probe
from trainer.checkpoint import read_checkpoint
from trainer.config import TrainConfig, load_config
from trainer.errors import CheckpointError, ConfigError
from trainer.precision import Precision, Setting

CPU = torch.device("cpu")
AUTO = ("threads=auto", "dtype=auto", "layout=auto")


def convolving(*words: str) -> TrainConfig:
    """A config whose model has convolutions."""
    return load_config("keypoint", ["width=0.1", "clips=28", "batch_size=8", "log_every=1", "epochs=2", *words])


@pytest.mark.slow  # 2 s
def test_auto_gives_the_figures_of_the_setting_it_chose(tmp_path: Path) -> None:
    measured = Run(tmp_path / "auto", convolving("dtype=auto", "layout=auto"))
    measured.trainer.fit()
    chosen = measured.session.precision.setting
    assert any(f"chosen: {chosen}" in line and " ms" in line for line in measured.said)
    Run(tmp_path / "stated", convolving(f"dtype={chosen.dtype}", f"layout={chosen.layout}")).trainer.fit()
    assert values(tmp_path / "auto") == values(tmp_path / "stated")
    assert_same_weights(tmp_path / "auto", tmp_path / "stated")


@pytest.mark.slow  # 2 s
def test_measuring_touches_neither_model_nor_randomness_nor_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "STEPS", 1)
    run = Run(tmp_path, convolving())
    session = run.session
    before = {name: value.clone() for name, value in session.model.state_dict().items()}
    random, threads = torch.get_rng_state(), torch.get_num_threads()
    said: list[str] = []
    probe.choose_setting(convolving(*AUTO), session.problem, session.model, session.train, CPU, said.append)
    assert torch.equal(torch.get_rng_state(), random) and torch.get_num_threads() == threads
    assert all(torch.equal(value, before[name]) for name, value in session.model.state_dict().items())
    assert all(weight.grad is None for weight in session.model.parameters())
    assert "a step of 8 clips takes: 1 thread, float32, contiguous" in said[-1]


def choose(monkeypatch: pytest.MonkeyPatch, run: Run, times: dict[tuple[int, str, str], float]) -> Setting:
    """Choose by times that are made up; a setting without one takes a second."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr(
        probe, "time_setting", lambda setting, *_: times.get((setting.threads, setting.dtype, setting.layout), 1.0)
    )
    return probe.choose_setting(
        convolving(*AUTO), run.session.problem, run.session.model, run.session.train, CPU, lambda _: None
    )


def test_only_a_clear_gain_leaves_the_plain_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, convolving())
    plain = Setting(1, "float32", "contiguous")
    assert choose(monkeypatch, run, {}) == plain
    assert choose(monkeypatch, run, {(2, "float32", "contiguous"): 0.95}) == plain
    times = {(2, "float32", "contiguous"): 0.6, (4, "float32", "contiguous"): 0.58}
    assert choose(monkeypatch, run, times) == Setting(2, "float32", "contiguous")
    times[2, "bfloat16", "channels_last"] = 0.3
    assert choose(monkeypatch, run, times) == Setting(2, "bfloat16", "channels_last")
    assert choose(monkeypatch, run, {(1, "float32", "contiguous"): float("inf")}).threads == 2, "what fits at all"


def test_a_resumed_run_keeps_what_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = convolving(*AUTO)
    chosen = Setting(1, "bfloat16", "channels_last")
    monkeypatch.setattr("trainer.session.choose_setting", lambda *_: chosen)
    Run(tmp_path, config).stop_at(EPOCH + 1)
    assert read_checkpoint(tmp_path / "checkpoints" / "last.pt")["setting"] == vars(chosen)
    monkeypatch.setattr("trainer.session.choose_setting", lambda *_: pytest.fail("measured again"))
    assert Run(tmp_path, config).session.precision.setting == chosen
    stated = convolving("threads=2", "dtype=auto", "layout=auto")
    assert Run(tmp_path, stated).session.precision.setting == Setting(2, "bfloat16", "channels_last")


@pytest.mark.slow  # 2 s
def test_bfloat16_keeps_weights_and_losses_in_float32_and_resumes_to_the_bit(tmp_path: Path) -> None:
    config = convolving("dtype=bfloat16", "layout=channels_last")
    straight = Run(tmp_path / "straight", config)
    weight = straight.session.model.extractor.maps[0].weight  # type: ignore[union-attr, index]
    assert weight.is_contiguous(memory_format=torch.channels_last) and weight.dtype is torch.float32
    straight.trainer.fit()
    Run(tmp_path / "split", config).stop_at(EPOCH + 1)
    Run(tmp_path / "split", config).trainer.fit()
    assert values(tmp_path / "straight") == values(tmp_path / "split")
    assert_same_weights(tmp_path / "straight", tmp_path / "split")
    Run(tmp_path / "plain", convolving()).trainer.fit()
    assert values(tmp_path / "plain") != values(tmp_path / "straight"), "it is another arithmetic"


def test_float16_needs_cuda(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dtype cannot be 'float16' on a CPU"):
        Run(tmp_path, tiny("dtype=float16"))


@pytest.mark.gpu
def test_float16_scales_its_losses_and_a_checkpoint_holds_the_scale(tmp_path: Path) -> None:
    config = convolving("dtype=float16", "device=cuda")
    Run(tmp_path, config).stop_at(EPOCH + 1)
    scaler = read_checkpoint(tmp_path / "checkpoints" / "last.pt")["scaler"]
    assert scaler["scale"] > 1
    assert Run(tmp_path, config).session.precision.scaler.state_dict() == scaler


def test_a_checkpoint_of_another_version_says_what_to_do(tmp_path: Path) -> None:
    config = tiny("epochs=1")
    Run(tmp_path, config).trainer.fit()
    last = tmp_path / "checkpoints" / "last.pt"
    content = read_checkpoint(last)
    torch.save(content | {"version": 1, "commit": "abc1234"}, last)
    with pytest.raises(CheckpointError, match="is of version 1, this trainer reads version 4") as caught:
        Run(tmp_path, config)
    assert "go on with the code that wrote it (abc1234)" in caught.value.hint
    torch.save({"weights": torch.zeros(2)}, last)
    with pytest.raises(CheckpointError, match="is not a checkpoint of a run"):
        Run(tmp_path, config)


def test_compile_without_a_compiler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match="no C\\+\\+ compiler 'no-such-compiler'"):
        Run(tmp_path, tiny("compile=true"))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_compiled_model_trains_alike_and_its_checkpoints_are_ordinary(tmp_path: Path) -> None:
    """One to five minutes, in which a compiler works."""
    compiled, plain = Run(tmp_path / "compiled", tiny("compile=true")), Run(tmp_path / "plain", tiny())
    for run in (compiled, plain):
        run.trainer.train_epoch()
    for (_, one), (_, other) in zip(values(compiled.folder), values(plain.folder), strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-3)
    assert compiled.session.model.state_dict().keys() == plain.session.model.state_dict().keys()


def test_a_setting_reads_well() -> None:
    assert str(Setting(1, "float32", "contiguous")) == "1 thread, float32, contiguous"
    assert Precision(Setting(2, "bfloat16", "contiguous"), CPU).state()["scaler"] == {}

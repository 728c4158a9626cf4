"""Configs: strict, typed, and errors that name file, line, key and the nearest key."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.trainer.conftest import environment
from trainer.__main__ import main
from trainer.config import TrainConfig, bundled_names, find_config, load_config
from trainer.config_rules import OF_GENERATED
from trainer.errors import ConfigError
from trainer.models.extractors import build_extractor
from trainer.models.tokenizer import tokenizer
from trainer.models.unified import UnifiedModel
from trainer.tasks import BOTH

PLAN = {"i3d": 1024, "slowfast": 2304, "transformer": 256, "magvit": 256}
"""The four branches and their features, in the order of their numbers."""
COMBINATIONS = {
    "i3d-magvit-gpt4": ["i3d", "magvit"],
    "slowfast-magvit-gpt4": ["slowfast", "magvit"],
    "i3d-mistral-clip": ["i3d", "clip"],
    "slowfast-phi2-wizardmath": [],
}
"""The extractors that each of the four combinations joins; all describe clips at their end."""


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_configs_load(name: str) -> None:
    config, combined = load_config(name), name in COMBINATIONS
    if config.problem != "trajectories":
        assert name.partition("-")[0] == config.problem
        return
    assert config.extractor == (name.partition("-")[0] if combined else name.rpartition("-")[2])
    assert config.fuse == COMBINATIONS.get(name, []) and config.then == (["describe"] if combined else [])


@pytest.mark.parametrize(("number", "extractor"), list(enumerate(PLAN, 1)))
def test_a_branch_has_the_plans_own_form(number: int, extractor: str) -> None:
    config = load_config(f"branch-{number}-{extractor}")
    assert (config.clips, config.batch_size, config.width, config.patch_px) == (10_000, 32, 1.0, 1)
    assert (config.epochs, config.learning_rate, config.full_epochs, config.full_learning_rate) == (10, 1e-3, 40, 5e-4)
    assert config.tasks == BOTH and (config.threads, config.dtype, config.layout) == ("auto", "auto", "auto")


def size(config: TrainConfig) -> tuple[int, int]:
    """Parameters and features of the extractor, of which nothing is computed."""
    with torch.device("meta"):
        extractor = build_extractor(config)
        UnifiedModel(extractor, config.frames)
    return sum(value.numel() for value in extractor.parameters()), extractor.feature_dim


@pytest.mark.parametrize("name", [name for name in bundled_names() if "clip" not in name])
def test_a_config_says_the_size_of_its_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `12.3 M parameters` or `256 features` of a comment is that of the config, or, a small one, of full width."""
    # A quantiser has no parameters, computes a table even on `meta`, and its library takes seconds to import.
    monkeypatch.setattr(tokenizer, "make_quantiser", lambda levels: torch.nn.Identity())
    config, branch = load_config(name), name.startswith("branch-")
    sizes = [size(config), *([] if branch else [size(config.model_copy(update={"width": 1.0, "patch_px": 1}))])]
    comment = " ".join(re.findall(r"^# ?(.*)", find_config(name).read_text(), re.M))
    claims = re.findall(r"([\d.]+) M\b", comment)
    for claim in claims:
        digits = len(claim.partition(".")[2])
        assert claim in [f"{count / 1e6:.{digits}f}" for count, _ in sizes], (claim, sizes)
    features = [int(text.replace(",", "")) for text in re.findall(r"([\d,]+) features", comment)]
    assert set(features) <= {dim for _, dim in sizes}
    if branch:
        assert claims and features == [PLAN[config.extractor]]


def test_words_replace_the_lines_of_the_file() -> None:
    config = load_config("keypoint", ["epochs=3", "learning_rate=5e-4", "tier=easy", "w_pred=2"])
    assert (config.epochs, config.learning_rate, config.tier, config.w_pred) == (3, 5e-4, "easy", 2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3\n", r"my.yaml:1: unknown key 'epoch'; did you mean 'epochs'\?"),
        ("tier: easy\nepochs: -1\n", r"my.yaml:2: epochs cannot be -1: input should be greater"),
        ("epochs: three\n", r"my.yaml:1: epochs cannot be 'three'"),
        ("epochs: '3'\n", r"my.yaml:1: epochs cannot be '3'"),
        ("epochs: 2.5\n", r"my.yaml:1: epochs cannot be 2.5"),
        ("seed: true\n", r"my.yaml:1: seed cannot be True"),
        ("learning_rate: .nan\n", r"my.yaml:1: learning_rate cannot be"),
        ("epochs: 3\nepochs: 4\n", r"my.yaml:2: key 'epochs' appears twice \(first on line 1\)"),
        ("epochs: &a 3\nclips: *a\n", r"my.yaml:1: aliases are not allowed"),
        ("- epochs\n", r"my.yaml:1: expected `key: value` lines"),
        ("epochs: [1\n", r"my.yaml:2: not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", r"not valid YAML"),
        ("extractor: vgg\n", r"my.yaml:1: extractor cannot be 'vgg': input should be 'clip', "),
    ],
)
def test_a_wrong_file_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(str(path))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("epcohs=3", r"'epcohs=3': unknown key 'epcohs'; did you mean 'epochs'\?"),
        ("epochs", r"'epochs': an override looks like key=value"),
        ("batch_size=0", r"'batch_size=0': batch_size cannot be 0"),
        ("clips=10", r"clips cannot be 10"),
        ("then=[describ]", r"then cannot be 'describ'"),
        ("epcohs=null", r"unknown key 'epcohs'"),
        ("width=inf", r"width cannot be"),
    ],
)
def test_a_wrong_word_is_told(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("keypoint", [word])


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("w_class: 0\nw_pred: 0\n", (), r"my.yaml:2: w_class and w_pred are both 0, so there is nothing to learn"),
        ("w_class: 0\n", ("w_pred=0",), r"'w_pred=0': w_class and w_pred are both 0"),
        ("", ("data=mine", "clips=30"), r"'clips=30': clips has no effect on data .* \(data=mine\)"),
        ("data: mine\n", ("tier=easy",), r"'tier=easy': tier has no effect"),
        ("style: trail\ndata: mine\n", (), r"my.yaml:1: style has no effect"),
        ("", ("then=[evaluate]",), r"'then=\[evaluate\]': .* evaluate_on names nothing"),
        ("evaluate_on: [hard]\n", (), r"my.yaml:1: evaluate_on has no effect without the stage evaluate"),
        ("", ("describe_clips=3",), r"'describe_clips=3': describe_clips has no effect without the stage describe"),
        ("", ("then=[evaluate]", "evaluate_on=[hard, hard]"), r"evaluate_on names nothing, or something twice"),
        ("then: [evaluate]\nevaluate_on: ['']\n", (), r"my.yaml:2: evaluate_on names nothing"),
        ("", ("gate.accuracy=> 70",), r"'gate.accuracy=> 70': .* a share, which is never above 1"),
        ("bar:\n  accuracy: '> 95'\n", (), r"my.yaml:2: bar.accuracy is compared with a share"),
    ],
)
def test_options_that_contradict_each_other_are_told(
    tmp_path: Path, text: str, words: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(str(path), words)


def test_a_folder_replaces_the_generated_data_of_the_file_and_null_takes_a_word_back() -> None:
    assert load_config("keypoint", ["data=mine"]).data == "mine"
    assert load_config("keypoint", ["clips=30", "data=mine", "clips=null", "epochs=null"]).epochs == 10
    assert load_config("keypoint", ["data=mine", "clips=30", "data="]).clips == 30


def test_an_unknown_config_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'keypoint'"):
        load_config("keypiont")


def test_yaml_words_are_those_of_version_1_2(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("tier: no\n")
    with pytest.raises(ConfigError, match="tier cannot be 'no'"):
        load_config(str(path))


def test_every_option_has_a_bundled_default_that_is_valid() -> None:
    assert TrainConfig() == TrainConfig.model_validate(TrainConfig().model_dump())


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "trainer", *words], env=environment(), capture_output=True, text=True)


def test_a_wrong_option_exits_2_without_a_traceback() -> None:
    done = command("run", "--config", "keypoint", "epochs=-4")
    assert done.returncode == 2 and done.stdout == ""
    assert "epochs cannot be -4" in done.stderr and "Traceback" not in done.stderr and "check-config" in done.stderr


def test_check_config_writes_a_config_that_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["epochs=7", "data=a: b # c", "gate.skill=", "then=[evaluate]", "evaluate_on=[easy/noisy]"]
    assert main(["check-config", "--config", "transformer", *words]) == 0
    path = tmp_path / "same.yaml"
    path.write_text("".join(line for line in capsys.readouterr().out.splitlines(True) if not is_generated(line)))
    assert load_config(str(path)) == load_config("transformer", words)


def is_generated(line: str) -> bool:
    return line.partition(":")[0] in OF_GENERATED


@pytest.mark.parametrize("words", [("--help",), ("check-config", "--config", "keypoint")])
def test_help_and_config_checks_import_no_torch(words: tuple[str, ...]) -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['numpy'] = sys.modules['matplotlib'] = None\n"
        "from trainer.__main__ import main\n"
        f"sys.exit(main({list(words)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""Configs: strict, typed, and errors that name file, line, key and the nearest key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.conftest import environment
from trainer.config import TrainConfig, bundled_names, load_config
from trainer.errors import ConfigError


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_configs_load(name: str) -> None:
    assert load_config(name).extractor == name


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
        ("width=inf", r"width cannot be"),
    ],
)
def test_a_wrong_word_is_told(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("keypoint", [word])


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
    return subprocess.run(
        [sys.executable, "-m", "trainer", *words], env=environment(), capture_output=True, text=True, timeout=60
    )


def test_a_wrong_option_exits_2_without_a_traceback() -> None:
    done = command("run", "--config", "keypoint", "epochs=-4")
    assert done.returncode == 2 and done.stdout == ""
    assert "epochs cannot be -4" in done.stderr and "Traceback" not in done.stderr and "check-config" in done.stderr


def test_check_config_lists_every_option() -> None:
    done = command("check-config", "--config", "transformer", "epochs=7")
    assert done.returncode == 0
    assert "epochs: 7" in done.stdout and all(f"{key}: " in done.stdout for key in TrainConfig.model_fields)


@pytest.mark.parametrize("words", [("--help",), ("check-config", "--config", "keypoint")])
def test_help_and_config_checks_import_no_torch(words: tuple[str, ...]) -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['numpy'] = sys.modules['matplotlib'] = None\n"
        "from trainer.__main__ import main\n"
        f"sys.exit(main({list(words)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

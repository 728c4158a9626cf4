"""Providers by name, their keys, and what is refused before anything is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trainer.errors import ConfigError
from trainer.language.providers.describer import Pair
from trainer.language.providers.keys import HIDDEN, key_for, redacted
from trainer.language.providers.opening import open_describer, open_pair, open_writer
from trainer.language.providers.spec import SERVICES, Spec, parse_spec

ROOT = Path(__file__).parents[2]
LAN = "openai:phi@http://10.0.0.7:8000/v1"


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("rules", Spec("rules")),
        (" openai:gpt-4o ", Spec("openai", "gpt-4o", SERVICES["openai"])),
        ("openai:phi:2.7b@http://localhost:11434/v1/", Spec("openai", "phi:2.7b", "http://localhost:11434/v1")),
        ("openai:@cf/meta@https://a.example/v1", Spec("openai", "@cf/meta", "https://a.example/v1")),
        ("anthropic:claude@2", Spec("anthropic", "claude@2", SERVICES["anthropic"])),
        ("transformers:/models/phi 2@new", Spec("transformers", "/models/phi 2@new")),
    ],
)
def test_a_spec_is_read_and_named_as_it_was_written(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec
    assert spec.name == text.strip().rstrip("/")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("opnai:gpt-4o", "did you mean 'openai'"),
        ("gpt-4o", "no provider 'gpt-4o'"),
        ("", "no provider ''"),
        ("openai", "names no model"),
        ("anthropic:", "names no model"),
        ("openai:a\nb", "names no model"),
        ("transformers:", "names no model"),
        ("rules:fast", "rules have no model"),
        ("openai:m@http://", "no address"),
        ("openai:m@http://[::1/v1", "no address"),
        ("openai:m@http://a.example:99999/v1", "no address"),
    ],
)
def test_a_spec_that_means_nothing_says_what_one_looks_like(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        parse_spec(text)
    assert caught.value.hint


@pytest.mark.parametrize("url", ["https://me:s3cret@a.example/v1", "https://a.example/v1?key=s3cret"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="holds a user, a password or a query") as caught:
        parse_spec(f"openai:m@{url}")
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(("provider", "variable"), [("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")])
def test_a_providers_own_service_needs_the_key_of_the_environment(
    provider: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=f"{provider}:m needs a key, and {variable} is not set") as caught:
        open_writer(f"{provider}:m")
    assert f"export {variable}=" in caught.value.hint


def test_a_key_goes_only_where_nobody_can_listen() -> None:
    environ = {"OPENAI_API_KEY": " sk-1 \n"}
    sent = {"openai:m": "sk-1", "openai:m@https://a.example/v1": "sk-1", "openai:m@http://127.0.0.1:1/v1": "sk-1"}
    assert {text: key_for(parse_spec(text), environ) for text in sent} == sent
    assert key_for(parse_spec(LAN), environ) == "" == key_for(parse_spec("openai:m@http://localhost/v1"), {})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY holds a space") as caught:
        key_for(parse_spec("openai:m"), {"OPENAI_API_KEY": "sk 1é"})
    assert "é" not in str(caught.value)


def test_a_key_is_shown_nowhere_not_even_in_part() -> None:
    assert redacted("no key abc123 here", "abc123") == f"no key {HIDDEN} here"
    assert redacted("Incorrect API key: sk-proj-ab**********yz.", "") == f"Incorrect API key: {HIDDEN}"
    assert redacted("header Bearer abcdefgh1 was wrong", "x") == f"header {HIDDEN} was wrong"
    assert redacted("a task-based bearer of news", "") == "a task-based bearer of news"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (None, "does not exist"),
        ([], "neither config.json nor a .gguf file"),
        (["config.json"], "lacks weights .* and a tokenizer"),
        (["config.json", "model.safetensors"], "lacks a tokenizer"),
        (["a.gguf", "b.gguf"], "holds 2 models: a.gguf, b.gguf"),
    ],
)
def test_a_model_folder_that_is_not_one_says_what_is_missing(
    tmp_path: Path, files: list[str] | None, says: str
) -> None:
    folder = tmp_path / "model"
    if files is not None:
        folder.mkdir()
    for name in files or []:
        (folder / name).touch()
    with pytest.raises(ConfigError, match=says) as caught:
        open_describer(f"transformers:{folder}")
    assert caught.value.hint


def test_a_pair_is_one_for_texts_and_one_for_equations() -> None:
    pair = open_pair("rules", LAN)
    assert isinstance(pair, Pair) and pair.name == f"rules + {LAN}"
    assert open_pair("rules", "rules").name == open_pair("rules").name == "rules"
    with pytest.raises(ConfigError, match="rules answer no prompt"):
        open_writer("rules")


def test_nothing_of_a_provider_is_imported_before_it_is_opened() -> None:
    heavy = ["openai", "anthropic", "transformers", "torch", "httpx2"]
    code = (
        "import sys, trainer.language.providers.opening as opening\n"
        "opening.open_pair('rules')\n"
        f"found = set({heavy}) & set(sys.modules)\n"
        "sys.exit(f'imported: {found}' if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr

"""Local models: tiny random Phi and Mistral in the library's own layout, read as any downloaded folder is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.language.noisy_clips import evidence
from trainer.errors import ConfigError, ProviderError
from trainer.language.providers.local import LocalWriter
from trainer.language.providers.opening import open_describer, open_pair, open_writer
from trainer.language.providers.prompt import prompt
from trainer.language.providers.spec import parse_spec

pytestmark = pytest.mark.slow
"""10 s, most of them for what the library imports before it generates."""
transformers: Any = pytest.importorskip("transformers", reason="a local model needs the library transformers")

NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "[INST] {{ m.content }} [/INST]{% endfor %}"
)
SIZES = {
    "vocab_size": 128,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}


def write_model(folder: Path, kind: str, context: int = 4096, template: str = "") -> Path:
    """Write a random model whose tokens are the characters of ASCII."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(0)
    words = {chr(code) if code > 2 else ("<unk>", "<s>", "</s>")[code]: code for code in range(128)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>")
    if template:
        fast.chat_template = template
    fast.save_pretrained(folder)
    config = getattr(transformers, f"{kind}Config")(**SIZES, max_position_embeddings=context)
    getattr(transformers, f"{kind}ForCausalLM")(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def phi(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Phi-2 has no form of talk."""
    return f"transformers:{write_model(tmp_path_factory.mktemp('phi'), 'Phi')}"


@pytest.fixture(scope="module")
def mistral(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Mistral's first models refuse a system text."""
    return f"transformers:{write_model(tmp_path_factory.mktemp('mistral'), 'Mistral', template=NO_SYSTEM)}"


def test_a_model_answers_the_same_each_time_and_says_what_it_took(phi: str) -> None:
    answers = [open_writer(phi, max_tokens=12).write("be brief", "hello") for _ in range(2)]
    assert answers[0].text == answers[1].text
    usage = answers[0].usage
    assert (usage.output_tokens, usage.cost_usd, answers[0].cut) == (12, 0.0, True)
    assert usage.input_tokens == len("be brief\n\nhello\n\nAnswer:\n")


@pytest.mark.parametrize("kind", ["phi", "mistral"])
def test_a_local_model_is_told_its_evidence_alone(kind: str, request: pytest.FixtureRequest) -> None:
    writer = LocalWriter(parse_spec(request.getfixturevalue(kind)), max_tokens=1)
    told = "\n\n".join(prompt(evidence(0)))
    tokens = writer._tokens(*prompt(evidence(0)))
    read = "".join(writer._tokenizer.convert_ids_to_tokens(tokens[0].tolist()))
    unknown = "".join(char if char.isascii() and char > "\x02" else "<unk>" for char in told)
    assert read == {"phi": f"{unknown}\n\nAnswer:\n", "mistral": f"[INST] {unknown} [/INST]"}[kind]


def test_a_random_model_describes_and_scores_nothing(phi: str, mistral: str, tmp_path: Path) -> None:
    said = open_pair(phi, mistral, max_tokens=8, cache=tmp_path).describe(evidence(0))
    assert said.provider == f"{phi} + {mistral}" and not said.claims and "no claims" in said.problem
    again = open_pair(phi, mistral, max_tokens=8, cache=tmp_path).describe(evidence(0))
    assert again.usage.cached and (again.text, again.equation) == (said.text, said.equation)


def test_a_prompt_that_does_not_fit_is_told(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small", "Phi", context=64)
    with pytest.raises(ProviderError, match=r"a prompt of \d+ tokens, and it reads 64"):
        open_describer(f"transformers:{folder}").describe(evidence(0))
    answer = open_writer(f"transformers:{folder}").write("s", "u" * 30)
    assert answer.usage.input_tokens + answer.usage.output_tokens == 64 and answer.cut


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.safetensors", "not weights"), ("config.json", "{"), ("config.json", '{"model_type": "unheard-of"}')],
)
def test_a_damaged_folder_is_told(tmp_path: Path, name: str, content: str) -> None:
    folder = write_model(tmp_path / "damaged", "Phi")
    (folder / name).write_text(content)
    with pytest.raises(ConfigError, match="cannot be loaded: ") as caught:
        open_writer(f"transformers:{folder}")
    assert str(caught.value).isprintable() and caught.value.hint


def test_code_beside_a_model_is_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "trap"
    folder.mkdir()
    (folder / "trap.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: pass\n")
    (folder / "config.json").write_text('{"model_type": "trap", "auto_map": {"AutoConfig": "trap.Config"}}')
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        open_writer(f"transformers:{folder}")
    assert not (tmp_path / "ran").exists()

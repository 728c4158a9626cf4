"""`transformers`: a language model in a folder of this machine, by the library of that name; nothing is fetched."""

from __future__ import annotations

import io
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

from trainer.errors import ConfigError, ProviderError
from trainer.language.describer import Usage
from trainer.language.providers.model_folder import ModelFolder, find_model
from trainer.language.providers.plain import one_line
from trainer.language.providers.spec import Spec
from trainer.language.providers.writer import Answer


class LocalWriter:
    """The most likely token at each step, so that the same prompt has the same answer."""

    def __init__(self, spec: Spec, *, max_tokens: int) -> None:
        self.spec, self.max_tokens = spec, max_tokens
        self.folder = find_model(spec.model)
        torch, transformers = _libraries()
        # Code that lies beside a model is never run.
        where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        where |= {"gguf_file": self.folder.gguf} if self.folder.gguf else {}
        with _loading(self.folder):
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder.path, **where)
            model = transformers.AutoModelForCausalLM.from_pretrained(self.folder.path, dtype="auto", **where)
        self._model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        self.settings: dict[str, Any] = {"max_new_tokens": max_tokens, "files": self.folder.fingerprint}

    @property
    def name(self) -> str:
        return self.spec.name

    def write(self, system: str, user: str) -> Answer:
        start_s = time.monotonic()
        prompt = self._tokens(system, user)
        room = self._context() - prompt.shape[1]
        if room <= 0:
            raise ProviderError(f"{self.name}: a prompt of {prompt.shape[1]} tokens, and it reads {self._context()}")
        limit = min(self.max_tokens, room)
        try:
            written = self._continued(prompt, limit)
        except RuntimeError as exc:  # no memory, most likely
            raise ProviderError(f"{self.name}: {one_line(str(exc))}") from exc
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        usage = Usage(prompt.shape[1], len(written), cost_usd=0.0, seconds=time.monotonic() - start_s)
        return Answer(text, usage, cut=len(written) == limit and int(written[-1]) not in self._ends())

    def _tokens(self, system: str, user: str) -> Any:
        """Return the prompt (1, n) in the model's own form of a talk; without one, as instruction and answer."""
        tokenizer = self._tokenizer
        if not tokenizer.chat_template:
            return tokenizer(f"{system}\n\n{user}\n\nAnswer:\n", return_tensors="pt").input_ids
        talk = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        merged = [{"role": "user", "content": f"{system}\n\n{user}"}]
        options = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
        try:
            return tokenizer.apply_chat_template(talk, **options)["input_ids"]
        except Exception:  # a template says in its own way that it knows no system text (Mistral, Gemma)
            return tokenizer.apply_chat_template(merged, **options)["input_ids"]

    def _continued(self, prompt: Any, limit: int) -> Any:
        import torch

        model = self._model
        prompt = prompt.to(model.device)
        pad = self._tokenizer.pad_token_id if self._tokenizer.pad_token_id is not None else next(iter(self._ends()), 0)
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=limit,
                pad_token_id=pad,
                do_sample=False,
                **dict.fromkeys(("temperature", "top_p", "top_k")),
            )
        return whole[0, prompt.shape[1] :]

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)

    def _context(self) -> int:
        """Return how many tokens it reads and writes together."""
        return int(getattr(self._model.config, "max_position_embeddings", None) or 2**31)


@contextmanager
def _loading(folder: ModelFolder) -> Iterator[None]:
    """Raise `ConfigError` for whatever a foreign folder makes the library raise."""
    try:
        # a bar of its own for GGUF files, in whatever log we write
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except ImportError as exc:
        raise ConfigError(f"{folder.path} needs one more library: {one_line(str(exc))}") from exc
    except Exception as exc:
        raise ConfigError(
            f"the model at {folder.path / folder.gguf} cannot be loaded: {one_line(str(exc))}",
            hint="is it complete, and of a kind that this version of transformers knows?",
        ) from exc


def _libraries() -> tuple[Any, Any]:
    """Return `torch` and `transformers`, the latter quiet. Raises `ConfigError` where it is not installed."""
    try:
        import torch
        import transformers
    except ImportError as exc:
        raise ConfigError("a local model needs torch and transformers", hint="pip install torch transformers") from exc
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    return torch, transformers

"""Folders of local language models: what must lie in them, said before anything slow is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.errors import ConfigError

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_HINT = (
    "name a folder that `save_pretrained` wrote or `hf download MODEL --local-dir FOLDER` made, "
    "or one with a single .gguf file"
)


@dataclass(frozen=True)
class ModelFolder:
    """Where `transformers` finds a model."""

    path: Path
    gguf: str = ""
    """The name of the one file that holds everything, '' for the library's own layout."""

    @property
    def fingerprint(self) -> list[list[object]]:
        """Name, size and time of each file that decides an answer: another model in the same folder is another one."""
        files = [self.path / self.gguf] if self.gguf else sorted(one for one in self.path.iterdir() if one.is_file())
        stats = ((one.name, one.stat()) for one in files)
        return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def find_model(place: str) -> ModelFolder:
    """Return the model at a folder, or in a GGUF file. Raises `ConfigError` that says what is missing."""
    path = Path(place).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return ModelFolder(path.parent, path.name)
    if not path.is_dir():
        there = "is a file, not a folder" if path.exists() else "does not exist"
        raise ConfigError(f"no local model at {place}: it {there}", hint=_HINT)
    if (path / "config.json").is_file():
        _check_layout(path)
        return ModelFolder(path)
    packed = sorted(path.glob("*.gguf"))
    if len(packed) > 1:
        names = ", ".join(one.name for one in packed)
        raise ConfigError(f"{place} holds {len(packed)} models: {names}", hint=f"name one: {packed[0]}")
    if not packed:
        raise ConfigError(f"no local model at {place}: it has neither config.json nor a .gguf file", hint=_HINT)
    return ModelFolder(path, packed[0].name)


def _check_layout(path: Path) -> None:
    missing = [
        *([] if any(next(path.glob(pattern), None) for pattern in _WEIGHTS) else ["weights (*.safetensors)"]),
        *([] if any((path / name).is_file() for name in _TOKENIZERS) else ["a tokenizer (tokenizer.json)"]),
    ]
    if missing:
        raise ConfigError(f"no local model at {path}: it lacks {' and '.join(missing)}", hint=_HINT)

"""The config of one training run: flat, typed, strict. `load_config` merges a file with `key=value` words."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer.errors import ConfigError
from trainer.strict_yaml import load_mapping, load_scalar

BUNDLED = Path(__file__).parent / "configs"


class TrainConfig(BaseModel):
    """Every option of a run. The docstring under a field is what `trainer check-config` prints."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    extractor: Literal["keypoint", "transformer"] = "keypoint"
    """Feature extractor."""
    width: float = Field(1.0, ge=0.01, le=4)
    """Scales the extractor's feature dimension."""
    data: str = ""
    """Folder to train on: of `trainer generate`, or `videos.npy` + `metadata.json`. '' generates what follows."""
    tier: Literal["easy", "medium", "hard"] = "medium"
    """Difficulty of the generated data."""
    clips: int = Field(2000, ge=28, le=1_000_000)
    """Clips in the data set, before the 70/15/15 split."""
    frames: Literal[16, 32] = 16
    """Frames seen of each clip; the five after them are forecast."""
    style: Literal["dot", "trail", "both"] = "dot"
    """How the sphere is drawn."""
    noise: Literal["exact", "bank"] = "exact"
    """How pixel noise is made: exact normal deviates, or windows of a bank of them (faster)."""
    train_noise: Literal["mix", "tier"] = "mix"
    """Pixel noise in training: a mix of levels (robust), or the tier's own."""
    augmentation: Literal["none", "full"] = "none"
    """Training views: each scene's own, or one of its 180 variants (view, phase, style, noise), anew every epoch."""
    shifted_tests: bool = True
    """Test on the held-out sets too: cameras and motions outside the training ranges, and more noise."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Seeds data, split, weights and batches."""
    epochs: int = Field(10, ge=1, le=100_000)
    batch_size: int = Field(16, ge=1, le=4096)
    schedule: Literal["cosine", "constant"] = "cosine"
    """Course of the learning rate after the warm-up."""
    learning_rate: float = Field(1e-3, gt=0, le=1)
    """Peak of the schedule."""
    warmup: float = Field(0.1, ge=0, le=0.9)
    """Share of all steps in which the learning rate rises."""
    weight_decay: float = Field(0.02, ge=0, le=1)
    clip_norm: float = Field(1.0, gt=0)
    """Largest gradient norm."""
    w_class: float = Field(1.0, ge=0)
    """Weight of the class loss."""
    w_pred: float = Field(1.0, ge=0)
    """Weight of the forecast loss, an MSE in half-sides squared: small numbers, so a weight of 10 balances them."""
    threads: int = Field(1, ge=1, le=1024)
    """CPU threads of torch. One is fastest beside other jobs."""
    prefetch: Literal["auto", "on", "off"] = "auto"
    """Make the next batch in a thread meanwhile; auto = with CUDA, where the CPU has nothing else to do."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["float32"] = "float32"
    checkpoint_every_s: float = Field(300.0, gt=0)
    """Seconds after which last.pt is written inside an epoch too."""
    checkpoint_every_epochs: int = Field(2, ge=1)
    """Period of checkpoint_epoch_N.pt."""
    log_every: int = Field(20, ge=1)
    """Steps between two lines of metrics.jsonl inside an epoch."""


FREE_ON_RESUME = frozenset(
    {"threads", "device", "prefetch", "shifted_tests", "checkpoint_every_s", "checkpoint_every_epochs"},
)
"""Options that a resumed run may change without becoming another experiment."""


def bundled_names() -> list[str]:
    """Return the names that `--config` takes besides paths."""
    return sorted(path.stem for path in BUNDLED.glob("*.yaml"))


def find_config(name: str) -> Path:
    """Return the file of `name`: an existing path, or a bundled config's name. Raises `ConfigError`."""
    path = Path(name)
    if path.is_file():
        return path
    bundled = BUNDLED / f"{name}.yaml"
    if path.name == name and bundled.is_file():
        return bundled
    names = bundled_names()
    near = difflib.get_close_matches(path.stem, names, 1)
    raise ConfigError(
        f"no config {name!r}: it is neither a file nor a bundled name"
        + (f"; did you mean {near[0]!r}?" if near else ""),
        hint=f"bundled configs: {', '.join(names)}",
    )


def load_config(name: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a config and apply `key=value` words. Raises `ConfigError` that names file, line and key."""
    path = find_config(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot be read: {exc}") from exc
    values, lines = load_mapping(text, str(path))
    places = {key: f"{path}:{line}" for key, line in lines.items()}
    for word in overrides:
        key, separator, value = word.partition("=")
        if not separator or not key:
            raise ConfigError(f"{word!r}: an override looks like key=value", hint="for example: epochs=3")
        values[key], places[key] = load_scalar(value), repr(word)
    for key in values:
        _check_key(key, places[key])
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as exc:
        first = exc.errors()[0]
        key = str(first["loc"][0])
        problem = str(first["msg"])
        raise ConfigError(
            f"{places[key]}: {key} cannot be {first['input']!r}: {problem[0].lower()}{problem[1:]}",
            hint="`trainer check-config --config ...` lists every option with its value and meaning",
        ) from exc


def _check_key(key: str, place: str) -> None:
    known = list(TrainConfig.model_fields)
    if key in known:
        return
    near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
    raise ConfigError(
        f"{place}: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        hint=f"known keys: {', '.join(known)}",
    )

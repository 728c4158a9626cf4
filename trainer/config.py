"""The config of one training run: flat, typed, strict. `load_config` merges a file with `key=value` words."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from trainer.config_rules import check_together
from trainer.errors import ConfigError
from trainer.strict_yaml import load_mapping, load_scalar
from trainer.tasks import Tasks

BUNDLED = Path(__file__).parent / "configs"
Visual = Literal["clip", "i3d", "keypoint", "magvit", "slowfast", "transformer"]
Extractor = Literal["clip", "hybrid", "i3d", "keypoint", "magvit", "slowfast", "statistical", "transformer"]

GateMetric = Literal["accuracy", "pred_mse", "skill", "recall", "precision", "val_loss", "hours"]
"""What a gate may ask for: figures of the validation split, and the training time so far."""
Condition = Annotated[str, StringConstraints(pattern=r"^\s*(<=|>=|<|>)\s*-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$")]
Conditions = dict[GateMetric, Condition]
Afterwards = Literal["evaluate", "describe"]
"""Stages that may follow the last one of training."""


ProblemName = Literal["trajectories", "detector", "objects", "persistence"]


class TrainConfig(BaseModel):
    """Every option of a run. The docstring under a field is what `trainer check-config` prints."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    problem: ProblemName = "trajectories"
    """Kind of experiment: what is shown, what is asked. Options of another kind are refused."""
    extractor: Extractor = "keypoint"
    """Feature extractor."""
    width: float = Field(1.0, ge=0.01, le=4)
    """Scales the extractor's feature dimension."""
    fuse: list[Extractor] = []
    """Extractors whose features are joined, in place of `extractor`, e.g. [i3d, magvit]."""
    visual: Visual = "transformer"
    """Network beside the statistics of `hybrid`."""
    tokenizer: str = ""
    """`magvit`: file of `trainer pretrain magvit` to start from; '' trains the encoder with the tasks."""
    freeze: bool = False
    """`magvit`: keep the weights of `tokenizer` as they are."""
    patch_px: Literal[1, 2, 4] = 1
    """`magvit`: side of the patches it starts from. 1 is the published network, 4 does a quarter of its work."""
    clip_weights: str = "openai/clip-vit-base-patch32"
    """`clip`: folder of an image encoder, or its name on the hub."""
    data: str = ""
    """Folder to train on: of `trainer generate`, or `videos.npy` + `metadata.json`. '' generates tier to noise."""
    tier: Literal[
        "easy", "medium", "hard", "standard", "transient_heavy", "fast", "mixed",
        "matched", "clutter", "shape-motion",
    ] = "medium"  # fmt: skip
    """Difficulty of the generated data; `mixed` is all tiers of `objects` in equal parts."""
    clutter: int = Field(0, ge=0, le=32)
    """Shapes that are no objects: in half of the clips of `detector`, in all of `objects`."""
    cue: Literal["none", "motion", "colour"] = "none"
    """`objects`: what tells the kinds apart beside how long they live."""
    clips: int = Field(2000, ge=28, le=1_000_000)
    """Clips in the data set, before the 70/15/15 split."""
    frames: Literal[16, 32] = 16
    """Frames seen of each clip; the five after them are forecast."""
    boxes: Literal["truth", "perturbed", "detector"] = "perturbed"
    """Boxes of tracks: the true ones, these spoiled as a detector would, or what a detector finds."""
    detector: str = ""
    """`boxes: detector`: a run of the config detector, or a checkpoint of one; `persistence`: '' = classical discs."""
    features: Literal["statistical", "magvit", "hybrid"] = "statistical"
    """`persistence`: what is known of a track: place and motion, looks through the tokenizer's encoder, or both."""
    sequence_width: Literal[64, 256] = 64
    """`persistence`: width of the transformer over the frames of a track."""
    heads: Literal[4, 8] = 4
    """`persistence`: its attention heads."""
    frame_order: Literal["kept", "shuffled"] = "kept"
    """`persistence`: shuffled = the frames of every clip in random order, a control for what needs no time."""
    attention_supervision: float = Field(0.0, ge=0, le=10)
    """`objects`: weight of a loss that asks for attention on persistent objects in every layer; 0 = none."""
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
    """Epochs of the first stage, `validate`."""
    full_epochs: int = Field(0, ge=0, le=100_000)
    """Epochs of the stage `full`, which a run enters by itself when it passes the gate; 0 = no gate, one stage."""
    gate: Conditions = {"accuracy": "> 0.70", "pred_mse": "< 0.1", "skill": "> 0", "hours": "< 2"}
    """What the validation split must show after `validate`, else the run is held for a person to release."""
    gate_improving: bool = True
    """The gate asks for a validation loss that still falls too, unless the bar is already met."""
    bar: Conditions = {"accuracy": "> 0.90", "pred_mse": "< 0.05"}
    """What the test split shall show after `full`: said in the result, holds nothing."""
    then: list[Afterwards] = []
    """Stages after the last one of training, in this order: [evaluate, describe]. A run that is held reaches none."""
    evaluate_on: list[str] = []
    """What `evaluate` tests the best checkpoint on: folders, tiers, held-out tests, e.g. [data/mine, hard/noisy]."""
    describe_with: str = "rules"
    """Who writes the texts of `describe`: rules, openai:MODEL[@URL], anthropic:MODEL[@URL], transformers:FOLDER."""
    equations_with: str = ""
    """Who writes the equations of `describe`, if it is not who writes the texts; '' = the same."""
    describe_clips: int = Field(20, ge=0, le=1_000_000)
    """Clips of the test split that `describe` describes, the classes as even as can be; 0 = all."""
    describe_spend: float = Field(0.0, ge=0)
    """Most that `describe` may spend, in US dollars: it ends before a call that could pass it. 0 = no limit."""
    patience: int = Field(0, ge=0)
    """Ends a stage after so many epochs without a better validation loss; 0 = never: a cosine gains most at its end."""
    batch_size: int = Field(16, ge=1, le=4096)
    schedule: Literal["cosine", "constant"] = "cosine"
    """Course of the learning rate after the warm-up."""
    learning_rate: float = Field(1e-3, gt=0, le=1)
    """Peak of the schedule."""
    full_learning_rate: float = Field(5e-4, gt=0, le=1)
    """Peak in the stage `full`, which has a schedule of its own."""
    warmup: float = Field(0.1, ge=0, le=0.9)
    """Share of a stage's steps in which the learning rate rises."""
    weight_decay: float = Field(0.02, ge=0, le=1)
    clip_norm: float = Field(1.0, gt=0)
    """Largest gradient norm."""
    w_class: float = Field(1.0, ge=0)
    """Weight of the class loss; 0 switches the task off."""
    w_pred: float = Field(1.0, ge=0)
    """Weight of the forecast loss, an MSE in half-sides squared: small numbers, so 10 balances them; 0 = off."""
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)] = 1
    """CPU threads of torch. One is fastest beside other jobs; auto = what a short measurement finds."""
    prefetch: Literal["auto", "on", "off"] = "auto"
    """Make the next batch in a thread meanwhile; auto = with CUDA, where the CPU has nothing else to do."""
    loaders: int = Field(0, ge=0, le=64)
    """Processes that render clips ahead, where a device would wait for one; 0 = none. The batches are the same."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """Arithmetic of the training steps (weights stay float32); float16 needs CUDA, auto = float32 or bfloat16."""
    layout: Literal["contiguous", "channels_last", "auto"] = "contiguous"
    """Memory order of convolution weights; auto = the faster one."""
    compile: bool = False
    """Compile the model with torch.compile: minutes at the start, faster steps after."""
    checkpoint_every_s: float = Field(300.0, gt=0)
    """Seconds after which last.pt is written inside an epoch too."""
    checkpoint_every_epochs: int = Field(2, ge=1)
    """Period of checkpoint_epoch_N.pt."""
    full_checkpoint_every_epochs: int = Field(5, ge=1)
    """That of the stage `full`."""
    log_every: int = Field(20, ge=1)
    """Steps between two lines of metrics.jsonl inside an epoch."""
    tensorboard: bool = False
    """Write the metrics as TensorBoard event files too, into artifacts/tensorboard."""
    pretrained: bool | str = False
    """Public Kinetics weights to start from: a file, or true for torch's cache, then the published address."""

    @property
    def tasks(self) -> Tasks:
        """What is trained."""
        return Tasks(self.w_class > 0, self.w_pred > 0)


FREE_ON_RESUME = frozenset(
    {"threads", "device", "prefetch", "loaders", "compile", "tensorboard", "shifted_tests", "bar"}
    | {"then", "evaluate_on", "describe_with", "equations_with", "describe_clips", "describe_spend"}
    | {"checkpoint_every_s", "checkpoint_every_epochs", "full_checkpoint_every_epochs"},
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
        _override(values, places, word)
    for key in values:
        _check_key(key, places[key])
    try:
        config = TrainConfig.model_validate(values)
    except ValidationError as exc:
        raise _explained(exc, places) from exc
    words = {word.partition("=")[0] for word in overrides} & set(values)
    check_together(config, lambda key: places.get(key, str(path)), words if "data" in words else set(values))
    return config


def _override(values: dict[str, Any], places: dict[str, str], word: str) -> None:
    """Apply `key=value`, or `gate.metric=condition`: the condition alone; without one it is dropped. A value `null`
    takes back what the file, or a word before, says of the key.
    """
    key, separator, value = word.partition("=")
    if not separator or not key:
        raise ConfigError(f"{word!r}: an override looks like key=value", hint="for example: epochs=3")
    whole, dot, part = key.partition(".")
    places[key] = repr(word)
    if not dot and value == "null":
        _check_key(key, places[key])
        values.pop(key, None)
        return
    if not dot:
        values[key] = load_scalar(value)
        return
    _check_key(whole, places[key])
    before = values.get(whole, TrainConfig.model_fields[whole].default)
    if not isinstance(before, dict):
        raise ConfigError(f"{word!r}: {whole} has no parts", hint=f"for example: {whole}=VALUE")
    places.setdefault(whole, repr(word))
    values[whole] = {**before, part: value.strip(" \"'")}
    if not value and part in before:
        del values[whole][part]


def _explained(error: ValidationError, places: dict[str, str]) -> ConfigError:
    """Return the first thing that pydantic found wrong, in words with its place."""
    first = error.errors()[0]
    loc, given = [str(part) for part in first["loc"]], first["input"]
    key, last = loc[0], loc[-1]
    if last == "[key]":
        known, place = get_args(GateMetric), places.get(f"{key}.{given}", places[key])
        near = difflib.get_close_matches(str(given), known, 1)
        return ConfigError(
            f"{place}: {key} names the metric {given!r}, which does not exist"
            + (f"; did you mean {near[0]!r}?" if near else ""),
            hint=f"metrics of a gate: {', '.join(known)}",
        )
    if last in get_args(GateMetric):
        return ConfigError(
            f"{places[f'{key}.{last}']}: {key}.{last} cannot be {given!r}",
            hint='a condition looks like "> 0.70" or "<= 2"',
        )
    problems = [str(one["msg"]) for one in error.errors() if one["loc"][0] == key]
    problem = ", or ".join(f"{text[0].lower()}{text[1:]}" for text in problems)
    return ConfigError(
        f"{places[key]}: {key} cannot be {given!r}: {problem}",
        hint="`trainer check-config --config ...` lists every option with its value and meaning",
    )


def _check_key(key: str, place: str) -> None:
    known = list(TrainConfig.model_fields)
    if key in known:
        return
    near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
    raise ConfigError(
        f"{place}: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        hint=f"known keys: {', '.join(known)}",
    )

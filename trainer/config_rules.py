"""What the options of a config must not say together, beyond what each of them may be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trainer.errors import ConfigError
from trainer.language.providers.spec import parse_spec

if TYPE_CHECKING:
    from trainer.config import TrainConfig

OF_GENERATED = ("tier", "clips", "frames", "style", "noise", "cue")
"""Options of the data that a config without `data` generates."""
OF_STAGES = {
    "evaluate": ("evaluate_on",),
    "describe": ("describe_with", "equations_with", "describe_clips", "describe_spend"),
}
"""Options that mean nothing without a stage in `then`."""
_NETWORK = ("extractor", "fuse", "visual", "tokenizer", "freeze", "patch_px", "clip_weights", "pretrained")
_CLIPS = ("frames", "style", "augmentation")
_TASKS = ("w_class", "w_pred", "then", "evaluate_on", "describe_with", "equations_with")
ONLY_OF = dict.fromkeys((*_NETWORK, *_CLIPS, *_TASKS), ("trajectories",)) | {
    "tokenizer": ("trajectories", "objects", "persistence"),
    "freeze": ("trajectories", "persistence"),
    "clutter": ("detector", "objects"),
    "cue": ("objects",),
    "train_noise": ("trajectories", "detector", "persistence"),
    "boxes": ("objects", "persistence"),
    "detector": ("objects", "persistence"),
    "attention_supervision": ("objects",),
    **dict.fromkeys(("features", "sequence_width", "heads", "frame_order"), ("persistence",)),
}
"""Options that mean nothing for a problem that is not among these."""
TIERS_OF = {
    "trajectories": ("easy", "medium", "hard"),
    "detector": ("mixed", "standard", "easy", "transient_heavy", "fast"),
    "objects": ("standard", "easy", "transient_heavy", "fast"),
    "persistence": ("matched", "easy", "clutter", "shape-motion"),
}
Place = Callable[[str], str]
"""Where a key was given, for people."""


def check_together(config: TrainConfig, place: Place, beside_data: Collection[str]) -> None:
    """Refuse options that contradict each other, or of which one would be without effect. Raises `ConfigError`.

    `beside_data` are the keys that were given where `data` was, or after it: a word that names a folder replaces the
    generated data of the config's file, whatever that says of it.
    """
    _check_problem(config, place)
    if not config.w_class and not config.w_pred:
        raise ConfigError(
            f"{place('w_pred')}: w_class and w_pred are both 0, so there is nothing to learn",
            hint="0 switches a task off: give at least one of them a weight",
        )
    if config.data:
        ignored = [key for key in OF_GENERATED if key in beside_data]
        if ignored:
            raise ConfigError(
                f"{place(ignored[0])}: {ignored[0]} has no effect on data that is there already (data={config.data})",
                hint=f"leave it out, or say {ignored[0]}=null where a profile gives it; "
                "`trainer generate` makes data of another size or kind",
            )
    _check_conditions(config, place)
    for key in ("then", "evaluate_on"):
        names = getattr(config, key)
        if "" in names or len({*names}) < len(names):
            raise ConfigError(f"{place(key)}: {key} names nothing, or something twice", hint="name each once")
    if "evaluate" in config.then and not config.evaluate_on:
        raise ConfigError(
            f"{place('then')}: then has the stage evaluate, but evaluate_on names nothing to evaluate on",
            hint="a list of folders, tiers and held-out tests, for example evaluate_on=[hard, medium/noisy]",
        )
    _check_stages(config, place)


def _check_problem(config: TrainConfig, place: Place) -> None:
    """Refuse what means nothing for this kind of experiment."""
    for key, problems in ONLY_OF.items():
        default = type(config).model_fields[key].get_default(call_default_factory=True)
        if config.problem not in problems and getattr(config, key) != default:
            raise ConfigError(
                f"{place(key)}: {key} has no effect on problem {config.problem}",
                hint=f"it is an option of {', '.join(problems)}: leave it out, or say {key}=null",
            )
    classical = config.problem == "persistence" and config.boxes == "detector"
    if (config.boxes == "detector") != bool(config.detector) and not classical:
        raise ConfigError(
            f"{place('boxes')}: boxes of a detector, and detector={config.detector!r}",
            hint="boxes=detector detector=RUN go together: RUN is the folder of a run of the config detector",
        )
    tiers = TIERS_OF[config.problem]
    if not config.data and config.tier not in tiers:
        raise ConfigError(
            f"{place('tier')}: {config.problem} has no tier {config.tier!r}", hint=f"known: {', '.join(tiers)}"
        )


def _check_stages(config: TrainConfig, place: Place) -> None:
    """Refuse options of a stage that is not wanted, and a provider that does not exist."""
    for stage, keys in OF_STAGES.items():
        changed = [key for key in keys if getattr(config, key) != type(config).model_fields[key].get_default()]
        if changed and stage not in config.then:
            raise ConfigError(
                f"{place(changed[0])}: {changed[0]} has no effect without the stage {stage}",
                hint=f"add then=[{stage}], or {changed[0]}=null",
            )
    for key in ("describe_with", "equations_with"):
        if spec := getattr(config, key):
            with _at(place(key)):
                parse_spec(spec)


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Put the place before the message of a `ConfigError`."""
    try:
        yield
    except ConfigError as exc:
        raise ConfigError(f"{where}: {exc}", hint=exc.hint) from exc


def _check_conditions(config: TrainConfig, place: Place) -> None:
    """Refuse an accuracy in percent: no run would ever pass."""
    for key in ("gate", "bar"):
        limit = getattr(config, key).get("accuracy", "0").strip("<>= ")
        if float(limit) > 1:
            raise ConfigError(
                f"{place(f'{key}.accuracy')}: {key}.accuracy is compared with a share, which is never above 1",
                hint=f'for {limit} % say "> {float(limit) / 100:g}"',
            )

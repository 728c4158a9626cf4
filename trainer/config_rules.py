"""What the options of a config must not say together, beyond what each of them may be."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from trainer.config import TrainConfig

OF_GENERATED = ("tier", "clips", "frames", "style", "noise")
"""Options of the data that a config without `data` generates."""
Place = Callable[[str], str]
"""Where a key was given, for people."""


def check_together(config: TrainConfig, place: Place, beside_data: Collection[str]) -> None:
    """Refuse options that contradict each other, or of which one would be without effect. Raises `ConfigError`.

    `beside_data` are the keys that were given where `data` was, or after it: a word that names a folder replaces the
    generated data of the config's file, whatever that says of it.
    """
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
    if config.evaluate_on and "evaluate" not in config.then:
        raise ConfigError(
            f"{place('evaluate_on')}: evaluate_on has no effect without the stage evaluate", hint="add then=[evaluate]"
        )


def _check_conditions(config: TrainConfig, place: Place) -> None:
    """Refuse an accuracy in percent: no run would ever pass."""
    for key in ("gate", "bar"):
        limit = getattr(config, key).get("accuracy", "0").strip("<>= ")
        if float(limit) > 1:
            raise ConfigError(
                f"{place(f'{key}.accuracy')}: {key}.accuracy is compared with a share, which is never above 1",
                hint=f'for {limit} % say "> {float(limit) / 100:g}"',
            )

"""The person's own settings of the app, `app.yaml` in the configuration folder: read once, strictly.

    theme: trajvid-light
    pictures: half              # or auto, kitty, sixel
    on_event: notify-send trajvid
    keys: {stop: S, log.follow: F}

Which theme and which keys exist is checked where they are defined; here is only what a file can be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from remote.errors import ConfigError
from remote.folders import config_folder

NAME = "app.yaml"
TEXTS = ("theme", "pictures", "on_event")


@dataclass(frozen=True)
class Settings:
    """What the file says; '' and {} where it says nothing."""

    theme: str = ""
    pictures: str = ""
    on_event: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    """Keys by the id of an action (`stop`, `log.follow`), several parted by commas."""
    places: dict[str, str] = field(default_factory=dict)
    """`file:line` of each setting and of each key (`keys.stop`)."""


def read_settings(path: Path) -> Settings:
    """Read a file; one that is missing says nothing. Raises `ConfigError` with file and line."""
    from remote.strict_yaml import load_file

    if not path.exists():
        return Settings()
    document = load_file(path)
    data: Any = document.data or {}

    def refuse(place: tuple[str, ...], problem: str, hint: str) -> ConfigError:
        return ConfigError(f"{path}:{document.line(place)}: {problem}", hint=hint)

    if not isinstance(data, dict):
        raise refuse((), "not a list of settings", f"for example: theme: trajvid-light; settings: {_known()}")
    for name, value in data.items():
        if name not in (*TEXTS, "keys"):
            raise refuse((name,), f"unknown setting {name!r}", f"settings: {_known()}")
        if name != "keys" and not isinstance(value, str):
            raise refuse((name,), f"{name} is not a text", "put it in quotes")
    keys = data.get("keys") or {}
    if not isinstance(keys, dict):
        raise refuse(("keys",), "keys is not a mapping", "for example: keys: {stop: S}")
    for action, pressed in keys.items():
        if not isinstance(pressed, (str, int)) or isinstance(pressed, bool):
            raise refuse(("keys", action), f"the keys of {action} are not a text", "put them in quotes")
    places = {name: f"{path}:{document.line((name,))}" for name in data}
    places |= {f"keys.{action}": f"{path}:{document.line(('keys', action))}" for action in keys}
    texts = {name: str(data.get(name) or "") for name in TEXTS}
    return Settings(**texts, keys={action: str(pressed) for action, pressed in keys.items()}, places=places)


def _known() -> str:
    return ", ".join((*TEXTS, "keys"))


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process. Raises `ConfigError`, each time until the file is mended."""
    return read_settings(config_folder() / NAME)

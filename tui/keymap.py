"""Other keys for the actions: tables with a person's own keys in place of ours, and what may be wrong with those.

An action's id is its label with dashes, behind the table's name where that is not the app's: `stop`, `launch-all`,
`log.follow`. A table is made once, when the program starts, so bindings, footer, help and palette all follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from remote.errors import ConfigError
from remote.who import nearest
from tui.settings import Settings

if TYPE_CHECKING:
    from tui.keys import Key

APP = "app"
NAMES = {
    "slash": "/", "colon": ":", "question_mark": "?", "escape": "esc", "left": "←", "right": "→", "up": "↑",
    "down": "↓", "pageup": "pgup", "pagedown": "pgdn", "exclamation_mark": "!", "ampersand": "&",
    "comma": ",", "full_stop": ".",
    "plus": "+", "minus": "-", "left_square_bracket": "[", "right_square_bracket": "]", "less_than_sign": "<",
    "greater_than_sign": ">", "number_sign": "#", "at": "@", "asterisk": "*", "equals_sign": "=", "underscore": "_",
    "semicolon": ";", "tilde": "~", "dollar_sign": "$", "percent_sign": "%", "circumflex_accent": "^",
    "vertical_line": "|",
}  # fmt: skip
"""Textual's names of keys, as people read them."""
SPELLINGS = {shown: name for name, shown in NAMES.items()}
WORDS = {*NAMES, "enter", "tab", "space", "backspace", "delete", "insert", "home", "end"} | {
    f"f{number}" for number in range(1, 13)
}
PREFIXES = ("ctrl+", "shift+", "alt+")


def key_id(table: str, key: Key) -> str:
    """The id under which a person names an action."""
    label = key.label.replace(" ", "-")
    return label if table == APP else f"{table}.{label}"


def remapped(table: str, rows: tuple[Key, ...], chosen: Mapping[str, str]) -> tuple[Key, ...]:
    """The rows with the keys that were chosen for them."""
    return tuple(_with_keys(row, chosen.get(key_id(table, row), "")) for row in rows)


def _with_keys(key: Key, pressed: str) -> Key:
    names = [SPELLINGS.get(word.strip(), word.strip()) for word in pressed.split(",") if word.strip()]
    if not names:
        return key
    return replace(key, keys=",".join(names), shown=" ".join(NAMES.get(name, name) for name in names))


def check_keys(tables: Mapping[str, tuple[Key, ...]], settings: Settings) -> None:
    """Refuse an id that no table has, a key that no keyboard has, and a key that would mean two things in one place.

    `tables` have the person's keys already. Raises `ConfigError` with the line.
    """
    ids = [key_id(name, row) for name, table in tables.items() for row in table]
    for action, pressed in settings.keys.items():
        place = settings.places[f"keys.{action}"]
        if action not in ids:
            raise ConfigError(f"{place}: no action {action!r}", hint=nearest(action, ids))
        for word in pressed.split(","):
            if not is_key(SPELLINGS.get(word.strip(), word.strip())):
                raise ConfigError(f"{place}: no key {word.strip()!r}", hint="for example: S, ctrl+s, f5, slash, S,f5")
    for name, table in tables.items():
        owners: dict[str, str] = {}
        for row in table:
            for pressed in row.keys.split(","):
                here = key_id(name, row)
                other = owners.setdefault(pressed, here)
                if other != here:
                    mine = here if here in settings.keys else other
                    place = settings.places.get(f"keys.{mine}", "keys")
                    both = f"{other} and {here}"
                    raise ConfigError(f"{place}: {pressed} would mean {both}", hint="give one of them another key")


def is_key(name: str) -> bool:
    """True for a key as Textual spells it."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return is_key(name.removeprefix(prefix))
    return name in WORDS or (len(name) == 1 and name.isprintable() and not name.isspace())

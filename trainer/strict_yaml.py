"""YAML as a config needs it: small, without aliases or duplicates, with the words of YAML 1.2 (`no` is text).

`load_mapping` also says on which line each key stands, so that an error can name it.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from trainer.errors import ConfigError

MAX_BYTES = 256 * 1024


class _Loader(yaml.SafeLoader):
    """Knows the words of YAML 1.2 alone."""


_Loader.yaml_implicit_resolvers = {}


_CORE = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
)
for _tag, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), [*_first])


def _no_alias(loader: _Loader, text: str, where: str) -> None:
    for token in yaml.scan(text, Loader=type(loader)):
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
            raise ConfigError(f"{where}:{token.start_mark.line + 1}: aliases are not allowed")


def load_mapping(text: str, where: str) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the mapping and the line of each key (`key.part` within a mapping). Raises `ConfigError`."""
    if len(text.encode()) > MAX_BYTES:
        raise ConfigError(f"{where}: larger than {MAX_BYTES // 1024} KiB")
    loader = _Loader(text)
    try:
        _no_alias(loader, text, where)
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{where}:1: expected `key: value` lines")
        lines: dict[str, int] = {}
        _note_lines(node, "", lines, where)
        return {str(key): value for key, value in loader.construct_document(node).items()}, lines
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        raise ConfigError(f"{place}: not valid YAML: {getattr(exc, 'problem', None) or type(exc).__name__}") from exc
    finally:
        loader.dispose()


def _note_lines(node: yaml.MappingNode, prefix: str, lines: dict[str, int], where: str) -> None:
    """Put the line of each key into `lines`, those of a mapping within as `key.part`. Refuses duplicates."""
    for key, value in node.value:
        name, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if name in lines:
            raise ConfigError(f"{where}:{line}: key {name!r} appears twice (first on line {lines[name]})")
        lines[name] = line
        if isinstance(value, yaml.MappingNode):
            _note_lines(value, f"{name}.", lines, where)


def load_scalar(text: str) -> Any:
    """Return the value that `text` would have in a config file; anything but a scalar or a list of words stays text."""
    try:
        value = load_mapping(f"value: {text}", "value")[0]["value"]
    except ConfigError:
        return text
    words = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if words or isinstance(value, bool | int | float | str) else text

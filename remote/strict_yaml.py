"""YAML that cannot surprise: the subset a configuration needs, with the line of every key.

Refused with their line: over 256 KiB, aliases, merge keys, duplicate keys, explicit tags, nesting beyond 20, more
than one document. Plain words mean what YAML 1.2's core schema says (`no` and `12:30` are text); keys are text.
`yaml.safe_load` hangs for minutes on a 1 kB file of merge keys and keeps the last of duplicate keys silently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from remote.clean import clean
from remote.errors import ConfigError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
_MAX_NUMBER_CHARS = 40

Place = tuple[str | int, ...]
"""Where a value is: keys and list positions from the top."""

_CORE = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)
_TAG = "tag:yaml.org,2002:"


@dataclass
class Document:
    """What a file says, and on which line."""

    file: str
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int:
        """Line (from 1) of a key or list item, or of the nearest one around it that exists."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


class StrictLoader(yaml.SafeLoader):
    """Composes nodes only; `Document` values are built by `_Builder`."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  (PyYAML's own attribute)
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        if self.check_event(yaml.AliasEvent):
            raise _problem("aliases (*name) are not allowed; write the value out", event)
        if getattr(event, "tag", None) is not None:
            raise _problem("tags (!name) are not allowed", event)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _problem(f"nested more than {MAX_DEPTH} deep", event)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _name, _pattern, _first in _CORE:
    StrictLoader.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), _first)


def _problem(text: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=event.start_mark)  # type: ignore[arg-type]


def load_file(path: Path) -> Document:
    """Read a file. Raises `ConfigError`, also if it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"cannot be read: {exc.strerror}", file=str(path)) from exc
    return load(data, str(path))


def load(data: bytes, file: str) -> Document:
    """Parse one document; an empty one is `None`. Raises `ConfigError` with the line."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"larger than {MAX_BYTES // 1024} KiB", file=file)
    try:
        loader = StrictLoader(data.decode("utf-8-sig"))
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise ConfigError("not UTF-8 text", file=file, line=line) from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        text = clean(", ".join(part for part in (exc.context, exc.problem) if part))
        raise ConfigError(text or "not YAML", file=file, line=mark.line + 1 if mark else 0) from exc
    except yaml.reader.ReaderError as exc:
        raise ConfigError(
            f"the character U+{int(exc.character):04X} is not allowed", file=file, line=_line(data, exc)
        ) from exc
    except yaml.YAMLError as exc:
        raise ConfigError(clean(str(exc)), file=file) from exc
    document = Document(file)
    if root is not None:
        document.data = _Builder(document).build(root, ())
    return document


def _line(data: bytes, error: yaml.reader.ReaderError) -> int:
    """Line of a character that PyYAML refuses; it says how many characters lie before."""
    return data.decode("utf-8-sig")[: error.position].count("\n") + 1


@dataclass
class _Builder:
    document: Document

    def build(self, node: yaml.Node, place: Place) -> Any:
        self.document.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*place, position)) for position, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key must be plain text")
            key = str(key_node.value)
            if key == "<<":
                raise self._error(key_node, "merge keys (<<) are not allowed; write the values out")
            if key in out:
                first = self.document.line((*place, key))
                raise self._error(key_node, f"the key {key!r} is there twice (first on line {first})", key)
            self.document.lines[(*place, key)] = key_node.start_mark.line + 1
            out[key] = self.build(value_node, (*place, key))
        return out

    def _scalar(self, node: yaml.Node) -> Any:
        text = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float") and len(text) > _MAX_NUMBER_CHARS:
            raise self._error(node, "a number with too many digits")
        if kind == "int":
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            return int(text, base)
        if kind == "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text

    def _error(self, node: yaml.Node, text: str, key: str = "") -> ConfigError:
        return ConfigError(text, file=self.document.file, line=node.start_mark.line + 1, key=key)

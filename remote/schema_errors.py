"""pydantic's complaint about a file, as one `ConfigError`: line, key, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from remote.errors import ConfigError
from remote.strict_yaml import Document, Place

Model = TypeVar("Model", bound=BaseModel)

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a group of keys",
    "model_type": "a group of keys",
    "list_type": "a list",
}


def validated(model: type[Model], document: Document) -> Model:
    """The document as `model`. Raises `ConfigError` for the first thing that is wrong, in the order of the file.

    What is missing comes last: a key is most often missing because it is there, misspelt. One word of a list comes
    before the list, which may stand where a text would do, too.
    """
    if not isinstance(document.data, dict):
        found = "empty" if document.data is None else type(document.data).__name__
        raise ConfigError(f"a group of keys is expected, not {found}", file=document.file, line=document.line(()))
    try:
        return model.model_validate(document.data)
    except ValidationError as exc:
        blamed = [(_place(document, tuple(error["loc"])), error) for error in exc.errors()]
        place, error = min(blamed, key=lambda one: (one[1]["type"] == "missing", document.line(one[0]), -len(one[0])))
        raise _error(model, document, place, error) from exc


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the words that there are."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known: " + ", ".join(words[:20]) if words else ""


def _error(model: type[BaseModel], document: Document, place: Place, error: Any) -> ConfigError:
    key = str(place[-1]) if place else ""
    dotted = ".".join(str(part) for part in place)
    hint = ""
    if error["type"] == "extra_forbidden":
        text = f"unknown key {dotted!r}"
        hint = nearest(key, _keys(model, place[:-1]))
    elif error["type"] == "missing":
        text = f"the key {dotted!r} is missing"
    elif error["type"] == "too_short":
        text = f"{dotted!r} is empty"
    elif error["type"] in _TYPES:
        text = f"{dotted!r} must be {_TYPES[error['type']]}, not {_shown(error['input'])}"
        hint = _in_quotes(error["input"]) if error["type"] == "string_type" else ""
    else:
        text = f"{dotted!r}: {error['msg'][:1].lower()}{error['msg'][1:]}, not {_shown(error['input'])}"
    return ConfigError(text, file=document.file, line=document.line(place), key=key, hint=hint)


def _place(document: Document, location: tuple[Any, ...]) -> Place:
    """pydantic's location without the names of union members that it adds (`command.str`)."""
    place: Place = ()
    value: Any = document.data
    for part in location:
        if isinstance(value, dict):
            place = (*place, str(part))
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            place = (*place, part)
            value = value[part]
    return place


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else repr(value)[:80]


def _in_quotes(value: Any) -> str:
    """How a bare word or number of YAML becomes the text that was meant; a number may have been spelt otherwise."""
    if isinstance(value, (bool, int)):
        return f'in quotes it is text: "{_shown(value)}"'
    return "in quotes it is text" if isinstance(value, float) else ""


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """Keys that `model` knows at a place."""
    current: type[BaseModel] = model
    inside_group = False
    for part in place:
        if inside_group:
            inside_group = False
            continue
        annotation = current.model_fields[str(part)].annotation if str(part) in current.model_fields else None
        candidates = [annotation, *get_args(annotation)]
        inner = next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)
        if inner is None:
            return []
        inside_group = inner is not annotation
        current = inner
    return list(current.model_fields)

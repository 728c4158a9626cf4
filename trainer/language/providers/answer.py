"""What a language model wrote, taken apart: equation, prose, claims. All of it is data; none of it is obeyed.

The form that was asked for is looked for first, then anything that can only be meant as one. What is not there is
empty: nothing is made up in its place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from renderer.descriptions import Claims
from trainer.language.providers.plain import one_line, plain

MAX_ANSWER = 20_000
"""Characters read of an answer."""
MAX_TEXT = 2_000
MAX_EQUATION = 4_000
MAX_CLAIM = 100
_MAX_OBJECTS = 20
"""Places where JSON is looked for."""

_LABEL = re.compile(r"^[ \t#>*_`-]*(equations?|text|claims)[ \t*_`]*(?::|：|$)[ \t*_`]*", re.IGNORECASE | re.MULTILINE)
_PARTS = ("equation", "text", "claims")
_SLOTS = tuple(field.name for field in fields(Claims))


@dataclass(frozen=True)
class Parts:
    """What an answer holds; empty where it holds no such thing."""

    equation: str
    text: str
    claims: dict[str, Any]
    """Of the slots of `Claims` alone: words, a finite number, or None for null; a list of them where the answer gives
    one slot several values."""


def take_apart(answer: str) -> Parts:
    """Return the parts of an answer, without anything that a terminal would obey."""
    whole = plain(answer, MAX_ANSWER).rpartition("</think>")[2]
    objects, rest = _objects(whole)
    said = _sections(rest)
    equation = said.get("equation") or _equation_lines(rest)
    text = said.get("text", "") if said else rest.replace(equation, "")
    return Parts(plain(equation, MAX_EQUATION).strip(), plain(_tidy(text), MAX_TEXT), _claims(objects))


def _sections(text: str) -> dict[str, str]:
    """Return what stands behind each label, all of the same label together."""
    pieces = _LABEL.split(text)[1:]
    said: dict[str, str] = {}
    for label, body in zip(pieces[::2], pieces[1::2], strict=True):
        name = next(part for part in _PARTS if label.lower().startswith(part))
        said[name] = f"{said.get(name, '')}\n{body.strip()}".strip()
    return said


def _equation_lines(text: str) -> str:
    """Return the lines from the first with an equals sign to the last, or ''."""
    lines = text.splitlines()
    places = [place for place, line in enumerate(lines) if "=" in line]
    return "\n".join(lines[places[0] : places[-1] + 1]) if places else ""


def _tidy(text: str) -> str:
    """Return prose without the fences and blank lines of Markdown."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("```"))


def _objects(text: str) -> tuple[list[dict[str, list[Any]]], str]:
    """Return the JSON objects that hold a slot, every value of each key in a list, and the text without them."""
    found, kept, place = [], [], 0
    for _ in range(_MAX_OBJECTS):
        start = text.find("{", place)
        if start < 0:
            break
        value, end = _object_at(text, start)
        holds_claims = isinstance(value, dict) and any(slot in value for slot in _SLOTS)
        kept.append(text[place : start if holds_claims else end])
        if holds_claims:
            found.append(value)
        place = end
    return found, "".join(kept) + text[place:]


def _object_at(text: str, start: int) -> tuple[Any, int]:
    """Return the JSON object that begins here and where it ends, or None and the next character."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start + 1
    return value, end


def _all_values(pairs: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Keep what JSON allows and `dict` would drop: a key that appears twice."""
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return values


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_all_values, parse_constant=_refuse)


def _claims(objects: list[dict[str, list[Any]]]) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    for slot in _SLOTS:
        said: list[Any] = []
        for value in (value for one in objects for given in one.get(slot, []) for value in _each(given)):
            if value not in said and _is_plain(value):
                said.append(value)
        if said:
            claims[slot] = said[0] if len(said) == 1 else said
    return claims


def _each(given: Any) -> Iterator[Any]:
    """Yield the values of a slot: a list gives it several. JSON can spell a control character, so text is cleaned."""
    for value in given if isinstance(given, list) else [given]:
        yield one_line(value, MAX_CLAIM) if isinstance(value, str) else value


def _is_plain(value: Any) -> bool:
    """No list in a list, no object, no truth value, no number beyond all measure."""
    return value is None or isinstance(value, str) or (type(value) in (int, float) and math.isfinite(value))

r"""From what anybody writes to an equation of our grammar: the one place that makes sense of an answer.

It may be an answer in prose, Markdown or LaTeX. A path is given as

    x(t) = ...  y(t) = ...  z(t) = ...        in any order, on lines of their own or not; also x = ..., "x": "..."
    (x(t), y(t), z(t)) = (..., ..., ...)      also r(t) = [..., ..., ...], a column, or a vector with its factors

What is said last of a coordinate counts, for answers end with their result; `x = ...` counts only where `x(t) = ...`
is not said. Whatever was read, the whitelist of `renderer.equations` has the last word, and nothing is ever evaluated
as code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from renderer.equations import COORDINATES, NAMES, evaluate_expression
from renderer.errors import EquationError
from trainer.language.expression import END_WORDS, Parser, Value
from trainer.language.notation import END, NEWLINE, ROW, Kind, Token, tokens

MAX_TEXT = 20_000
"""Characters of an answer."""
MAX_STATEMENTS = 40
"""Read of one answer, the last ones: a result stands at the end."""
MAX_CHAIN = 4
"""Expressions in one statement: x(t) = x_0 + v t = 1 + 2 t."""

_VECTORS = ("X", "x", "P", "p", "R", "r", "s", "pos", "position", "path", "\\gamma", "γ")
_BESIDE = ("^", "*", "_", "$", '"', "'", "&")
"""Signs of emphasis, quotes and alignment that may stand around `=`."""
_ENDS = (END.text, NEWLINE.text, ROW.text, "=", ";", ",", ".", ")", "]", "}", "#", "%", *_BESIDE)
_HINT = "x(t) = ...; y(t) = ...; z(t) = ..."


@dataclass(frozen=True)
class _Head:
    """The left side of `x(t) = ...`."""

    place: int
    name: str
    """A coordinate, or the name of a vector."""
    timed: bool
    """`x(t)`, not `x` alone."""
    start: int
    """Where its right side begins."""


def read_equation(text: str) -> str:
    """Return the path that an answer gives, as `x(t) = ...; y(t) = ...; z(t) = ...` of `renderer.equations`.

    Raises `EquationError` where it gives none, and says which coordinate, sign or symbol is at fault.
    """
    if len(text) > MAX_TEXT:
        raise EquationError(f"an answer of {len(text)} characters: at most {MAX_TEXT} are read", hint=_HINT)
    written = tokens(text)
    heads = list(_heads(written))[-MAX_STATEMENTS:]
    if not heads:
        raise EquationError(f"no equation in {_short(text)}", hint=_HINT)
    said, problems = _statements(written, heads)
    for name in COORDINATES:
        if name not in said:
            raise problems.get(name) or EquationError(f"no {name}(t) in {_short(text)}", hint=_HINT)
        evaluate_expression(said[name], np.empty(0))
    return "; ".join(f"{name}(t) = {said[name]}" for name in COORDINATES)


def _statements(written: Sequence[Token], heads: Sequence[_Head]) -> tuple[dict[str, str], dict[str, EquationError]]:
    """Return what is said of each coordinate, and what is wrong where nothing could be read."""
    parser = Parser(written, {head.place for head in heads})
    said: dict[str, str] = {}
    problems: dict[str, EquationError] = {}
    timed = {name for head in heads if head.timed for name in _coordinates(head.name)}
    for head in heads:
        names = _coordinates(head.name)
        if not head.timed and timed.intersection(names):
            continue
        try:
            value = _right_side(parser, head.start)
        except EquationError as exc:
            problems.update(dict.fromkeys(names, exc))
            continue
        if len(value) == len(COORDINATES) and head.name in _VECTORS:
            said.update(zip(COORDINATES, value, strict=True))
        elif len(value) == len(names) == 1:
            said[names[0]] = value[0]
    return said, problems


def _coordinates(name: str) -> tuple[str, ...]:
    """Return the coordinate of this name, or all three for a vector's."""
    return (name.lower(),) if name.lower() in COORDINATES else COORDINATES


def _heads(written: Sequence[Token]) -> Iterator[_Head]:
    for place, token in enumerate(written):
        head = _tuple_head(written, place) if token.text in ("(", "[") else _name_head(written, place)
        if head:
            yield head


def _name_head(written: Sequence[Token], place: int) -> _Head | None:
    """Return the head `x =`, `x(t) =`, `**x(t)** =`, `"x": ` at a place, if it is one."""
    name = written[place].text
    if written[place].kind is not Kind.NAME or not (name.lower() in COORDINATES or name in _VECTORS):
        return None
    after, timed = _time(written, place + 1)
    sign = _skipped(written, after, _BESIDE)
    coordinate = name.lower() in COORDINATES
    equals = _text(written, sign) == "=" or (_text(written, sign) == ":" and coordinate)
    if not equals or not _may_begin(written, place, timed):
        return None
    return _Head(place, name, timed, _skipped(written, sign + 1, (*_BESIDE, NEWLINE.text)))


def _tuple_head(written: Sequence[Token], place: int) -> _Head | None:
    """Return the head `(x(t), y(t), z(t)) =` at a place, if it is one."""
    here, timed = place + 1, False
    for name in COORDINATES:
        here = _skipped(written, here, (",", "&", NEWLINE.text, ROW.text))
        if _text(written, here).lower() != name:
            return None
        here, timed = _time(written, here + 1)
    here = _skipped(written, here, (NEWLINE.text, ROW.text))
    sign = _skipped(written, here + 1, _BESIDE)
    if _text(written, here) not in (")", "]") or _text(written, sign) != "=":
        return None
    return _Head(place, "X", timed, _skipped(written, sign + 1, (*_BESIDE, NEWLINE.text)))


def _time(written: Sequence[Token], place: int) -> tuple[int, bool]:
    """Return the place behind `(t)`, and whether it was there."""
    timed = [_text(written, place + step) for step in range(3)] == ["(", "t", ")"]
    return place + 3 * timed, timed


def _may_begin(written: Sequence[Token], place: int, timed: bool) -> bool:
    r"""False in the middle of something else: `2 x(t) =`, `\dot x(t) =`, `r + x(t) =`; without a time `centre x =`."""
    if place == 0:
        return True
    before, earlier = written[place - 1], written[place - 2] if place > 1 else NEWLINE
    if before.kind is Kind.NAME:
        return before.text in END_WORDS or (timed and before.text[0] != "\\" and before.text not in ("d", "D"))
    if before.kind is Kind.NUMBER or before.text in ("+", "-"):
        return earlier in (NEWLINE, ROW)
    if before.text in ("*", "_"):
        return earlier.kind is Kind.MARK and earlier.text not in (")", "]", "}")
    return before.text != "/"


def _right_side(parser: Parser, start: int) -> Value:
    """Read `x_0 + v t = 1 + 2 t`: the first of the expressions in which every symbol means something."""
    parser.place = start
    for _ in range(MAX_CHAIN):
        try:
            value = parser.expression()
        except EquationError:
            _check_known(parser)
            raise
        _check_end(parser)
        if not parser.unknown:
            return value
        if parser.peek().text != "=":
            break
        parser.place += 1
    _check_known(parser)
    raise EquationError(f"more than {MAX_CHAIN} expressions in one statement are not read")


def _check_known(parser: Parser) -> None:
    if parser.unknown:
        names = ", ".join(repr(name) for name in parser.unknown[:5])
        raise EquationError(f"{names}: no symbol of an equation in t", hint=f"known: {', '.join(NAMES)}")


def _check_end(parser: Parser) -> None:
    """Refuse what an expression cannot end at: else the part that is not understood would be left out in silence."""
    after = parser.peek()
    if after.text == "," and parser.peek(1).kind is Kind.NUMBER:
        raise EquationError(f"a comma before {parser.peek(1).text!r}: decimals need a point", hint=_HINT)
    if not (after.text in _ENDS or after.text in END_WORDS or parser.place in parser.stops):
        _check_known(parser)
        raise EquationError(f"{after.text!r} has no place in an equation")


def _skipped(written: Sequence[Token], place: int, signs: Sequence[str]) -> int:
    while place < len(written) and written[place].kind is Kind.MARK and written[place].text in signs:
        place += 1
    return place


def _text(written: Sequence[Token], place: int) -> str:
    return written[place].text if place < len(written) else ""


def _short(text: str) -> str:
    return repr(text.strip() if len(text) < 80 else f"{text.strip()[:80]}...")

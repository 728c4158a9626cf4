r"""From tokens to an expression of the grammar of `renderer.equations`: a number, or a vector of three.

    sum       [+ -] product {[+ -] product}
    product   factor {[* /] factor | factor}          side by side is a product: 2t, 3 sin(t), (1+t)(2-t)
    factor    [+ -] factor | operand [^ factor]
    operand   number | name | sin operand | sin factor {factor} | e ^ factor | \frac operand operand
              | (sum) | {sum} | [sum] | (sum, sum, sum)

Nothing is computed here but the depth of brackets: what comes out is text, and the whitelist of `renderer.equations`
decides whether it is an equation. So there is no need of SymPy, whose parser evaluates code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from renderer.equations import COORDINATES, FUNCTIONS, NAMES
from renderer.errors import EquationError
from trainer.language.notation import END, NEWLINE, ROW, Kind, Token

MAX_TOKENS = 600
"""Of one expression."""
MAX_DEPTH = 40
"""Brackets inside brackets, signs before signs, powers of powers."""
END_WORDS = frozenset(("and", "at", "for", "half", "in", "metres", "meters", "so", "units", "when", "where", "with"))
"""Words of prose that may follow an expression."""

Value = tuple[str, ...]
"""The text of one number, or those of the three of a vector."""

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_FRACTIONS = ("\\frac", "\\dfrac", "\\tfrac", "\\cfrac")
_TRANSPOSED = ("T", "\\top")
"""A column written as a row is the same vector."""
_UNITS = {
    f"\\hat{{{name}}}": tuple("1.0" if other == axis else "0.0" for other in range(3))
    for names in ("ijk", COORDINATES)
    for axis, name in enumerate(names)
}
_DECIMAL = re.compile(r"\d*\.\d*", re.ASCII)
_WHOLE = re.compile(r"[(]*(-?\d{1,3})(?:\.0*)?[)]*", re.ASCII)


@dataclass
class Parser:
    """Reads expressions from a list of tokens."""

    tokens: Sequence[Token]
    stops: Collection[int] = ()
    """Places where something else begins, and no product goes on."""
    place: int = 0
    """Of the next token."""
    unknown: list[str] = field(default_factory=list)
    """Names in the last expression that the grammar does not have."""
    _end: int = 0
    _depth: int = 0
    _brackets: int = 0

    def expression(self) -> Value:
        """Read from `place` as far as an expression goes. Raises `EquationError`."""
        self.unknown, self._end, self._depth, self._brackets = [], self.place + MAX_TOKENS, 0, 0
        return self._sum()

    def peek(self, ahead: int = 0) -> Token:
        """Return the next token; the end of a line means nothing inside brackets, or where a sum goes on behind it."""
        while self._at(self.place) == NEWLINE and self._brackets:
            self.place += 1
        if self._at(self.place) in (NEWLINE, ROW) and not self._brackets:
            self.place = self._next_line(self.place)
        return self._at(self.place + ahead)

    def _next_line(self, place: int) -> int:
        """Return the place of a `+` or `-` that goes on with a sum in the next line, or `place`: it may be a bullet."""
        here = place + 1
        while here < place + 4 and self._at(here).text in (NEWLINE.text, "&"):
            here += 1
        return here if self._at(here).text in ("+", "-") and _begins(self._at(here + 1)) else place

    def _at(self, place: int) -> Token:
        return self.tokens[place] if place < len(self.tokens) else END

    def _take(self) -> Token:
        token = self.peek()
        if self.place >= self._end:
            raise EquationError(f"an expression of more than {MAX_TOKENS} signs is not read")
        self.place += 1
        return token

    def _deeper(self, read: Callable[[], Value]) -> Value:
        if self._depth == MAX_DEPTH:
            raise EquationError(f"an expression nested more than {MAX_DEPTH} deep is not read")
        self._depth += 1
        value = read()
        self._depth -= 1
        return value

    def _sum(self) -> Value:
        minus = "-" if self.peek().text == "-" else ""
        if self.peek().text in ("+", "-"):
            self._take()
        value = tuple(f"{minus}{part}" for part in self._product())
        while self.peek().text in ("+", "-"):
            sign = self._take().text
            value = _joined(value, f" {sign} ", self._product())
        return value

    def _product(self) -> Value:
        value = self._factor()
        while True:
            if self.peek().text in ("*", "/") and not self._emphasis():
                sign = self._take().text
                value = _joined(value, sign, self._factor())
            elif self._side_by_side():
                value = _joined(value, "*", self._factor())
            else:
                return value

    def _side_by_side(self) -> bool:
        """True where the next token is a further factor. A number never is: `1 000` is no product."""
        token = self.peek()
        name = token.kind is Kind.NAME and token.text not in END_WORDS
        return (name or token.text in ("(", "{")) and self.place not in self.stops

    def _emphasis(self) -> bool:
        """True for asterisks that end bold or italic letters: no factor follows, here or in the next line."""
        after = self.peek(1)
        if after == NEWLINE:
            return not _begins(self.peek(2))
        unknown = after.kind is Kind.NAME and after.text not in END_WORDS
        return not (unknown or _begins(after) or after.text in ("+", "-"))

    def _factor(self) -> Value:
        if self.peek().text in ("+", "-"):
            sign = self._take().text
            value = self._deeper(self._factor)
            return value if sign == "+" else tuple(f"(-{part})" for part in value)
        base = self._operand()
        if self.peek().text != "^" or self._emphasis():
            return base
        if len(base) > 1 and self.peek(1).text in _TRANSPOSED:
            self.place += 2
            return base
        return (_raised(_number(base), self._exponent()),)

    def _exponent(self) -> str:
        self._take()
        return _number(self._deeper(self._factor))

    def _operand(self) -> Value:
        token = self._take()
        if token.kind is Kind.NUMBER:
            return (token.text,)
        if token.kind is Kind.NAME:
            return self._named(token.text)
        if token.text in _CLOSING:
            return self._bracket(_CLOSING[token.text])
        raise EquationError(f"a number, a name or a bracket is missing {_before(token)}")

    def _named(self, name: str) -> Value:
        plain = name.removeprefix("\\")
        if name in _FRACTIONS:
            above = self._deeper(self._operand)
            return _enclosed(_joined(above, "/", self._deeper(self._operand)))
        if plain in FUNCTIONS:
            return (self._called(plain),)
        if name in _UNITS:
            return _UNITS[name]
        if name in ("e", "\\e") and self.peek().text == "^":
            return (f"exp({self._exponent()})",)
        if name == "\\pi":
            return ("pi",)
        if name not in NAMES and name not in self.unknown:
            self.unknown.append(name)
        return (name,)

    def _called(self, name: str) -> str:
        r"""Read what follows a function's name: `(2t)`, `^2(2t)`, `2 \pi t`."""
        power = self._exponent() if self.peek().text == "^" else ""
        if name == "sqrt" and self.peek().text == "[":
            raise EquationError("a root other than the square root is not read")
        bare = self.peek().text not in _CLOSING
        argument = _number(self._deeper(self._bare_argument if bare else self._operand))
        call = f"{name}{argument}" if argument[0] == "(" and not bare else f"{name}({argument})"
        return _raised(call, power) if power else call

    def _bare_argument(self) -> Value:
        """Read factors side by side, up to an operator or the next function."""
        value = self._factor()
        while self._side_by_side() and self.peek().text.removeprefix("\\") not in FUNCTIONS:
            value = _joined(value, "*", self._factor())
        return value

    def _bracket(self, closing: str) -> Value:
        self._brackets += 1
        parts = [self._deeper(self._sum)]
        while self.peek().text in (",", "&", ROW.text):
            self._take()
            if self.peek().text != closing:
                parts.append(self._deeper(self._sum))
        if self.peek().text != closing:
            raise EquationError(f"a closing {closing} is missing {_before(self.peek())}")
        self._take()
        self._brackets -= 1
        if len(parts) not in (1, 3):
            raise EquationError(f"a bracket of {len(parts)} values is neither a number nor a vector of three")
        return _enclosed(parts[0] if len(parts) == 1 else tuple(map(_number, parts)))


def _begins(token: Token) -> bool:
    """True for what surely begins a factor."""
    known = token.text in _CLOSING or token.text in _FRACTIONS or token.text.removeprefix("\\") in NAMES
    return token.kind is Kind.NUMBER or known


def _joined(left: Value, sign: str, right: Value) -> Value:
    """Return a sum, a product or a quotient, with a vector part by part."""
    size = max(len(left), len(right))
    fits = len(left) == len(right) if sign in (" + ", " - ") else len(right) == 1 or (sign == "*" and len(left) == 1)
    if not fits:
        raise EquationError(f"a number and a vector, or two vectors, with {sign.strip()!r} between them")
    pairs = zip(left * (size // len(left)), right * (size // len(right)), strict=True)
    return tuple(f"{one}{sign}{other}" for one, other in pairs)


def _enclosed(value: Value) -> Value:
    return tuple(part if part.isalnum() or _DECIMAL.fullmatch(part) else f"({part})" for part in value)


def _number(value: Value) -> str:
    if len(value) != 1:
        raise EquationError("a vector where a number is needed")
    return value[0]


def _raised(base: str, exponent: str) -> str:
    """Return a power; one of ten is a number, so that 1.2*10^(-12) is read although no power goes so far."""
    whole = _WHOLE.fullmatch(exponent)
    if not whole:
        return f"{base}**{exponent}"
    return f"1e{whole[1]}" if base == "10" else f"{base}**{whole[1]}"


def _before(token: Token) -> str:
    return f"before {token.text!r}" if token.text.strip() else "at the end"

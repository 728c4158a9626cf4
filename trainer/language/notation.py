r"""Mathematics as people and language models write it, cut into tokens: plain, Unicode, LaTeX, Python, Markdown.

Different spellings of one thing become one token here (a Unicode minus, `\cdot`, a raised 2); what a token means is
decided by `trainer.language.expression`. Time is linear in the text: no pattern here can match one place in two ways.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a token can be."""

    NUMBER = "number"
    NAME = "name"
    """A word, with its index or primes if it has any; of LaTeX a command that is neither an operator nor a font."""
    MARK = "mark"
    """An operator, a bracket, anything that separates."""


class Token(NamedTuple):
    kind: Kind
    text: str


NEWLINE, END, EDGE, ROW = (Token(Kind.MARK, text) for text in ("\n", "", "$", "\\\\"))
"""The end of a line, of the text, of a formula in it (`$`, a backtick), of a row of a matrix."""

_SAME = str.maketrans(
    {
        **dict.fromkeys("−–—‒‐‑﹣－", "-"),
        **dict.fromkeys("×·⋅∙∗•", "*"),
        **dict.fromkeys("÷∕⁄", "/"),
        **dict.fromkeys("≈≃≅＝", "="),
        "＋": "+",
        "⟨": "(",
        "⟩": ")",
        "π": " pi ",
        "√": " sqrt ",
        "½": "(1/2)",
        "¼": "(1/4)",
        "′": "'",
        "`": "$",
    }
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_SHAPED = re.compile("[\U0001d400-\U0001d7ff]+")
"""Letters and digits in the shapes that formulas are set in, such as an italic x."""
_TIMES_TEN = re.compile(r"(?<=\d) ?[xX] ?(?=10 ?(?:\^|\*\*))")
_BARE_FRACTION = re.compile(r"(?<=frac) ?(\d)(\d)", re.ASCII)
"""LaTeX takes one sign for each part: `\\frac12`."""
_MODULE = re.compile(r"\b(?:np|numpy|math|Math)\.(?=[a-z])", re.ASCII)
_TOKEN = re.compile(
    r"(?P<number>(?:\d+(?:\.\d+|\.(?=\S| [-+*/]))?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<command>\\(?:[A-Za-z]+|[^A-Za-z]))"
    r"|(?P<name>(?:sin|cos|sqrt|exp|abs)(?=\d)|[A-Za-zͰ-Ͽ]+\d*(?:_(?:\{[^{}\n]{0,40}\}|\w{1,40}))?(?:'{1,3}(?=\())?)"
    r"|(?P<mark>\*\*|:=|\.[A-Za-z_]\w{0,40}|[^ \t\r\f\v])",
    re.ASCII,
)

_COMMANDS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "approx": "=", "simeq": "=", "coloneqq": "=", "langle": "(",
    "rangle": ")", "{": "(", "}": ")", "lbrack": "[", "rbrack": "]", "\\": ROW.text, "newline": ROW.text,
    "(": "$", ")": "$", "[": "$", "]": "$",
}  # fmt: skip
_LOOKS = {
    "left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg", "Bigg", "quad", "qquad", "displaystyle",
    "textstyle", "nonumber", ",", ";", ":", "!", " ",
}  # fmt: skip
_FONTS = {"mathbf", "mathrm", "mathit", "mathsf", "boldsymbol", "bm", "vec", "operatorname", "text", "textbf"}
_MATRICES = {"pmatrix", "bmatrix", "Bmatrix", "matrix", "smallmatrix"}


def tokens(text: str) -> list[Token]:
    """Return the tokens of any text; whatever is no mathematics comes out as names and marks that mean nothing."""
    text = _SHAPED.sub(lambda run: unicodedata.normalize("NFKC", run.group()), text)
    text = _RAISED_RUN.sub(lambda run: f"^{{{run.group().translate(_RAISED)}}}", text.translate(_SAME))
    text = _BARE_FRACTION.sub(r"{\1}{\2}", _TIMES_TEN.sub("*", _MODULE.sub("", text)))
    return _without_fonts([token for match in _TOKEN.finditer(text) if (token := _token(match))])


def _token(match: re.Match[str]) -> Token | None:
    text = match.group()
    match match.lastgroup:
        case "number":
            return Token(Kind.NUMBER, text.lower())
        case "name":
            return Token(Kind.NAME, text)
        case "mark":
            return Token(Kind.MARK, {":=": "=", "**": "^"}.get(text, text))
    if text[1:] in _LOOKS:
        return None
    if text[1:] in _COMMANDS:
        return Token(Kind.MARK, _COMMANDS[text[1:]])
    return Token(Kind.NAME, text)


def _without_fonts(raw: list[Token]) -> list[Token]:
    r"""Take the font off names (`\mathbf{r}` is r), make one bracket of `\begin{pmatrix}`, one name of `\hat{i}`."""
    out: list[Token] = []
    index = 0
    while index < len(raw):
        token, inner = raw[index], _braced(raw, index + 1)
        command = token.text[1:] if token.kind is Kind.NAME and token.text[0] == "\\" else ""
        if command in ("begin", "end") and inner:
            bracket = Token(Kind.MARK, "[" if command == "begin" else "]")
            out.append(bracket if inner in _MATRICES else NEWLINE)
        elif command in _FONTS:
            out += [Token(Kind.NAME, inner)] if inner else [EDGE] if command == "text" else []
        elif command == "hat" and inner:
            out.append(Token(Kind.NAME, f"\\hat{{{inner}}}"))
        else:
            out.append(token)
            inner = ""
        index += 4 if inner else 1
    return out


def _braced(raw: list[Token], index: int) -> str:
    """Return the name of `{name}` at a place, or ''."""
    some = raw[index : index + 3]
    named = len(some) == 3 and some[0].text == "{" and some[1].kind is Kind.NAME and some[2].text == "}"
    return some[1].text if named else ""

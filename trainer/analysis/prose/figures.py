"""Figures in a text: every number written in digits, with its unit and how exactly it is written.

No figures are: numbering of lists, ordinals, names with digits (`t+5`, `F1`, `I3D`, `3D`, `GPT-4`, `epoch_10.pt`),
versions, dates, addresses, years in brackets, and counted parts of the text itself (`2 reasons`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAMES = re.compile(
    r"https?://\S+"
    r"|(?m:^[ \t]*(?:[-*+][ \t]+)?(?:\*\*)?\(?\d+[.)](?=[ \t*]))"  # numbering
    r"|\b\d+(?:st|nd|rd|th)\b"
    r"|\b\d{4}-\d\d-\d\d(?:[T ][\d:.]+Z?)?"
    r"|\b\d+(?:\.\d+){2,}\S*"  # versions
    r"|\((?:[^()\d]*\s)?(?:19|20)\d\d[a-z]?\)"  # (Vaswani et al., 2017)
    r"|\bt\s?\+\s?\d\b(?:\s?(?:\.\.|to|-|\u2013|and)\s?t\s?\+\s?\d\b)?"
    r"|\b\d+D\b"
    r"|(?<![\w.])[A-Za-z_][\w./]*(?:[-+][\w./]*)*\d[\w./]*(?:-\w+)*"  # i3d, F1, GPT-4, keypoint-0, epoch_10.pt
    r"|\b\d+(?=\s+(?:reasons?|things?|ways?|factors?|hypothes[ie]s|questions?|suggestions?|points of interest)\b)"
)
_UNITS = (
    (r"percentage[ -]points?|points?|pp|pts", "points", 1.0),
    (r"%|percent\b|per cent\b", "%", 1.0),
    (r"-?fold\b|[x\u00d7](?![\w])|times\b", "times", 1.0),
    (r"ms\b|milliseconds?\b", "s", 1e-3),
    (r"s\b|secs?\b|seconds?\b", "s", 1.0),
    (r"min\b|mins\b|minutes?\b", "s", 60.0),
    (r"h\b|hrs?\b|hours?\b", "s", 3600.0),
    (r"[kK]i?B\b", "bytes", 1e3),
    (r"Mi?B\b", "bytes", 1e6),
    (r"Gi?B\b", "bytes", 1e9),
    (r"[kK]\b|thousand\b", "", 1e3),
    (r"M\b|million\b|mn\b", "", 1e6),
    (r"billion\b", "", 1e9),
)
_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][-+\u2212]?\d+)?|\.\d+"
_FIGURE = re.compile(
    rf"(?P<sign>(?<![\w.)%])[-+\u2212])?(?P<number>{_NUMBER})"
    rf"(?:[ \u00a0\u202f-]?(?:{'|'.join(f'(?P<u{place}>{one[0]})' for place, one in enumerate(_UNITS))}))?"
)
_DURATION = re.compile(r"\b(?:(\d+) h (\d+) min(?: (\d+) s)?|(\d+) min (\d+) s)\b")
_LOOSE = re.compile(
    r"(?:~|\u2248|\b(?:about|around|roughly|approximately|approx\.?|nearly|almost|some|close to|order of))\s*\Z",
    re.IGNORECASE,
)
_INHERITS = re.compile(r"\s*(?:,|/|;|-|\u2013|\u00b1|\+/-|to|and|or|from|versus|vs\.?|against|\s)+\s*\Z")


@dataclass(frozen=True)
class Figure:
    """One number of a text."""

    text: str
    """As it is written, unit included."""
    start: int
    end: int
    value: float
    """In percent, points, seconds or bytes where it has such a unit."""
    unit: str
    """`%`, `points`, `times`, `s`, `bytes` or ''."""
    half: float
    """Half of the last digit written: nearer than this, a number is rounded to it."""
    signed: bool = False
    inherited: str = ""
    """The unit of the next figure, for one of a list or a range without its own: 96.2 to 99.3 %."""

    @property
    def units(self) -> frozenset[str]:
        """The units that it may be in."""
        return frozenset({self.unit, self.inherited or self.unit})

    @property
    def bare(self) -> bool:
        """True for a whole number without a unit."""
        return self.units == {""} and self.text.lstrip("+-\u2212").isdigit()


def figures_of(text: str) -> list[Figure]:
    """Return the figures of a text, in their order."""
    hidden = _NAMES.sub(lambda found: " " * len(found[0]), text)
    durations = [_duration(found) for found in _DURATION.finditer(hidden)]
    hidden = _DURATION.sub(lambda found: " " * len(found[0]), hidden)
    plain = [_figure(found, text) for found in _FIGURE.finditer(hidden)]
    found = sorted([*durations, *plain], key=lambda figure: figure.start)
    return list(_with_units(found, text))


def _duration(found: re.Match[str]) -> Figure:
    hours, minutes, seconds, only_minutes, only_seconds = (int(part or 0) for part in found.groups())
    value = 3600 * hours + 60 * (minutes + only_minutes) + seconds + only_seconds
    last = 1.0 if found[3] or found[5] else 60.0
    return Figure(found[0], found.start(), found.end(), float(value), "s", last)  # a duration may be cut, not rounded


def _figure(found: re.Match[str], text: str) -> Figure:
    written = found["number"]
    start = found.start("sign") if found["sign"] else found.start("number")
    unit, factor = "", 1.0
    for place, (_, name, size) in enumerate(_UNITS):
        if found[f"u{place}"]:
            unit, factor = name, size
    value = float(written.replace(",", "").replace("\u2212", "-")) * factor
    half = _half(written) * factor
    if _LOOSE.search(text[max(0, start - 16) : start]):
        half = max(half, min(2 * half, 0.05 * value))
    sign = -1.0 if found["sign"] in ("-", "\u2212") else 1.0
    return Figure(text[start : found.end()].strip(), start, found.end(), sign * value, unit, half, bool(found["sign"]))


def _half(written: str) -> float:
    """Half of the last digit. Two or more digits before the zeros of 10,000 and more are rounded: 1,300,000."""
    digits, _, power = written.replace(",", "").replace("\u2212", "-").lower().partition("e")
    whole, _, decimals = digits.partition(".")
    scale = 10.0 ** int(power or 0)
    zeros = len(whole) - len(whole.rstrip("0"))
    if not decimals and len(whole) >= 5 and zeros and len(whole) - zeros >= 2:
        return 0.5 * scale * 10.0**zeros
    return 0.5 * scale * 10.0 ** -len(decimals)


def _with_units(found: list[Figure], text: str) -> Iterator[Figure]:
    """Hand the unit of a figure to those before it that have none and are joined to it."""
    following = ""
    for place in range(len(found) - 1, -1, -1):
        one = found[place]
        joined = place + 1 < len(found) and _INHERITS.match(text[one.end : found[place + 1].start])
        found[place] = one if one.unit or not joined else _given(one, following)
        following = one.unit or (following if joined else "")
    yield from found


def _given(one: Figure, unit: str) -> Figure:
    return Figure(one.text, one.start, one.end, one.value, "", one.half, one.signed, unit)

"""The claims that prose makes in plain words and numbers: enough to see it contradict what stands beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from renderer.descriptions import SIDES

SENSES = ("clockwise", "counter-clockwise")
_FAMILIES = {
    "linear": r"linear(?:ly)?|straight[ -](?:line|path)|lines?(?! of sight)",
    "circular": r"circl(?:e|es|ed|ing)|circular(?:ly)?",
    "helical": r"helix|helices|helical(?:ly)?|spirals?|spiral(?:l?ing)|corkscrew",
    "parabolic": r"parabolas?|parabolic(?:ally)?|ballistic(?:ally)?",
}
_DIRECTIONS = {
    "left": r"left(?:wards?)?(?!-hand)",
    "right": r"right(?:wards?)?(?!-hand| angle)",
    "up": r"(?<!speeds )(?<!speeding )up(?:wards?)?(?! to\b)",
    "down": r"(?<!slows )(?<!slowing )down(?:wards?)?",
    "closer": r"closer|nearer|towards? (?:the )?(?:camera|viewer|lens|us|me)",
    "away": r"away|farther|further",
    "counter-clockwise": r"(?:counter|anti)[- ]?clockwise",
    "clockwise": r"(?<!counter)(?<!anti)(?<!counter[- ])(?<!anti[- ])clockwise",
}
_NOT = re.compile(r"\b(?:not|no|never|neither|nor|than|unlike|without|instead of|isn't)\b[^.,;:]{0,24}$", re.IGNORECASE)

_NUMBER = r"(-?\d{1,9}(?:\.\d{1,12})?)"
_FILL = r"(?:[ ]?(?:of|is|at|its|was|about|roughly|approximately|around|nearly|some|reached|after|t|=|≈|~|:)){0,5} ?"
_LENGTH = r"(?: ?(?:half-sides?|units?))?"
_SECONDS = r" ?(?:s|seconds?|sec)\b"
_NUMBERS = {
    "extent": [rf"\b(?:spans?|spanning|extents?|covers?|covering){_FILL}{_NUMBER}(?!\d|\.\d|{_SECONDS})"],
    "speed": [
        rf"{_NUMBER}{_LENGTH} ?(?:a|per|each|/) ?(?:s|seconds?|sec)\b",
        rf"\bspeed{_FILL}{_NUMBER}",
    ],
    "turns": [rf"{_NUMBER} (?:full |complete )?(?:turns?|revolutions?|rotations?)\b(?! ?(?:a|per|/) ?s)"],
    "radius": [rf"(?<!sphere's )(?<!sphere )\bradius{_FILL}{_NUMBER}", rf"{_NUMBER}{_LENGTH} (?:in )?radius\b"],
    "apex_s": [rf"\b(?:apex|highest point|peak|vertex){_FILL}{_NUMBER}{_SECONDS}"],
}
_WORDS = {name: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for name, pattern in (_FAMILIES | _DIRECTIONS).items()}
_VALUES = {slot: [re.compile(one, re.IGNORECASE) for one in patterns] for slot, patterns in _NUMBERS.items()}


def families_in(text: str) -> set[str]:
    """Return the families that a text names, without those that it rules out (`not a circle`, `rather than a line`)."""
    return {
        name
        for name in _FAMILIES
        if any(
            not _NOT.search(text[max(0, match.start() - 40) : match.start()]) for match in _WORDS[name].finditer(text)
        )
    }


def directions_in(text: str) -> set[str]:
    """Return the directions that a text names, in the words of `SIDES` and `SENSES`."""
    return {name for name in _DIRECTIONS if _WORDS[name].search(text)}


def numbers_in(text: str) -> Mapping[str, list[float]]:
    """Return the numbers that a text gives for extent, speed, turns, radius and apex, each where its word is."""
    return {
        slot: [float(match[1]) for pattern in patterns for match in pattern.finditer(text)]
        for slot, patterns in _VALUES.items()
    }


def opposite(word: str) -> str:
    """Return the direction that no path can have beside this one."""
    pair = next(pair for pair in (*SIDES, SENSES) if word in pair)
    return pair[1 - pair.index(word)]

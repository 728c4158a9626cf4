"""The six sections, and an answer taken apart into them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from trainer.language.providers.plain import plain


@dataclass(frozen=True)
class Section:
    """One of the six."""

    key: str
    title: str
    asks: str
    """What belongs in it."""
    word: str
    """The beginning of a word by which a heading is known as this one."""
    proposes: bool = False
    """True if its numbers may be proposals."""


SECTIONS = (
    Section(
        "performance",
        "Performance",
        "what was reached, against the controls, the bars and the held-out tests; by class",
        "perform",
    ),
    Section(
        "dynamics", "Training dynamics", "what the curves say: convergence, gap, steadiness, learning rate", "dynamic"
    ),
    Section(
        "architecture",
        "Architecture",
        "what this network is, what it costs, and how that shows in the figures",
        "architect",
    ),
    Section(
        "failures",
        "Failure hypotheses",
        "why it fails where it fails, each with what would tell it from the others",
        "fail",
    ),
    Section(
        "improvements",
        "Improvements",
        "what to do next, in order, each with the figure that asks for it",
        "improve",
        True,
    ),
    Section(
        "questions",
        "Research questions",
        "what this run leaves open, each with an experiment that could answer it",
        "question",
        True,
    ),
)
_FENCE = re.compile(r"\A\s*```(?:json|markdown|md)?\s*\n(.*?)\n\s*```\s*\Z", re.DOTALL)
_HEADING = re.compile(r"\s*(?:(?P<marks>#{1,6})\s+(?P<marked>.+?)|\*\*(?P<bold>[^*]+)\*\*:?)\s*#*\s*\Z")
_BOLD, _PLAIN = 7, 8
"""Depth of a heading that is a bold line, and of a line without any mark: below those that are marked."""
_LONGEST_HEADING = 60
_NUMBERING = re.compile(r"\A\W*(?:section\s+)?(?:\d+|[ivx]+)[.):]\s*", re.IGNORECASE)
MAX_CHARS = 60_000
"""Of an answer; what is behind is not read."""


@dataclass(frozen=True)
class Parsed:
    """An answer, taken apart."""

    sections: Mapping[str, str]
    """Key -> text, of those that are there and hold something."""
    outside: str
    """What stands before the first of them."""

    @property
    def missing(self) -> list[Section]:
        """The sections that the answer does not have."""
        return [one for one in SECTIONS if one.key not in self.sections]


def sections_of(answer: str) -> Parsed:
    """Take an answer apart: Markdown with the six as headings, or a JSON object with the six as keys."""
    answer = plain(answer, MAX_CHARS).rpartition("</think>")[2]
    if (fenced := _FENCE.match(answer)) is not None:
        answer = fenced[1]
    found = _of_json(answer)
    if found is None:
        found = _of_markdown(answer)
    texts = {key: harmless_text(text).strip("\n").rstrip() for key, text in found.items()}
    known = {one.key: texts[one.key] for one in SECTIONS if texts.get(one.key, "").strip()}
    outside = texts.get("", "").strip()
    return Parsed(known, "" if _HEADING.fullmatch(outside) else outside)


def harmless_text(text: str) -> str:
    """Return a text of anybody's without what a terminal obeys or hides, or a browser would load or run."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", re.sub(r"!+\[", "[", plain(text, MAX_CHARS)))


def _of_markdown(answer: str) -> dict[str, str]:
    """A heading with the very title begins a section; one that is about it does too, unless it lies deeper than the
    headings of the sections before: `### Performance on noisy clips`.
    """
    texts: dict[str, list[str]] = {"": []}
    key, top = "", _BOLD
    for line in answer.split("\n"):
        title, level = _title(line)
        section = _titled(title) or (_about(title) if level <= top else None)
        if section is None:
            texts[key].append(_demoted(line))
            continue
        key, top = section.key, min(level, _BOLD)
        texts.setdefault(key, [])
    return {key: "\n".join(lines) for key, lines in texts.items()}


def _title(line: str) -> tuple[str, int]:
    """What a line says as a heading, without marks and numbering, and how deep it lies."""
    heading = _HEADING.match(line)
    text, level = line, _PLAIN
    if heading is not None:
        text = heading["marked"] or heading["bold"]
        level = len(heading["marks"]) if heading["marks"] else _BOLD
    return _NUMBERING.sub("", text).strip(" *:#_").lower(), level


def _titled(title: str) -> Section | None:
    return next((one for one in SECTIONS if one.title.lower() == title), None)


def _about(title: str) -> Section | None:
    return next((one for one in SECTIONS if one.word in title), None) if len(title) < _LONGEST_HEADING else None


def _demoted(line: str) -> str:
    """A heading inside a section as a bold line: the page's own headings are ours."""
    heading = _HEADING.match(line)
    return f"**{heading['marked'].strip(' *')}**" if heading and heading["marked"] else line


def _of_json(answer: str) -> dict[str, str] | None:
    try:
        raw = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    found: dict[str, str] = {}
    for name, value in raw.items():
        title = name.replace("_", " ").lower()
        section = _titled(title) or _about(title)
        if section is not None:
            found[section.key] = _as_text(value)
    return found


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {_as_text(item)}" for item in value)
    if isinstance(value, dict):
        return "\n".join(f"- **{name}**: {_as_text(item)}" for name, item in value.items())
    return value if isinstance(value, str) else json.dumps(value)

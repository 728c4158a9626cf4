"""llm_analysis.md and llm_analysis.json: the six sections, each figure with what it was found to be."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from trainer.analysis.markdown import table
from trainer.analysis.prose.checking import DERIVED, MISSING, OTHER, PROPOSAL, Checked, check
from trainer.analysis.prose.facts import Facts
from trainer.analysis.prose.sections import SECTIONS, Parsed, sections_of
from trainer.language.providers.writer import Answer

_UNIT = re.compile(r"(?<=\d) (?=%|points|ms\b|s\b|min\b|h\b|MB\b)")
"""Between a number and its unit, where no line may end."""
_NO_BREAK = "\u00a0"
_ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+")
WIDTH = 76
"""A line of text: it fits a terminal of 80 columns with its frame."""


@dataclass(frozen=True)
class Prose:
    """An answer, taken apart and checked."""

    run: str
    writer: str
    answer: Answer
    parsed: Parsed
    figures: Mapping[str, list[Checked]]
    """Section -> its figures; '' for what stands outside of all."""
    at_s: float

    @classmethod
    def of(cls, run: str, writer: str, answer: Answer, facts: Facts, at_s: float) -> Prose:
        """Take an answer apart and check it."""
        parsed = sections_of(answer.text)
        figures = {one.key: check(parsed.sections.get(one.key, ""), facts, proposes=one.proposes) for one in SECTIONS}
        return cls(run, writer, answer, parsed, figures | {"": check(parsed.outside, facts)}, at_s)

    @property
    def headline(self) -> str:
        """E.g. `23 of 25 figures found in the run, 3 of them derived; 4 proposals`."""
        every = [one for row in self.figures.values() for one in row]
        claims = [one for one in every if one.status != PROPOSAL]
        derived, proposed = sum(one.status == DERIVED for one in claims), len(every) - len(claims)
        text = (
            f"{sum(one.good for one in claims)} of {len(claims)} figures found in the run"
            if claims
            else "no figure of the run is quoted"
        )
        text += f", {derived} of them derived" if derived else ""
        return text + (f"; {proposed} proposal{'s' if proposed > 1 else ''}" if proposed else "")

    @property
    def warnings(self) -> list[str]:
        """What a reader must know of the answer as a whole."""
        found = [f"The answer has no section {one.title}." for one in self.parsed.missing]
        return [*found, "The answer ended at the limit of tokens: its end is missing."] if self.answer.cut else found

    @property
    def spent(self) -> str:
        """What the answer took, in words."""
        usage = self.answer.usage
        if not usage.input_tokens and not usage.output_tokens:
            return ""
        cost = "cost not known" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"
        again = ", from an earlier call, so nothing now" if usage.cached else ""
        return f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out, {cost}{again}"


def markdown(prose: Prose) -> str:
    """Return llm_analysis.md."""
    written = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(prose.at_s))
    by = "Written by fixed rules, no language model" if prose.writer == "rules" else f"Written by {prose.writer}"
    head = [f"{by}, {written}, from the run's own numbers alone{f' ({prose.spent})' if prose.spent else ''}."]
    head += [f"**{prose.headline}.**", *(f"**{warning}**" for warning in prose.warnings)]
    lines = [f"# {prose.run} in words", "", *_wrapped("\n\n".join(head))]
    for one in SECTIONS:
        text = prose.parsed.sections.get(one.key)
        shown = _wrapped(_marked(text, prose.figures[one.key])) if text else ["*Not in the answer.*"]
        lines += ["", f"## {one.title}", "", *shown]
    if prose.parsed.outside:
        lines += ["", "## Outside the sections", "", *_wrapped(_marked(prose.parsed.outside, prose.figures[""]))]
    if rows := list(_doubts(prose)):
        lines += [
            "",
            "## Figures that the run does not bear out",
            "",
            *table(("figure", "section", "what it is"), rows),
        ]
    return "\n".join(lines).rstrip() + "\n"


def as_json(prose: Prose, facts: Facts) -> dict[str, Any]:
    """Return llm_analysis.json."""
    every = [(key, one) for key, row in prose.figures.items() for one in row]
    return {
        "run": prose.run,
        "writer": prose.writer,
        "at_s": prose.at_s,
        "usage": asdict(prose.answer.usage),
        "headline": prose.headline,
        "warnings": prose.warnings,
        "sections": {one.key: prose.parsed.sections.get(one.key) for one in SECTIONS},
        "outside": prose.parsed.outside,
        "figures": [
            {"text": one.figure.text, "section": key, "status": one.status, "fact": one.fact.name if one.fact else None}
            | ({"how": one.how} if one.how else {})
            for key, one in every
        ],
        "facts": {name: {"value": fact.value, "unit": fact.unit, "words": fact.words} for name, fact in facts.items()},
    }


def mark(one: Checked) -> str:
    """Return what is written behind a figure; '' behind one that the run has."""
    if one.status == OTHER and one.fact is not None:
        return f" **[of another: {one.fact.words}]**"
    return {MISSING: f" **[{MISSING}]**", PROPOSAL: " *[proposal]*"}.get(one.status, "")


def _marked(text: str, figures: list[Checked]) -> str:
    """The text with its marks. A mark inside a code span, where it would be code, stands behind it."""
    for one in sorted(figures, key=lambda one: -one.figure.end):
        place = one.figure.end
        line = text.rfind("\n", 0, place) + 1
        if text.count("`", line, place) % 2 and (close := text.find("`", place)) >= 0:
            place = close + 1
        text = text[:place] + mark(one) + text[place:]
    return text


def _wrapped(text: str) -> list[str]:
    """Lines of a text that is wide, as Markdown joins them again; tables and code stay as they are."""
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if fence or fenced or line.lstrip().startswith("|") or len(line) <= WIDTH:
            lines.append(line.rstrip())
            continue
        body = line.lstrip()
        indent = " " * (len(line) - len(body))
        item = _ITEM.match(body)
        hanging = indent + " " * (len(item[0]) if item else 0)
        joined = _UNIT.sub(_NO_BREAK, body)
        wrapper = textwrap.TextWrapper(
            WIDTH, initial_indent=indent, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
        )
        lines += [part.replace(_NO_BREAK, " ") for part in wrapper.wrap(joined)]
    return lines


def _doubts(prose: Prose) -> Iterator[tuple[str, str, str]]:
    titles = {one.key: one.title for one in SECTIONS} | {"": "outside"}
    for key, row in prose.figures.items():
        for one in row:
            if one.status in (MISSING, OTHER):
                what = f"{one.status}: {one.fact.words}" if one.fact else one.status
                yield one.figure.text, titles[key], what

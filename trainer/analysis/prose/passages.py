"""The words around a figure: its sentence, and the paragraph, the item or the table that the sentence stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_STARTS = re.compile(r"\s*(?:[-*+\u2022]|\d+[.)]|#+)\s")
_SENTENCE = re.compile(r"(?<=[.!?])(?<!\bvs\.)(?<!\bcf\.)(?<!i\.e\.)(?<!e\.g\.)[\"')*]*\s+(?=[A-Z*`\"(\[])")
_WORD = re.compile(r"[a-z]+\d*|\d+")


def words_of(text: str) -> list[str]:
    """Return the words of a text, small, and its whole numbers."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class Passage:
    """One sentence of a text."""

    start: int
    end: int
    sentence: str
    around: str
    """The sentence's paragraph, item or table, and what introduces it."""

    @cached_property
    def words(self) -> frozenset[str]:
        """Of the sentence."""
        return frozenset(words_of(self.sentence))

    @cached_property
    def words_around(self) -> frozenset[str]:
        """Of all that is around it."""
        return frozenset(words_of(self.around))


def passages_of(text: str) -> Iterator[Passage]:
    """Yield the sentences of a text; together they cover it."""
    lead = ""
    for start, end in _blocks(text):
        block = text[start:end]
        around = f"{lead}\n{block}"
        if block.lstrip().startswith("|"):
            yield from (Passage(start + at, start + to, block[at:to], around) for at, to in _rows(block))
        else:
            yield from (Passage(start + at, start + to, block[at:to], around) for at, to in _sentences(block))
        if block.strip().endswith((":", ":**", "**")) or block.lstrip().startswith("#"):
            lead = block
        elif not _STARTS.match(block):
            lead = ""


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Spans of paragraphs, list items, headings and tables."""
    start = place = 0
    table = False
    for line in text.splitlines(keepends=True):
        is_row = line.lstrip().startswith("|")
        if place > start and (not line.strip() or _STARTS.match(line) or is_row != table):
            yield start, place
            start = place
        table = is_row
        place += len(line)
    if place > start:
        yield start, place


def _rows(block: str) -> Iterator[tuple[int, int]]:
    place = 0
    for line in block.splitlines(keepends=True):
        yield place, place + len(line)
        place += len(line)


def _sentences(block: str) -> Iterator[tuple[int, int]]:
    start = 0
    for found in _SENTENCE.finditer(block):
        yield start, found.end()
        start = found.end()
    yield start, len(block)

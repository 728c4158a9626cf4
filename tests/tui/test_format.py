"""Text and numbers for people, and lines that keep their width whatever is in them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.format import (
    age,
    bar,
    cut,
    cut_line,
    duration,
    fitted,
    line_width,
    number,
    pad_line,
    safe,
    size,
    spark,
    spread,
    wrapped,
)
from tui.widgets.frame import box

TEXT = st.text(max_size=40)
LINE = st.lists(st.tuples(TEXT, st.sampled_from(["", "ok", "dim"])), max_size=5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (7.4, "7 s"), (59.6, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (11_520, "3 h 12 min"),
     (187_200, "2 d 4 h"), (-3, "0 s")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0 s"), (61, "1 min"), (7300, "2 h"), (200_000, "2 d")])
def test_age(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "n/a"), (math.nan, "n/a"), (math.inf, "n/a"), (0.9123, "0.912"), (1e-5, "1.0e-05"), (12.345, "12.3"),
     (0, "0"), (0.0, "0.000"), (1500.0, "1,500"), (3, "3"), (-0.25, "-0.250")],
)  # fmt: skip
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**4, "5.0 TiB")])
def test_size(count: int, text: str) -> None:
    assert size(count) == text


def test_a_sparkline_keeps_the_shape_of_the_whole_and_shows_gaps() -> None:
    assert spark([0, None, 1], 3) == "▁ ▇"
    assert spark([5, 5], 4) == "  ▁▁"
    assert spark([], 3) == spark([None, math.nan], 3) == "   "
    assert spark(list(range(700)), 7) == "▁▂▃▄▅▆▇"


def test_a_bar_is_as_wide_as_asked_and_full_only_at_the_end() -> None:
    for share in (None, 0.0, 0.31, 0.5, 0.999, 1.0, 7.0, math.nan):
        assert line_width(bar(share, 20, "ok")) == 20
    assert bar(1.0, 4, "ok")[0][0] == "━━━━"
    assert bar(0.5, 5, "ok")[0][0] == "━━╸"


@given(LINE, st.integers(0, 60))
def test_no_line_grows_wider_than_it_may(line: list[tuple[str, str]], width: int) -> None:
    assert line_width(cut_line(line, width)) <= width
    assert line_width(pad_line(line, width)) == width
    assert line_width(spread(line, [("right", "dim")], width)) == width


@given(TEXT, st.integers(0, 40))
def test_cut_text_is_printable_and_fits(text: str, width: int) -> None:
    short = cut(text, width)
    assert cell_len(short) <= width and (short.isprintable() or not short)
    assert cell_len(fitted(text, width)) == width and fitted(text, width).startswith(short)


@given(st.text(max_size=200))
def test_safe_text_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    assert safe(text).isprintable()
    assert safe(safe(text)) == safe(text)


@given(TEXT, st.integers(2, 30))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    pieces = wrapped(text, width)
    assert "".join(pieces).replace(" ", "") == safe(text).replace(" ", "")
    assert all(cell_len(piece) <= width for piece in pieces)


@given(st.lists(LINE, max_size=6), LINE, st.integers(12, 70), st.integers(3, 9))
def test_a_frame_is_never_broken(body: list[list[tuple[str, str]]], title: list[tuple[str, str]], width: int,
                                 height: int) -> None:  # fmt: skip
    lines = box(body, width, height, title=title, end=[("end", "dim")], foot=title, focus=False, role="dim")
    assert len(lines) == height
    assert {line_width(line) for line in lines} == {width}
    texts = ["".join(text for text, _ in line) for line in lines]
    assert all(text[0] in "╭│╰" and text[-1] in "╮│╯" for text in texts)

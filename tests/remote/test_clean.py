"""Text from a host must not be able to do anything to a terminal."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.clean import MAX_CHARS, clean, clean_bytes, clean_text

ESC = "\x1b"
PIECES = f"{ESC}[]\x07\x9b\x9d\x9c\\P\r\n\taé \u202e\u200b\u2066\ufeff\ud800\x85\u2028\xa0\u3164m;"
# Text that is dense in what matters, besides any text.
HOSTILE = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from([*PIECES, "2J", "52;c;aGk=", "[/x]"]),
        max_size=40,
    ).map("".join),
)


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        (f"a{ESC}[2Jb", "ab"),
        (f"{ESC}[31;1mred{ESC}[0m", "red"),
        (f"{ESC}[38:2::1:2:3mx", "x"),
        (f"a{ESC}]52;c;cm0gLXJm\x07b", "ab"),
        (f"a{ESC}]0;title{ESC}\\b", "ab"),
        ("a\x9d52;c;cm0=\x9cb", "ab"),
        ("a\x9b2Jb", "ab"),
        (f"a{ESC}P1$r0m{ESC}\\b", "ab"),
        (f"a{ESC}_Gpicture{ESC}\\b", "ab"),
        (f"a{ESC}(0b", "ab"),
        (f"a{ESC}cb", "ab"),
        (f"a{ESC}]52;c;never ends", "a"),
        (f"a{ESC}]0;cut{ESC}[31mb", "ab"),
        (f"a{ESC}", "a"),
        (f"a{ESC}[", "a"),
        ("10%\r50%\r100%", "100%"),
        ("done\r\n", "done"),
        ("first\nsecond", "first second"),
        ("a\tb", "a    b"),
        ("a\x00\x08\x7f\x84b", "ab"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("a\u2066b\u2069\u200b\u200d\ufeff\u00adc", "abc"),
        ("a\u00a0b\u2028c\u3000d", "a b c d"),
        ("a\u3164\u115fb", "ab"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("[/x] stays, it is harmless text", "[/x] stays, it is harmless text"),
        ("žluťoučký 日本 😀", "žluťoučký 日本 😀"),
    ],
)
def test_examples(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


@given(HOSTILE)
def test_nothing_that_moves_a_terminal_is_left(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert not any(unicodedata.category(char)[0] == "C" for char in cleaned)


@given(HOSTILE, st.integers(min_value=1, max_value=30))
def test_cleaning_twice_changes_nothing(text: str, limit: int) -> None:
    once = clean(text, limit)
    assert len(once) <= limit
    assert clean(once, limit) == once


@given(HOSTILE)
def test_whole_outputs_keep_their_lines(text: str) -> None:
    cleaned = clean_text(text)
    assert all(line.isprintable() for line in cleaned.split("\n"))
    assert cleaned.count("\n") == text.count("\n")
    assert clean_text(cleaned) == cleaned


@given(st.binary())
def test_bytes_never_raise(data: bytes) -> None:
    assert clean_bytes(data).isprintable()


def test_length_is_capped_and_shown() -> None:
    assert len(clean("x" * 10 * MAX_CHARS)) == MAX_CHARS
    assert clean("abcdef", 4) == "abc…"


@pytest.mark.parametrize("unit", [f"{ESC}]", f"{ESC}P", f"{ESC}[", "\x9d", "\r", "\u202e", f"{ESC}[1;", f"{ESC} "])
def test_a_megabyte_of_beginnings_is_linear(unit: str) -> None:
    """A quadratic pattern would take minutes; the bound is loose because machines differ."""
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    clean(text)
    assert time.process_time() - started < 10

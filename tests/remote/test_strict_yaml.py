"""A configuration file that comes with a clone is hostile until it is read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.errors import ConfigError
from remote.strict_yaml import MAX_BYTES, load, load_file


def data(text: str) -> object:
    return load(text.encode(), "x.yaml").data


def test_lines_of_keys_and_items_are_known() -> None:
    document = load(b"a: 1\n\nb:\n  - x\n  - c: 2\n    d: {e: 3}\n", "x.yaml")
    assert document.data == {"a": 1, "b": ["x", {"c": 2, "d": {"e": 3}}]}
    places = [("a",), ("b",), ("b", 0), ("b", 1), ("b", 1, "d"), ("b", 1, "d", "e")]
    assert [document.line(place) for place in places] == [1, 3, 4, 5, 6, 6]
    assert document.line(("b", 1, "missing")) == 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("NO", "NO"), ("y", "y"),
        ("12:30:45", "12:30:45"), ("2024-01-02", "2024-01-02"), ("012", 12), ("0o17", 15), ("0x1f", 31),
        ("1_000", "1_000"),
        ("true", True), ("False", False), ("~", None), ("null", None), ('""', ""), ("1.5", 1.5), ("1e3", 1000.0),
        ("-3", -3), (".5", 0.5), ("1.", 1.0), ("=", "="), ("-", [None]), ("'1'", "1"), ("1e", "1e"), ("0b1", "0b1"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    read = data(text)
    assert read == value and type(read) is type(value)


def test_keys_are_always_text() -> None:
    assert data("1: a\ntrue: b\nnull: c\n") == {"1": "a", "true": "b", "null": "c"}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, r"'a' is there twice \(first on line 1\)"),
        ("a: &x 1\nb: *x\n", 2, "aliases"),
        ("a: {<<: {b: 1}}\n", 1, "merge keys"),
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", 2, "tags"),
        ("a: !x 1\n", 1, "tags"),
        ("? [a, b]\n: 1\n", 1, "key must be plain text"),
        ("a: 1\n---\nb: 2\n", 2, "document"),
        ("a: [1, 2\nb: 3\n", 2, "expected"),
        ("a: 'open\n", 2, "unexpected end"),
        ("\ta: 1\n", 1, "cannot start"),
        ("a: " + "9" * 5000, 1, "too many digits"),
        ("a:\n  " + "[" * 30 + "]" * 30, 2, "nested more than 20"),
        ("[" * 100_000, 1, "nested more than 20"),
    ],
)
def test_refusals_name_the_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        data(text)
    assert caught.value.line == line and str(caught.value).startswith(f"x.yaml:{line}: ")


def test_merge_bomb_is_refused_at_once() -> None:
    """This kilobyte keeps `yaml.safe_load` busy for minutes."""
    bomb = "a0: &a0 {x: 1}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join(['*a' + str(n - 1)] * 9)}]}}\n" for n in range(1, 20)
    )
    started = time.process_time()
    with pytest.raises(ConfigError, match=r"aliases|merge"):
        data(bomb)
    assert time.process_time() - started < 5


def test_size_and_bytes_that_are_not_text() -> None:
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        load(b"#" * (MAX_BYTES + 1), "x.yaml")
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        load(b"a: 1\nb: \xff\n", "x.yaml")
    assert caught.value.line == 2
    with pytest.raises(ConfigError, match=r"U\+001B is not allowed") as caught:
        load(b"b: 1\na: \x1b[2J\n", "x.yaml")
    assert caught.value.line == 2


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_file(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="directory"):
        load_file(tmp_path)


@given(st.one_of(st.binary(max_size=300), st.text("ab:-[]{}&*!<>'\"#\n\t |?,0x.~", max_size=80).map(str.encode)))
def test_anything_is_a_document_or_a_config_error(raw: bytes) -> None:
    try:
        load(raw, "x.yaml")
    except ConfigError as error:
        assert str(error).isprintable()

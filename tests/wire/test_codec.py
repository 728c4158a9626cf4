"""The codec refuses what a hostile or broken writer can produce, and only with `WireError`."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.codec import WireError, decode, encode, finite, read_bytes, read_object
from wire.records import Heartbeat, Progress, RunSpec

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"\xff\xfe{}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": "' + b"x" * 300_000 + b'"}',
    ],
    ids=["empty", "list", "text", "cut", "nan", "infinity", "not utf-8", "deep", "long"],
)
def test_bad_bytes_are_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_raise_wire_error(data: bytes) -> None:
    try:
        assert isinstance(decode(data), dict)
    except WireError:
        pass


@given(st.dictionaries(st.text(max_size=20), JSON_VALUES, max_size=6))
def test_encode_then_decode_is_the_identity(value: dict) -> None:
    line = encode(value)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode(line) == json.loads(json.dumps(value))


def test_numbers_that_are_not_finite_become_null() -> None:
    assert finite({"a": [math.nan, 1.5], "b": math.inf}) == {"a": [None, 1.5], "b": None}


@given(st.dictionaries(st.sampled_from([*Heartbeat.__dataclass_fields__, "other"]), JSON_VALUES, max_size=8))
def test_wrong_types_in_a_record_are_a_wire_error(value: dict) -> None:
    for kind in (Heartbeat, Progress, RunSpec):
        try:
            record = kind.from_dict(value)
        except WireError:
            continue
        assert kind.from_bytes(record.to_line()) == record


def test_a_wrong_type_names_the_field() -> None:
    with pytest.raises(WireError, match=r"Progress\.seq must be int, not str"):
        Progress.from_dict({"attempt": "a.1", "seq": "7", "at_s": 1.0, "phase": "train"})
    with pytest.raises(WireError, match="phase"):
        Progress.from_dict({"attempt": "a.1", "seq": 7, "at_s": 1.0})


def test_a_fifo_and_a_link_are_refused_and_a_missing_file_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "heartbeat.json")
    with pytest.raises(WireError, match="not a regular file"):
        read_bytes(str(tmp_path / "heartbeat.json"))
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(WireError, match="link"):
        read_bytes(str(tmp_path / "link"))
    assert read_bytes(str(tmp_path / "nothing")) is None


def test_a_preallocated_blank_file_is_no_record_yet(tmp_path: Path) -> None:
    (tmp_path / "exit").write_bytes(b" " * 1023 + b"\n")
    assert read_object(str(tmp_path / "exit")) is None
    (tmp_path / "exit").write_bytes(b'{"code":0}' + b" " * 100 + b"\n")
    assert read_object(str(tmp_path / "exit")) == {"code": 0}

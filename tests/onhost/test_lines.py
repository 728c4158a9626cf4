"""A file is followed by whole lines, whatever the pieces it grows in."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from remote.onhost.lines import PIECE_BYTES, RECORD_MAX_BYTES, Lines, Piece


def drain(reader: Lines) -> list[Piece]:
    return list(iter(reader.read, None))


@given(st.lists(st.binary(max_size=40), max_size=20), st.booleans())
def test_every_byte_comes_once_and_in_order(chunks: list[bytes], log: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="tv-") as folder:
        path = os.path.join(folder, "f")
        reader = Lines(path, log=log)
        lines: list[str] = []
        place = 0
        with open(path, "ab", buffering=0) as file:
            for chunk in chunks:
                file.write(chunk)
                for piece in drain(reader):
                    assert (piece.start, piece.skipped, piece.partial) == (place, 0, False)
                    place = piece.end
                    lines += piece.lines
        whole = b"".join(chunks).rpartition(b"\n")[0]
        expected = [line.decode("utf-8", "replace") for line in whole.split(b"\n")] if b"\n" in b"".join(chunks) else []
        assert lines == expected


def test_an_over_long_record_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "f"
    long = b"x" * (RECORD_MAX_BYTES + 5) + b"\n"
    path.write_bytes(b"one\n" + long + b"two\n")
    pieces = drain(Lines(str(path)))
    assert [line for piece in pieces for line in piece.lines] == ["one", "two"]
    assert sum(piece.skipped for piece in pieces) == len(long)


def test_a_record_longer_than_a_piece_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"y" * (PIECE_BYTES + 5) + b"\nz\n")
    assert [len(line) for piece in drain(Lines(str(path))) for line in piece.lines] == [PIECE_BYTES + 5, 1]


def test_a_log_without_line_ends_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\r50 %" * 20_000)
    pieces = drain(Lines(str(path), log=True))
    assert all(piece.partial for piece in pieces)
    assert sum(piece.end - piece.start for piece in pieces) > 50_000


def test_links_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    assert Lines(str(tmp_path / "link")).read() is None
    assert Lines(str(tmp_path)).read() is None
    assert Lines(str(tmp_path / "nothing")).read() is None

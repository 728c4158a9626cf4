"""Copying: the clipboard by OSC 52, tmux's buffer, and always a file that is named."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.tui.desk import desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import blank, running
from tui.copying import CLIPBOARD_BYTES, copy, into_file, into_tmux, sequence


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither tmux nor screen, and a state folder of the test's own."""
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(tmp_path / "state"))


def test_the_sequence_says_the_text_in_base64_and_screen_gets_it_in_pieces() -> None:
    data = "naïve\n".encode() * 40
    plain_one = sequence(data, {})
    assert plain_one.startswith("\x1b]52;c;") and plain_one.endswith("\x07")
    assert base64.b64decode(plain_one[7:-1]) == data
    wrapped = sequence(data, {"STY": "1.tty"})
    pieces = wrapped.removesuffix("\x1b\\").split("\x1b\\")
    assert all(piece.startswith("\x1bP") and len(piece) < 80 for piece in pieces)
    assert "".join(piece.removeprefix("\x1bP") for piece in pieces) == plain_one


def test_the_file_is_private_and_never_a_link(tmp_path: Path) -> None:
    path = into_file(b"long text")
    assert into_file(b"text") == path
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"text\n", 0o600)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        into_file(b"text")
    assert not (tmp_path / "elsewhere").exists()


def test_tmux_is_given_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "tmux"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words; cat > {tmp_path}/text\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert into_tmux(b"a\nb")
    assert (tmp_path / "words").read_text() == "load-buffer -w -\n" and (tmp_path / "text").read_bytes() == b"a\nb"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert not into_tmux(b"a")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert not into_tmux(b"a")


async def test_y_copies_the_place_of_the_run_and_says_where_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "state" / "copied.txt"
    async with desk([running("keypoint-a"), blank("smoke")], (100, 30)) as (app, pilot, _):
        written: list[str] = []
        driver: Any = app._driver
        monkeypatch.setattr(driver, "write", written.append)

        async def told(*keys: str) -> str:
            await pilot.press(*keys)
            await app.workers.wait_for_complete()
            await settle(app, pilot)
            return plain(app)

        text = await told("y")
        place = "local:/home/ada/.trajvid/runs/demo-1a2b3c4d/keypoint-a/20260101T000000-3f2a91c-9b1e"
        assert "copied the place of the run" in text and "copied.txt" in text
        assert copied.read_text() == place + "\n"
        assert [base64.b64decode(one[7:-1]).decode() for one in written if "]52;" in one] == [place]
        written.clear()
        copy(app, ["evil\x1b]0;x\x07\r\u202etext", "second"], "2 lines")
        await told()
        assert base64.b64decode(written[0][7:-1]).decode() == copied.read_text().rstrip("\n")
        assert copied.read_text().isascii() and "\x1b" not in copied.read_text() and "second" in copied.read_text()
        written.clear()
        copy(app, ["x" * (CLIPBOARD_BYTES + 1)], "a line")
        assert "too much for a terminal's clipboard" in await told()
        assert len(copied.read_bytes()) == CLIPBOARD_BYTES + 2 and not [one for one in written if "]52;" in one]
        copied.unlink()
        copied.mkdir()
        copy(app, ["x"], "a line")
        assert "no copy in a file" in await told()
        assert "smoke has no run whose place" in await told("j", "y")

"""Copy text out of the app: into the terminal's clipboard where it takes it, and into a file in any case.

OSC 52 has no answer, so nobody knows whether a terminal obeyed: the file is what is sure, and the toast names both.
Inside tmux its own buffer is filled (by default tmux passes no OSC 52 on); GNU screen gets the sequence in wrappings.
"""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from remote.folders import open_private, private_folder
from tui.format import safe, size

if TYPE_CHECKING:
    from tui.app import TrajvidApp

CLIPBOARD_BYTES = 74_994
"""Many terminals take no more than 100,000 characters of base64."""
SCREEN_PIECE = 76
"""GNU screen passes short strings only."""
FILE = "copied.txt"
TMUX_TIMEOUT_S = 3.0


def copy(app: TrajvidApp, lines: Sequence[str], what: str) -> None:
    """Copy lines, cleaned, and tell where they are; `what` names them: `the path`, `12 lines`."""
    app.run_worker(_copy(app, "\n".join(map(safe, lines)), what), group="copy", exit_on_error=False)


async def _copy(app: TrajvidApp, text: str, what: str) -> None:
    data = text.encode("utf-8", "replace")
    told = [f"copied {what}"]
    if len(data) > CLIPBOARD_BYTES:
        told = [f"{what}: {size(len(data))} is too much for a terminal's clipboard ({size(CLIPBOARD_BYTES)})"]
    elif "TMUX" in os.environ and await asyncio.to_thread(into_tmux, data):
        told.append("in tmux: its paste key, or the clipboard where tmux may set it")
    elif app._driver is not None:
        app._driver.write(sequence(data, os.environ))
    try:
        told.append(f"in {await asyncio.to_thread(into_file, data)}")
    except OSError as exc:
        told.append(f"no copy in a file: {exc.strerror}")
    app.toast("\n".join(told), "warning" if len(data) > CLIPBOARD_BYTES else "information")


def sequence(data: bytes, environment: Mapping[str, str]) -> str:
    """The bytes that ask a terminal to take `data` into its clipboard."""
    plain = f"\x1b]52;c;{base64.b64encode(data).decode('ascii')}\x07"
    if not environment.get("STY"):
        return plain
    pieces = (plain[start : start + SCREEN_PIECE] for start in range(0, len(plain), SCREEN_PIECE))
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


def into_tmux(data: bytes) -> bool:
    """Fill tmux's buffer, and by it the clipboard of the terminal outside; False if tmux does not do that."""
    argv = ["tmux", "load-buffer", "-w", "-"]
    try:
        done = subprocess.run(argv, input=data, capture_output=True, timeout=TMUX_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def into_file(data: bytes) -> Path:
    """Replace the file of the last copy, for this user alone; returns where it is. Raises OSError."""
    from remote.opening import history_file

    path = private_folder(history_file().parent) / FILE
    with os.fdopen(open_private(path, os.O_WRONLY | os.O_TRUNC), "wb") as file:
        file.write(data + b"\n")
    return path

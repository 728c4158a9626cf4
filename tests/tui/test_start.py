"""Starting: nothing heavy before the first paint, and the rows of the last session are there at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_app_and_its_cached_rows_need_neither_asyncssh_nor_pydantic() -> None:
    code = (
        "import sys, pathlib, tui.app, tui.session\n"
        "print(tui.session.ProfileSession(pathlib.Path(sys.argv[1])).remembered()[0])\n"
        "print(sorted({'asyncssh', 'pydantic', 'cryptography', 'numpy', 'PIL', 'textual_image'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "no-such-profile.yaml")],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == ["", "[]"], done.stderr

"""A ProxyCommand: run by the person's shell as ssh does, and heard when it complains.

asyncssh alone splits the line into words (no pipes, no `2>/dev/null`) and takes what the program says on stderr for
bytes of the host.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from remote.clean import clean_text

_SHOWN_CHARS = 300
_SCRIPT = 'exec 2>"$1"; exec "$2" -c "$3"'


@dataclass(frozen=True)
class ProxyProgram:
    """One start of the program."""

    command: str
    complaints: Path

    @property
    def argv(self) -> list[str]:
        """For asyncssh's `proxy_command`."""
        shell = os.environ.get("SHELL") or "/bin/sh"
        return ["/bin/sh", "-c", _SCRIPT, "sh", str(self.complaints), shell, f"exec {self.command}"]

    @property
    def said(self) -> str:
        """The last lines of its stderr as one, '' for none."""
        try:
            text = self.complaints.read_bytes()[-4096:].decode("utf-8", "replace")
        except OSError:
            return ""
        return " / ".join(line.strip() for line in clean_text(text).split("\n") if line.strip())[-_SHOWN_CHARS:]


@contextlib.contextmanager
def proxy_program(command: str) -> Iterator[ProxyProgram | None]:
    """The program for one dial, with a private place for its complaints; None for no command."""
    if not command:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="trajvid-proxy-") as folder:
        yield ProxyProgram(command, Path(folder) / "stderr")

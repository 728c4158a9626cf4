"""A command that proves something by exiting with 0, run for so long and no longer."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import tempfile
import time
from typing import List, Mapping, Tuple

from remote.onhost import processes

LIMIT_S = 60.0
LOOK_S = 0.05
SAID_BYTES = 4096

Finding = Tuple[bool, str]
"""Whether something is proved, and by what, or why not."""


def checked(argv: List[str], cwd: str, environment: Mapping[str, str], limit_s: float = LIMIT_S) -> Finding:
    """Run it; what it leaves running is ended. Raises OSError if it cannot be run."""
    nonce = "check-" + secrets.token_hex(8)
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        # In our own process group: the laptop ends that if it gives us up.
        child = subprocess.Popen(
            argv, cwd=cwd, env={**environment, processes.MARKER: nonce}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output,
        )  # fmt: skip
        while child.poll() is None and time.monotonic() - began < limit_s:
            time.sleep(LOOK_S)
        late, took_s = child.returncode is None, time.monotonic() - began
        for pid, ticks in processes.family(nonce).items():
            processes.send(pid, ticks, signal.SIGKILL)
        code = child.wait()
        output.seek(max(0, output.seek(0, os.SEEK_END) - SAID_BYTES))
        said = [line.strip() for line in output.read().decode("utf-8", "replace").splitlines() if line.strip()]
    last = f": {said[-1]}" if said else ""
    if late:
        return False, f"not over after {limit_s:g} s{last}"
    return code == 0, f"exit {code} after {took_s:.1f} s{last}"

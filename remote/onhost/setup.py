"""`setup`: the commands of the profile that run in the worktree before the work, one after the other.

Runs as a child of the supervisor in state `preparing`, with the environment of the work, at each attempt. What the
commands print goes to the run's log. The first one that fails fails the run.
"""

from __future__ import annotations

import os
import subprocess
from typing import List

from remote.onhost import parts
from remote.onhost.outcome import Outcome
from remote.onhost.preparing import Preparing
from remote.onhost.redact import write
from remote.onhost.spawn import decode_claim
from wire.codec import encode

SHELL = "/bin/sh"


def setup(argv: List[str]) -> int:
    """Run them; the answer on the inherited pipe is {} or {reason}."""
    claim, inherited = decode_claim(argv[0])
    os.umask(0o077)
    commands = (parts.read_part(claim.run_dir.spec) or {}).get("setup") or []
    preparing = Preparing(claim)
    reason = ""
    for number, command in enumerate(commands, 1):
        _log(f"+ {command}")
        preparing.say(f"setup {number} of {len(commands)}: {command}", number - 1, len(commands))
        ended = subprocess.run([SHELL, "-c", command], stdin=subprocess.DEVNULL, check=False)
        if ended.returncode:
            reason = f"setup: `{command}`: {Outcome.of(ended.returncode).reason}"
            break
    preparing.done()
    os.write(inherited["answer"], encode({"reason": reason} if reason else {}))
    return 1 if reason else 0


def _log(line: str) -> None:
    write(1, line.encode("utf-8", "replace") + b"\n")

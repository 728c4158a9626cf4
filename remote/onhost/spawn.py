"""Start a supervisor so that it outlives us: own session, nohup, no channel of ours; wait until it has spoken."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import shutil
import subprocess
from dataclasses import dataclass
from typing import Dict, List

from remote.onhost import parts, processes
from remote.onhost.request import Refusal
from wire.codec import encode
from wire.run_dir import Root, RunDir, attempt_id

START_TIMEOUT_S = 60.0
"""How long a supervisor may take to write its job record (a loaded host, a cold network file system)."""


READY = b"+"
"""What a supervisor says when its job record is written; anything else is why it could not."""

NO_SPACE_STATUS = 28
"""Exit status of a supervisor that found no room for its job record."""


@dataclass(frozen=True)
class Claim:
    """Which attempt a supervisor is for."""

    root: str
    project: str
    worker: str
    run: str
    number: int
    nonce: str
    restarts: int = 0
    """How often the run was started anew by itself, up to this attempt."""

    @property
    def attempt(self) -> str:
        return attempt_id(self.run, self.number)

    @property
    def run_dir(self) -> RunDir:
        return Root(self.root).run(self.project, self.worker, self.run)


def encode_claim(claim: Claim, **descriptors: int) -> str:
    """Return the supervisor's one argument: the claim and the numbers of the descriptors that it inherits."""
    return json.dumps({**dataclasses.asdict(claim), "descriptors": descriptors})


def decode_claim(argument: str) -> "tuple[Claim, Dict[str, int]]":
    """The inverse of `encode_claim`."""
    data = json.loads(argument)
    descriptors: Dict[str, int] = data.pop("descriptors")
    return Claim(**data), descriptors


def spawn(claim: Claim, lock: int, secrets: Dict[str, str]) -> int:
    """Start the supervisor of `claim`, which inherits `lock`; return its pid once its job record is written.

    The secrets go through a pipe, after the fork: a launch that dies before they are complete has started nothing.
    Raises `Refusal` if the supervisor ends before it has written its record.
    """
    secrets_read, secrets_write = os.pipe()
    ready_read, ready_write = os.pipe()
    argument = encode_claim(claim, lock=lock, secrets=secrets_read, ready=ready_write)
    inherited = (lock, secrets_read, ready_write)
    attempt = claim.run_dir.attempt(claim.number)
    try:
        with open(attempt.log, "ab") as log:
            child = subprocess.Popen(
                detached("supervise", argument), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=inherited, env={**os.environ, processes.MARKER: claim.nonce}, start_new_session=True,
            )  # fmt: skip
        os.close(secrets_read)
        os.close(ready_write)
        with os.fdopen(secrets_write, "wb") as pipe:
            try:
                pipe.write(encode(secrets))
                pipe.flush()
            except BrokenPipeError:
                pass
        spoken = os.read(ready_read, 4096) if select.select([ready_read], [], [], START_TIMEOUT_S)[0] else b""
    finally:
        os.close(ready_read)
    if spoken == READY:
        return child.pid
    child.kill()
    child.wait()
    said = spoken.decode("utf-8", "replace") or parts.newest_line(attempt.log) or "it said nothing"
    raise Refusal(
        "no_space" if child.returncode == NO_SPACE_STATUS else "not_started", f"supervisor not started: {said}"
    )


def detached(verb: str, *argv: str) -> List[str]:
    """Return the argument list of a verb that a hang-up does not end."""
    from remote.onhost.__main__ import verb_argv

    nohup = shutil.which("nohup")
    return ([nohup] if nohup else []) + verb_argv(verb, *argv)

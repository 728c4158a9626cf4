"""Any command as a worker of its own, that no profile names; launched exactly once, as any other."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from remote.errors import UsageError
from remote.launching import Launched, as_launched, ask_until_known
from remote.names import check_name, slug
from remote.run_spec import new_nonce, run_id
from remote.steps import Step, again_when_lost, steps
from wire.records import RunSpec

if TYPE_CHECKING:
    from remote.fleet import Fleet


async def run_command(
    fleet: Fleet,
    host: str,
    command: Sequence[str],
    *,
    name: str = "",
    cwd: str = "",
    on_step: Step | None = None,
) -> Launched:
    """Supervise any command as a worker of its own; `cwd` is a folder on the host ('' = the run's own)."""
    if not command:
        raise UsageError("there is no command to run", hint="trajvid-tui run -- COMMAND")
    nonce = new_nonce()
    if name:
        check_name(name)
    folder = slug(name) if name else _named_for(command[0], nonce)
    fleet.host(host)
    place = fleet.adopt(host, folder)
    with steps(fleet, place.name, on_step) as step:
        step(f"connecting to {host}")
        far = fleet.far(host)
        await again_when_lost(far.ready, step)
        now_s = time.time()
        spec = RunSpec(
            run=run_id("", nonce, now_s),
            project=fleet.profile.project_id,
            worker=folder,
            nonce=nonce,
            command=tuple(command),
            cwd=cwd,
            subject=shlex.join(command)[:200],
            created_s=now_s,
            by=fleet.by,
            bundle=far.bundle,
        )
        step("launching")
        answer = await ask_until_known(fleet, place, {"spec": spec.to_dict(), "resume": False}, nonce, step)
    return as_launched(fleet, place, answer, spec, "run")


def _named_for(program: str, nonce: str) -> str:
    """A folder's name for a worker that nobody named. Raises `UsageError` where nothing of the program's can stay."""
    name = PurePosixPath(program).name
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "_-") else "-" for char in name).strip("-")
    if not kept:
        raise UsageError(f"{program!r} has no letter or digit to name a worker by", hint="give it one with --name")
    return f"{kept[:40]}-{nonce[:4]}"

"""`supervise`: how an attempt's supervisor begins, on the host that was asked or as a job of its cluster."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from typing import Dict, List

from remote.onhost import parts, processes
from remote.onhost.inbox import Inbox
from remote.onhost.joining import NotOurs, join, own_job
from remote.onhost.lock import name_holder
from remote.onhost.spawn import NO_SPACE_STATUS, READY, Claim, decode_claim
from remote.onhost.supervisor import Supervisor
from remote.onhost.tenure import JobTenure, Tenure
from wire.codec import WireError, decode
from wire.records import JobRecord, RunSpec
from wire.run_dir import replace_file


def supervise(argv: List[str]) -> int:
    """Run one attempt to its end; started by `launch` with the lock, the secrets and a pipe to answer on.

    Without those it is a job of a cluster, and began by itself.
    """
    claim, inherited = decode_claim(argv[0])
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    inbox = Inbox([signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
    return _on_host(claim, inherited, inbox) if inherited else _in_job(claim, inbox)


def _on_host(claim: Claim, inherited: Dict[str, int], inbox: Inbox) -> int:
    try:
        with os.fdopen(inherited["secrets"], "rb") as pipe:
            secrets = decode(pipe.read())
        spec = RunSpec.from_dict(parts.read_part(claim.run_dir.spec) or {})
        _write_job(claim)
    except (OSError, WireError) as exc:
        os.write(inherited["ready"], f"{type(exc).__name__}: {exc}".encode("utf-8", "replace")[:1000])
        return NO_SPACE_STATUS if getattr(exc, "errno", 0) in (errno.ENOSPC, errno.EDQUOT) else 1
    with contextlib.suppress(OSError):
        name_holder(inherited["lock"], claim.run, claim.attempt, claim.nonce)
    with contextlib.suppress(OSError):  # the launch may be gone with its connection; the run goes on
        os.write(inherited["ready"], READY)
    os.close(inherited["ready"])
    Supervisor(claim, spec, secrets, inherited["lock"], inbox, Tenure()).run()
    return 0


def _in_job(claim: Claim, inbox: Inbox) -> int:
    try:
        spec, lock = join(claim)
    except (NotOurs, OSError, WireError) as exc:
        print(f"{claim.attempt}: job {own_job()} leaves: {exc}", file=sys.stderr)
        return 0 if isinstance(exc, NotOurs) else 1
    Supervisor(claim, spec, {}, lock.descriptor, inbox, JobTenure(claim, spec, lock.descriptor)).run()
    return 0


def _write_job(claim: Claim) -> None:
    ticks = processes.start_ticks(os.getpid()) or 0
    job = JobRecord(claim.attempt, claim.nonce, os.getpid(), ticks, processes.boot_id(), time.time())
    replace_file(claim.run_dir.attempt(claim.number).job, job.to_line())

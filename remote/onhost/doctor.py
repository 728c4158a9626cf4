"""`doctor`: what this host has beyond the probe, for a person who wants to know why something would not work.

Looks only, but for `fix`: it closes the run root to others, lets runs outlive the last logout, and removes unfinished
files that nobody will finish. Every look is bounded in time; what cannot be found out is None.
"""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
from typing import Any, Dict, List, Optional, Sequence

from remote.onhost import cluster_doctor, gpu_processes, leftovers, request
from remote.onhost.machine import disk
from remote.onhost.probe import probe
from remote.onhost.wanted import CannotPrepare, Wanted, find_python

SHORT_S, IMPORT_S = 8.0, 60.0
PYTHONS_MAX = 4
LINGER = "/var/lib/systemd/linger"
TORCH = (
    "import json, torch; n = torch.cuda.device_count(); "
    "print(json.dumps({'torch': torch.__version__, 'cuda': torch.version.cuda, 'gpus': n, "
    "'usable': bool(n) and torch.ones(1, device='cuda').item() == 1.0}))"
)
"""Run by the Python that trains: a driver that is too old for this torch shows only when a GPU is used."""


def doctor(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return the probe and more.

    `pythons`: those whose torch is tried; `create`: an environment is made here; `slurm`: what jobs ask of the cluster.
    """
    root = request.root(asked).path
    pythons = [word for word in asked.get("pythons") or [] if isinstance(word, str)][:PYTHONS_MAX]
    found = probe(asked)
    mode = stat.S_IMODE(os.stat(root).st_mode)
    fixed = []
    if asked.get("fix") is True and mode & 0o077 and os.stat(root).st_uid == os.getuid():
        os.chmod(root, 0o700)
        fixed.append("root_mode")
    kills, lasting = kills_user_processes(), lingers()
    if asked.get("fix") is True and kills and lasting is False:
        output(["loginctl", "--no-ask-password", "enable-linger"], SHORT_S)
        lasting = lingers()
        fixed += ["linger"] if lasting else []
    left = leftovers.told(request.root(asked), fix=asked.get("fix") is True)
    return {
        **found,
        **disk(root),
        "root_mode": mode,
        "fixed": fixed,
        "linger": lasting,
        "kill_user_processes": kills,
        "leftovers": left,
        "gpu_processes": gpu_processes.listed(request.root(asked)),
        "torch": {python: torch_of(python) for python in pythons},
        "create": newer_python() if asked.get("create") is True else None,
        "slurm": cluster_doctor.look(request.root(asked), asked["slurm"])
        if isinstance(asked.get("slurm"), dict)
        else None,
    }


def lingers() -> Optional[bool]:
    """Return whether this user's processes outlive the last logout by systemd's `linger`."""
    try:
        return os.path.exists(os.path.join(LINGER, pwd.getpwuid(os.getuid()).pw_name))
    except KeyError:
        return None


def kills_user_processes() -> Optional[bool]:
    """Return whether systemd-logind ends everything of a user at the last logout; None where there is none."""
    said = output(["loginctl", "show-session", "--property=KillUserProcesses", "--value"], SHORT_S)
    return {"yes": True, "no": False}.get((said or "").strip())


def torch_of(python: str) -> Dict[str, Any]:
    """Return versions and GPUs of the torch that a Python imports, or {"error"}."""
    try:
        done = subprocess.run(
            [os.path.expanduser(python), "-c", TORCH], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=IMPORT_S, cwd="/", check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return {"error": f"there is no {python}", "missing": True}
    except subprocess.TimeoutExpired:
        return {"error": f"importing torch took over {IMPORT_S:g} s", "slow": True}
    except OSError as exc:
        return {"error": f"{python}: {exc.strerror}"}
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if done.returncode == 0 and lines else None
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    errors = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return {"error": errors[-1] if errors else f"exit status {done.returncode}"}


def newer_python() -> Dict[str, Any]:
    """Return the Python that `env: create` would take, or {"error"}."""
    try:
        path, version = find_python(Wanted.of({}))
    except CannotPrepare as exc:
        return {"error": str(exc)}
    return {"path": path, "version": version}


def output(argv: Sequence[str], timeout_s: float) -> Optional[str]:
    """Return what a program prints; None if it is not there, fails, or takes too long."""
    command: List[str] = list(argv)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None

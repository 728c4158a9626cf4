"""What doctor wants to know of the cluster behind a login node; a tiny job shows whether its nodes see our files."""

from __future__ import annotations

import dataclasses
import os
import secrets
import sys
from typing import Any, Dict, List, Optional

from remote.onhost import cluster, slurm
from wire.run_dir import TEMPORARY_PREFIX, Root

FREE_WITHIN_S = 10
"""How long the tiny job may wait for a node; a full cluster is no fault."""
JOB_S = 25.0
SEES = 'cat "$1" && test -x "$2"'
"""Run on a node: prints the file's words if it sees the file; fails if it lacks this Python."""


def look(root: Root, wish: Dict[str, Any]) -> Dict[str, Any]:
    """Return {version, trouble, partitions, accounts, shared, why}; `wish` is what the host's jobs ask of Slurm.

    `version` is '' where there is no Slurm. `shared` is None if no node could be asked, and `why` says why.
    """
    found: Dict[str, Any] = {
        "version": "",
        "trouble": "",
        "partitions": [],
        "accounts": None,
        "shared": None,
        "why": "",
    }
    version = cluster.call(["sbatch", "--version"])
    if version.why:
        return {**found, "trouble": version.why}
    found["version"] = version.out.strip().rpartition(" ")[2]
    said = cluster.call(slurm.PARTITIONS)
    if said.why:
        return {**found, "trouble": said.why}
    found["partitions"] = [dataclasses.asdict(one) for one in slurm.partitions(said.out)]
    found["accounts"] = _accounts()
    return {**found, **_shared(root, wish)}


def _accounts() -> Optional[List[str]]:
    """Return the accounts that we may use, None where nobody counts them (there is no slurmdbd)."""
    said = cluster.call(["sacctmgr", "-n", "-P", "show", "associations", f"user={_user()}", "format=account"])
    return sorted(set(said.out.split())) if not said.why and said.out.strip() else None


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _shared(root: Root, wish: Dict[str, Any]) -> Dict[str, Any]:
    """Ask a node whether it sees a file of ours, and the Python that is to run there."""
    word, path = secrets.token_hex(8), os.path.join(root.path, f"{TEMPORARY_PREFIX}shared-{secrets.token_hex(4)}")
    chosen = [f"--{key}={wish[key]}" for key in ("partition", "account", "qos", "constraint") if wish.get(key)]
    argv = [
        "srun",
        *chosen,
        "--ntasks=1",
        "--time=1",
        f"--immediate={FREE_WITHIN_S}",
        "--chdir=/",
        "--job-name=tv-doctor",
    ]
    try:
        with open(path, "x", encoding="ascii") as file:
            file.write(word)
        said = cluster.call([*argv, "sh", "-c", SEES, "sh", path, sys.executable], JOB_S)
    finally:
        if os.path.exists(path):
            os.unlink(path)
    if word in said.out:
        return {"shared": True, "why": f"it lacks {sys.executable}" if said.why else ""}
    if "No such file" in said.why or "Permission denied" in said.why:
        return {"shared": False, "why": said.why}
    return {"shared": None, "why": said.why or "srun said nothing"}

"""A commented profiles.yaml for a project that has none."""

from __future__ import annotations

import os
import re
from pathlib import Path

from remote.clean import clean
from remote.errors import RemoteError, UsageError
from remote.names import check_name, slug
from remote.ssh_hosts import ssh_hosts

SHOWN = 20
TEMPLATE = """\
# What trajvid-tui runs from here, and where. Every worker is one branch of the experiment.
project: {project}
base: HEAD               # a branch that does not exist yet is made from here, on the host only
results: results         # where results come home to (keep it out of git)

hosts:
  local: {{kind: embedded}}          # this machine, nothing to install
  # `trajvid-tui init ubuntu@ADDRESS -i KEY` adds one to your own hosts file, for all projects.
  # gpu-1: {{address: 203.0.113.7, user: ubuntu, identity: ~/.ssh/lab.pem}}
{known}

defaults:                # for every worker, unless it says otherwise
  host: {host}

workers:
  first:
    branch: {branch}
    command: ["sh", "-c", "echo replace me by your training command; sleep 5"]
    # env: create        # make a Python environment with torch on the host, as the first step
    # python: ~/venv/bin/python      # or use this one; in `command`, "{{python}}" stands for it
    # gpu: auto          # wait on the host for a GPU that is free; `gpu: 0` for that very one
    # grace_s: 30        # seconds for a checkpoint between TERM and KILL

# sync: {{interval_s: 60}}           # results also come at once on a checkpoint and at the end
"""


async def write_profile(path: Path, host: str = "local", alias: str = "") -> None:
    """Write it, its one worker on `host`, or on `alias`, an entry of ~/.ssh/config. Raises `UsageError`."""
    project = slug(path.absolute().parent.name or "experiment")
    branch = await _branch(path.absolute().parent)
    text = TEMPLATE.format(project=project, host=alias or host, branch=branch, known=_aliases(alias))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as exc:
        raise UsageError(f"{clean(str(path))} is there already", code="exists") from exc
    except OSError as exc:
        raise UsageError(f"cannot write {clean(str(path))}: {exc.strerror}", hint="go to your project first") from exc


def _aliases(chosen: str) -> str:
    """The entries of ~/.ssh/config that may be names of hosts, to be uncommented; the chosen one is."""
    names = [host.alias for host in ssh_hosts() if _may_be_named(host.alias)]
    names = [name for name in names if name in (chosen, *names[:SHOWN])] or ["labbox"]
    lines = [f"  {'' if name == chosen else '# '}{name}: {{alias: {name}}}" for name in names]
    return "\n".join([f"{lines[0]:<35}# from ~/.ssh/config", *lines[1:]])


def _may_be_named(alias: str) -> bool:
    try:
        check_name(alias, "host name")
    except RemoteError:
        return False
    return True


async def _branch(folder: Path) -> str:
    """The branch that is checked out here, as a first worker's; `main` outside of a repository."""
    from remote.git import run_git
    from remote.onhost.git import git_argv

    try:
        code, out, _ = await run_git(git_argv(str(folder), ["symbolic-ref", "--quiet", "--short", "HEAD"]))
    except RemoteError:
        return "main"
    branch = os.fsdecode(out).strip()
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", branch)
    return branch if code == 0 and plain else "main"

"""`init`: write a commented profiles.yaml, or add a machine to the user's own hosts.yaml."""

from __future__ import annotations

import os
import re
from pathlib import Path

from remote.clean import clean
from remote.errors import UsageError
from remote.names import slug
from remote.profiles import FILE_NAME
from tui.cli.envelope import Answer
from tui.cli.session import Session

TEMPLATE = """\
# What trajvid-tui runs from here, and where. Every worker is one branch of the experiment.
project: {project}
base: HEAD               # a branch that does not exist yet is made from here, on the host only
results: results         # where results come home to (keep it out of git)

hosts:
  local: {{kind: embedded}}          # this machine, nothing to install
  # `trajvid-tui init ubuntu@ADDRESS -i KEY` adds one to your own hosts file, for all projects.
  # gpu-1: {{address: 203.0.113.7, user: ubuntu, identity: ~/.ssh/lab.pem}}
  # lab: {{alias: labbox}}           # an entry of ~/.ssh/config

defaults:                # for every worker, unless it says otherwise
  host: {host}

workers:
  first:
    branch: {branch}
    command: ["sh", "-c", "echo replace me by your training command; sleep 5"]
    # env: create        # make a Python environment with torch on the host, as the first step
    # python: ~/venv/bin/python      # or use this one; in `command`, "{{python}}" stands for it
    # grace_s: 30        # seconds for a checkpoint between TERM and KILL

# sync: {{interval_s: 60}}           # results also come at once on a checkpoint and at the end
"""


async def main(session: Session) -> Answer:
    """Without an address: profiles.yaml. With one: a host of the user's, and profiles.yaml where there is none."""
    arguments = session.arguments
    session.changes()
    data: dict[str, str] = {}
    lines: list[str] = []
    host = ""
    if arguments.address:
        host, file = _add_host(arguments.address, arguments.identity, arguments.name, arguments.port)
        data |= {"host": host, "hosts_file": str(file)}
        lines.append(f"{host} is in {clean(str(file))}; a worker runs there with `host: {host}`")
    path = Path(arguments.profile or FILE_NAME)
    if not path.exists():
        _write(path, _template(path, host or "local", await _branch(path.absolute().parent)))
        data["profile"] = str(path)
        lines.append(f"wrote {clean(str(path))}: look through it, then trajvid-tui launch --all")
    elif not host:
        raise UsageError(
            f"{clean(str(path))} is there already", hint="trajvid-tui init user@address adds a host", code="exists"
        )
    return Answer(data, "\n".join(lines))


def _add_host(target: str, identity: str, name: str, port: int) -> tuple[str, Path]:
    from remote.userhosts import add_host, parse_target

    user, address, stated = parse_target(target)
    name = name or re.sub(r"[^a-z0-9-]+", "-", address.lower()).strip("-") or "host"
    return name, add_host(name, address, user, port or stated, identity)


async def _branch(folder: Path) -> str:
    """The branch that is checked out here, as a first worker's; `main` outside of a repository."""
    from remote.errors import RemoteError
    from remote.git import run_git
    from remote.onhost.git import git_argv

    try:
        code, out, _ = await run_git(git_argv(str(folder), ["symbolic-ref", "--quiet", "--short", "HEAD"]))
    except RemoteError:
        return "main"
    branch = os.fsdecode(out).strip()
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", branch)
    return branch if code == 0 and plain else "main"


def _template(path: Path, host: str, branch: str) -> str:
    project = slug(path.absolute().parent.name or "experiment")
    return TEMPLATE.format(project=project, host=host, branch=branch)


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as exc:
        raise UsageError(f"{clean(str(path))} is there already", code="exists") from exc
    except OSError as exc:
        raise UsageError(f"cannot write {clean(str(path))}: {exc.strerror}", hint="go to your project first") from exc

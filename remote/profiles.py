"""What profiles.yaml says, as frozen records. Reading it is `remote.profile_reader`, imported when needed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote.ec2_place import Ec2Place

FILE_NAME = "profiles.yaml"
DEFAULT_ROOT = "~/.trajvid"
TRAINER = "trainer"
"""First word of a command that means a verb of the bundled trainer, which needs no installation on the host."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Host:
    """A machine: the embedded one, or one that SSH reaches by typed fields or by an alias of ~/.ssh/config."""

    name: str
    kind: str = "ssh"
    """`embedded` (this machine, nothing to install) or `ssh`."""
    address: str = ""
    user: str = ""
    port: int = 0
    """0 = what ~/.ssh/config says, else 22."""
    identity: str = ""
    """Path of a private key on the laptop; '' = the agent, ~/.ssh/config and the default keys."""
    alias: str = ""
    """An entry of ~/.ssh/config, instead of `address`."""
    ec2: Ec2Place | None = None
    """An EC2 instance, instead of `address`, which is then asked for at each dial."""
    key_name: str = ""
    """Under which name its key is on record; '' = as ~/.ssh/config says, else the address."""
    root: str = DEFAULT_ROOT
    """Folder on the host that holds everything of ours."""
    python: str = "python3"
    """Python >= 3.9 on the host."""
    cost_per_hour_usd: float | None = None
    """What an hour of it costs, for the screen."""
    slots: int = 2
    """How many runs may share one of its GPUs."""
    stagger_s: float = 0.0
    """How long a start waits at most for the first progress of the one before it; 0 = not at all."""
    launcher: str = "process"
    """`process`, or `slurm`: runs are jobs of the cluster whose login node this is."""
    slurm: dict[str, Any] = field(default_factory=dict)
    """What all its jobs ask of Slurm, see `remote.worker_cluster`."""


@dataclass(frozen=True)
class SyncPolicy:
    """How results come to the laptop."""

    interval_s: float = 60.0
    """Seconds between two rounds; they also come at once at a checkpoint and at the end."""
    bandwidth_kib: int = 0
    """Limit in KiB/s, 0 = none."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Globs of paths in a run's folder, see `remote.selection`."""
    max_file_bytes: int = 64 * 1024**3
    """Larger files stay on the host and are named."""
    quota_bytes: int = 0
    """What one run may take here, 0 = no limit; the largest files that do not fit stay on the host."""
    earlier: bool = True
    """Fetch every run that this laptop lacks, not only the newest of each worker."""


@dataclass(frozen=True)
class ToDo:
    """One line of a worker's checklist and its proof."""

    text: str
    proof: str
    """`gate`, `file`, `command` or `evidence`."""
    argument: tuple[str, ...] = ()
    """Path, and digest if one was given; words of the command; component."""


@dataclass(frozen=True)
class Worker:
    """One branch of the experiment."""

    name: str
    slug: str
    """Folder name, safe and unique within the profile."""
    host: str
    branch: str
    config: str = ""
    """Trainer config: a path in the branch, or a bundled name. '' for a plain command."""
    set: dict[str, Scalar] = field(default_factory=dict)
    """Overrides of the config, in file order."""
    command: tuple[str, ...] = ()
    """Any other work, run in the worktree."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables of the work (`variables` in the file); never secrets."""
    keys: tuple[str, ...] = ()
    """Names of the secrets that the work gets; see `remote.keys`."""
    key_commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Secret -> the command of this laptop that prints it; the others are variables of this laptop."""
    python: str = ""
    """Python that runs the work; '' = the host's, or the made environment's."""
    environment: str = ""
    """`create` = the environment is made on the host as the run's first step."""
    requirements: str = ""
    """File in the branch that says what the made environment needs."""
    index: str = ""
    """Package index of the made environment, '' for the host's own."""
    setup: tuple[str, ...] = ()
    """Shell commands that run in the worktree before the work."""
    trainer: str = ""
    """`bundle`, `worktree`, or '' for the branch's own trainer if it has one."""
    allow_missing: frozenset[str] = frozenset()
    """`submodules`, `lfs`: see `remote.commit_checks`."""
    grace_s: float = 30.0
    """Seconds between TERM and KILL at a stop."""
    beat_interval_s: float = 30.0
    restart_limit: int = 0
    """Restarts after a failure, from the last checkpoint."""
    resources: dict[str, Any] = field(default_factory=dict)
    """GPUs, memory, threads: see `remote.worker_resources`."""
    collect: tuple[str, ...] = ()
    """Globs of files in the worktree that belong to the results."""
    launcher: dict[str, Any] = field(default_factory=dict)
    """What its jobs ask of Slurm; {} = a process of the host. See `remote.worker_cluster`."""
    ranks: dict[str, Any] = field(default_factory=dict)
    """{nproc, nodes} of torchrun; {} = the command by itself."""
    requires: str = ""
    """`green`: no launch without accepted evidence that the tests of its commit pass."""
    checklist: tuple[ToDo, ...] = ()
    """What is to be done on this branch, ticked by proof alone."""
    extractor: str = ""
    """Feature extractor for the row on the screen: `set: {extractor: ...}`, else the config's name."""


@dataclass(frozen=True)
class Profile:
    """One experiment: its workers and where they run."""

    path: Path
    folder: Path
    """Where profiles.yaml lies; inside the project's git repository."""
    project: str
    project_id: str
    """Folder name of the project on hosts: slug and short hash."""
    base: str
    """Commit-ish from which branches that do not exist are made."""
    results: Path
    hosts: dict[str, Host]
    workers: dict[str, Worker]
    """In the order of the file."""
    sync: SyncPolicy = SyncPolicy()


def embedded_host(name: str = "local", root: str = DEFAULT_ROOT, python: str = "") -> Host:
    """The machine that we are on. Its Python is the one that runs us, unless the profile names another."""
    return Host(name=name, kind="embedded", root=root, python=python or sys.executable)


def load_profile(path: Path) -> Profile:
    """Read a profile and the user's own hosts. Raises `ConfigError` with file, line, key and nearest key."""
    from remote.profile_reader import read_profile

    return read_profile(Path(path))


def find_profile(start: Path) -> Path | None:
    """profiles.yaml in `start` or above it, up to the root of its git repository."""
    start = start.absolute()
    for folder in (start, *start.parents):
        candidate = folder / FILE_NAME
        if candidate.is_file():
            return candidate
        if (folder / ".git").exists():
            return None
    return None

"""The shape of profiles.yaml and hosts.yaml, checked by pydantic: strict types, no unknown keys.

What the file says, not what the program uses: `remote.profiles` holds the records that come out.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = str | int | float | bool | None
Pattern = Annotated[str, Field(min_length=1, max_length=255)]
"""A glob of paths, see `remote.onhost.globs`."""
KeyName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
Tag = Annotated[str, Field(min_length=1, max_length=128)]
TagValue = Annotated[str, Field(max_length=256)]
Line = Annotated[str, Field(min_length=1, max_length=4096)]
Seconds = Annotated[float, Field(gt=0, le=24 * 3600, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Ec2Entry(_Strict):
    """Which EC2 instance a host is."""

    region: str = Field(pattern=r"^[a-z0-9-]{4,40}$")
    instance: str = Field(default="", pattern=r"^(i-[0-9a-f]{8,32})?$")
    """Its id; or"""
    tag: dict[Tag, TagValue] = Field(default_factory=dict, max_length=10)
    """names and values of tags that only this instance has."""
    profile: str = Field(default="", max_length=128)
    """Section of ~/.aws with the credentials; default: as the AWS command line finds them."""
    private: bool = False
    """Reach it by its private address."""
    idle_stop_min: int | None = Field(default=None, ge=10, le=7 * 24 * 60)
    """The instance stops itself when no run and no person used it for so many minutes."""


class SlurmEntry(_Strict):
    """What Slurm is asked for, in its own words."""

    partition: str = Field(default="", pattern=r"^[A-Za-z0-9_.,-]{0,128}$")
    account: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]{0,128}$")
    qos: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]{0,128}$")
    constraint: str = Field(default="", pattern=r"^[A-Za-z0-9_.,&|*()\[\]-]{0,256}$")
    time_min: int | None = Field(default=None, ge=1, le=366 * 24 * 60)
    """Time limit, in minutes; default: the partition's."""
    cpus: int | None = Field(default=None, ge=1, le=4096)
    """CPUs of each process."""


class HostEntry(_Strict):
    """One machine under `hosts:`."""

    kind: Literal["embedded", "ssh"] = "ssh"
    """`embedded` is this machine; `ssh` needs `address`, `alias` or `ec2`."""
    address: str = ""
    """Name or address."""
    alias: str = ""
    """An entry of ~/.ssh/config, instead of `address`."""
    ec2: Ec2Entry | None = None
    """An EC2 instance, instead of `address`."""
    user: str = ""
    port: int = Field(default=0, ge=0, le=65535)
    identity: str = ""
    """Private key on the laptop."""
    root: str = Field(default="~/.trajvid", min_length=1, max_length=1024)
    """Folder on the host for everything of ours."""
    python: str = Field(default="", max_length=1024)
    """Python of the host, >= 3.9."""
    cost_per_hour_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """What an hour of it costs; shown beside it."""
    slots: int = Field(default=2, ge=1, le=64)
    """How many runs may share one of its GPUs."""
    stagger_s: float = Field(default=0.0, ge=0, le=24 * 3600, allow_inf_nan=False)
    """How long a start waits at most for the first progress of the one before it."""
    launcher: Literal["process", "slurm"] = "process"
    """`slurm`: the host is a login node, runs are jobs of its cluster."""
    slurm: SlurmEntry = Field(default_factory=SlurmEntry)
    """For all its jobs."""


class WorkerSettings(_Strict):
    """What a worker may say, and what `defaults:` may say for all of them."""

    host: str | None = None
    env: Literal["create"] | None = None
    """`create`: the environment is made on the host, as the run's first step."""
    python: str | None = Field(default=None, min_length=1, max_length=1024)
    """Python on the host that runs the work, instead of `env: create`."""
    set: dict[str, Scalar] = Field(default_factory=dict)
    """Overrides of the trainer's config."""
    variables: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the work."""
    keys: list[KeyName | Annotated[dict[KeyName, Line | list[Line]], Field(min_length=1)]] = Field(default_factory=list)
    """Secrets of the work: names of variables of this laptop, or a name and the command here that prints the value."""
    requirements: str | None = Field(default=None, min_length=1, max_length=1024)
    """File in the branch that says what `env: create` installs."""
    index: str | None = Field(default=None, min_length=1, max_length=1024)
    """Package index of `env: create`."""
    setup: list[Line] | None = Field(default=None, max_length=100)
    """Shell commands in the worktree, before the work."""
    trainer: Literal["bundle", "worktree"] | None = None
    """Whose trainer runs: this laptop's, or the branch's own."""
    allow_missing: list[Literal["submodules", "lfs"]] | None = None
    """What the run does without, or fetches itself."""
    grace_s: Seconds | None = None
    """Seconds for a checkpoint between TERM and KILL."""
    beat_interval_s: Seconds | None = None
    restart_limit: int | None = Field(default=None, ge=0, le=1000)
    gpu: Annotated[int, Field(ge=0, le=255)] | Literal["auto"] | None = None
    """This GPU of the host, or whichever is free."""
    gpus: Annotated[int, Field(ge=0, le=255)] | Literal["auto"] | None = None
    """So many GPUs, whichever are free."""
    exclusive: bool | None = None
    """Nobody else on its GPUs."""
    gpu_memory_mib: int | None = Field(default=None, ge=0, le=2**30)
    """Free memory that each of its GPUs must have at the start."""
    threads: int | None = Field(default=None, ge=0, le=4096)
    """Threads of OpenMP, MKL and the like."""
    nice: int | None = Field(default=None, ge=0, le=19)
    memory_mib: int | None = Field(default=None, ge=0, le=2**30)
    """Limit of memory of all its processes."""
    disk_mib: int | None = Field(default=None, ge=0, le=2**40)
    """Free space that there must be at the launch."""
    collect: list[Pattern] | None = None
    """Files of the worktree that belong to the results."""
    slurm: SlurmEntry | None = None
    """What this work asks of Slurm, before what its host says."""
    nproc: int | None = Field(default=None, ge=1, le=256)
    """Processes of the work on each node, started by torchrun."""
    nodes: int | None = Field(default=None, ge=1, le=1024)
    """Machines of the work."""
    requires: Literal["green"] | None = None
    """`green`: no launch without accepted evidence that the tests of its commit pass."""


class ChecklistEntry(_Strict):
    """One thing to be done, and its proof: one of gate, file, command, evidence."""

    text: str = Field(min_length=1, max_length=200)
    gate: Literal["passed"] | None = None
    """The newest run passed its gate."""
    file: str | None = Field(default=None, min_length=1, max_length=1024)
    """A file of the worktree, or of the newest run's folder as `run:PATH`."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """What that file must be."""
    command: list[str] | Line | None = None
    """Exits 0 in the worktree."""
    evidence: str | None = Field(default=None, min_length=1, max_length=128)
    """A component whose newest evidence is accepted and of the worktree's commit."""


class WorkerEntry(WorkerSettings):
    """One branch under `workers:`."""

    branch: str = Field(min_length=1, max_length=255)
    config: str = ""
    """Trainer config: a path in the branch, or a bundled name."""
    command: str | list[str] | None = None
    """Any other work: a list, or a line that is split as a shell would."""
    checklist: list[ChecklistEntry] = Field(default_factory=list, max_length=50)
    """What is to be done on this branch; ticked by proof alone."""


class SyncEntry(_Strict):
    """How results come to the laptop."""

    interval_s: Annotated[float, Field(ge=1, le=24 * 3600, allow_inf_nan=False)] = 60.0
    bandwidth_kib: int = Field(default=0, ge=0)
    """Limit in KiB/s, 0 = none."""
    include: list[Pattern] = Field(default_factory=list)
    """Files that come although they would not."""
    exclude: list[Pattern] = Field(default_factory=list)
    """Files that stay on the host."""
    max_file_mib: int | None = Field(default=None, gt=0, le=2**40)
    """Larger files stay on the host."""
    quota_mib: int | None = Field(default=None, gt=0, le=2**40)
    """What one run may take here."""
    earlier: bool = True
    """False leaves earlier runs on the host until they are asked for."""


class ProfileEntry(_Strict):
    """profiles.yaml."""

    project: str
    base: str = Field(default="HEAD", min_length=1, max_length=255)
    """Where branches that do not exist are made from."""
    results: str = Field(default="results", min_length=1, max_length=1024)
    """Folder for results on the laptop, relative to this file."""
    hosts: dict[str, HostEntry] = Field(default_factory=dict)
    defaults: WorkerSettings = Field(default_factory=WorkerSettings)
    workers: dict[str, WorkerEntry] = Field(min_length=1)
    sync: SyncEntry = Field(default_factory=SyncEntry)


class UserHosts(_Strict):
    """The user's own hosts.yaml, beside known_hosts; not committed with any project."""

    hosts: dict[str, HostEntry] = Field(default_factory=dict)

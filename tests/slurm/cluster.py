"""A private Slurm of two nodes on loopback, all of it in one folder: own munge, free ports, no daemon of the system's.

Its daemons stay in the foreground as our children, so each is ended by its pid; jobs are found by the environment that
Slurm gave them. A node can be lost, the controller stopped, and a node may have a folder hidden from it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.conftest import wait_for

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
TOOLS = ("slurmctld", "slurmd", "sbatch", "munged")
NODES = ("n1", "n2")
CONFIG = """\
ClusterName=tv
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=10
KillWait=5
MinJobAge={remembers_s}
SchedulerParameters=batch_sched_delay=1,sched_interval=5,bf_interval=5
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=4 RealMemory=4000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=4 RealMemory=4000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=second Nodes=n2 MaxTime=INFINITE State=UP
PartitionName=first Nodes=n1 MaxTime=INFINITE State=UP
"""


def install() -> str:
    """Install what is missing, as root on Debian; return why there can be no cluster, '' if there can."""
    if os.getuid() != 0:
        return "a Slurm of our own needs root"
    if not _missing():
        return ""
    if shutil.which("apt-get") is None:
        return f"no {', '.join(_missing())} here"
    # RUNLEVEL: the packages must not start daemons of the system's.
    environment = {**os.environ, "RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
    for words in (("update",), ("install", "-y", "--no-install-recommends", *PACKAGES)):
        done = subprocess.run(["apt-get", "-q", *words], env=environment, capture_output=True, text=True, timeout=300)
    return "" if not _missing() else f"apt-get: {done.stderr.strip()[-300:]}"


def _missing() -> list[str]:
    return [tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin") is None]


@dataclass
class Cluster:
    """Use it as a context. `folder` must have a short name: munge's socket is in it."""

    folder: Path
    remembers_s: int = 300
    """How long the controller knows of a job that has ended, at least."""
    _daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self) -> Cluster:
        for name in ("munge", "state", "log", "spool/n1", "spool/n2"):
            (self.folder / name).mkdir(parents=True, mode=0o755)
        key = self.folder / "munge" / "key-file"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        ports = dict(zip(("controller", *NODES), _free_ports(3), strict=True))
        config = CONFIG.format(host=socket.gethostname(), folder=self.folder, remembers_s=self.remembers_s, **ports)
        (self.folder / "slurm.conf").write_text(config)
        try:
            files = ("socket", "key-file", "pid-file", "log-file", "seed-file")
            paths = [f"--{name}={self.folder}/munge/{name}" for name in files]
            self._start("munged", "--foreground", "--force", *paths)
            wait_for((self.folder / "munge" / "socket").exists, "munge's socket")
            self.start_controller()
            for name in NODES:
                self.start_node(name)
            wait_for(lambda: self.idle_nodes() == len(NODES), "two idle nodes", 60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        for name in [*NODES, "slurmctld", "munged"]:
            self.kill(name)
        while left := self.processes():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def start_controller(self) -> None:
        """Start it, or start it again with what it knew; wait until it answers."""
        self._start("slurmctld", "-D")
        wait_for(lambda: self.tool("scontrol", "ping", check=False).returncode == 0, "the controller's answer")

    def start_node(self, name: str, hidden: Path | None = None) -> None:
        """Start a node; it sees an empty folder in the place of `hidden`."""
        hide = f'mount -t tmpfs none "$1" && exec slurmd -D -N {name}'
        within = ["unshare", "--mount", "sh", "-c", hide, "-", str(hidden)] if hidden else ["slurmd", "-D", "-N", name]
        self._start(*within, name=name)

    def kill(self, name: str) -> None:
        """SIGKILL one daemon; jobs of a node that is lost so run on."""
        daemon = self._daemons.pop(name, None)
        if daemon is not None:
            daemon.kill()
            daemon.wait()

    def runs(self, name: str) -> bool:
        """True if that daemon was started and not killed since."""
        return name in self._daemons

    def tool(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of Slurm's tools."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=check)

    def idle_nodes(self) -> int:
        return int(self.tool("sinfo", "-h", "-p", "main", "-t", "idle", "-o", "%D", check=False).stdout.strip() or 0)

    def jobs(self) -> dict[str, str]:
        """Number -> state of every job that the controller knows."""
        lines = self.tool("squeue", "-h", "-t", "all", "-o", "%i %T").stdout.splitlines()
        return dict(line.split() for line in lines)

    def clear(self, marked: Callable[[], list[int]]) -> None:
        """Cancel all jobs, and end the processes that `marked` finds; wait until both nodes are free again."""
        self.tool("scancel", "--user=root", check=False)
        for pid in marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.idle_nodes() == len(NODES), "two idle nodes")

    def processes(self) -> list[int]:
        """Everything alive that is of this cluster: what has its configuration in the environment, but us."""
        mark = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0") and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
        return found

    def _start(self, *words: str, name: str = "") -> None:
        environment = {**os.environ, **self.environment, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._daemons[name or words[0]] = subprocess.Popen(words, env=environment, start_new_session=True, **quiet)


def _free_ports(count: int) -> Sequence[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]

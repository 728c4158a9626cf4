"""The run directory: the only list of its file names, and the two safe ways to write one.

    <root>/                           ~/.trajvid unless the host's profile moves it
      bundles/<sha256>/               wire/ trainer/ renderer/ remote/onhost/ of one version, immutable
      envs/<sha256>/                  virtual environments made by `env: create`
      repos/<project>.git             bare; receives pushes
      worktrees/<project>/<worker>/   branch checked out at the run's commit
      integration/<project>/          branches merged to see whether they go together; nobody's work
      slots/                          who has which GPU, and who waits for one
      idle/                           when the machine was last used, and who turns it off
      evidence/<project>/<worker>/    what `trainer tdd` and `trainer prove` wrote about its branch
      runs/<project>/<worker>/lock    one active run a worker
      runs/<project>/<worker>/<run>/  everything about a run; one writer a file

A file that others read is replaced atomically (temporary file in the same folder, then os.replace) or appended by
the whole line in one write.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from dataclasses import dataclass
from typing import Optional

TEMPORARY_PREFIX = ".tmp-"
"""Files with this prefix are unfinished: never read, never synced."""

_LOOKS, _LOOK_S = 4, 0.002


@dataclass(frozen=True)
class Root:
    """The tree of one host under `path` (absolute)."""

    path: str

    def bundle(self, digest: str) -> str:
        return os.path.join(self.path, "bundles", digest)

    def environment(self, digest: str) -> str:
        return os.path.join(self.path, "envs", digest)

    def repository(self, project: str) -> str:
        return os.path.join(self.path, "repos", project + ".git")

    def repository_lock(self, project: str) -> str:
        """Held while a worktree of the project is made or moved."""
        return os.path.join(self.path, "repos", project + ".lock")

    def worktree(self, project: str, worker: str) -> str:
        return os.path.join(self.path, "worktrees", project, worker)

    def integration(self, project: str) -> str:
        return os.path.join(self.path, "integration", project)

    def evidence(self, project: str, worker: str) -> str:
        return os.path.join(self.path, "evidence", project, worker)

    def evidence_lock(self, project: str, worker: str) -> str:
        """Held while the tests of a worker run in its worktree."""
        return os.path.join(self.path, "evidence", project, worker + ".lock")

    @property
    def runs(self) -> str:
        return os.path.join(self.path, "runs")

    @property
    def slots(self) -> str:
        return os.path.join(self.path, "slots")

    @property
    def idle(self) -> str:
        return os.path.join(self.path, "idle")

    def worker(self, project: str, worker: str) -> str:
        return os.path.join(self.runs, project, worker)

    def worker_lock(self, project: str, worker: str) -> str:
        return os.path.join(self.worker(project, worker), "lock")

    def run(self, project: str, worker: str, run: str) -> "RunDir":
        return RunDir(os.path.join(self.worker(project, worker), run))


@dataclass(frozen=True)
class RunDir:
    """Names of everything in one run directory."""

    path: str

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    @property
    def spec(self) -> str:
        """What was asked (launch, once)."""
        return self._file("spec.json")

    @property
    def progress(self) -> str:
        """Newest progress (the work)."""
        return self._file("progress.json")

    @property
    def metrics(self) -> str:
        """Metric history (the work, appended)."""
        return self._file("metrics.jsonl")

    @property
    def heartbeat(self) -> str:
        """Newest beat (the supervisor)."""
        return self._file("heartbeat.json")

    @property
    def events(self) -> str:
        """Starts, ends, restarts, warnings (the supervisor, appended)."""
        return self._file("events.jsonl")

    @property
    def actions(self) -> str:
        """Every verb, by whom (any laptop, O_APPEND)."""
        return self._file("actions.jsonl")

    @property
    def result(self) -> str:
        """What the run amounts to (the work, at its end)."""
        return self._file("result.json")

    @property
    def stop(self) -> str:
        """A wish to end an attempt (the stop verb)."""
        return self._file("stop")

    @property
    def gate_decision(self) -> str:
        """What a person decided about a held run (the release and retire verbs)."""
        return self._file("gate_decision.json")

    @property
    def log(self) -> str:
        """Standard output and error of the work, all attempts (appended)."""
        return self._file("training.log")

    @property
    def log_index(self) -> str:
        """How long the log was at which time: a line a beat in which it grew (the supervisor, appended)."""
        return self._file("log_index.jsonl")

    @property
    def heartbeat_text(self) -> str:
        """The beats for people (the supervisor, appended, bounded)."""
        return self._file("HEARTBEAT.txt")

    @property
    def progress_text(self) -> str:
        """The progress for people (the work, replaced)."""
        return self._file("PROGRESS.txt")

    @property
    def checkpoints(self) -> str:
        return self._file("checkpoints")

    @property
    def artifacts(self) -> str:
        return self._file("artifacts")

    @property
    def attempts(self) -> str:
        return self._file("attempts")

    def attempt(self, number: int) -> "AttemptDir":
        return AttemptDir(os.path.join(self.attempts, str(number)))

    def last_attempt(self) -> int:
        """Number of the newest attempt, 0 if there is none."""
        try:
            names = os.listdir(self.attempts)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        return max((int(name) for name in names if name.isdigit()), default=0)


@dataclass(frozen=True)
class AttemptDir:
    """Names of the files of one attempt."""

    path: str

    @property
    def job(self) -> str:
        """Who the supervisor is (the supervisor, once)."""
        return os.path.join(self.path, "job")

    @property
    def exit(self) -> str:
        """How it ended (pre-allocated by the launch, filled by the supervisor)."""
        return os.path.join(self.path, "exit")

    @property
    def log(self) -> str:
        """The supervisor's own narration."""
        return os.path.join(self.path, "log")

    @property
    def script(self) -> str:
        """What was submitted to a cluster, and the proof that a node sees this folder (the launch, once)."""
        return os.path.join(self.path, "script")

    @property
    def queue(self) -> str:
        """What the cluster last said of the job (whoever asked it, replaced)."""
        return os.path.join(self.path, "queue")

    @property
    def ranks(self) -> str:
        """Folder of what each rank of torchrun says of its start and its end (remote.onhost.rank)."""
        return os.path.join(self.path, "ranks")


def attempt_id(run: str, number: int) -> str:
    """`<run>.<n>`."""
    return f"{run}.{number}"


def attempt_number(attempt: str) -> Optional[int]:
    """The n of `<run>.<n>`, None if `attempt` is not one."""
    tail = attempt.rpartition(".")[2]
    return int(tail) if tail.isdigit() else None


def replace_file(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write `data` under `path` so that a reader sees the old or the new content, never a part."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f"{TEMPORARY_PREFIX}{name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


def append_line(path: str, line: bytes, mode: int = 0o600) -> None:
    """Append one whole line in one write, so that lines of several writers never mix.

    Raises OSError, also if only a part of the line had room; whoever writes next begins a new line after it.
    """
    if not line.endswith(b"\n"):
        line += b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        if _broke_off(descriptor):
            line = b"\n" + line
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(descriptor)


def _broke_off(descriptor: int) -> bool:
    """True if the file ends within a line: the disk was full. Not if another writer is in the middle of one: the size
    of a file grows page by page, so a line may be seen in part for a moment.
    """
    for _ in range(_LOOKS):
        size = os.fstat(descriptor).st_size
        if not size or os.pread(descriptor, 1, size - 1) == b"\n":
            return False
        time.sleep(_LOOK_S)
    return True

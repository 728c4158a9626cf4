"""Results that a work writes into its worktree (`collect:` of a profile), copied into the run's folder.

The worktree belongs to the worker's next run as soon as this one is over, so what is wanted of it is kept in the run's
own `worktree/`: by the supervisor at the end, and by each sync before. Copies, as the next run may write into the same
files. Only plain files come, no link is followed, and nothing of git's.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from remote.onhost import parts, request
from remote.onhost.globs import matches_any, pattern_problem
from remote.onhost.lock import WorkerLock
from remote.onhost.repository import Git
from wire.codec import WireError
from wire.records import RunSpec
from wire.run_dir import TEMPORARY_PREFIX, RunDir

FOLDER = "worktree"
"""Below the run's folder."""
FILES_MAX = 10_000
LOOKED_AT_MAX = 500_000
FILE_MAX_BYTES = 16 * 1024**3
FREE_FLOOR_BYTES = 1024**3
"""Free space of the host that collecting leaves alone: the work needs its checkpoints."""
CHUNK_BYTES = 1024 * 1024


def collect_now(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Verb: collect for a run that is not over, `{"files", "left_out"}`; one that ended has been collected for."""
    root, project = request.root(asked), request.folder_name(asked, "project")
    worker, name = request.folder_name(asked, "worker"), request.folder_name(asked, "run")
    nothing = {"files": 0, "left_out": 0}
    run = root.run(project, worker, name)
    spec = _spec_of(run)
    if spec is None or not spec.collect or parts.current_run(root, project, worker) != name:
        return nothing
    number = parts.newest_attempt(run)
    job = parts.job_of(run, number)
    if job is None or parts.read_part(run.attempt(number).exit):
        return nothing
    if parts.facts(root, project, worker, name)["alive"] is not False:
        return _told(collect(run, spec))
    # Nobody was there to collect at the end; the worktree is still this run's if nothing else was checked out since.
    with WorkerLock(root.worker_lock(project, worker)) as lock:
        return _told(collect(run, spec)) if lock.take() and _is_at(spec) else nothing


def collect(run: RunDir, spec: RunSpec) -> Tuple[int, int]:
    """Copy what is new of the files that `spec.collect` names; how many were copied, and how many had to stay."""
    if not spec.collect or not spec.cwd:
        return 0, 0
    copied = left_out = 0
    target = os.path.join(run.path, FOLDER)
    for number, (folder, inner, name) in enumerate(_wanted(spec.cwd, spec.collect)):
        if number >= FILES_MAX:
            left_out += 1
            continue
        try:
            copied += _copy(folder, name, os.path.join(target, inner))
        except OSError:
            left_out += 1
    return copied, left_out


def _told(counts: Tuple[int, int]) -> Dict[str, Any]:
    return {"files": counts[0], "left_out": counts[1]}


def _spec_of(run: RunDir) -> "RunSpec | None":
    try:
        return RunSpec.from_dict(parts.read_part(run.spec) or {})
    except WireError:
        return None


def _is_at(spec: RunSpec) -> bool:
    return bool(spec.commit) and Git(spec.cwd).ask(["rev-parse", "--verify", "--quiet"], ["HEAD"]) == spec.commit


def _wanted(top: str, patterns: Sequence[str]) -> Iterator[Tuple[int, str, str]]:
    """(open folder, its path below `top`, name) of every file that a pattern names."""
    usable: List[str] = [pattern for pattern in patterns if pattern and not pattern_problem(pattern)]
    looked_at = 0
    for path, folders, names, folder in os.fwalk(top, follow_symlinks=False):
        folders[:] = sorted(name for name in folders if name != ".git" and not name.startswith(TEMPORARY_PREFIX))
        inner = os.path.relpath(path, top)
        inner = "" if inner == "." else inner
        for name in sorted(names):
            looked_at += 1
            ours = name == ".git" or name.startswith(TEMPORARY_PREFIX)
            if not ours and matches_any(usable, os.path.join(inner, name)):
                yield folder, inner, name
        if looked_at > LOOKED_AT_MAX:
            return


def _copy(folder: int, name: str, target: str) -> int:
    """Copy one plain file of an open folder if it is not there yet; 1 if it was copied. Raises OSError."""
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(source, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > FILE_MAX_BYTES:
            raise OSError("not a plain file of a size that can be kept")
        path = os.path.join(target, name)
        try:
            there = os.lstat(path)
        except OSError:
            there = None
        if there is not None and (there.st_size, there.st_mtime_ns) == (facts.st_size, facts.st_mtime_ns):
            return 0
        os.makedirs(target, mode=0o700, exist_ok=True)
        if shutil.disk_usage(target).free < FREE_FLOOR_BYTES + facts.st_size:
            raise OSError("no room to keep a copy")
        _write(file, path, facts)
    return 1


def _write(file: Any, path: str, facts: os.stat_result) -> None:
    folder, name = os.path.split(path)
    # Of this process alone: the supervisor's last look and the verb for a laptop may come at one moment.
    temporary = os.path.join(folder, f"{TEMPORARY_PREFIX}collect-{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as copy:
            shutil.copyfileobj(file, copy, CHUNK_BYTES)
        os.utime(temporary, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
        os.replace(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


def collect_at_end(run: RunDir, spec: RunSpec) -> Tuple[int, int]:
    """The supervisor's last look, which may not cost the run its end: whatever goes wrong, nothing was collected."""
    try:
        return collect(run, spec)
    except Exception:
        return 0, 0

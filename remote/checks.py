"""What doctor says of each thing that it looked at, judged by pure functions from what was found.

Report(place, at, checks)     `laptop` or a host, with the verdict on each thing and the mend of what is wrong
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from remote.clean import clean

LAPTOP = "laptop"
GIB = 1024**3
DISK_WARN_BYTES, DISK_FAIL_BYTES = 10 * GIB, 1 * GIB
INODES_WARN_SHARE = 0.05
SKEW_WARN_S = 2.0
DAY_S = 86400.0
GIT_OLDEST = (2, 24)
"""Knows `--end-of-options`, behind which a branch's name can never be an option."""
RSYNC_PATCHED = (3, 5, 0)
"""The first release without the known holes by which a host could write elsewhere; distributions patch theirs."""


class Verdict(StrEnum):
    """How one check ended."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    text: str
    """What was found."""
    mend: str = ""
    """What to do about it, in one line; '' where nothing is to be done."""
    fixed: str = ""
    """What `--fix` did about it."""


@dataclass(frozen=True)
class Report:
    """Everything about the laptop or one host."""

    place: str
    at: float
    """Monotonic time of the look."""
    checks: tuple[Check, ...]

    def count(self, verdict: Verdict) -> int:
        return sum(check.verdict is verdict for check in self.checks)


def fine(name: str, text: str) -> Check:
    return Check(name, Verdict.PASS, text)


def warn(name: str, text: str, mend: str = "") -> Check:
    return Check(name, Verdict.WARN, text, mend)


def fail(name: str, text: str, mend: str = "") -> Check:
    return Check(name, Verdict.FAIL, text, mend)


def skip(name: str, text: str) -> Check:
    return Check(name, Verdict.SKIP, text)


def numbers(version: str) -> tuple[int, ...]:
    """The first dotted number in a program's version text, () if there is none."""
    found = re.search(r"(\d+(?:\.\d+)+)", version)
    return tuple(int(part) for part in found[1].split(".")[:3]) if found else ()


def short(version: str) -> str:
    """The number alone, or the text that has none."""
    return ".".join(map(str, numbers(version))) or clean(version, 60)


def git(version: str | None, *, where: str) -> Check:
    """The git of the laptop or of a host."""
    if not version:
        return fail("git", "not installed", f"install git {where}")
    if numbers(version) < GIT_OLDEST:
        wanted = ".".join(map(str, GIT_OLDEST))
        return fail("git", f"{short(version)} is too old", f"install git {wanted} or newer {where}")
    return fine("git", short(version))


def host_rsync(version: str | None) -> Check:
    if not version:
        return warn("rsync", "not installed: results come by SFTP, whole files at a time", "install rsync there")
    return fine("rsync", short(version))


def laptop_rsync(version: str, missing: Sequence[str], package: str) -> Check:
    """`missing`: wanted options that it lacks; `package`: the distribution's own version of it, '' if none tells."""
    if not version:
        return warn("rsync", "not installed: results come by SFTP", "install rsync; unchanged files cost nothing then")
    told = short(version)
    if missing:
        return warn("rsync", f"{told} lacks {', '.join(missing)}", "install a newer rsync (3.2.3 knows them all)")
    if numbers(version) < RSYNC_PATCHED and not package:
        return warn("rsync", f"{told} has known holes, and no package manager vouches for it", "install 3.5 or newer")
    return fine("rsync", f"{told}, kept patched as {package}" if package else told)


def disk(free: int, total: int, *, mend: str) -> Check:
    text = f"{free / GIB:.1f} GiB free" + (f" of {total / GIB:.0f} GiB" if total else "")
    if free < DISK_FAIL_BYTES:
        return fail("disk", text, mend)
    return warn("disk", text, mend) if free < DISK_WARN_BYTES else fine("disk", text)


def inodes(free: int, total: int) -> Check:
    """A file system full of small files has bytes left and takes no file."""
    if not total:
        return skip("inodes", "the file system has no fixed number of them")
    text = f"{free:,} of {total:,} free"
    mend = "remove folders of many small files, or move `root:` of this host"
    if not free:
        return fail("inodes", text, mend)
    return warn("inodes", text, mend) if free < INODES_WARN_SHARE * total else fine("inodes", text)


def clock(skew_s: float) -> Check:
    """`skew_s`: the host's clock minus ours."""
    if abs(skew_s) < SKEW_WARN_S:
        return fine("clock", f"within {SKEW_WARN_S:g} s of this laptop's")
    amount = f"{abs(skew_s):.0f} s" if abs(skew_s) < 2 * DAY_S else f"{abs(skew_s) / DAY_S:,.0f} days"
    told = f"{amount} {'ahead of' if skew_s > 0 else 'behind'} this laptop's"
    return warn("clock", f"{told}; nothing here goes by it, but its logs do", "start its time service (timedatectl)")


def wrong_clock(why: str) -> Check:
    """A clock that cannot be right: certificates fail by it, and ages mean nothing."""
    return fail("clock", why, "set it there (timedatectl set-ntp true)")


def locks(works: bool) -> Check:
    if works:
        return fine("locks", "fcntl.flock tells two holders apart on the run root")
    why = "fcntl.flock does not work on the run root: two launches could run at once"
    return fail("locks", why, "move `root:` of this host to a local disk")


def root(found: Mapping[str, Any]) -> Check:
    mode, path = int(found.get("root_mode") or 0), clean(str(found.get("root", "")))
    if not mode & 0o077:
        return fine("run root", f"{path}, closed to others")
    if "root_mode" in (found.get("fixed") or ()):
        return Check("run root", Verdict.PASS, path, fixed="closed to others (chmod 700)")
    return warn("run root", f"{path} is open to others (mode {mode:o})", f"--fix, or chmod 700 {path} there")


def leftovers(found: Mapping[str, Any]) -> Check:
    """Unfinished files whose writers were killed."""
    name, count, removed = "leftovers", int(found.get("count") or 0), int(found.get("removed") or 0)
    if not count:
        return fine(name, "no unfinished files of writers that are gone")
    text = f"{count} unfinished {'file' if count == 1 else 'files'} ({int(found.get('bytes') or 0) / GIB:.1f} GiB)"
    if removed == count:
        return Check(name, Verdict.PASS, text, fixed="removed: their writers are gone")
    if removed:
        return warn(name, f"{text}, {count - removed} of which cannot be removed", "look at who owns them there")
    return warn(name, f"{text}, a day old and more, whose writers are gone", "--fix removes them")


def logout(found: Mapping[str, Any]) -> Check:
    """systemd may end everything of a user whose last session closes, detached or not."""
    kills, lingers = found.get("kill_user_processes"), found.get("linger")
    if kills is None:
        return skip("logout", "no systemd-logind: nothing ends at logout")
    if "linger" in (found.get("fixed") or ()):
        return Check("logout", Verdict.PASS, "processes go on after the last logout", fixed="loginctl enable-linger")
    if not kills or lingers:
        return fine("logout", "processes go on after the last logout" + (" (linger)" if lingers else ""))
    mend = "--fix, or loginctl enable-linger there"
    return fail("logout", "KillUserProcesses ends every run at the last logout", mend)


def idle_stop(after_min: int, why_not: str) -> Check:
    """`why_not`: what keeps an EC2 host from stopping itself, '' if nothing does."""
    if why_not:
        return warn("idle stop", f"does not stop itself: {why_not}", "docs/ec2.md, or remove `idle_stop_min`")
    return fine("idle stop", f"stops itself after {after_min} min without use")


def detaching(found: Mapping[str, Any]) -> Check:
    missing = [tool for tool in ("setsid", "nohup") if not found.get(tool)]
    if missing:
        return warn("detaching", f"no {' and no '.join(missing)}", "install util-linux and coreutils there")
    return fine("detaching", "setsid and nohup are there")


def gpu_processes(listed: object) -> list[Check]:
    """Who computes on the GPUs; what belongs to no run holds memory that runs will miss."""
    name = "gpu processes"
    if not isinstance(listed, list):
        return [skip(name, "no nvidia-smi that answers")]
    rows = [row for row in listed if isinstance(row, dict)]
    left = [row for row in rows if row.get("whose") == "left"]
    ours = [row for row in rows if row.get("whose") == "ours"]
    checks = []
    for row in left:
        worker = clean(str(row.get("run", "")).partition("/")[0])
        checks.append(fail(name, f"{_process(row)} outlived its run of {worker}", f"trajvid-tui kill {worker}"))
    for row in ours:
        checks.append(
            warn(name, f"{_process(row)} is yours and of no run", f"kill {row.get('pid')} there, if unneeded")
        )
    if checks:
        return checks
    runs, others = (sum(row.get("whose") == word for row in rows) for word in ("run", "others"))
    hidden = len(rows) - runs - others
    parts = [f"{runs} of runs", *([f"{others} of other users"] if others else ()),
             *([f"{hidden} that cannot be seen from here"] if hidden else ())]  # fmt: skip
    return [fine(name, ", ".join(parts) if rows else "none")]


def _process(row: Mapping[str, Any]) -> str:
    memory = row.get("memory_bytes")
    held = f", {memory / GIB:.1f} GiB" if isinstance(memory, int) else ""
    return f"{clean(str(row.get('name', '')), 60)} (pid {row.get('pid')}{held})"


def torch(python: str, found: Mapping[str, Any], *, has_gpu: bool) -> Check:
    """The torch of one `python:`; `has_gpu`: nvidia-smi tells of one."""
    name, where = "torch", clean(python)
    error = found.get("error")
    if error and found.get("slow"):
        return warn(name, f"{where}: {clean(str(error), 200)}", "look again once the host is less busy")
    if error:
        mend = "correct `python:`" if found.get("missing") else f"{where} -m pip install torch, or `env: create`"
        return fail(name, f"{where}: {clean(str(error), 200)}", mend)
    version = f"{where}: torch {clean(str(found.get('torch')))}"
    if found.get("usable") is True:
        return fine(name, f"{version} on {found.get('gpus')} GPUs, CUDA {clean(str(found.get('cuda')))}")
    if not has_gpu:
        return fine(name, f"{version}, CPU only; the host has no GPU either")
    built = f"built for CUDA {clean(str(found.get('cuda')))}" if found.get("cuda") else "built without CUDA"
    return fail(name, f"{version}, {built}, cannot use the GPU", "install a torch build that fits the driver there")


def created(found: Mapping[str, Any] | None) -> list[Check]:
    """The Python of `env: create`, where a worker of the host asks for one."""
    if found is None:
        return []
    if found.get("error"):
        return [
            fail("environment", clean(str(found["error"])), "install Python 3.11 or newer there, or name `python:`")
        ]
    return [fine("environment", f"`env: create` takes Python {clean(str(found.get('version')))}")]

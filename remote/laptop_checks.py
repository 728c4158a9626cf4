"""What doctor looks at on this laptop: programs, agent, disk, and whether our own files are closed to others."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path

from remote import checks
from remote.checks import Check, Verdict
from remote.clean import clean
from remote.folders import config_folder
from remote.laptop_disk import FREE_FLOOR_BYTES
from remote.local_program import output_of
from remote.rsync import find_rsync, rsync_environment

LOCAL_TIMEOUT_S = 10.0
RSYNC_WANTED = ("--safe-links", "--chmod", "--sparse", "--partial-dir", "--max-size", "--bwlimit", "--info")


async def look_here(results: Path, *, ssh: bool, fix: bool = False) -> list[Check]:
    """Every check of this laptop; `ssh`: the profile has hosts that ssh reaches."""
    programs = await asyncio.gather(_git(), _rsync(), _agent() if ssh else _no_agent())
    python = checks.fine("python", ".".join(map(str, sys.version_info[:3])))
    free = shutil.disk_usage(_existing(results))
    here = checks.disk(free.free, free.total, mend=f"free some space: results go to {clean(str(results))}")
    if free.free < FREE_FLOOR_BYTES:
        here = replace(here, text=f"{here.text}: syncs wait for more")
    return [python, *programs, here, *_own_files(fix=fix)]


async def _git() -> Check:
    return checks.git(await _first_line("git", "--version"), where="here")


async def _rsync() -> Check:
    found = await find_rsync()
    if found is None:
        return checks.laptop_rsync("", (), "")
    version = await _first_line("rsync", "--version") or "rsync"
    missing = [option for option in RSYNC_WANTED if option not in found.options]
    return checks.laptop_rsync(version, missing, await _package_of(found.path))


async def _package_of(path: str) -> str:
    """Version of the distribution's package that a program came with, '' if it came another way."""
    if not path.startswith(("/usr/bin/", "/bin/")):
        return ""
    for argv in (["dpkg-query", "-W", "-f=${Version}", "rsync"], ["rpm", "-q", "rsync"]):
        if found := await _first_line(*argv):
            return found
    return ""


async def _agent() -> Check:
    if not os.environ.get("SSH_AUTH_SOCK"):
        return checks.skip("ssh agent", "none runs: a key with a passphrase is asked for once a session")
    code, out, _ = await _output("ssh-add", "-l")
    if code == 0:
        keys = len(out.splitlines())
        return checks.fine("ssh agent", f"holds {keys} {'key' if keys == 1 else 'keys'}")
    if code == 1:
        return checks.warn("ssh agent", "runs, but holds no key", "ssh-add")
    return checks.warn("ssh agent", "SSH_AUTH_SOCK is set, but nothing answers there", "start it anew, or unset it")


async def _no_agent() -> Check:
    return checks.skip("ssh agent", "no host needs one")


def _own_files(*, fix: bool) -> list[Check]:
    """Our own files name hosts, and who was there: nobody else's business."""
    from remote.opening import history_file

    found = []
    for path, closed in ((config_folder(), 0o700), (config_folder() / "known_hosts", 0o600), (history_file(), 0o600)):
        try:
            status = path.stat()
        except OSError:
            continue
        if not stat.S_IMODE(status.st_mode) & 0o077:
            continue
        name, mode = clean(str(path)), f"{stat.S_IMODE(status.st_mode):o}"
        if fix and status.st_uid == os.getuid():
            path.chmod(closed)
            found.append(Check("own files", Verdict.PASS, name, fixed=f"closed to others (was {mode})"))
        else:
            mend = f"--fix, or chmod {closed:o} {name}"
            found.append(checks.warn("own files", f"{name} is open to others (mode {mode})", mend))
    return found or [checks.fine("own files", "closed to others")]


def _existing(path: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((folder for folder in (path, *path.parents) if folder.is_dir()), Path("/"))


async def _first_line(*argv: str) -> str:
    code, out, _ = await _output(*argv)
    lines = out.decode("utf-8", "replace").strip().splitlines()
    return clean(lines[0], 120) if code == 0 and lines else ""


async def _output(*argv: str) -> tuple[int, bytes, bytes]:
    """A short program's code, output and errors; code 127 if it is not there or hangs."""
    try:
        async with asyncio.timeout(LOCAL_TIMEOUT_S):
            return await output_of(argv, rsync_environment())
    except (OSError, TimeoutError):
        return 127, b"", b""

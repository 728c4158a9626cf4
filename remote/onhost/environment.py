"""`env: create`: make the virtual environment that a run's pinned requirements ask for, once a host.

    <root>/envs/<digest>/            the environment; usable once the marker is in it
    <root>/envs/<digest>.lock        held while it is made; says who makes it, and how far they are

Runs as a child of the supervisor, in state `preparing`. Workers with the same requirements share one environment: one
makes it, the others say whom they wait for. One without the marker was left half made and is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple

from remote.onhost import parts
from remote.onhost.pip_output import PipOutput
from remote.onhost.preparing import INTERVAL_S, Preparing
from remote.onhost.spawn import Claim, decode_claim
from wire.codec import WireError, encode, read_object
from wire.run_dir import Root, replace_file

MARKER = ".trajvid-ready"
OLDEST = "3.11"
"""Oldest Python of an environment, unless the spec names a `minimum`: the trainer's."""

NEWER = ("python3.11", "python3.12", "python3.13", "python3.14")
"""Tried in turn when the named Python is too old."""

RAW_PROGRESS_SINCE = (24, 1)
"""First version of pip that counts bytes for a reader that is not a terminal."""

_HOLDER_BYTES = 512


class CannotPrepare(Exception):
    """The environment cannot be made; the text says why, for people."""


@dataclass(frozen=True)
class Wanted:
    """What `RunSpec.environment` asks for."""

    python: str
    requirements: Tuple[str, ...]
    index: str
    extra_index: str
    minimum: str

    @classmethod
    def of(cls, asked: Dict[str, Any]) -> "Wanted":
        """Read the spec's object. Raises `CannotPrepare`."""
        requirements = asked.get("requirements") or []
        texts = [asked.get(key) or default for key, default in
                 (("python", "python3"), ("index", ""), ("extra_index", ""), ("minimum", OLDEST))]  # fmt: skip
        if not isinstance(requirements, list) or not all(isinstance(item, str) for item in (*requirements, *texts)):
            raise CannotPrepare("`environment` in the spec is not as it should be")
        return cls(texts[0], tuple(requirements), texts[1], texts[2], texts[3])


def prepare(argv: List[str]) -> int:
    """Make or find the environment; the answer on the inherited pipe is {python} or {reason}."""
    claim, inherited = decode_claim(argv[0])
    os.umask(0o077)
    try:
        spec = parts.read_part(claim.run_dir.spec) or {}
        answer = {"python": _prepared(claim, Wanted.of(spec.get("environment") or {}))}
    except (CannotPrepare, OSError) as exc:
        answer = {"reason": str(exc)}
        print(f"cannot prepare the environment: {exc}", file=sys.stderr)
    os.write(inherited["answer"], encode(answer))
    return 0 if "python" in answer else 1


def _prepared(claim: Claim, wanted: Wanted) -> str:
    preparing = Preparing(claim)
    python, version = _find_python(wanted)
    folder = Root(claim.root).environment(digest(wanted, version))
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    lock = os.open(folder + ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(lock, folder + ".lock", preparing)
        made = os.path.join(folder, "bin", "python")
        if not (os.path.exists(os.path.join(folder, MARKER)) and os.access(made, os.X_OK)):
            _make(_Making(claim, wanted, python, folder, lock, preparing))
        preparing.done()
        return made
    finally:
        os.close(lock)


def digest(wanted: Wanted, version: str) -> str:
    """Return the name of the environment: the same for the same requirements, Python and kind of machine."""
    key = [wanted.requirements, wanted.index, wanted.extra_index, version, platform.machine()]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _find_python(wanted: Wanted) -> Tuple[str, str]:
    """Return (path, version) of a Python that is new enough: the named one, else the first other on the PATH."""
    oldest = _numbers(wanted.minimum)
    seen = []
    for name in (wanted.python, *NEWER):
        path = shutil.which(os.path.expanduser(name))
        version = _version(path) if path else ""
        if path and version and _numbers(version) >= oldest:
            return path, version
        if name == wanted.python:
            seen.append(f"{name} is {version or 'not there'}")
    raise CannotPrepare(f"needs Python {wanted.minimum} or newer, but {', '.join(seen)}; name one with `python:`")


def _version(python: str) -> str:
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", "import platform; print(platform.python_version())"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("ascii", "replace").strip() if done.returncode == 0 else ""


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(word) for word in version.split(".")[:2] if word.isdigit())


def _wait_for(lock: int, path: str, preparing: Preparing) -> None:
    """Take the environment's lock, saying meanwhile whose work we wait for."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            try:
                holder = read_object(path) or {}
            except WireError:
                holder = {}
            preparing.say(f"waiting for {holder.get('worker') or 'another worker'}: {holder.get('message') or '...'}")
            time.sleep(INTERVAL_S)


@dataclass(frozen=True)
class _Making:
    """One environment being made."""

    claim: Claim
    wanted: Wanted
    python: str
    folder: str
    lock: int
    preparing: Preparing

    def say(self, message: str, done: int = 0, total: int = 0, left_s: Optional[float] = None) -> None:
        """Tell our own run, and those that wait for us."""
        self.preparing.say(message, done, total, left_s)
        line = encode({"worker": self.claim.worker, "message": message[:200]})[: _HOLDER_BYTES - 1]
        os.pwrite(self.lock, line[:-1].ljust(_HOLDER_BYTES - 1) + b"\n", 0)

    @property
    def temporary(self) -> str:
        return os.path.join(self.folder, "tmp")


def _make(making: _Making) -> None:
    shutil.rmtree(making.folder, ignore_errors=True)
    message = f"making an environment with {making.python}"
    making.say(message)
    for line in _lines([making.python, "-m", "venv", making.folder], making):
        making.say(message)
        if line is not None:
            _log(line)
    os.mkdir(making.temporary, 0o700)
    if making.wanted.requirements:
        _install(making)
    shutil.rmtree(making.temporary, ignore_errors=True)
    replace_file(os.path.join(making.folder, MARKER), encode({"requirements": list(making.wanted.requirements)}))


def _log(line: str) -> None:
    """Write a line to the run's log, whatever this host's locale can say."""
    sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


def _install(making: _Making) -> None:
    requirements = os.path.join(making.folder, "requirements.txt")
    with open(requirements, "w", encoding="utf-8") as file:
        file.write("\n".join(making.wanted.requirements) + "\n")
    python = os.path.join(making.folder, "bin", "python")
    total = sum(1 for line in making.wanted.requirements if not line.startswith("-"))
    output, last = PipOutput(total), ""
    try:
        for line in _lines([python, *pip_argv(making.wanted, requirements, _pip_version(making.folder))], making):
            now = time.monotonic()
            if line is not None and output.feed(line, now):
                _log(line)
                last = line.strip() or last
            output.received(_size_of_download(making.temporary, output.file))
            making.say(output.message(now), output.collected, max(output.total, output.collected), output.left_s(now))
    except CannotPrepare as exc:
        raise CannotPrepare(output.reason(last)) from exc


def pip_argv(wanted: Wanted, requirements: str, version: Tuple[int, ...]) -> List[str]:
    """Return pip's arguments after the Python, for this version of pip."""
    bar = "raw" if version >= RAW_PROGRESS_SINCE else "off"
    argv = ["-m", "pip", "install", f"--progress-bar={bar}", "--no-input", "--disable-pip-version-check"]
    if wanted.index:
        argv.append(f"--index-url={wanted.index}")
    if wanted.extra_index and "://" not in wanted.extra_index:
        argv.append(f"--find-links={wanted.extra_index}")
    elif wanted.extra_index:
        argv.append(f"--extra-index-url={wanted.extra_index}")
    return [*argv, f"--requirement={requirements}"]


def _pip_version(folder: str) -> Tuple[int, ...]:
    """Return the version of the environment's pip, by the name of its metadata folder."""
    for base, _, _ in os.walk(os.path.join(folder, "lib")):
        name = os.path.basename(base)
        if name.startswith("pip-") and name.endswith(".dist-info"):
            return _numbers(name[4:])
    return (0,)


def _size_of_download(temporary: str, name: str) -> int:
    """Return the bytes of the named file below pip's temporary folder, 0 if it is not there."""
    sizes = [0]
    for folder in parts.names_in(temporary) if name else ():
        try:
            sizes.append(os.lstat(os.path.join(temporary, folder, name)).st_size)
        except OSError:
            continue
    return max(sizes)


def _lines(argv: List[str], making: _Making) -> Iterator[Optional[str]]:
    """Run a command and yield its output by lines, and None whenever it has been quiet for a while.

    Raises `CannotPrepare` with its last line if it fails.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment.update(PYTHONUNBUFFERED="1")
    if os.path.isdir(making.temporary):
        environment["TMPDIR"] = making.temporary
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    assert child.stdout is not None
    pending, last = b"", ""
    with child.stdout as pipe:
        while True:
            if not select.select([pipe], [], [], INTERVAL_S)[0]:
                yield None
                continue
            data = os.read(pipe.fileno(), 64 * 1024)
            *whole, pending = (pending + data).split(b"\n")
            for line in whole if data else [pending]:
                text = line.decode("utf-8", "replace").rstrip("\r")
                last = text.strip() or last
                if text or data:
                    yield text
            if not data:
                break
    if child.wait():
        raise CannotPrepare(last or f"{argv[0]} failed with exit code {child.returncode}")

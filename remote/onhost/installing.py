"""Make a virtual environment and install the pinned requirements into it, saying all the time how far it is."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from remote.onhost import parts
from remote.onhost.pip_output import PipOutput
from remote.onhost.preparing import INTERVAL_S, Telling
from remote.onhost.wanted import CannotPrepare, Wanted, numbers
from wire.codec import encode
from wire.run_dir import replace_file

MARKER = ".trajvid-ready"
"""Written last into an environment: it is whole."""

CONSTRAINTS = "constraints.txt"
RAW_PROGRESS_SINCE = (24, 1)
"""First version of pip that counts bytes for a reader that is not a terminal."""

_HOLDER_BYTES = 512


@dataclass(frozen=True)
class Making:
    """One environment being made."""

    worker: str
    wanted: Wanted
    python: str
    folder: str
    lock: int
    preparing: Telling

    def say(self, message: str, done: int = 0, total: int = 0, left_s: Optional[float] = None) -> None:
        """Tell our own run, and those that wait for us."""
        self.preparing.say(message, done, total, left_s)
        line = encode({"worker": self.worker, "message": message[:200]})[: _HOLDER_BYTES - 1]
        os.pwrite(self.lock, line[:-1].ljust(_HOLDER_BYTES - 1) + b"\n", 0)

    @property
    def temporary(self) -> str:
        return os.path.join(self.folder, "tmp")


def make(making: Making) -> None:
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


def _install(making: Making) -> None:
    requirements = os.path.join(making.folder, "requirements.txt")
    with open(requirements, "w", encoding="utf-8") as file:
        file.write("\n".join(making.wanted.requirements) + "\n")
    if making.wanted.constraints:
        with open(os.path.join(making.folder, CONSTRAINTS), "w", encoding="utf-8") as file:
            file.write("\n".join(making.wanted.constraints) + "\n")
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
    if wanted.constraints:
        argv.append(f"--constraint={os.path.join(os.path.dirname(requirements), CONSTRAINTS)}")
    return [*argv, f"--requirement={requirements}"]


def _pip_version(folder: str) -> Tuple[int, ...]:
    """Return the version of the environment's pip, by the name of its metadata folder."""
    for base, _, _ in os.walk(os.path.join(folder, "lib")):
        name = os.path.basename(base)
        if name.startswith("pip-") and name.endswith(".dist-info"):
            return numbers(name[4:])
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


def _lines(argv: List[str], making: Making) -> Iterator[Optional[str]]:
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

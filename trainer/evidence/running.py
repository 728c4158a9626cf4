"""pytest in a process of its own: what it said, how it ended, what its report counts."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from trainer.errors import ConfigError
from trainer.evidence.junit import Report, read_report
from trainer.evidence.redaction import secrets_of
from wire.hiding import Hiding

MODULE = "pytest"
_PIECE_BYTES = 64 * 1024
_KEPT_BYTES = 200 * 1024
"""How much of an output is kept, its begin and its end."""
_GRACE_S = 5.0
_LOOK_S = 0.1

_NOT_PASSED_ON = ("PYTEST_", "COV_CORE_", "PYTHONOPTIMIZE")
"""Options of pytest and coverage; what leaves asserts out."""

Show = Callable[[bytes], object]


@dataclass(frozen=True)
class Ran:
    """One run of pytest."""

    exit_code: int
    output: bytes
    """Without the values of secrets, and if it is very long without its middle."""
    report: Report | None
    """None if it wrote none: it did not come to run tests, or was told not to report."""


def run_tests(top: Path, words: Sequence[str], scratch: Path, show: Show, covering: bool = False) -> Ran:
    """Run `python -m pytest WORDS` at the top of a worktree; what it prints is shown as it comes, without the values of
    secrets. `scratch` is an empty folder for what it reports, of coverage too (`coverage_data`).

    Raises `ConfigError` where pytest, or what measures coverage, is not installed.
    """
    require("pytest", "")
    if covering:
        require("pytest_cov", ", or --bar 0 to do without")
    report = scratch / "report.xml"
    command = [sys.executable, "-m", MODULE, *words, *_reporting(top, report, covering)]
    pipe = subprocess.PIPE
    hiding = Hiding(secrets_of(os.environ))
    with subprocess.Popen(
        command,
        cwd=top,
        env=_environment(top, scratch),
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=subprocess.STDOUT,
    ) as process:
        output = b""
        try:
            for piece in _pieces(process):
                output = _shortened(output + _shown(hiding.feed(piece), show))
        except BaseException:
            _end(process)
            raise
        output += _shown(hiding.rest(), show)
    return Ran(process.returncode, output, _read(report))


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Yield what pytest prints until it has ended: what its tests left running may hold the pipe open for ever."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    while True:
        ended = process.poll() is not None
        if select.select([pipe], [], [], 0 if ended else _LOOK_S)[0]:
            piece = os.read(pipe, _PIECE_BYTES)
            if not piece:
                return
            yield piece
        elif ended:
            return


def _shown(piece: bytes, show: Show) -> bytes:
    show(piece)
    return piece


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let pytest end what its tests have started, if it does so soon."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def coverage_data(scratch: Path) -> Path:
    """Return the file that has what was covered."""
    return scratch / "coverage"


def require(module: str, otherwise: str) -> None:
    """Raise `ConfigError` where a module is not installed beside the trainer: the tests need the same Python."""
    if find_spec(module) is None:
        name = module.replace("_", "-")
        raise ConfigError(f"{name} is not installed for {sys.executable}", hint=f"pip install {name}{otherwise}")


def _reporting(top: Path, report: Path, covering: bool) -> list[str]:
    """The last word counts for pytest: what is said here holds, whatever the project's own options are."""
    words = ["-o", "junit_family=xunit1", "--junitprefix=", f"--junitxml={report}", f"--rootdir={top}", "--tb=short"]
    if covering:
        return [*words, f"--cov={top}", "--cov-report=", "--cov-fail-under=0"]
    return [*words, "--no-cov"] if find_spec("pytest_cov") else words


def _environment(top: Path, scratch: Path) -> Mapping[str, str]:
    """Without options that no record shows; the worktree's own packages before those that are installed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_PASSED_ON)}
    own = [str(folder) for folder in (top / "src", top) if folder.is_dir()]
    paths = os.pathsep.join([*own, *filter(None, [kept.get("PYTHONPATH")])])
    # Bytecode knows its source by size and second: an edit right after a run would go unseen.
    return {
        **kept,
        "PYTHONPATH": paths,
        "PYTHONDONTWRITEBYTECODE": "1",
        "COVERAGE_FILE": str(coverage_data(scratch)),
    }


def _shortened(output: bytes) -> bytes:
    if len(output) <= 2 * _KEPT_BYTES:
        return output
    return (
        output[: _KEPT_BYTES // 2]
        + b"\n[... the middle of a long output is left out ...]\n"
        + output[-_KEPT_BYTES // 2 :]
    )


def _read(report: Path) -> Report | None:
    try:
        return read_report(report.read_bytes())
    except (OSError, ValueError):
        return None

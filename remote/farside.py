"""The far side of a connection: our code on the host, found, brought and called.

    FarSide.ready()   find a Python, bring the bundle if this version is not there, probe the host
    FarSide.call()    one verb: one JSON line in, one JSON line out

Nothing is installed: the bundle lies in the root's own folder and runs with the host's bare Python.
"""

from __future__ import annotations

import asyncio
import base64
import shlex
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote.bundle import Bundle, build_bundle
from remote.clean import clean, clean_bytes
from remote.errors import FarSideError, RemoteError, ToolMissing
from remote.onhost import arrival
from remote.onhost.__main__ import BOOT
from wire.codec import WireError, decode, encode

if TYPE_CHECKING:
    import asyncssh

    from remote.connection import Completed, Connection
    from remote.profiles import Host

OLDEST = (3, 9)
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3", "python")
ANSWER_MAX_BYTES = 16 * 1024 * 1024
BUNDLE_TIMEOUT_S = 300.0
NUMBER_MAX = 1e300
"""JSON takes integers of thousands of digits, which no float can be; no answer of ours has one."""
CRASH_CHARS = 300
"""So much of a crash's last line is shown; a host may have printed anything."""

_PATHS = frozenset({"root", "path", "home", "executable", "bundle"})
"""Answers that go back to the host as arguments: kept to the byte, always quoted, cleaned where they are shown."""

_NO_PYTHON = "trajvid-no-python:"
# One line, as csh allows no line end inside quotes. `~/` in a profile's `python:` means the host's home.
_FIND = (
    'code=$1; shift; old=; for p in "$@"; do case $p in "~/"*) p=$HOME/${p#"~/"};; esac; '
    'q=$(command -v "$p" 2>/dev/null) || continue; '
    f'if "$q" -c "import sys; sys.exit(sys.version_info < {OLDEST})" </dev/null >/dev/null 2>&1; '
    'then exec "$q" -I -S -c "$code"; fi; '
    'v=$("$q" -V 2>&1 </dev/null); case $v in Python*) old="$old $p is $v,";; esac; done; '
    f'echo "{_NO_PYTHON}$old"'
)


@dataclass(frozen=True)
class Probe:
    """What a host said about itself when it was reached."""

    python: str = ""
    """Version text."""
    executable: str = ""
    home: str = ""
    root: str = ""
    """Absolute path of our folder there; exact, so clean it before it is shown."""
    boot_id: str = ""
    platform: str = ""
    git: str | None = None
    rsync: str | None = None
    """Version texts, None if the program is missing."""
    flock: bool = False
    free_bytes: int = 0
    free_inodes: int = 0
    clock_s: float = 0.0
    cpus: int = 0
    nohup: bool = False
    setsid: bool = False

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Probe:
        """Take the fields that are known and have the right type; a newer host may say more."""
        given: dict[str, Any] = {}
        for field in fields(cls):
            value, default = answer.get(field.name), field.default
            kind = str if default is None else type(default)
            if isinstance(value, int) and kind is float:
                value = float(value)
            if isinstance(value, kind):
                given[field.name] = value
        return cls(**given)


class FarSide:
    """Our code on one host. Everything that it answers is cleaned, except the paths that go back to the host."""

    def __init__(self, connection: Connection, host: Host) -> None:
        self.connection = connection
        self.host = host
        self.root = ""
        self.bundle = ""
        self.python = ""
        self.pushing = asyncio.Lock()
        """Held while a commit is pushed to this host."""
        self._lock = asyncio.Lock()
        self._probe = Probe()
        self._ready_on: asyncssh.SSHClientConnection | None = None

    @property
    def probe(self) -> Probe | None:
        """What the host last said about itself, None before it was reached."""
        return self._probe if self._ready_on is not None else None

    async def ready(self) -> Probe:
        """Return the probe of this connection, after finding Python and bringing the bundle where needed.

        Raises `FarSideError` (`no_python`, `python_too_old`, `no_space`, `no_permission`) besides the connection's.
        """
        async with self._lock:
            ssh = await self.connection.ssh()
            if self._ready_on is not ssh:
                await self._arrive()
                answer = await self._ask("probe", {"root": self.root}, timeout_s=60.0)
                self._probe = Probe.from_answer(answer)
                self._ready_on = ssh
            return self._probe

    def command(self, verb: str, *argv: str) -> str:
        """Return the shell command that runs a verb. Needs `ready()` first."""
        return shlex.join(["exec", self.python, "-I", "-S", "-c", BOOT, self.bundle, verb, *argv])

    async def call(self, verb: str, request: Mapping[str, Any], *, timeout_s: float = 60.0) -> dict[str, Any]:
        """Run one verb and return its answer. Raises `FarSideError` with the host's word as `code`."""
        await self.ready()
        try:
            return await self._ask(verb, request, timeout_s)
        except FarSideError as exc:
            if exc.code != "bundle_gone":
                raise
        # Somebody tidied the root while we were connected. The verb never started, so asking again is safe.
        self._ready_on = None
        await self.ready()
        return await self._ask(verb, request, timeout_s)

    async def _arrive(self) -> None:
        bundle = await asyncio.to_thread(build_bundle)
        answer = await self._contact(bundle, b"", 60.0)
        if not answer.get("present"):
            answer = await self._contact(bundle, bundle.data, BUNDLE_TIMEOUT_S)
        if not answer.get("present"):
            raise FarSideError(f"the code bundle does not stay whole on {self._name}", code="bundle_gone")
        self.root, self.bundle, self.python = (str(answer[key]) for key in ("root", "bundle", "executable"))

    async def _contact(self, bundle: Bundle, data: bytes, timeout_s: float) -> dict[str, Any]:
        head = encode({"root": self.host.root, "digest": bundle.digest, "size": len(data)})
        command = shlex.join(["exec", "sh", "-c", _FIND, "sh", _program(), *self._candidates()])
        done = await self.connection.run(command, input=head + data, timeout_s=timeout_s)
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            if line.startswith(_NO_PYTHON):
                raise self._python_error(clean(line.removeprefix(_NO_PYTHON)).strip(" ,"))
        return self._answer("first contact", done)

    def _candidates(self) -> list[str]:
        """The profile's Python first, then what a PATH usually has, each once."""
        return list(dict.fromkeys([self.host.python or "python3", *CANDIDATES]))

    def _python_error(self, found: str) -> FarSideError:
        wanted = "Python {}.{} or newer".format(*OLDEST)
        hint = f"install {wanted} there, or set `python:` of this host in profiles.yaml to its path"
        if found:
            return FarSideError(f"{self._name} has no {wanted}: {found}", hint=hint, code="python_too_old")
        return FarSideError(f"{self._name} has no Python on its PATH", hint=hint, code="no_python")

    async def _ask(self, verb: str, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        done = await self.connection.run(
            self.command(verb), input=encode(dict(request)), timeout_s=timeout_s, max_bytes=ANSWER_MAX_BYTES
        )
        return self._answer(verb, done)

    def _answer(self, verb: str, done: Completed) -> dict[str, Any]:
        """The last JSON line of the output (a login script may talk first), refusals raised."""
        lines = [line for line in done.stdout.splitlines() if line.startswith(b"{")]
        try:
            answer: dict[str, Any] = _cleaned(decode(lines[-1], ANSWER_MAX_BYTES)) if lines and not done.code else {}
        except (WireError, RecursionError):
            answer = {}
        if not isinstance(answer.get("ok"), bool):
            raise self._crash(verb, done)
        if not answer["ok"]:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: dict[str, Any]) -> RemoteError:
        message, hint, code = (str(answer.get(key, "")) for key in ("message", "hint", "code"))
        text = f"{self._name}: {message or code}"
        if code in ("git_missing", "rsync_missing"):
            return ToolMissing(text, hint=hint, code=code)
        rest = {key: value for key, value in answer.items() if key not in ("ok", "code", "message", "hint")}
        return FarSideError(text, hint=hint, code=code, data=rest)

    def _crash(self, verb: str, done: Completed) -> FarSideError:
        lines = [line for line in (done.stderr or clean_bytes(done.stdout)).splitlines() if line.strip()]
        last = clean(lines[-1], CRASH_CHARS) if lines else "no output"
        gone = "ModuleNotFoundError: No module named 'remote" in last or "can't open file" in last
        return FarSideError(
            f"{verb} failed on {self._name} with status {done.code}: {last}",
            hint="try again; `trajvid-tui hosts` shows what this host has",
            code="bundle_gone" if gone else "far_crash",
        )

    @property
    def _name(self) -> str:
        return clean(self.host.name)


@cache
def _program() -> str:
    """The text of `arrival` as one line of Python without quotes that a shell could trip over."""
    packed = base64.b64encode(zlib.compress(Path(arrival.__file__).read_bytes(), 9)).decode("ascii")
    return f'import base64, zlib; exec(zlib.decompress(base64.b64decode("{packed}")))'


def _cleaned(value: Any, key: str = "") -> Any:
    """A host's answer with every text clean but the paths. Raises `WireError` for a number that no float can be."""
    if isinstance(value, str):
        return value if key in _PATHS else clean(value)
    if isinstance(value, dict):
        return {clean(name): _cleaned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, (int, float)) and not abs(value) < NUMBER_MAX:
        raise WireError("a number is out of range")
    return value

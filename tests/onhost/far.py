"""The verbs as the laptop runs them: real processes of one Python, `-I -S`, a root in a temporary folder."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from remote.onhost import processes
from remote.onhost.__main__ import BOOT, bundle_path
from wire.run_dir import Root, RunDir

T = TypeVar("T")
PROJECT = "demo-1a2b"
DEADLINE_S = 90.0


def wait_for(look: Callable[[], T], what: str = "it") -> T:
    """Look until the result is true, and return it."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {DEADLINE_S:.0f} s")


@dataclass
class Far:
    """One far side."""

    python: str
    root: str
    env: dict[str, str] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    """Keeps the processes of tests that run at the same time apart."""

    def nonce(self, label: str = "nonce-1") -> str:
        """Return the real nonce behind a test's short name for it."""
        nonce = f"{label}-{self.tag}"
        self.nonces.add(nonce)
        return nonce

    def argv(self, verb: str, *more: str) -> list[str]:
        return [self.python, "-I", "-S", "-c", BOOT, bundle_path(), verb, *more]

    def start(self, verb: str, *more: str, **options: Any) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.argv(verb, *more), env={**os.environ, **self.env}, **{**pipes, **options})

    def raw(self, verb: str, data: bytes) -> dict[str, Any]:
        """Run a one-shot verb; it must exit 0 and print exactly one line."""
        with self.start(verb) as process:
            out, err = process.communicate(data, timeout=60)
        assert process.returncode == 0, err.decode()
        assert out.count(b"\n") == 1, out
        answer: dict[str, Any] = json.loads(out)
        return answer

    def ask(self, verb: str, **request: Any) -> dict[str, Any]:
        return self.raw(verb, json.dumps({"root": self.root, **request}).encode() + b"\n")

    def spec(self, *command: str, worker: str = "w", nonce: str = "nonce-1", **more: Any) -> dict[str, Any]:
        spec = {
            "run": f"20260101T000000-abcdef0-{nonce}",
            "project": PROJECT,
            "worker": worker,
            "nonce": self.nonce(nonce),
            "command": list(command),
            "cwd": "",
            "beat_interval_s": 0.2,
            "grace_s": 5.0,
        }
        return {**spec, **more}

    def launch(self, *command: str, secrets: dict[str, str] | None = None, **more: Any) -> RunDir:
        """Launch for real; the answer must be a fresh start."""
        spec = self.spec(*command, **more)
        answer = self.ask("launch", spec=spec, by="ada@laptop", secrets=secrets or {})
        assert answer["ok"], answer
        assert answer["already"] is False
        return self.run_dir(spec["run"], spec["worker"])

    def run_dir(self, run: str, worker: str = "w") -> RunDir:
        return Root(self.root).run(PROJECT, worker, run)

    def stop(self, worker: str = "w", **more: Any) -> dict[str, Any]:
        answer = self.ask("stop", project=PROJECT, worker=worker, by="ada@laptop", **more)
        assert answer["ok"], answer
        return answer

    def facts(self, worker: str = "w") -> dict[str, Any]:
        """Everything about the worker's newest run."""
        answer = self.ask("status", project=PROJECT, worker=worker)
        assert answer["ok"], answer
        assert len(answer["runs"]) == 1
        facts: dict[str, Any] = answer["runs"][0]
        return facts

    def end(self, run: RunDir, attempt: int = 1) -> dict[str, Any]:
        """Wait for the exit record and return it."""
        return wait_for(lambda: record(run.attempt(attempt).exit), f"the exit record of {run.path}")

    def family(self, nonce: str = "nonce-1") -> dict[int, int]:
        return processes.family(self.nonce(nonce))

    def clean_up(self) -> None:
        """End whatever a failed test left."""
        for nonce in self.nonces:
            for pid, ticks in processes.family(nonce).items():
                processes.send(pid, ticks, signal.SIGKILL)


def record(path: str) -> dict[str, Any] | None:
    """Return a record, None while it is missing or blank."""
    try:
        with open(path, "rb") as file:
            data = file.read().strip(b" \n\0")
    except FileNotFoundError:
        return None
    return json.loads(data) if data else None


def lines(path: str) -> list[dict[str, Any]]:
    """Return the records of a .jsonl file, [] before there is one."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


class Following:
    """A running follower and the reader of its stream."""

    def __init__(self, far: Far, *options: str) -> None:
        self.process = far.start("follow", *options, stderr=None)
        self.far = far
        self.messages: list[dict[str, Any]] = []
        self._inflate = zlib.decompressobj()
        self._pending = b""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"TVF1\n"
        os.set_blocking(self.process.stdout.fileno(), False)

    def send(self, **request: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def watch(self, **offsets: list[int]) -> None:
        self.send(op="watch", root=self.far.root, project=PROJECT, offsets=offsets)

    def read(self) -> None:
        assert self.process.stdout is not None
        while data := self.process.stdout.read(65536):
            *lines, self._pending = (self._pending + self._inflate.decompress(data)).split(b"\n")
            self.messages += [json.loads(line) for line in lines]

    def wait(self, accept: Callable[[dict[str, Any]], Any], what: str = "the message") -> dict[str, Any]:
        """Return the first message, of all that came, that `accept` takes."""

        def look() -> dict[str, Any] | None:
            self.read()
            return next((message for message in self.messages if accept(message)), None)

        try:
            return wait_for(look, what)
        except AssertionError:
            raise AssertionError(f"{what} did not come; there came {self.messages[-5:]}") from None

    def part(self, part: str, accept: Callable[[Any], Any], worker: str = "w") -> dict[str, Any]:
        """Wait for a run message in which this part is there and as wanted."""
        return self.wait(
            lambda m: m["k"] == "run" and m["worker"] == worker and m.get(part) is not None and accept(m[part]),
            f"the part {part}",
        )

    def text(self, file: str) -> list[str]:
        """Return all lines of one file that came so far."""
        self.read()
        return [line for m in self.messages if m["k"] == "lines" and m["file"] == file for line in m["lines"]]

    def close(self) -> int:
        """Close its stdin: it must leave by itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(timeout=DEADLINE_S)
        self.process.stdout.close()
        return code

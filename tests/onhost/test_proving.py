"""The Python of the tests: made if it is not there, with the setup commands and variables of the worker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remote.watch_stream import FollowerStream
from tests.fixtures.evidence import git
from tests.onhost.far import PROJECT, Far
from tests.onhost.test_environment import offline  # noqa: F401
from wire.run_dir import Root


@pytest.fixture
def worktree(far: Far) -> Path:
    """A worktree at its first commit."""
    path = Path(Root(far.root).worktree(PROJECT, "w"))
    path.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
    name = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    git(path, *name, "commit", "-q", "--allow-empty", "-m", "First")
    return path


def proved(far: Far, **more: Any) -> tuple[str, dict[str, Any]]:
    """Everything that was printed, and the last message."""
    asked = {"root": far.root, "project": PROJECT, "worker": "w", "phase": "red", "component": "tracker", **more}
    with far.start("prove") as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        messages = [message for message in FollowerStream().feed(process.stdout.read()) if message is not None]
    return "".join(message["text"] for message in messages[:-1]), messages[-1]


@pytest.mark.slow  # 10 s: it makes an environment
def test_the_environment_is_made_and_set_up(far: Far, worktree: Path, offline: list[str]) -> None:  # noqa: F811
    wanted = {"python": sys.executable, "requirements": [*offline, "tvone==1.5"]}
    show = "python -c 'import os, tvone; print(tvone.VERSION, os.environ[\"WORD\"])'"
    text, last = proved(far, environment=wanted, setup=[show], env={"WORD": "hello"})
    assert "making an environment" in text and f"+ {show}\n1.5 hello\n" in text
    assert "\ntrainer: " in text and last == {"k": "end", "code": 2}, "the trainer is reached, in that environment"
    text, last = proved(far, environment=wanted, setup=["exit 7"])
    assert "making" not in text and "exit code 7" in text and last == {"k": "end", "code": 1}


@pytest.mark.slow  # 2 s
def test_what_cannot_be_run_is_refused_or_told(far: Far, worktree: Path) -> None:
    text, last = proved(far, environment={"python": "none", "minimum": "9.9"})
    assert "cannot prepare the environment: needs Python 9.9" in text and last["code"] == 1
    text, last = proved(far, python="/no/python")
    assert "cannot run /no/python: No such file or directory" in text and last["code"] == 1
    _, last = proved(far, commit="0" * 40)
    assert (last["k"], last["code"]) == ("refused", "other_commit") and "--as-it-is" in last["hint"]
    for wrong in ({"component": "--out"}, {"phase": "blue"}, {"files": ["-x"]}, {"env": {"A": 1}}, {"worker": "../w"}):
        assert proved(far, **wrong)[1]["k"] == "refused", wrong
    worktree.rename(worktree.parent / "elsewhere")
    assert proved(far)[1]["code"] == "no_worktree"

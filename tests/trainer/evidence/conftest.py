"""A small project in git, and `trainer tdd` and `trainer prove` in it. What they start is the real pytest."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.trainer.conftest import run_here
from wire.evidence import Evidence, file_name, read_evidence

SETTINGS = """\
[tool.pytest.ini_options]
addopts = "-q -p no:xdist -p no:asyncio -p no:anyio -p no:hypothesispytest -p no:timeout -p no:cacheprovider"
"""
TEST = """\
from adder import add

EXPECTED = 3


def test_add():
    assert add(1, 2) == EXPECTED


def test_add_nothing():
    assert add(0, 0) == 0
"""
TELLTALE = """\
import os


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{os.environ.get('WANDB_API_KEY')} {'ghp_' + 'a' * 36}")
"""
SECRET = "correct-horse-battery"
CODE = """\
def add(a, b):
    return a + b
"""


@dataclass
class Project:
    """The worktree. Evidence lies in artifacts/, as by default."""

    top: Path
    said: Callable[[], str]

    @property
    def test(self) -> Path:
        return self.top / "tests/test_adder.py"

    @property
    def code(self) -> Path:
        return self.top / "adder.py"

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", "-C", str(self.top), *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "-qm", "Work")
        return self.git("rev-parse", "HEAD")

    def trainer(self, *words: str, **environ: str) -> tuple[int, str]:
        """Exit status, and everything that was said."""
        self.said()
        code = run_here(self.top, *words, **environ)
        return code, self.said()

    def tdd(self, phase: str, *words: str, component: str = "adder", **environ: str) -> Evidence:
        """Run a phase; its exit status must be what its evidence says."""
        code, _ = self.trainer("tdd", phase, component, *words, **environ)
        found = self.evidence(phase, component)
        assert code == (0 if found.accepted else 5)
        return found

    def evidence(self, phase: str, component: str = "adder") -> Evidence:
        found = read_evidence(str(self.top / "artifacts"))
        return next(one for one in found if (one.phase, one.component) == (phase, component))

    def file(self, phase: str) -> Path:
        return self.top / "artifacts" / file_name("adder", phase)

    def prove(self, *words: str, **environ: str) -> tuple[str, str]:
        """The one word, and what follows it; the exit status must fit."""
        code, said = self.trainer("prove", *words, **environ)
        assert SECRET not in said
        word, _, reasons = said[said.index("yes\n") if code == 0 else said.index("no\n") :].partition("\n")
        assert code == {"yes": 0, "no": 5}[word]
        return word, reasons


def begin(top: Path, said: Callable[[], str]) -> Project:
    """A project with a test and no code yet."""
    project = Project(top, said)
    (top / "tests").mkdir(parents=True)
    (top / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    (top / ".gitignore").write_text("/artifacts/\n", encoding="utf-8")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "init", "-q", "--template=", "-b", "main", str(top)], check=True, env=environment)
    with (top / ".git/config").open("a", encoding="utf-8") as file:
        file.write("[user]\nname = Ada\nemail = ada@example.org\n[commit]\ngpgsign = false\n")
    (top / "conftest.py").write_text(TELLTALE, encoding="utf-8")
    project.commit()
    project.test.write_text(TEST, encoding="utf-8")
    return project


@pytest.fixture
def said(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[[], str]:
    return lambda: b"".join(capfdbinary.readouterr()).decode("utf-8", "replace")


@pytest.fixture
def fresh(tmp_path: Path, said: Callable[[], str]) -> Project:
    """A test that is not committed, no code, no evidence."""
    return begin(tmp_path / "project", said)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an accepted red and green, both committed with their work."""
    project = begin(tmp_path_factory.mktemp("evidence") / "project", str)
    assert project.tdd("red").accepted
    project.commit()
    project.code.write_text(CODE, encoding="utf-8")
    project.commit()
    assert project.tdd("green", WANDB_API_KEY=SECRET).accepted
    return project.top


@pytest.fixture
def green(template: Path, tmp_path: Path, said: Callable[[], str]) -> Project:
    """The project after red and green: its commit is what green tested."""
    return Project(Path(shutil.copytree(template, tmp_path / "project")), said)

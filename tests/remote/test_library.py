"""The control plane from a script: the example does what its page says, and every line of the page runs."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest

from examples.from_a_script import which_rate
from tests.fixtures.ssh import FarHost

ROOT = Path(__file__).parents[2]
EXAMPLE = "examples/from_a_script"
SHOWN, *TYPED = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/library.md").read_text("utf-8"), re.M | re.S)


@pytest.fixture
def folder(embedded: FarHost, short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example in a repository of its own, as in ours."""
    repository = short_tmp / "repository"
    shutil.copytree(ROOT / EXAMPLE, repository / EXAMPLE, ignore=shutil.ignore_patterns("__pycache__", "results"))
    name = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Fit a line"]):
        subprocess.run(["git", "-C", str(repository), *name, *words], check=True)
    profile = repository / EXAMPLE / "profiles.yaml"
    here = f"hosts: {{local: {{kind: embedded, python: {embedded.host.python}}}}}\n"
    profile.write_text(profile.read_text("utf-8") + here + "sync: {interval_s: 600}\n", "utf-8")
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(short_tmp / "state"))
    monkeypatch.chdir(profile.parent)
    return profile.parent


def test_the_page_shows_the_example() -> None:
    assert textwrap.dedent(SHOWN) in textwrap.dedent(inspect.getsource(which_rate.main).partition("\n")[2])
    assert len(SHOWN.splitlines()) <= 10


@pytest.mark.slow  # a few seconds: three runs
async def test_the_example_tells_a_rate_that_fits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await which_rate.main(folder / "profiles.yaml")
    told = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert {row[1] for row in told.values()} == {"completed"}
    slopes = {worker: float(row[-1]) for worker, row in told.items()}
    assert abs(slopes["right"] - 3) < 0.1 and 0 < slopes["slow"] < 1 and abs(slopes["wild"]) > 1e6
    page = (ROOT / "docs/library.md").read_text("utf-8")
    assert all(" ".join(row) in " ".join(page.split()) for row in told.values())


async def test_every_line_of_the_page_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in TYPED:
        code = compile(block, "docs/library.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        done = types.FunctionType(code, names)()
        if inspect.iscoroutine(done):
            await done
    out = capsys.readouterr().out
    assert "slow not started live" in out and "reading the branch" in out and "completed" in out
    assert "unknown_worker | no worker named 'rigth' | did you mean right?" in out

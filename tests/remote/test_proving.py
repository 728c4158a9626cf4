"""Tests run on the host for whoever watches: the branch's commit, the worker's Python, all output, and an end."""

from __future__ import annotations

import asyncio
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remote import runs
from remote.errors import FarSideError, NoEvidence
from remote.fleet import Fleet
from remote.onhost import processes
from remote.proving import Wish
from tests.fixtures.evidence import write_evidence
from tests.fixtures.project import Project, make_project
from tests.fixtures.ssh import FarHost
from wire.run_dir import Root

PYTHON = """\
#!/bin/sh
# Stands in for the Python of a worker: says how it was called, and writes what it was told to.
echo "in $(pwd) at $(git rev-parse HEAD)"
echo "variable $WORD"
shift 3
echo "trainer $*"
printf 'a line that '
{then}
"""
WRITES = "cp {evidence} $5/tdd_tracker_red.txt; echo ends; exit 5"


def with_python(project: Project, then: str) -> Fleet:
    """A fleet whose worker `good` has that Python."""
    path = project.folder.parent / "python"
    path.write_text(PYTHON.format(then=then))
    path.chmod(stat.S_IRWXU)
    profile = project.profile
    good = replace(profile.workers["good"], python=str(path), env={"WORD": "hello"})
    return Fleet(replace(profile, workers={**profile.workers, "good": good}))


@pytest.mark.slow  # 2 s
async def test_the_tests_run_in_the_worktree_at_the_branchs_commit(project: Project, tmp_path: Path) -> None:
    kept = write_evidence(tmp_path, project.folder, "tracker", "red", verdict="refused: it passes")
    fleet = with_python(project, WRITES.format(evidence=kept))
    said: list[str] = []
    steps: list[str] = []
    wish = Wish("red", "tracker", ("-k", "a b"), 90.0, ("src/track*.py",))
    done = await runs.prove(fleet, "good", wish, on_output=said.append, on_step=steps.append)
    assert (done.accepted, done.verdict) == (False, "refused: it passes")
    profile, text = project.profile, "".join(said)
    root = Root(profile.hosts["local"].root)
    assert f"in {root.worktree(profile.project_id, 'good')} at {project.git('rev-parse', 'HEAD')}" in text
    assert "variable hello" in text and "a line that ends\n" in text
    out = root.evidence(profile.project_id, "good")
    assert f"trainer tdd red tracker --out {out} --bar 90 --files src/track*.py -- -k a b" in text
    assert any(step.endswith(": a line that ends") for step in steps) and fleet.snapshot("good").step == ""
    with pytest.raises(FarSideError, match="no evidence was written: a line that ends"):
        await runs.prove(fleet, "good", Wish("green", "tracker", as_it_is=True))
    await fleet.close()


@pytest.mark.slow  # 2 s
async def test_two_at_a_time_a_launch_meanwhile_and_giving_up(
    far_host: FarHost, short_tmp: Path, tmp_path: Path
) -> None:
    project = make_project(short_tmp / "project", far_host.host)
    fleet = with_python(project, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    running = asyncio.create_task(runs.prove(fleet, "good", Wish("red", "tracker")))
    async with asyncio.timeout(60):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.02)
    pid = int((tmp_path / "pid").read_text())
    for other in (runs.prove(fleet, "good", Wish("red", "tracker")), runs.launch(fleet, "good")):
        with pytest.raises(FarSideError) as caught:
            await other
        assert caught.value.code == "busy", caught.value
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with asyncio.timeout(60):
        while processes.start_ticks(pid) is not None:
            await asyncio.sleep(0.02)
    await fleet.close()


TEST = "from adder import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"


@pytest.mark.slow  # 20 s: pytest runs six times
async def test_red_green_refactor_prove_and_then_a_launch(project: Project) -> None:
    """The whole way with the real trainer, on a worker that requires green; each commit of the branch is what is
    tested.
    """
    profile = project.profile
    good = replace(profile.workers["good"], requires="green", branch="main", python=sys.executable)
    fleet = Fleet(replace(profile, workers={"good": good}))

    def commit(name: str, text: str) -> None:
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_text(text)
        project.git("add", "--all")
        project.git("commit", "-qm", name)

    commit("tests/test_adder.py", TEST)
    early = await runs.prove(fleet, "good", Wish("green", "adder"))
    assert not early.accepted and "no red" in early.verdict
    assert (await runs.prove(fleet, "good", Wish("red", "adder"))).accepted
    with pytest.raises(NoEvidence, match="adder"):
        await runs.launch(fleet, "good")
    commit("adder.py", "def add(a, b):\n    return a + b\n")
    assert (await runs.prove(fleet, "good", Wish("green", "adder"))).accepted
    commit("adder.py", "def add(a, b):\n    total = a + b\n    return total\n")
    with pytest.raises(NoEvidence, match="another commit"):
        await runs.launch(fleet, "good")
    assert (await runs.prove(fleet, "good", Wish("refactor", "adder"))).accepted
    proof = await runs.prove(fleet, "good", Wish("prove"))
    assert proof.accepted, proof.verdict
    launched = await runs.launch(fleet, "good")
    await runs.wait(fleet, ["good"], runs={"good": launched})
    proof = await runs.prove(fleet, "good", Wish("prove"))
    assert proof.accepted, "a plain command reports nothing that could be judged"
    found = await runs.told(fleet, "good")
    assert [piece.evidence.phase for piece in found.pieces] == ["red", "green", "refactor"]
    assert (found.folder / "test_coverage_report.html").is_file()
    await fleet.close()

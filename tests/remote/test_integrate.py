"""Do branches go together: merged on the host, told file by file, tested there; no branch moves anywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remote import runs
from remote.errors import FarSideError, UsageError
from remote.fleet import Fleet
from remote.integrated import Branch, Conflict, Integrated, Merged, take
from tests.fixtures.project import Project, make_project
from tests.fixtures.ssh import FarHost
from tests.remote.test_fetch import Desk
from tests.remote.test_git import git
from wire.codec import WireError


@pytest.fixture
async def fleet(project: Project) -> AsyncIterator[Fleet]:
    fleet = Fleet(project.profile)
    yield fleet
    await fleet.close()


def branch(project: Project, name: str, files: dict[str, str | None], base: str = "main") -> str:
    """A branch here with one commit; None removes a file."""
    project.git("switch", "-qc", name, base)
    for path, text in files.items():
        if text is None:
            project.git("rm", "-q", path)
        else:
            (project.folder / path).write_text(text)
            project.git("add", path)
    project.git("commit", "-qm", name)
    project.git("switch", "-q", "main")
    return project.git("rev-parse", name)


def refs(project: Project, fleet: Fleet) -> list[str]:
    """Every branch, here and there."""
    there = f"{fleet.far('local').root}/repos/{fleet.profile.project_id}.git"
    here = project.git("for-each-ref", "refs/heads")
    return [here, git(Path(there), "for-each-ref", "refs/heads") if Path(there).exists() else ""]


@pytest.mark.slow
async def test_branches_are_merged_in_turn_conflicts_told_by_file_and_the_rest_tested(
    project: Project, fleet: Fleet
) -> None:
    desk = Desk(fleet, project)
    await desk.bring()
    made = desk.commit_there("good's own\n")
    (desk.tree / "notes").write_text("in no commit")
    branch(project, "fine", {"new.txt": "fine", "gone.txt": "x"})
    branch(project, "clash", {"file.txt": "clash's own\n", "work.py": None})
    branch(project, "other", {"other.txt": "other"})
    project.git("branch", "old", "main")
    before = refs(project, fleet)
    said: list[str] = []
    steps: list[str] = []
    test = 'ls; cat file.txt; git status --porcelain; echo "$PYTHON"; exit 3'
    found = await runs.integrate(
        fleet, ["good", "fine", "clash", "old", "other", "fine"], test=test, on_output=said.append, on_step=steps.append
    )
    assert [(one.branch.name, one.state) for one in found.merged] == [
        ("good", "merged"), ("fine", "merged"), ("clash", "conflict"), ("old", "contained"), ("other", "merged"),
    ]  # fmt: skip
    good, clash = found.merged[0].branch, found.merged[2]
    assert (good.commit, good.there, good.uncommitted) == (made, True, 1)
    assert clash.conflicts == (Conflict("file.txt", "changed on both sides", ("good",)),)
    assert found.code == 3 and not found.fine and steps[-1] == f"runs {test}"
    assert "".join(said).split() == [
        "file.txt", "gone.txt", "new.txt", "other.txt", "profiles.yaml", "work.py", "good's", "own",
        fleet.profile.workers["good"].python,
    ]  # fmt: skip
    assert refs(project, fleet) == before and (desk.tree / "notes").exists()
    subject = f"Merge other ({found.merged[4].branch.commit[:12]})"
    assert git(Path(found.path), "log", "-1", "--format=%an %s") == f"trajvid-tui {subject}"
    # Somebody mends the conflict right there: the next integration keeps that under a ref.
    (Path(found.path) / "file.txt").write_text("both\n")
    again = await runs.integrate(fleet, ["other"], test="")
    assert again.fine and again.code is None
    assert again.kept.startswith("refs/trajvid/wip/integration/")
    assert git(Path(found.path), "show", again.kept + ":file.txt") == "both"
    came = await runs.fetch(fleet, "good", saved=True)
    assert again.kept.replace("/wip/", "/wip/local/") in came.saved
    assert project.git("show", came.saved[-1] + ":file.txt") == "both", "and comes home with a worker's saved work"


async def test_bad_requests(fleet: Fleet) -> None:
    with pytest.raises(UsageError, match="no worker and no branch named 'goood'") as caught:
        await runs.integrate(fleet, ["goood"])
    assert "good" in caught.value.hint
    for name in ("--upload-pack=touch x", "main:main", ""):
        with pytest.raises(UsageError, match="no worker and no branch"):
            await runs.integrate(fleet, [name])
    with pytest.raises(UsageError, match="no host named"):
        await runs.integrate(fleet, ["good"], host="lokal")
    with pytest.raises(UsageError, match="which branches"):
        await runs.integrate(fleet, [])


@pytest.mark.slow
async def test_one_at_a_time_and_the_tests_end_with_whoever_waits_for_them(project: Project, fleet: Fleet) -> None:
    begun = asyncio.Event()
    waiting = "echo begun; sleep 60 & wait"
    first = asyncio.create_task(runs.integrate(fleet, ["good"], test=waiting, on_output=lambda _text: begun.set()))
    await begun.wait()
    with pytest.raises(FarSideError, match="another integration") as caught:
        await runs.integrate(fleet, ["good"], test="")
    assert caught.value.code == "busy"
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    async with asyncio.timeout(50):
        while True:
            with contextlib.suppress(FarSideError):
                await runs.integrate(fleet, ["good"], test="")
                break


@pytest.mark.slow
async def test_work_comes_home_and_is_merged_over_every_kind_of_server(far_host: FarHost, short_tmp: Path) -> None:
    project = make_project(short_tmp / "project", far_host.host)
    fleet = Fleet(project.profile)
    desk = Desk(fleet, project)
    await desk.bring()
    made = desk.commit_there("there")
    (desk.tree / "file.txt").write_text("in no commit")
    came = await runs.fetch(fleet, "good", saved=True)
    assert project.git("rev-parse", "good") == made
    assert project.git("show", came.saved[0] + ":file.txt") == "in no commit"
    said: list[str] = []
    found = await runs.integrate(fleet, ["good"], test="cat file.txt; exit 4", on_output=said.append)
    assert (found.merged[0].state, found.code, said) == ("merged", 4, ["there"])
    await fleet.close()


@pytest.mark.parametrize("end", [{}, {"tests": 3}, {"tests": {"code": None, "seconds": 1}}, {"tests": {"code": "0"}}])
def test_an_end_that_says_no_exit_code_is_no_pass(end: dict[str, object]) -> None:
    branch = Branch("one", "a" * 40)
    found = Integrated("box", "main", "b" * 40, (branch,), "pytest")
    with pytest.raises((WireError, KeyError, TypeError)):
        take(found, {"k": "end", "commit": "c" * 40, **end}, lambda _text: None, None)
    take(found, {"k": "end", "commit": "c" * 40, "tests": {}}, lambda _text: None, None)
    assert not found.fine, "no branch was told, and no test was run"
    found.merged, found.code = [Merged(branch, "merged")], 0
    assert found.fine

"""A commit that came for a branch: the branch steps forward, and nothing of the user's is the price."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from remote.home_branch import Home, Way, take_home
from tests.fixtures.project import Project
from tests.remote.test_git import git

REF = "refs/trajvid/hosts/box/w"


def came(project: Project, files: dict[str, str], parent: str = "main") -> str:
    """A commit with these files, as if fetched: under its ref, on no branch."""
    desk = project.folder.parent / "elsewhere"
    project.git("worktree", "add", "-q", "--detach", str(desk), parent)
    for path, text in files.items():
        (desk / path).parent.mkdir(exist_ok=True)
        (desk / path).write_text(text)
    git(desk, "add", "--all", "--force")
    git(desk, "commit", "-qm", "there")
    commit = git(desk, "rev-parse", "HEAD")
    project.git("worktree", "remove", "--force", str(desk))
    project.git("update-ref", REF, commit)
    return commit


async def home(project: Project, branch: str, commit: str) -> Home:
    return await take_home(project.folder, branch, commit, REF)


@pytest.mark.parametrize("path", ["ignored", "new/file"])
async def test_files_that_git_ignores_are_the_users_too(project: Project, path: str) -> None:
    """By default a merge takes them for worthless, and a whole folder of them."""
    (project.folder / ".git/info/exclude").write_text("new\n")
    commit = came(project, {path.split("/")[0]: "theirs"})
    mine = project.folder / path
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    before = project.git("rev-parse", "main")
    found = await home(project, "main", commit)
    assert mine.read_text() == "mine" and project.git("rev-parse", "main") == before
    assert found.way is Way.LEFT and "--no-overwrite-ignore" in found.command
    assert path.split("/")[0] in found.why


async def test_the_files_in_the_way_are_named_the_first_few(project: Project) -> None:
    files = {f"f{number}": "theirs" for number in range(5)}
    commit = came(project, files)
    for name in files:
        (project.folder / name).write_text("mine")
    assert (await home(project, "main", commit)).why.endswith(" f0, f1, f2, ...")


async def test_a_branch_under_another_worktree_is_merged_there(project: Project, tmp_path: Path) -> None:
    commit = came(project, {"new": "theirs"})
    place = tmp_path / "other place"
    project.git("worktree", "add", "-q", "-b", "idea", str(place), "main")
    git(place, "commit", "-q", "--allow-empty", "-m", "mine")
    found = await home(project, "idea", commit)
    assert found.way is Way.LEFT and found.command == f"git -C '{place}' merge {REF}"
    git(place, "reset", "-q", "--hard", "main")
    assert (await home(project, "idea", commit)).way is Way.FORWARD and (place / "new").exists()
    git(place, "reset", "-q", "--hard", "main")
    shutil.rmtree(place)
    found = await home(project, "idea", commit)
    assert found.way is Way.LEFT and "which is not there" in found.why and "worktree prune" in found.command
    assert project.git("rev-parse", "idea") == project.git("rev-parse", "main")


async def test_a_branch_in_the_middle_of_a_rebase_stays(project: Project) -> None:
    project.git("switch", "-qc", "idea")
    project.git("commit", "-q", "--allow-empty", "-m", "one")
    commit = came(project, {"new": "theirs"}, "idea")
    project.git("-c", "sequence.editor=sed -i 1s/pick/edit/", "rebase", "-q", "-i", "--keep-empty", "main")
    before = project.git("rev-parse", "idea")
    found = await home(project, "idea", commit)
    assert found.way is Way.LEFT and project.git("rev-parse", "idea") == before


async def test_settings_of_the_users_make_it_no_more_and_no_less(project: Project) -> None:
    project.git("branch", "idea")
    project.git("branch", "other")
    commit, main = came(project, {"new": "theirs"}), project.git("rev-parse", "main")
    for key in ("fetch.prune", "fetch.pruneTags", "fetch.all", "fetch.recurseSubmodules"):
        project.git("config", key, "true")
    project.git("tag", "mine")
    assert (await home(project, "idea", commit)).way is Way.FORWARD
    assert project.git("rev-parse", "idea", "other", "mine").split() == [commit, main, main]

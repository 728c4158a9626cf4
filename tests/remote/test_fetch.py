"""Work comes home: commits made on a host, over the live connection, and never at the price of a branch here.

The slow ones take 8 s together.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remote import fetch as fetching
from remote import runs
from remote.doors import HOST, git_read_door
from remote.errors import FarSideError, RemoteError, UsageError
from remote.fleet import Fleet
from remote.home_branch import Way
from remote.origin import push, request_link, without_password
from remote.waiting import Look, waiting_in
from remote.worktrees import prepare
from tests.fixtures.project import Project
from tests.remote.test_git import git

REF = "refs/trajvid/hosts/local/good"


class Desk:
    """A fleet, its project, and the worktree of `good` on the host."""

    def __init__(self, fleet: Fleet, project: Project) -> None:
        self.fleet, self.project = fleet, project
        self.tree = Path()

    async def bring(self) -> None:
        """What a launch does before it starts: the branch's commit in the worktree."""
        commit = await runs.commit_of(self.fleet, "good")
        host = self.fleet.place("good").host
        far, link = self.fleet.far(host), self.fleet.connection(host)
        profile = self.fleet.profile
        self.tree = Path(await prepare(link, far, profile.folder, commit, profile.project_id, "good"))

    def commit_there(self, text: str) -> str:
        (self.tree / "file.txt").write_text(text)
        git(self.tree, "commit", "-qam", text)
        return git(self.tree, "rev-parse", "HEAD")


@pytest.fixture
async def desk(project: Project) -> AsyncIterator[Desk]:
    fleet = Fleet(project.profile)
    desk = Desk(fleet, project)
    await desk.bring()
    yield desk
    await fleet.close()


@pytest.mark.slow
async def test_commits_of_the_host_make_the_branch_and_move_it_forward(desk: Desk) -> None:
    first = desk.project.git("rev-parse", "HEAD")
    nothing = await runs.fetch(desk.fleet, "good")
    assert (
        nothing.home.way is Way.NOTHING
        and nothing.waiting.made == 0
        and desk.project.git("for-each-ref", "refs/trajvid") == ""
    )
    made = desk.commit_there("made on the host \x1b[31m")
    assert await runs.look(desk.fleet, "good") == Look("local", "good", 1, False, 0)
    came = await runs.fetch(desk.fleet, "good")
    assert came.home.way is Way.MADE and came.waiting.made == 1
    assert came.waiting.subjects == (f"{made[:7]} Ada: made on the host ",)
    assert desk.project.git("rev-parse", "good", REF).split() == [made, made]
    assert (await runs.look(desk.fleet, "good")).commits == 0
    again = await runs.fetch(desk.fleet, "good")
    assert again.home.way is Way.HERE
    newest = desk.commit_there("another")
    (desk.tree / "notes.txt").write_text("in no commit")
    came = await runs.fetch(desk.fleet, "good")
    assert (came.home.way, came.home.before, came.waiting.made, came.new) == (Way.FORWARD, made, 2, 1)
    assert came.waiting.uncommitted == 1 and desk.project.git("rev-parse", "good") == newest
    assert desk.project.git("rev-parse", "HEAD", "main").split() == [first, first]


@pytest.mark.slow
async def test_a_branch_that_moved_here_too_is_left_and_both_places_are_named(desk: Desk) -> None:
    there = desk.commit_there("there")
    desk.project.git("switch", "-qc", "good")
    desk.project.git("commit", "-q", "--allow-empty", "-m", "here")
    here = desk.project.git("rev-parse", "good")
    came = await runs.fetch(desk.fleet, "good")
    assert came.home.way is Way.LEFT and came.home.before == here
    assert here[:7] in came.home.why and there[:7] in came.home.why
    assert came.home.command == f"git switch good && git merge {REF}"
    assert desk.project.git("rev-parse", "good", REF).split() == [here, there]
    assert await runs.look(desk.fleet, "good") == Look("local", "good", 1, True, 0)


async def test_a_branch_that_is_checked_out_moves_with_its_files_unless_they_have_edits(desk: Desk) -> None:
    desk.project.git("switch", "-qc", "good")
    there = desk.commit_there("there")
    before = desk.project.git("rev-parse", "good")
    (desk.project.folder / "work.py").write_text("# my edit\n")
    came = await runs.fetch(desk.fleet, "good")
    assert came.home.way is Way.LEFT and "1 file not committed" in came.home.why
    assert desk.project.git("rev-parse", "good") == before
    assert (desk.project.folder / "work.py").read_text() == "# my edit\n"
    desk.project.git("restore", "work.py")
    hook = desk.project.folder / ".git" / "hooks" / "post-merge"
    hook.write_text(f"#!/bin/sh\ntouch {desk.project.folder}/hacked\n")
    hook.chmod(0o755)
    came = await runs.fetch(desk.fleet, "good")
    assert came.home.way is Way.FORWARD and desk.project.git("rev-parse", "good") == there
    assert (desk.project.folder / "file.txt").read_text() == "there"
    assert not (desk.project.folder / "hacked").exists()
    (desk.tree / "new.txt").write_text("theirs")
    git(desk.tree, "add", "-A")
    git(desk.tree, "commit", "-qm", "new")
    (desk.project.folder / "new.txt").write_text("mine, and git does not know it")
    came = await runs.fetch(desk.fleet, "good")
    assert came.home.way is Way.LEFT and "git left it alone" in came.home.why
    assert (desk.project.folder / "new.txt").read_text() == "mine, and git does not know it"


@pytest.mark.slow
async def test_work_that_a_launch_stepped_over_is_found_on_the_hosts_branch(desk: Desk) -> None:
    made = desk.commit_there("made on the branch")
    (desk.project.folder / "file.txt").write_text("edited here\n")
    desk.project.git("commit", "-qam", "here")
    await desk.bring()
    assert git(desk.tree, "rev-parse", "HEAD") != made
    came = await runs.fetch(desk.fleet, "good")
    assert came.waiting.head == made and came.home.way is Way.MADE
    newest = desk.commit_there("and on no branch")
    came = await runs.fetch(desk.fleet, "good")
    assert (came.waiting.head, came.home.way) == (newest, Way.LEFT)
    assert desk.project.git("rev-parse", came.beside, came.ref).split() == [made, newest]


@pytest.mark.slow
async def test_saved_work_comes_on_request_and_moves_nothing(desk: Desk) -> None:
    (desk.tree / "file.txt").write_text("in no commit")
    assert (await runs.fetch(desk.fleet, "good")).saved == ()
    came = await runs.fetch(desk.fleet, "good", saved=True)
    assert came.home.way is Way.NOTHING and len(came.saved) == 1
    assert came.saved[0].startswith("refs/trajvid/wip/local/good/2")
    assert desk.project.git("show", came.saved[0] + ":file.txt") == "in no commit"
    assert desk.project.git("branch", "--list", "good") == ""
    assert (await runs.fetch(desk.fleet, "good", saved=True)).saved == came.saved


@pytest.mark.slow
async def test_a_connection_lost_on_the_way_is_tried_again_and_a_full_disk_is_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk.tree / "weights").write_bytes(os.urandom(12 * 2**20))
    git(desk.tree, "add", "-A")
    git(desk.tree, "commit", "-qm", "large")
    monkeypatch.setattr(fetching, "free_bytes", lambda _folder: 0)
    with pytest.raises(RemoteError, match="nearly full") as caught:
        await runs.fetch(desk.fleet, "good")
    assert caught.value.code == "no_space_here"
    monkeypatch.undo()
    ssh, told = await desk.fleet.connection("local").ssh(), []

    def cut(step: str) -> None:
        told.append(step)
        if step.endswith("%") and not ssh.is_closed():
            ssh.abort()

    came = await runs.fetch(desk.fleet, "good", on_step=cut)
    assert came.home.way is Way.MADE and any(step.startswith("trying again") for step in told)
    assert desk.project.git("cat-file", "-s", "good:weights") == str(12 * 2**20)


@pytest.mark.slow
async def test_an_older_git_without_protocol_2_serves_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def old(repository: str) -> object:
        door = git_read_door(repository)
        return lambda argv: (door(argv) or "").replace("env GIT_PROTOCOL=version=2 ", "") or None

    monkeypatch.setattr(fetching, "git_read_door", old)
    made = desk.commit_there("there")
    await runs.fetch(desk.fleet, "good")
    assert desk.project.git("rev-parse", REF) == made


@pytest.mark.slow
async def test_objects_that_git_would_not_make_are_refused(desk: Desk) -> None:
    """A host may send anything: a tree with `.git` in it would be written into the user's own repository."""
    blob = git(desk.tree, "hash-object", "-w", "file.txt")
    Path(desk.tree / "tree").write_bytes(b"100644 .git\0" + bytes.fromhex(blob))
    tree = git(desk.tree, "hash-object", "-w", "-t", "tree", "--literally", str(desk.tree / "tree"))
    commit = git(desk.tree, "commit-tree", "-m", "evil", "-p", "HEAD", tree)
    git(desk.tree, "update-ref", "--no-deref", "HEAD", commit)
    with pytest.raises(FarSideError) as caught:
        await runs.fetch(desk.fleet, "good")
    assert (
        caught.value.code == "fetch_failed"
        and desk.project.git("for-each-ref", "refs/trajvid", "refs/heads/good") == ""
    )


NOTHING = {"head": "", "made": 0, "branch": "", "subjects": [], "uncommitted": 0, "beside": "", "lacks": 0, "saved": []}


@pytest.mark.parametrize(
    "answer",
    [
        {"head": "--upload-pack=x", "made": 1},
        {"head": "", "made": 2},
        {"head": "a" * 40, "made": -1},
        {"head": "a" * 40, "made": 1, "saved": [{"name": "../../heads/main", "commit": "b" * 40}]},
        {"head": "a" * 40, "made": 1, "saved": 5},
        {"saved": [{"name": "20260101T000000-aaaaaaa", "commit": "HEAD"}]},
    ],
)
def test_an_answer_that_makes_no_sense_reaches_no_git(answer: dict[str, object]) -> None:
    assert waiting_in("box", NOTHING).made == 0
    with pytest.raises(FarSideError, match="box: what it says about its commits makes no sense"):
        waiting_in("box", {**NOTHING, **answer})


async def test_a_host_that_has_no_code_yet_and_a_worker_that_nobody_knows(project: Project) -> None:
    fleet = Fleet(project.profile)
    with pytest.raises(UsageError, match="no worker named"):
        await runs.fetch(fleet, "goood")
    assert (await runs.fetch(fleet, "good", saved=True)).home.way is Way.NOTHING
    await fleet.close()


def test_the_door_for_reading_lets_nothing_else_through() -> None:
    door = git_read_door("/root with space/p.git")
    served = door([HOST, "git-upload-pack '/place'"])
    assert served is not None and served.endswith("upload-pack '/root with space/p.git'")
    for argv in (["host", "git-upload-pack '/etc'"], ["host", "git-receive-pack '/place'"], ["host"], ["x", "y", "z"]):
        assert door(argv) is None


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("git@github.com:ada/traj.git", "https://github.com/ada/traj/pull/new/idea/%C3%BC"),
        ("https://token@github.com/ada/traj", "https://github.com/ada/traj/pull/new/idea/%C3%BC"),
        ("ssh://git@ssh.github.com:443/ada/traj.git", "https://github.com/ada/traj/pull/new/idea/%C3%BC"),
        (
            "https://gitlab.example.org:8443/a/b/c.git",
            "https://gitlab.example.org:8443/a/b/c/-/merge_requests/new?merge_request%5Bsource_branch%5D=idea%2F%C3%BC",
        ),
        ("git@bitbucket.org:a/b.git", "https://bitbucket.org/a/b/pull-requests/new?source=idea%2F%C3%BC"),
        ("/srv/git/github.git", ""),
        ("file:///srv/github/x.git", ""),
        ("git@work:ada/traj.git", ""),
        ("git@github:ada/traj.git", ""),
        ("git@github.com-work:ada/traj.git", ""),
        ("ssh://git@gitlab:2222/ada/traj.git", ""),
        (
            "http://gitlab/ada/x",
            "http://gitlab/ada/x/-/merge_requests/new?merge_request%5Bsource_branch%5D=idea%2F%C3%BC",
        ),
        ("https://notgithub.com/a/b", ""),
        ("git@github.com:", ""),
    ],
)
def test_where_a_request_is_opened(url: str, link: str) -> None:
    assert request_link(url, "idea/ü") == link


def test_passwords_are_not_shown() -> None:
    for secret in ("https://ada:secret@", "HTTPS://ada:sec@ret@", "https://ghp_token@"):
        assert without_password(secret + "github.com/a/b@c") == secret.partition("//")[0] + "//github.com/a/b@c"
    assert without_password("git@github.com:a/b") == "git@github.com:a/b"


async def test_a_branch_is_pushed_alone_with_the_users_hooks_and_never_forced(project: Project, tmp_path: Path) -> None:
    top, origin = project.folder, tmp_path / "origin.git"
    with pytest.raises(UsageError, match="no remote named origin"):
        await push(top, "main")
    git(tmp_path, "init", "-q", "--bare", str(origin))
    project.git("remote", "add", "origin", str(origin))
    project.git("config", "push.followTags", "true")
    project.git("tag", "-am", "x", "v1")
    hook = top / ".git" / "hooks" / "pre-push"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    hook.chmod(0o755)
    done = await push(top, "main")
    assert done.commit == git(origin, "rev-parse", "main") and done.link == "" and (tmp_path / "asked").exists()
    assert git(origin, "tag") == ""
    project.git("commit", "-q", "--amend", "-m", "Another history")
    with pytest.raises(RemoteError) as caught:
        await push(top, "main")
    assert caught.value.code == "push_refused" and git(origin, "rev-parse", "main") == done.commit
    with pytest.raises(UsageError, match="no branch absent"):
        await push(top, "absent")

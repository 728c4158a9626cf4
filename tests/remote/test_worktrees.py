"""A commit's whole way: from the working tree, over the live connection, into the worker's worktree."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from remote.errors import FarSideError, RemoteError, Unreachable
from remote.farside import FarSide
from remote.git import snapshot
from remote.worktrees import prepare
from tests.fixtures.ssh import FarHost
from tests.remote.test_git import git


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "work it's"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "core.compression", "0")
    (folder / "train.py").write_text("print(1)\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


async def test_branch_and_dirty_tree_arrive(far_host: FarHost, repo: Path) -> None:
    far = FarSide(far_host.connection, far_host.host)
    steps: list[str] = []
    commit = await snapshot(repo, "idea", "main")
    path = Path(await prepare(far_host.connection, far, repo, commit, "p-1", "w", on_step=steps.append))
    assert path == far_host.root / "worktrees" / "p-1" / "w"
    assert git(path, "rev-parse", "HEAD") == commit.hash and git(path, "symbolic-ref", "HEAD") == "refs/heads/idea"
    assert git(repo, "branch", "--list", "idea") == "", "branches are created on the host only"
    assert any(step.startswith("pushing commit") for step in steps) and steps[-1].startswith("checking out")
    (repo / "train.py").write_text("print(2)\n")
    (repo / "new.py").write_text("new\n")
    dirty = await snapshot(repo, "main", "main")
    again = await prepare(far_host.connection, far, repo, dirty, "p-1", "w")
    assert again == str(path) and (path / "train.py").read_text() == "print(2)\n" and (path / "new.py").exists()
    steps.clear()
    await prepare(far_host.connection, far, repo, dirty, "p-1", "w", on_step=steps.append)
    assert not any("pushing" in step for step in steps), "a commit that is there is not sent again"


async def test_four_workers_share_one_push(far_host: FarHost, repo: Path) -> None:
    far = FarSide(far_host.connection, far_host.host)
    (repo / "train.py").write_text("print(2)\n")
    steps: list[str] = []
    commits = await asyncio.gather(*(snapshot(repo, f"b{i}", "HEAD") for i in range(4)))
    assert len({commit.hash for commit in commits}) == 1
    await asyncio.gather(
        *(
            prepare(far_host.connection, far, repo, commit, "p", f"w{i}", on_step=steps.append)
            for i, commit in enumerate(commits)
        )
    )
    assert sum(step == f"pushing commit {commits[0].hash[:7]}" for step in steps) == 1
    assert all((far_host.root / f"worktrees/p/w{i}/train.py").read_text() == "print(2)\n" for i in range(4))


async def test_two_laptops_push_the_same_commit(embedded: FarHost, repo: Path) -> None:
    commit = await snapshot(repo, "idea", "main")
    sides = [FarSide(embedded.connection, embedded.host) for _ in range(3)]
    await asyncio.gather(
        *(prepare(embedded.connection, far, repo, commit, "p", f"w{i}") for i, far in enumerate(sides))
    )


async def test_large_push_shows_progress_and_the_loop_stays_alive(embedded: FarHost, repo: Path) -> None:
    (repo / "weights").write_bytes(os.urandom(12 * 2**20))
    far = FarSide(embedded.connection, embedded.host)
    commit = await snapshot(repo, "main", "main")
    steps: list[str] = []
    await prepare(embedded.connection, far, repo, commit, "p", "w", on_step=steps.append)
    assert any(step.endswith("%") for step in steps)
    assert (embedded.root / "worktrees/p/w/weights").stat().st_size == 12 * 2**20


async def test_dirty_worktree_names_its_files_and_discard_keeps_them(embedded: FarHost, repo: Path) -> None:
    far = FarSide(embedded.connection, embedded.host)
    commit = await snapshot(repo, "main", "main")
    path = Path(await prepare(embedded.connection, far, repo, commit, "p", "w"))
    (path / "train.py").write_text("edited there")
    with pytest.raises(FarSideError) as caught:
        await prepare(embedded.connection, far, repo, commit, "p", "w")
    assert caught.value.code == "dirty_worktree" and caught.value.data["files"] == ["train.py"]
    steps: list[str] = []
    await prepare(embedded.connection, far, repo, commit, "p", "w", discard=True, on_step=steps.append)
    assert (path / "train.py").read_text() == "print(1)\n" and "refs/trajvid/wip/w/" in steps[-1]


async def test_pushes_obey_no_setting_of_the_users_that_does_more(embedded: FarHost, repo: Path) -> None:
    git(repo, "tag", "-am", "x", "v1")
    hook = repo / ".git" / "hooks" / "pre-push"
    hook.write_text(f"#!/bin/sh\ntouch '{repo.parent}/hacked'\n")
    hook.chmod(0o755)
    for key, value in {
        "push.followTags": "true",
        "push.pushOption": "ci.skip",
        "push.recurseSubmodules": "on-demand",
    }.items():
        git(repo, "config", key, value)
    far = FarSide(embedded.connection, embedded.host)
    await prepare(embedded.connection, far, repo, await snapshot(repo, "main", "main"), "p", "w")
    assert not (repo.parent / "hacked").exists()
    assert "refs/tags" not in git(embedded.root / "repos/p.git", "for-each-ref")


async def test_shallow_clone_can_be_pushed(embedded: FarHost, repo: Path, tmp_path: Path) -> None:
    for number in range(3):
        git(repo, "commit", "-q", "--allow-empty", "-m", str(number))
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", "shallow")
    far = FarSide(embedded.connection, embedded.host)
    commit = await snapshot(tmp_path / "shallow", "idea", "HEAD")
    await prepare(embedded.connection, far, tmp_path / "shallow", commit, "p", "w")


@pytest.mark.slow  # 4 s
async def test_connection_lost_in_a_push_is_said_and_the_next_try_works(far_host: FarHost, repo: Path) -> None:
    (repo / "weights").write_bytes(os.urandom(12 * 2**20))
    far = FarSide(far_host.connection, far_host.host)
    commit = await snapshot(repo, "main", "main")
    ssh = await far_host.connection.ssh()

    def cut(step: str) -> None:
        if step.endswith("%"):
            ssh.abort()

    with pytest.raises(RemoteError) as caught:
        await prepare(far_host.connection, far, repo, commit, "p", "w", on_step=cut)
    assert isinstance(caught.value, Unreachable)
    path = await prepare(far_host.connection, far, repo, commit, "p", "w")
    assert git(Path(path), "rev-parse", "HEAD") == commit.hash


@pytest.mark.slow  # 2 s
async def test_cancelled_push_leaves_nothing_running(embedded: FarHost, repo: Path) -> None:
    (repo / "weights").write_bytes(os.urandom(12 * 2**20))
    far = FarSide(embedded.connection, embedded.host)
    commit = await snapshot(repo, "main", "main")
    begun = asyncio.Event()
    task = asyncio.create_task(
        prepare(
            embedded.connection, far, repo, commit, "p", "w", on_step=lambda step: begun.set() if "%" in step else None
        )
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await prepare(embedded.connection, far, repo, commit, "p", "w")
    assert (await embedded.connection.run("true")).code == 0, "the connection itself must live on"

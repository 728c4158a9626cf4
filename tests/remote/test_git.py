"""A run is a commit: what is taken from a working tree, and that the tree stays as it was."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from remote.errors import Declined, UsageError
from remote.git import snapshot
from remote.onhost.git import branch_problem, git_argv, git_environment


def git(folder: Path, *argv: str) -> str:
    """Run plain git, as a user would."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *who, *argv], check=True, capture_output=True, text=True, env=env)
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_text("print(1)\n")
    (folder / ".gitignore").write_text("*.bin\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def state_of(folder: Path) -> tuple[str, bytes, str, str, list[tuple[str, int, int]]]:
    """Everything of the user's that a snapshot must leave alone."""
    index = folder / ".git" / "index"
    files = sorted(
        (str(path.relative_to(folder)), path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if ".git" not in path.relative_to(folder).parts
    )
    before = index.read_bytes() if index.exists() else b""
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    status = subprocess.run(
        ["git", "-C", str(folder), "status", "--porcelain"], capture_output=True, text=True, env=env, check=True
    ).stdout
    return status, before, (folder / ".git" / "HEAD").read_text(), git(folder, "for-each-ref"), files


async def test_clean_tree_runs_the_branch_itself(repo: Path) -> None:
    git(repo, "branch", "idea")
    commit = await snapshot(repo, "idea", "main")
    assert (commit.hash, commit.branch, commit.subject, commit.dirty) == (
        git(repo, "rev-parse", "idea"),
        "idea",
        "first",
        False,
    )


async def test_missing_branch_runs_the_base_and_is_not_created_here(repo: Path) -> None:
    commit = await snapshot(repo / ".", "idea-new", "main")
    assert commit.hash == git(repo, "rev-parse", "main") and commit.branch == "idea-new"
    assert git(repo, "branch", "--list", "idea-new") == ""


async def test_dirty_tree_becomes_a_commit_and_stays_as_it_was(repo: Path) -> None:
    (repo / "train.py").write_text("print(2)\n")
    (repo / "staged.py").write_text("staged\n")
    git(repo, "add", "staged.py")
    (repo / "staged.py").write_text("edited after staging\n")
    (repo / "näw file.py").write_text("12345")
    (repo / "data.bin").write_bytes(b"ignored")
    (repo / "sub").mkdir()
    (repo / "sub" / "link").symlink_to("../train.py")
    before = state_of(repo)
    commit = await snapshot(repo / "sub", "main", "HEAD")
    assert state_of(repo) == before
    assert commit.dirty and commit.hash != git(repo, "rev-parse", "main")
    assert git(repo, "rev-parse", commit.hash + "^") == git(repo, "rev-parse", "main")
    assert git(repo, "show", commit.hash + ":train.py") == "print(2)"
    assert git(repo, "show", commit.hash + ":staged.py") == "edited after staging"
    names = git(repo, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", commit.hash).splitlines()
    assert "näw file.py" in names and "sub/link" in names and "data.bin" not in names
    assert commit.untracked == ("näw file.py", "sub/link")
    assert commit.untracked_bytes == 5 + len("../train.py")
    again = await snapshot(repo, "main", "HEAD")
    assert again.hash == commit.hash, "the same work must give the same commit"


async def test_edit_within_the_same_second_is_not_missed(repo: Path) -> None:
    """git compares whole seconds; it looks into a file only if its index is not younger. So must our copy of it."""
    git(repo, "config", "core.trustctime", "false")
    when = 1_700_000_000
    for path in (repo / "train.py", repo / ".gitignore"):
        os.utime(path, (when, when))
    git(repo, "update-index", "--refresh")
    (repo / "train.py").write_text("print(7)\n")
    os.utime(repo / "train.py", (when, when))
    os.utime(repo / ".git" / "index", (when, when))
    commit = await snapshot(repo, "main", "HEAD")
    assert git(repo, "show", commit.hash + ":train.py") == "print(7)"


async def test_deleted_file_is_missing_from_the_snapshot(repo: Path) -> None:
    (repo / "train.py").unlink()
    commit = await snapshot(repo, "main", "HEAD")
    assert git(repo, "ls-tree", "--name-only", commit.hash) == ".gitignore"


async def test_uncommitted_work_is_not_taken_for_another_branch(repo: Path) -> None:
    git(repo, "branch", "idea")
    (repo / "train.py").write_text("print(2)\n")
    assert not (await snapshot(repo, "idea", "main")).dirty
    assert (await snapshot(repo, "new", "HEAD")).dirty, "base HEAD means what is checked out now"


async def test_detached_head(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")
    head = git(repo, "rev-parse", "HEAD")
    assert (await snapshot(repo, "new", "HEAD")).hash == head
    (repo / "train.py").write_text("print(3)\n")
    commit = await snapshot(repo, "new", "HEAD")
    assert commit.dirty and git(repo, "rev-parse", commit.hash + "^") == head


async def test_unborn_head(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    with pytest.raises(UsageError, match="no commit yet"):
        await snapshot(tmp_path, "new", "HEAD")
    (tmp_path / "a").write_text("a")
    before = state_of(tmp_path)
    commit = await snapshot(tmp_path, "new", "HEAD")
    assert state_of(tmp_path) == before
    assert commit.dirty and git(tmp_path, "rev-list", "--count", commit.hash) == "1"


async def test_unknown_base_names_the_nearest(repo: Path) -> None:
    git(repo, "tag", "release-1")
    with pytest.raises(UsageError) as caught:
        await snapshot(repo, "new", "mian")
    assert "main" in caught.value.hint
    with pytest.raises(UsageError):
        await snapshot(repo, "new", "--upload-pack=touch hacked")
    assert (await snapshot(repo, "new", "release-1")).hash == git(repo, "rev-parse", "main")


async def test_not_a_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a git working tree"):
        await snapshot(tmp_path, "a", "HEAD")


async def test_large_untracked_files_need_consent_before_anything_is_written(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.git.CONSENT_BYTES", 3)
    (repo / "big.txt").write_text("12345")
    asked: list[tuple[tuple[str, ...], int]] = []

    async def say(names: tuple[str, ...], total: int) -> bool:
        asked.append((names, total))
        return len(asked) > 1

    before = git(repo, "count-objects")
    with pytest.raises(Declined, match="1 untracked"):
        await snapshot(repo, "main", "HEAD", consent=say)
    assert git(repo, "count-objects") == before
    assert (await snapshot(repo, "main", "HEAD", consent=say)).untracked == ("big.txt",)
    assert asked == [(("big.txt",), 5)] * 2


async def test_user_without_a_name_and_hooks_that_would_run(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    hook = repo / ".git" / "hooks" / "post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch {repo}/hacked\n")
    hook.chmod(0o755)
    (repo / ".git" / "config").write_text(
        (repo / ".git" / "config").read_text() + f'[core]\n\tfsmonitor = "touch {repo}/hacked2"\n'
    )
    (repo / "train.py").write_text("print(2)\n")
    commit = await snapshot(repo, "main", "HEAD")
    monkeypatch.delenv("GIT_DIR")
    author = subprocess.run(
        ["git", "-C", str(repo), "-c", "core.fsmonitor=false", "show", "-s", "--format=%an", commit.hash],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert author == "trajvid-tui\n"
    assert not (repo / "hacked").exists() and not (repo / "hacked2").exists()


async def test_subject_is_cleaned(repo: Path) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "evil \x1b]52;c;aGk=\x07\u202e")
    commit = await snapshot(repo, "main", "HEAD")
    assert "\x1b" not in commit.subject and "\u202e" not in commit.subject and "evil" in commit.subject


NAMES = [
    "main",
    "a/b",
    "idea-1",
    "ünï",
    "it's",
    "a",
    "--x",
    "-",
    "@",
    "HEAD",
    "",
    "a..b",
    "a b",
    "a~b",
    "a.lock",
    "a/.b",
]
NAMES += [
    "a.",
    "/a",
    "a/",
    "a//b",
    "a@{b",
    "a\\b",
    "a^b",
    "a:b",
    "a?b",
    "a*b",
    "a[b",
    "a\tb",
    "a\x7fb",
    ".a",
    "x.lock/y",
]


@pytest.mark.parametrize("name", NAMES)
def test_branch_rules_agree_with_git(name: str) -> None:
    asked = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True)
    expected = asked.returncode == 0 and name not in ("@", "HEAD") and asked.stdout.decode().strip() == name
    assert (branch_problem(name) == "") is expected


@pytest.mark.parametrize("name", ["a\u202eb", "a\x85b", "a\u200bb", "a\ud800b", "x" * 201])
def test_branch_rules_are_stricter_for_what_a_screen_hides(name: str) -> None:
    assert branch_problem(name)


def test_operands_never_become_options() -> None:
    argv = git_argv("/x", ["log", "-1"], ["--output=/tmp/x"], ["--y"])
    assert argv[argv.index("--end-of-options") + 1 :] == ["--output=/tmp/x", "--", "--y"]
    assert "core.hooksPath=/dev/null" in argv and "protocol.ext.allow=never" in argv
    env = git_environment({"GIT_DIR": "x", "GIT_INDEX_FILE": "y", "PATH": "/bin"}, {})
    assert env["GIT_TERMINAL_PROMPT"] == "0" and "GIT_DIR" not in env and "GIT_INDEX_FILE" not in env

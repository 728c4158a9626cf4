"""Uncommitted work on the host is saved, and nobody's index, files or branch notice."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import saving
from remote.onhost.alone import alone
from remote.onhost.own_work import is_held, keep
from remote.onhost.repository import Git, repository
from remote.onhost.request import Refusal
from remote.onhost.saving import Saving, save
from remote.onhost.spawn import Claim
from remote.onhost.worktree import worktree
from tests.onhost.far import wait_for
from tests.remote.test_git import git


class Tree:
    """A worker's worktree on this machine, at a pushed commit."""

    def __init__(self, folder: Path) -> None:
        laptop = folder / "laptop"
        laptop.mkdir()
        git(laptop, "init", "-q", "-b", "main")
        (laptop / "train.py").write_text("1\n")
        (laptop / ".gitignore").write_text("data/\n")
        git(laptop, "add", "-A")
        git(laptop, "commit", "-qm", "first")
        self.head = git(laptop, "rev-parse", "HEAD")
        self.asked = {"root": str(folder / "root"), "project": "p", "worker": "w"}
        bare = repository({**self.asked, "commit": self.head})["path"]
        git(laptop, "push", "-q", bare, f"{self.head}:refs/trajvid/commits/{self.head}")
        self.path = Path(worktree({**self.asked, "commit": self.head, "branch": "idea"})["path"])

    def saved(self) -> list[str]:
        return git(self.path, "for-each-ref", "--format=%(refname)", "refs/trajvid/wip").split()

    def state(self) -> str:
        return git(self.path, "status", "--porcelain", "--branch") + git(self.path, "branch", "-v")

    def save(self) -> dict[str, Any]:
        return save(self.asked)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(os, "nice", lambda _by: None)
    return Tree(tmp_path)


def test_work_is_saved_once_and_nothing_else_changes(tree: Tree) -> None:
    assert tree.save()["ref"] == "" and tree.saved() == []
    (tree.path / "train.py").write_text("2\n")
    (tree.path / "new:name.py").write_text("new")
    (tree.path / "data").mkdir()
    (tree.path / "data" / "x").write_text("ignored")
    git(tree.path, "add", "train.py")
    (tree.path / "train.py").write_text("3\n")
    # A git that was killed in the middle left these behind.
    folder = Path(git(tree.path, "rev-parse", "--absolute-git-dir"))
    (folder / "trajvid-saving-index.lock").touch()
    before = tree.state()
    index = (folder / "index").read_bytes()
    first = tree.save()
    assert first["files"] == 2 and first["ref"].startswith("refs/trajvid/wip/w/")
    assert git(tree.path, "show", first["ref"] + ":train.py") == "3"
    assert git(tree.path, "ls-tree", "--name-only", first["ref"]).split() == [".gitignore", "new:name.py", "train.py"]
    assert git(tree.path, "rev-parse", first["ref"] + "^") == tree.head
    assert (folder / "index").read_bytes() == index
    assert tree.state() == before and not [
        name for name in os.listdir(folder) if name.startswith("trajvid-saving-index")
    ]
    assert tree.save()["ref"] == "", "the same work is not saved twice"
    (tree.path / "train.py").write_text("4\n")
    assert len({first["ref"], tree.save()["ref"], *tree.saved()}) == 2


def test_the_newest_stay_and_what_a_launch_moved_away_always(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "KEPT", 2)
    other = keep(Git(str(tree.path)), "w", tree.head)
    made = []
    for number in range(4):
        monkeypatch.setattr("time.gmtime", lambda number=number: (2026, 1, 1, number, 0, 0, 0, 1, 0))
        (tree.path / "train.py").write_text(f"{number + 5}\n")
        made.append(tree.save()["ref"])
    assert sorted(tree.saved()) == sorted([other, *made[-2:]])


def test_a_commit_that_only_an_hourly_ref_holds_is_kept_on_its_own(tree: Tree) -> None:
    git(tree.path, "checkout", "-q", "--detach")
    git(tree.path, "commit", "-q", "--allow-empty", "-m", "made here")
    (tree.path / "train.py").write_text("2\n")
    tree.save()
    made = git(tree.path, "rev-parse", "HEAD")
    assert not is_held(Git(str(tree.path)), made), "the hourly one goes some day"
    keep(Git(str(tree.path)), "w", made)
    assert is_held(Git(str(tree.path)), made)


def test_what_is_very_large_stays_out_and_is_named(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "FILE_MAX_BYTES", 10)
    monkeypatch.setattr(saving, "ALL_MAX_BYTES", 10)
    (tree.path / "big*.bin").write_bytes(b"x" * 11)
    assert tree.save() == {"ref": "", "files": 0, "left_out": ["big*.bin"]}
    (tree.path / "bigger.bin").write_text("small")
    (tree.path / "inner").mkdir()
    git(tree.path / "inner", "init", "-q")
    (tree.path / "inner" / "f").write_text("f")
    answer = tree.save()
    assert answer["left_out"] == ["big*.bin", "inner/"]
    assert "bigger.bin" in git(tree.path, "ls-tree", "--name-only", answer["ref"]).split()
    monkeypatch.setattr(saving, "ALL_MAX_BYTES", 4)
    with pytest.raises(Refusal, match="3 files of") as caught:
        tree.save()
    assert caught.value.code == "too_much" and ".gitignore" in caught.value.hint


def test_no_worktree_and_two_at_once(tree: Tree) -> None:
    with pytest.raises(Refusal) as caught:
        save({**tree.asked, "worker": "other"})
    assert caught.value.code == "no_worktree"
    folder = git(tree.path, "rev-parse", "--absolute-git-dir")
    with alone(os.path.join(folder, "trajvid-saving"), Refusal("busy", "")), pytest.raises(Refusal, match="just now"):
        tree.save()


def test_the_thread_saves_warns_once_and_ends(tree: Tree) -> None:
    notes: list[tuple[str, str]] = []
    claim = Claim(tree.asked["root"], "p", "w", "r", 1, "n")
    (tree.path / "train.py").write_text("2\n")
    thread = Saving(claim, str(tree.path), lambda kind, text: notes.append((kind, text)), every_s=0.01)
    thread.start()
    wait_for(lambda: notes, "a save")
    assert notes[0][0] == "saved" and tree.saved()[0] in notes[0][1]
    (tree.path / ".git").unlink()
    wait_for(lambda: notes[1:], "the warning")
    thread.close()
    wait_for(lambda: "saving" not in {one.name for one in threading.enumerate()}, "the thread's end")
    assert [kind for kind, _ in notes] == ["saved", "warning"]
    Saving(claim, "/elsewhere", lambda kind, text: None, every_s=0.0).start()
    assert "saving" not in {one.name for one in threading.enumerate()}, "only in the worker's own worktree"

"""What was committed on a host that no laptop pushed there: counted, named, and compared with the branch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from remote.onhost.commits import commits
from remote.onhost.request import Refusal
from tests.onhost.test_saving import Tree
from tests.remote.test_git import git


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(os, "nice", lambda _by: None)
    return Tree(tmp_path)


def told(tree: Tree, **more: str) -> dict[str, Any]:
    return commits({**tree.asked, "branch": "idea", **more})


def made(tree: Tree, subject: str) -> str:
    git(tree.path, "commit", "-q", "--allow-empty", "-m", subject)
    return git(tree.path, "rev-parse", "HEAD")


def test_only_what_was_made_there_counts(tree: Tree) -> None:
    nothing = told(tree)
    assert (nothing["made"], nothing["subjects"], nothing["head"], nothing["branch"]) == (0, [], tree.head, "idea")
    made(tree, "one")
    newest = made(tree, "--two")
    (tree.path / "new.py").write_text("new")
    answer = told(tree)
    assert (answer["made"], answer["head"], answer["uncommitted"], answer["beside"]) == (2, newest, 1, "")
    assert [line.partition(": ")[2] for line in answer["subjects"]] == ["--two", "one"]


def test_a_branch_that_went_another_way_than_the_worktree_is_beside_it(tree: Tree) -> None:
    on_branch = made(tree, "on the branch")
    git(tree.path, "checkout", "-q", "--detach", tree.head)
    answer = told(tree)
    assert (answer["head"], answer["beside"], answer["branch"]) == (on_branch, "", ""), "nothing else is there"
    detached = made(tree, "on none")
    answer = told(tree)
    assert (answer["head"], answer["beside"], answer["made"]) == (detached, on_branch, 1)


def test_whether_it_lacks_what_the_laptop_has(tree: Tree) -> None:
    made(tree, "there")
    assert [told(tree, here=here)["lacks"] for here in ("", tree.head, "a" * 40)] == [False, False, True]
    for wrong in ({"here": "--all"}, {"branch": "--all"}, {"branch": "a..b"}):
        with pytest.raises(Refusal, match=r"must be|cannot be"):
            told(tree, **wrong)

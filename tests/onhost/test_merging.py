"""One branch after the other into a worktree of nobody's: what merges, what stands in the way, what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote.onhost.merging import Merged, Part, merge, renew
from remote.onhost.repository import Git
from remote.onhost.request import Refusal
from tests.remote.test_git import git


class Place:
    """A bare repository, a worktree for merging, and a desk at which branches are made."""

    def __init__(self, folder: Path) -> None:
        self.desk, self.bare, self.path = folder / "desk", folder / "bare.git", folder / "integration" / "p"
        git(folder, "init", "-q", "-b", "main", str(self.desk))
        self.base = self.branch("main", {"file.txt": "0\n", "work.py": "print(0)\n", "näme": "x"}).commit
        git(folder, "clone", "-q", "--bare", str(self.desk), str(self.bare))

    def branch(self, name: str, files: dict[str, str | None]) -> Part:
        """A branch from the base with one commit; None removes a file."""
        if name != "main":
            git(self.desk, "switch", "-qc", name, "main")
        for path, text in files.items():
            if text is None:
                (self.desk / path).unlink()
            else:
                (self.desk / path).write_text(text)
        git(self.desk, "add", "-A")
        git(self.desk, "commit", "-qm", name)
        return Part(name, git(self.desk, "rev-parse", "HEAD"))

    def merge(self, *parts: Part) -> list[Merged]:
        for part in parts:
            git(self.bare, "fetch", "-q", str(self.desk), part.commit)
        renew(Git(str(self.bare)), str(self.path), self.base)
        done: list[Merged] = []
        for part in parts:
            fine = [other for other in parts if other.commit in {one.commit for one in done if one.fine}]
            done.append(merge(Git(str(self.path)), part, fine))
        return done


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_each_kind_of_conflict_is_named_with_the_branch_that_it_is_with(place: Place) -> None:
    one = place.branch("one", {"file.txt": "1\n", "same.txt": "1\n", "work.py": None})
    free = place.branch("free", {"free.txt": "free"})
    two = place.branch("two", {"file.txt": None, "same.txt": "2\n", "work.py": "print(2)\n", "näme": "y"})
    done = place.merge(one, free, two, one)
    assert [(part.state, part.files) for part in done] == [
        ("merged", 3), ("merged", 1), ("conflict", 0), ("contained", 0),
    ]  # fmt: skip
    assert {told["path"]: (told["what"], told["among"]) for told in done[2].conflicts} == {
        "file.txt": ("deleted in this branch", ["one"]),
        "same.txt": ("added on both sides", ["one"]),
        "work.py": ("deleted before, changed in this branch", ["one"]),
    }
    assert (
        git(place.path, "status", "--porcelain") == ""
        and git(place.path, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    )
    assert git(place.bare, "for-each-ref", "--format=%(refname) %(objectname)") == f"refs/heads/main {place.base}"


def test_another_history_does_not_merge(place: Place) -> None:
    git(place.desk, "switch", "-q", "--orphan", "stranger")
    git(place.desk, "commit", "-q", "--allow-empty", "-m", "another history")
    [done] = place.merge(Part("stranger", git(place.desk, "rev-parse", "HEAD")))
    assert done.state == "unrelated" and "in common" in done.why


def test_hooks_and_settings_of_the_repository_change_nothing(place: Place) -> None:
    hooks = place.bare / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-merge-commit", "commit-msg", "post-merge", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {place.bare}/hacked\nexit 1\n")
        (hooks / name).chmod(0o755)
    for key, value in {"merge.ff": "only", "commit.gpgSign": "true", "merge.verifySignatures": "true"}.items():
        git(place.bare, "config", key, value)
    assert [one.state for one in place.merge(place.branch("one", {"file.txt": "1\n"}))] == ["merged"]
    assert not (place.bare / "hacked").exists() and git(place.path, "log", "-1", "--format=%an") == "trajvid-tui"


def test_what_somebody_mended_in_there_is_kept_and_what_tests_left_is_not(place: Place) -> None:
    place.merge(place.branch("one", {"file.txt": "1\n"}))
    repository = Git(str(place.bare))
    (place.path / "left.by.tests").write_text("x")
    assert renew(repository, str(place.path), place.base) == "" and not (place.path / "left.by.tests").exists()
    (place.path / "file.txt").write_text("mended\n")
    kept = renew(repository, str(place.path), place.base)
    assert git(place.bare, "show", kept + ":file.txt") == "mended" and (place.path / "file.txt").read_text() == "0\n"
    git(place.path, "commit", "-q", "--allow-empty", "-m", "mended and committed")
    made = git(place.path, "rev-parse", "HEAD")
    assert git(place.bare, "rev-parse", renew(repository, str(place.path), place.base)) == made


def test_a_worktree_that_lost_its_git_leads_to_no_repository_around_it(place: Place, tmp_path: Path) -> None:
    """A root may lie in a repository of the user's, who keeps the home directory in one: a reset would hit that."""
    place.merge(place.branch("one", {"file.txt": "1\n"}))
    git(tmp_path, "init", "-q")
    (tmp_path / "mine").write_text("committed")
    git(tmp_path, "add", "mine")
    git(tmp_path, "commit", "-qm", "mine")
    (tmp_path / "mine").write_text("edited")
    (place.path / ".git").unlink()
    with pytest.raises(Refusal) as caught:
        renew(Git(str(place.bare)), str(place.path), place.base)
    assert caught.value.code == "not_a_worktree" and (place.path / "file.txt").exists()
    for command in (["reset", "--hard"], ["status"]):
        with pytest.raises(Refusal, match="not a git repository"):
            Git(str(place.path)).run(command)
    assert (tmp_path / "mine").read_text() == "edited"

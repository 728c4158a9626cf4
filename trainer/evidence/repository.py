"""What is checked out: its commit, and its content with the work that is not committed yet."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from trainer.errors import ConfigError, TrainerError
from wire.tested_tree import code_digest, tree_digest, tree_entries

_KEPT = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"})


@dataclass(frozen=True)
class Content:
    """Files of a worktree or of a commit, by path from its top: mode and object of each."""

    entries: Mapping[bytes, bytes]

    @cached_property
    def tree(self) -> str:
        return tree_digest(self.entries)

    @cached_property
    def code(self) -> str:
        return code_digest(self.entries)


class Repository:
    """The worktree whose top is the folder `top`, and the history that it is in."""

    def __init__(self, top: Path) -> None:
        self.top = top
        try:
            found = Path(os.fsdecode(self._git("rev-parse", "--show-toplevel").removesuffix(b"\n")))
        except FileNotFoundError as exc:
            raise TrainerError("git is not installed here", hint="evidence names the commit that it is of") from exc
        except subprocess.CalledProcessError as exc:
            hint = "evidence is of a commit: start in a worktree, or git init and commit there"
            raise ConfigError(f"{top} is in no git worktree", hint=hint) from exc
        if found.resolve() != top.resolve():
            raise ConfigError(f"{top} is not the top of its worktree", hint=f"cd {found}, and name tests from there")
        if not self.commit_of("HEAD"):
            raise ConfigError(f"{top} has no commit yet", hint="git add and git commit first")

    def commit_of(self, name: str) -> str:
        """Return the full hash of a commit, '' if there is none of that name."""
        try:
            words = ("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
            return self._git(*words).decode().strip()
        except subprocess.CalledProcessError:
            return ""

    def knows(self, commit: str, head: str) -> bool:
        """True if a commit is `head` or in its history; of one that no branch holds, as it is a snapshot of uncommitted
        work or was amended since, if the one is that it was made from.
        """
        if self._is_ancestor(commit, head):
            return True
        return self._is_ancestor(f"{commit}^", head) and not self._is_in_a_branch(commit)

    def _is_in_a_branch(self, commit: str) -> bool:
        return bool(self._must("for-each-ref", "--count=1", f"--contains={commit}", "refs/heads"))

    def _is_ancestor(self, commit: str, head: str) -> bool:
        try:
            self._git("merge-base", "--is-ancestor", "--end-of-options", commit, head)
        except subprocess.CalledProcessError:
            return False
        return True

    def committed(self, commit: str) -> Content:
        """Return what a commit holds."""
        return Content(tree_entries(self._must("ls-tree", "-rz", "--end-of-options", commit)))

    def present(self) -> Content:
        """Return what the worktree holds, what is not committed and not ignored included; its index stays as it is."""
        with tempfile.TemporaryDirectory(prefix="evidence-") as folder:
            index = Path(folder) / "index"
            own = Path(os.fsdecode(self._must("rev-parse", "--git-path", "index").removesuffix(b"\n")))
            if (self.top / own).exists():
                shutil.copy2(self.top / own, index)  # with its time: git distrusts entries as young as the index
            self._look_at_all(index)
            self._must("-c", "core.safecrlf=false", "add", "--all", index=index)
            return Content(tree_entries(self._must("ls-files", "-sz", index=index)))

    def _look_at_all(self, index: Path) -> None:
        """Take the marks off by which git passes over files that are there, as if they were unchanged."""
        listed = self._must("ls-files", "-vz", index=index).split(b"\0")
        marked = [line[2:] for line in listed if line[:1].islower() or line[:1] == b"S"]
        there = [path for path in marked if os.path.lexists(self.top / os.fsdecode(path))]
        for mark in ("--no-assume-unchanged", "--no-skip-worktree") if there else ():
            self._must("update-index", mark, "-z", "--stdin", index=index, said=b"\0".join(there))

    @contextmanager
    def checked_out(self, commit: str) -> Iterator[Path]:
        """Give a worktree of its own that holds the commit, and remove it in the end."""
        with tempfile.TemporaryDirectory(prefix="evidence-") as folder:
            place = Path(folder) / self.top.name
            self._must("worktree", "add", "--quiet", "--detach", str(place), commit)
            try:
                yield place
            finally:
                self._must("worktree", "remove", "--force", "--force", str(place))

    def _must(self, *words: str, index: Path | None = None, said: bytes = b"") -> bytes:
        """Raises `TrainerError` in git's own words."""
        try:
            return self._git(*words, index=index, said=said)
        except subprocess.CalledProcessError as exc:
            lines = exc.stderr.decode("utf-8", "replace").strip().splitlines()
            why = next((line for line in lines if line.startswith(("error: ", "fatal: "))), f"exit {exc.returncode}")
            raise TrainerError(f"git cannot read the worktree {self.top}: {why}", hint="see git status") from exc

    def _git(self, *words: str, index: Path | None = None, said: bytes = b"") -> bytes:
        """Run git, `said` on its standard input, without hooks, and without what a hook that started us has set for its
        own repository.
        """
        environment = {key: value for key, value in os.environ.items() if key in _KEPT or not key.startswith("GIT_")}
        environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"} | ({"GIT_INDEX_FILE": str(index)} if index else {})
        command = ["git", "-C", str(self.top), "-c", "core.hooksPath=/dev/null", *words]
        return subprocess.run(command, input=said, capture_output=True, check=True, env=environment).stdout

"""What came of an integration, as its host tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from remote.clean import clean, clean_text
from remote.steps import Step
from remote.tidy import seconds, whole
from wire.codec import WireError

CONFLICTS_MAX = 1000


@dataclass(frozen=True)
class Branch:
    """One thing to merge."""

    name: str
    """As it was named."""
    commit: str
    there: bool = False
    """True if the commit was made in a worktree on the host."""
    uncommitted: int = 0
    """Files in that worktree that are in no commit, and so not in the merge."""
    missing: str = ""
    """Commits that are not in the merge either, in words."""


@dataclass(frozen=True)
class Conflict:
    """One file that git could not merge."""

    path: str
    what: str
    among: tuple[str, ...]
    """Branches merged before that changed it too; none: it is the base's own change."""


@dataclass(frozen=True)
class Merged:
    """What became of one branch."""

    branch: Branch
    state: str
    """`merged`, `contained`, `conflict`, `unrelated` or `failed`."""
    files: int = 0
    conflicts: tuple[Conflict, ...] = ()
    why: str = ""

    @property
    def fine(self) -> bool:
        return self.state in ("merged", "contained")


@dataclass
class Integrated:
    """What came of all; filled as the host tells it."""

    host: str
    base: str
    base_commit: str
    branches: tuple[Branch, ...]
    test: str = ""
    """What was asked to be run, '' for nothing."""
    path: str = ""
    """The worktree on the host; exact, so clean it before it is shown."""
    kept: str = ""
    """The ref that keeps what somebody had left in it."""
    merged: list[Merged] = field(default_factory=list)
    commit: str = ""
    """What stands in the worktree now; '' until the host has said that it is done."""
    code: int | None = None
    """Exit code of the tests, None if they were not run."""
    seconds: float = 0.0

    @property
    def fine(self) -> bool:
        """True if all merged, and the tests passed if there were to be any."""
        merged = len(self.merged) == len(self.branches) and all(one.fine for one in self.merged)
        return bool(self.commit) and merged and (self.code == 0 or not self.test)


def take(found: Integrated, message: Mapping[str, Any], step: Step, on_output: Callable[[str], None] | None) -> None:
    """Fill in what one message of the host says. Raises `WireError`, `KeyError`, `TypeError`, `IndexError`."""
    kind = message.get("k")
    if kind == "ready":
        found.path, found.kept = str(message["path"]), clean(str(message["kept"]))
    elif kind == "part":
        one = _merged(found.branches[len(found.merged)], message)
        found.merged.append(one)
        step(f"{clean(one.branch.name)}: {one.state}")
    elif kind == "testing":
        step(f"runs {found.test}")
    elif kind == "output" and on_output is not None:
        on_output(clean_text(str(message.get("text", ""))))
    elif kind == "end":
        if tests := message["tests"]:
            if not isinstance(tests["code"], int):
                raise WireError("tests without an exit code")
            found.code, found.seconds = whole(tests["code"]), seconds(tests["seconds"]) or 0.0
        found.commit = clean(str(message["commit"])) or found.base_commit


def _merged(branch: Branch, message: Mapping[str, Any]) -> Merged:
    conflicts = tuple(
        Conflict(clean(str(one["path"])), clean(str(one["what"])), tuple(clean(str(name)) for name in one["among"]))
        for one in message["conflicts"][:CONFLICTS_MAX]
    )
    return Merged(branch, clean(str(message["state"])), whole(message["files"]), conflicts, clean(str(message["why"])))

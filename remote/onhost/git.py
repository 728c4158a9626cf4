"""How every git command of this project is spelled, on the laptop and on the host alike.

Names in a repository are not trusted: a branch may be called `--upload-pack=...`. So options and operands are told
apart here, once; hooks, file system monitors and the `ext` transport are off wherever we run git.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Dict, List, Mapping, Sequence

SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.safecrlf=false",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "receive.autogc=false",
    "advice.detachedHead=false",
    "advice.addEmbeddedRepo=false",
    "push.gpgSign=false",
)
"""Settings of each command; automatic gc would outlive the verb and hold locks."""

FIXED_IDENTITY = {
    "GIT_AUTHOR_NAME": "trajvid-tui",
    "GIT_AUTHOR_EMAIL": "trajvid-tui@localhost",
    "GIT_COMMITTER_NAME": "trajvid-tui",
    "GIT_COMMITTER_EMAIL": "trajvid-tui@localhost",
}
"""Who signs a snapshot where the user has told git no name."""

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def git_argv(folder: str, command: Sequence[str], operands: Sequence[str] = (), paths: Sequence[str] = ()) -> List[str]:
    """Return the argument list of one git command run in `folder`.

    `command` is the verb and its options, all written by us. `operands` (revisions, refs) follow
    `--end-of-options` and `paths` follow `--`, so that neither can become an option.
    """
    argv = ["git", "-C", folder]
    for setting in SETTINGS:
        argv += ["-c", setting]
    argv += command
    if operands:
        argv += ["--end-of-options", *operands]
    if paths:
        argv += ["--", *paths]
    return argv


def git_environment(inherited: Mapping[str, str], more: Mapping[str, str]) -> Dict[str, str]:
    """Return the environment of a git command: never a prompt, never somebody else's repository or index.

    Optional locks are off, so that `git status` does not rewrite the user's index. Answers are in English, as they
    are parsed.
    """
    kept = {key: value for key, value in inherited.items() if not key.startswith("GIT_") or key in _KEPT}
    fixed = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_ADVICE": "0",
        "LC_ALL": "C",
        "LANGUAGE": "C",
    }
    return {**kept, **fixed, **more}


_KEPT = frozenset(
    {
        *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES"),
        *("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"),
    }
)


def is_hash(text: str) -> bool:
    """True for a full object name, SHA-1 or SHA-256."""
    return _HASH.match(text) is not None


def branch_problem(name: str) -> str:
    """Return why `name` cannot be a branch, '' if it can.

    The rules of git-check-ref-format(1) for `--branch`, and besides nothing that a screen would not show as it is
    (control, format, bidirectional, unassigned characters).
    """
    if not name:
        return "it is empty"
    if len(name.encode("utf-8", "surrogatepass")) > 200:
        return "it is longer than 200 bytes"
    if name in ("@", "HEAD") or name.startswith("-"):
        return "git keeps such names for itself"
    if _FORBIDDEN.search(name) or name.startswith("/") or name.endswith(("/", ".")):
        return "it has a space or one of ~ ^ : ? * [ \\ .. @{ //, or begins or ends with / or ends with ."
    if any(part.startswith(".") or part.endswith(".lock") for part in name.split("/")):
        return "a part of it begins with . or ends with .lock"
    if any(unicodedata.category(letter) in _HIDDEN_CATEGORIES for letter in name):
        return "it has characters that a screen does not show"
    return ""


def branch_ref(name: str) -> str:
    """Return `refs/heads/<name>`. Raises `ValueError` for a name that cannot be a branch."""
    problem = branch_problem(name)
    if problem:
        raise ValueError(f"{name!r} cannot be a branch: {problem}")
    return "refs/heads/" + name


def commit_ref(commit: str) -> str:
    """Return the ref under which a pushed commit is kept on the host. Raises `ValueError` for anything else."""
    if not is_hash(commit):
        raise ValueError(f"{commit!r} is not a full commit hash")
    return "refs/trajvid/commits/" + commit

"""The user's own remote `origin`: a branch pushed there by the user's own git, and the page that proposes a merge.

Never forced, and one branch alone. The user's hooks and credentials are used, as with any push of theirs; nothing is
asked at a prompt, as an app has none.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from remote.clean import clean
from remote.errors import RemoteError, ToolMissing, UsageError
from remote.git import resolve, run_git
from remote.local_program import run_program
from remote.onhost.git import branch_ref, git_argv

NAME = "origin"
_SCP_LIKE = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>[^/].*)\Z")
_ALONE = ("push.followTags=false", "push.recurseSubmodules=no")
"""Settings of the user's that would push more than the branch that was agreed to."""


@dataclass(frozen=True)
class Pushed:
    """A branch that is on `origin` now."""

    branch: str
    commit: str
    urls: tuple[str, ...]
    link: str
    """Where a pull or merge request is opened, '' for a server whose pages we do not know."""
    said: tuple[str, ...] = ()
    """What the server said, cleaned."""


async def urls_of_origin(top: Path) -> tuple[str, ...]:
    """Where a push to `origin` goes, without passwords. Raises `UsageError` if there is no such remote."""
    code, out, _ = await run_git(git_argv(str(top), ["remote", "get-url", "--push", "--all"], [NAME]))
    if code:
        raise UsageError(
            f"{clean(str(top))} has no remote named {NAME}", hint=f"git remote add {NAME} URL", code="no_origin"
        )
    return tuple(clean(without_password(url)) for url in out.decode("utf-8", "replace").splitlines())


async def push(top: Path, branch: str) -> Pushed:
    """Push a local branch to the branch of its name on `origin`. Raises `UsageError`, or `RemoteError` with why not."""
    commit, urls = await resolve(top, branch_ref(branch)), await urls_of_origin(top)
    if not commit:
        raise UsageError(f"there is no branch {branch} here to push", hint="trajvid-tui fetch makes it")
    settings = [part for setting in _ALONE for part in ("-c", setting)]
    # The user's git, not ours: hooks run (that of git-lfs brings the large files), and nothing of it is hardened.
    argv = ["git", "-C", str(top), *settings, "push", "--porcelain", "--no-force", NAME]
    argv.append(f"{branch_ref(branch)}:{branch_ref(branch)}")
    env = {key: value for key, value in os.environ.items() if key not in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")}
    try:
        ended = await run_program(argv, env={**env, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"})
    except FileNotFoundError as exc:
        raise ToolMissing("git is not installed here", hint="install git, then try again", code="git_missing") from exc
    if ended.code:
        hint = (
            f"git push {NAME} {branch}   asks for passwords, which this does not; git fetch {NAME} tells what is there"
        )
        raise RemoteError(f"{NAME} did not take {branch}: {ended.reason}", hint=hint, code="push_refused")
    said = [line.removeprefix("remote:").strip() for line in ended.errors if line.startswith("remote:")]
    return Pushed(branch, commit, urls, request_link(urls[0], branch), tuple(line for line in said if line))


def request_link(url: str, branch: str) -> str:
    """The page on which a pull or merge request of `branch` is opened, '' if the server's kind is not known.

    By the names of the servers alone: GitHub, GitLab, Bitbucket, also on hosts of one's own that are called so. What
    ssh is told and has no dot, or a last part like `com-work`, is an alias in some ssh_config and no address of a page.
    """
    scp = None if "://" in url else _SCP_LIKE.match(url)
    parts = urlsplit(url)
    # GitHub, GitLab and Bitbucket take SSH at port 443 under names of their own.
    host = re.sub(r"\A(alt)?ssh\.", "", scp["host"] if scp else parts.hostname or "")
    path = (scp["path"] if scp else parts.path).strip("/").removesuffix(".git")
    port = f":{parts.port}" if parts.scheme in ("http", "https") and parts.port else ""
    if not (path and (scp or parts.scheme in ("http", "https", "ssh", "git", "git+ssh"))):
        return ""
    if (scp or "ssh" in parts.scheme) and not re.search(r"\.([a-z]+|xn--[a-z0-9-]+)\Z", host, re.IGNORECASE):
        return ""
    page = f"{'http' if parts.scheme == 'http' else 'https'}://{host}{port}/{quote(path)}"
    words = host.lower().split(".")
    if "github" in words:
        return f"{page}/pull/new/{quote(branch)}"
    if "gitlab" in words:
        return f"{page}/-/merge_requests/new?merge_request%5Bsource_branch%5D={quote(branch, safe='')}"
    if "bitbucket" in words:
        return f"{page}/pull-requests/new?source={quote(branch, safe='')}"
    return ""


def without_password(url: str) -> str:
    """The same URL for a screen."""
    return re.sub(r"\A([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@", r"\1", url)

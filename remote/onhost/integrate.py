"""`integrate`: do these branches go together? Merge them into a worktree of their own, and run the tests there.

    laptop  --(one request line, then an open stdin)-->  integrate  ==>  merges, one message each  ==>  tests, output

Nothing else changes: no branch moves, nothing is pushed, no worker's worktree is touched. One at a time per project,
by a lock that git and the tests inherit. Whoever lets go ends it.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Callable, Dict, List

from remote.onhost import request as ask
from remote.onhost.alone import alone
from remote.onhost.git import is_hash
from remote.onhost.guarded import run_guarded
from remote.onhost.merging import Merged, Part, merge, renew
from remote.onhost.proving import activated, chosen_python, first_line
from remote.onhost.repository import Git, locked
from remote.onhost.request import Refusal
from remote.onhost.setup import SHELL
from remote.onhost.stream import Stream
from wire.codec import SPEC_MAX_BYTES, WireError, decode
from wire.run_dir import Root

PARTS_MAX = 200
Tell = Callable[..., None]


def integrate(_argv: List[str]) -> int:
    """Serve one request; messages are `kept`, `part`, `output`, and at the end `end` or `refused`."""
    os.umask(0o077)
    stream = Stream(1)

    def tell(kind: str, **more: Any) -> None:
        stream.send([{**more, "k": kind}])

    with contextlib.suppress(BrokenPipeError):  # nobody reads any more
        try:
            _integrate(decode(first_line(), SPEC_MAX_BYTES), tell)
        except Refusal as exc:
            tell("refused", **{**exc.data, "code": exc.code, "message": exc.message, "hint": exc.hint})
        except (WireError, OSError) as exc:
            tell("refused", code="system_error", message=str(exc), hint="")
    return 0


def _integrate(asked: Dict[str, Any], tell: Tell) -> None:
    root, project = ask.root(asked), ask.folder_name(asked, "project")
    base, parts, test = _commit(asked, "base"), _parts(asked), ask.text(asked, "test", "")
    place, path = root.repository(project), root.integration(project)
    if not os.path.isdir(place):
        raise Refusal("unknown_commit", f"no repository of {project} on this host yet", "push the commits first")
    with _alone(root, project) as lock:
        repository = Git(place, (lock,))
        for commit in (base, *(part.commit for part in parts)):
            if repository.ask(["cat-file", "-e", commit + "^{commit}"]) is None:
                raise Refusal("unknown_commit", f"commit {commit[:12]} is not on this host", "push it first")
        with locked(root.repository_lock(project)):
            kept = renew(repository, path, base)
        tell("ready", path=path, kept=kept)
        merged = _merge_all(Git(path, (lock,)), parts, tell)
        commit = Git(path).ask(["rev-parse", "HEAD"]) or ""
        tests: Dict[str, Any] = {}
        if test and any(one.fine for one in merged):
            tests = _test(asked, test, path, lock, tell)
        tell("end", commit=commit, tests=tests)


def _merge_all(tree: Git, parts: List[Part], tell: Tell) -> List[Merged]:
    """One after the other; one that does not merge is left out, and the next is tried without it."""
    merged: List[Merged] = []
    for part in parts:
        fine = {one.commit for one in merged if one.fine}
        one = merge(tree, part, [other for other in parts if other.commit in fine])
        merged.append(one)
        tell("part", name=one.name, commit=one.commit, state=one.state, files=one.files, conflicts=one.conflicts,
             why=one.why)  # fmt: skip
    return merged


def _test(asked: Dict[str, Any], test: str, path: str, lock: int, tell: Tell) -> Dict[str, Any]:
    """Run the tests as a shell of the host would, with the Python that was named found first."""
    tell("testing")
    python = chosen_python(ask.text(asked, "python", ""))
    environment = {**activated(python, os.environ), "PYTHON": python, "PYTHONUNBUFFERED": "1"}
    began = time.monotonic()
    code = run_guarded([SHELL, "-c", test], path, environment, lambda text: tell("output", text=text), (lock,))
    if code is None:
        raise Refusal("given_up", "the tests were ended, as nobody waited for them any more")
    return {"code": code, "seconds": time.monotonic() - began}


def _commit(asked: Dict[str, Any], key: str) -> str:
    commit = ask.text(asked, key)
    if not is_hash(commit):
        raise Refusal("bad_request", f"`{key}` must be a full commit hash")
    return commit


def _parts(asked: Dict[str, Any]) -> List[Part]:
    told = asked.get("parts")
    if not isinstance(told, list) or not 1 <= len(told) <= PARTS_MAX or not all(isinstance(one, dict) for one in told):
        raise Refusal("bad_request", f"`parts` must be a list of 1 to {PARTS_MAX} objects")
    return [Part(ask.text(one, "name"), _commit(one, "commit")) for one in told]


def _alone(root: Root, project: str) -> "contextlib.AbstractContextManager[int]":
    path = root.integration(project) + ".lock"
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    return alone(path, Refusal("busy", "another integration of this project goes on here", "wait until it is over"))

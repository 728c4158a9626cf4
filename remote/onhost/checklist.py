"""`checklist`: is each thing that was to be done on a branch done? By proof alone, and each proof says when it was.

The whole answer is kept beside the evidence, where a sync finds it. A command runs only when it is asked for: what it
said before stays, with its time and the commit that it was about.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Tuple

from remote.onhost import parts
from remote.onhost import request as ask
from remote.onhost.check_command import Finding, checked
from remote.onhost.environment import Whose, python_made
from remote.onhost.proving import activated, chosen_python
from remote.onhost.repository import Git
from remote.onhost.request import Refusal
from remote.onhost.wanted import CannotPrepare, Wanted
from remote.onhost.work import PYTHON_PLACE
from wire.codec import LINE_MAX_BYTES, WireError, encode, read_object
from wire.evidence import by_component, read_evidence
from wire.evidence_order import chain_problem, newest, stale
from wire.run_dir import Root, replace_file
from wire.tested_tree import tree_digest, tree_entries

FILE = "checklist.json"
ITEMS_MAX = 50
OF_THE_RUN = "run:"
"""Before the path of a file in the newest run's folder."""


@dataclass(frozen=True)
class Desk:
    """Where proofs are looked for."""

    root: Root
    project: str
    worker: str
    asked: Dict[str, Any]

    @property
    def worktree(self) -> str:
        return self.root.worktree(self.project, self.worker)

    @property
    def evidence(self) -> str:
        return self.root.evidence(self.project, self.worker)

    @property
    def run(self) -> str:
        """The newest run, '' if there is none."""
        return parts.current_run(self.root, self.project, self.worker)

    @property
    def run_folder(self) -> str:
        return self.root.run(self.project, self.worker, self.run).path

    def not_of(self, commit: str) -> str:
        """Why nothing of the newest run says something of this commit, '' if it does: the run is of it."""
        if not self.run:
            return "it has never run"
        ran = str((parts.read_part(self.root.run(self.project, self.worker, self.run).spec) or {}).get("commit", ""))
        return "" if commit and ran == commit else f"{self.run} is of another commit than the worktree"


def checklist(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Judge `items` ({text, proof, argument}); return and keep `{"commit", "clock_s", "items"}`.

    Each item comes back with {proved, why, at_s, commit}, `at_s` 0 for a command that never ran. `commands` runs them.
    """
    desk = Desk(ask.root(asked), ask.folder_name(asked, "project"), ask.folder_name(asked, "worker"), asked)
    items = asked.get("items")
    if not isinstance(items, list) or len(items) > ITEMS_MAX:
        raise Refusal("bad_request", f"`items` must be a list of at most {ITEMS_MAX}")
    commit = Git(desk.worktree).ask(["rev-parse", "--verify", "--quiet"], ["HEAD^{commit}"]) or ""
    before = {_key(item): item for item in _before(desk)}
    found = [_judged(desk, item, commit, before) for item in items]
    answer = {"commit": commit, "clock_s": time.time(), "items": found}
    os.makedirs(desk.evidence, mode=0o700, exist_ok=True)
    replace_file(os.path.join(desk.evidence, FILE), encode(answer))
    return answer


def _before(desk: Desk) -> List[Dict[str, Any]]:
    try:
        told = (read_object(os.path.join(desk.evidence, FILE), LINE_MAX_BYTES) or {}).get("items")
    except WireError:
        told = None
    return [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []


def _key(item: Dict[str, Any]) -> str:
    return repr((item.get("proof"), item.get("argument")))


def _judged(desk: Desk, item: Any, commit: str, before: Dict[str, Dict[str, Any]]) -> Dict[str, Any]:
    if not isinstance(item, dict) or item.get("proof") not in _PROOFS:
        raise Refusal("bad_request", "an item of the checklist has a `text`, a known `proof` and its `argument`")
    proof, argument = str(item["proof"]), item.get("argument") or []
    if not isinstance(argument, list) or not argument:
        raise Refusal("bad_request", f"the {proof} of an item needs an `argument`")
    words = [ask.text({proof: one}, proof) for one in argument]
    asked = {"text": ask.text(item, "text"), "proof": proof, "argument": words}
    if proof == "command" and desk.asked.get("commands") is not True:
        known = before.get(_key(asked), {"proved": False, "why": "not run yet", "at_s": 0.0, "commit": ""})
        return {**asked, **{key: known.get(key) for key in ("proved", "why", "at_s", "commit")}}
    try:
        proved, why = _PROOFS[proof](desk, words, commit)
    except OSError as exc:
        proved, why = False, f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)
    except CannotPrepare as exc:
        proved, why = False, str(exc)
    return {**asked, "proved": proved, "why": why[:500], "at_s": time.time(), "commit": commit}


def _gate(desk: Desk, _argument: List[str], commit: str) -> Finding:
    if other := desk.not_of(commit):
        return False, other
    found = parts.facts(desk.root, desk.project, desk.worker, desk.run)
    verdict = (found["result"] or {}).get("gate")
    passed = verdict.get("passed") if isinstance(verdict, dict) else None
    if passed is True:
        return True, f"{desk.run} passed its gate"
    state, _, reason = parts.verdict(found)
    return False, f"{desk.run} did not pass its gate: it is {state.value}{': ' + reason if reason else ''}"


def _file(desk: Desk, argument: List[str], commit: str) -> Finding:
    name, wanted = argument[0], (argument[1:] or [""])[0]
    of_run = name.startswith(OF_THE_RUN)
    if of_run and (other := desk.not_of(commit)):
        return False, other
    top = os.path.realpath(desk.run_folder if of_run else desk.worktree)
    path = os.path.realpath(os.path.join(top, name[len(OF_THE_RUN) :] if of_run else name))
    if not path.startswith(top + os.sep):
        return False, "it must lie below the worktree, or the run's folder"
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False, "no plain file"
        with open(path, "rb", opener=_at_once) as file:
            size, digest = _digest(file)
    except (FileNotFoundError, NotADirectoryError):
        return False, "it is not there"
    if wanted and digest != wanted:
        return False, f"its SHA-256 is {digest[:12]}…, not {wanted[:12]}…"
    return True, f"{size:,} bytes, SHA-256 {digest[:12]}…"


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for a writer, should it have become a pipe meanwhile."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _digest(file: Any) -> Tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    for piece in iter(lambda: file.read(1024 * 1024), b""):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def _evidence(desk: Desk, argument: List[str], commit: str) -> Finding:
    phases = by_component(read_evidence(desk.evidence)).get(argument[0])
    if not phases:
        return False, "there is no evidence yet"
    last, problem = newest(phases), chain_problem(phases)
    if problem or last is None:
        return False, problem
    listing = Git(desk.worktree).run(["ls-tree", "-rz", "--full-tree"], [commit]) if commit else b""
    old = stale(last, commit, tree_digest(tree_entries(listing)))
    return not old, f"{last.phase} is {old}" if old else f"{last.phase} accepted"


def _command(desk: Desk, argument: List[str], _commit: str) -> Finding:
    if not os.path.isdir(desk.worktree):
        return False, "there is no worktree yet"
    python = _python(desk)
    if PYTHON_PLACE in argument and not python:
        return False, "its environment is not made yet"
    argv = [python if word == PYTHON_PLACE else word for word in argument]
    variables = {name: ask.text({name: value}, name) for name, value in (desk.asked.get("env") or {}).items()}
    return checked(argv, desk.worktree, activated(python or sys.executable, {**os.environ, **variables}))


def _python(desk: Desk) -> str:
    """The worker's Python, '' as long as its environment is not made."""
    wanted, setup = desk.asked.get("environment") or {}, desk.asked.get("setup") or []
    if not wanted:
        return chosen_python(ask.text(desk.asked, "python", ""))
    return python_made(Whose(desk.root.path, desk.project, desk.worker, bool(setup)), Wanted.of(wanted), desk.worktree)


_PROOFS: Dict[str, Callable[[Desk, List[str], str], Finding]] = {
    "gate": _gate,
    "file": _file,
    "evidence": _evidence,
    "command": _command,
}

"""Entry of everything that runs on the far side: `<python> -I -S -c BOOT <bundle> <verb>`.

A one-shot verb reads one JSON line from stdin and prints one JSON line; a refusal is an answer with exit status 0,
only a crash is non-zero. A stream keeps stdin and stdout for itself.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import Any, Callable, Dict, List

from remote.onhost.request import Refusal
from wire.codec import SPEC_MAX_BYTES, WireError, decode, encode

BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from remote.onhost.__main__ import main; sys.exit(main(sys.argv[2:]))"
)
"""The program text behind `-c`. The bundle's folder and the verb follow it as arguments."""

VERBS: Dict[str, str] = {
    "probe": "remote.onhost.probe:probe",
    "launch": "remote.onhost.launch:launch",
    "stop": "remote.onhost.stop:stop",
    "retire": "remote.onhost.gate:retire",
    "status": "remote.onhost.status:status",
    "runs": "remote.onhost.status:runs",
    "tail": "remote.onhost.tail:tail",
    "files": "remote.onhost.listing:files",
    "kept": "remote.onhost.kept:kept",
    "digests": "remote.onhost.digests:digests",
    "collect": "remote.onhost.collect:collect_now",
    "active": "remote.onhost.active:active",
    "idle_stop": "remote.onhost.idle_stop:idle_stop",
    "actions": "remote.onhost.actions:actions",
    "doctor": "remote.onhost.doctor:doctor",
    "worktree": "remote.onhost.worktree:worktree",
    "worktrees": "remote.onhost.worktree_list:worktrees",
    "commits": "remote.onhost.commits:commits",
    "save": "remote.onhost.saving:save",
    "repository": "remote.onhost.repository:repository",
    "inventory": "remote.onhost.inventory:inventory",
    "past": "remote.onhost.past:past",
    "remove": "remote.onhost.remove:remove",
    "evidence": "remote.onhost.evidence:evidence",
    "checklist": "remote.onhost.checklist:checklist",
}
"""One-shot verbs: a function of the request's dict that returns the answer's dict or raises `Refusal`."""

STREAMS: Dict[str, str] = {
    "follow": "remote.onhost.follower:follow",
    "supervise": "remote.onhost.supervise:supervise",
    "prepare": "remote.onhost.environment:prepare",
    "setup": "remote.onhost.setup:setup",
    "redact": "remote.onhost.redact:redact",
    "prove": "remote.onhost.proving:prove",
    "prove_work": "remote.onhost.proving:prove_work",
    "integrate": "remote.onhost.integrate:integrate",
    "keep": "remote.onhost.keeper:keep",
    "rank": "remote.onhost.rank:rank",
    "node": "remote.onhost.node:node",
}
"""Long-lived verbs: a function of the remaining arguments that returns the exit status."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def bundle_path() -> str:
    """Return the folder that holds this very code, for starting more of it."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def verb_argv(verb: str, *argv: str) -> List[str]:
    """Return the argument list that runs another verb with this Python and this bundle."""
    return [sys.executable, "-I", "-S", "-c", BOOT, bundle_path(), verb, *argv]


def main(argv: List[str]) -> int:
    """Run one verb; the exit status is 0 for every answer, refusals included."""
    verb = argv[0] if argv else ""
    if verb in STREAMS:
        status: int = _load(STREAMS[verb])(argv[1:])
        return status
    os.umask(0o077)
    sys.stdout.buffer.write(encode(_answer(verb)))
    sys.stdout.buffer.flush()
    return 0


def _load(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def _answer(verb: str) -> Dict[str, Any]:
    try:
        if verb not in VERBS:
            raise Refusal("unknown_verb", f"no such verb: {verb[:80]!r}")
        request = decode(sys.stdin.buffer.readline(SPEC_MAX_BYTES + 1), SPEC_MAX_BYTES)
        return {"ok": True, **_load(VERBS[verb])(request)}
    except Refusal as exc:
        return {**exc.data, "ok": False, "code": exc.code, "message": exc.message, "hint": exc.hint}
    except WireError as exc:
        return {"ok": False, "code": "bad_request", "message": str(exc), "hint": ""}
    except OSError as exc:
        return _system_refusal(exc)


def _system_refusal(exc: OSError) -> Dict[str, Any]:
    """What the host's system refuses is an answer too, never a traceback."""
    where = f"{exc.strerror}: {exc.filename}" if exc.filename else str(exc.strerror or exc)
    code, hint = "system_error", ""
    if exc.errno in _NO_SPACE:
        code, hint = "no_space", "free some space on the host"
    elif exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        code, hint = "no_permission", "choose another `root:` for this host"
    return {"ok": False, "code": code, "message": where, "hint": hint}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

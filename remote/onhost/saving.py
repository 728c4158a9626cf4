"""Uncommitted work in a worktree, saved under `refs/trajvid/wip/<worker>/` every hour while a run goes on there.

    save     the verb: one commit of everything that git does not ignore, if it differs from the last one
    Saving   the supervisor's slow thread, which runs that verb as a process of the lowest priority

Branch, index and files stay as they are. Objects are added to the host's repository, so what is very large stays out.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from typing import Any, Callable, Dict, List, Optional

from remote.onhost import request
from remote.onhost.alone import alone
from remote.onhost.own_work import HOURLY, WIP, committed, dirty_files, git_folder, keep, saved_work, written_tree
from remote.onhost.repository import Git
from remote.onhost.request import Refusal
from remote.onhost.spawn import Claim
from wire.codec import SPEC_MAX_BYTES, WireError, decode, encode
from wire.run_dir import Root

EVERY_S = 3600.0
KEPT = 24
"""So many of a worker's hourly ones stay."""
FILE_MAX_BYTES = 50 * 1024**2
ALL_MAX_BYTES = 500 * 1024**2
LEFT_OUT_MAX = 100
LOWEST_PRIORITY = 19


def save(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Save the work in the worktree of a `worker`; answer {ref, files, left_out}, `ref` '' if there is nothing new.

    Raises `Refusal`: `no_worktree`, `busy`, `too_much`, and what git says.
    """
    root = request.root(asked)
    project, worker = request.folder_name(asked, "project"), request.folder_name(asked, "worker")
    path = root.worktree(project, worker)
    if not os.path.isdir(path):
        raise Refusal("no_worktree", f"{worker} has no worktree on this host")
    with contextlib.suppress(OSError):
        os.nice(LOWEST_PRIORITY)
    tree = Git(path)
    folder = git_folder(tree)
    # A laptop and a supervisor may save at the same time; they share the file of an index.
    with alone(os.path.join(folder, "trajvid-saving"), Refusal("busy", "somebody saves this worktree just now")):
        files = dirty_files(tree)
        left_out = _too_large(path, files)
        ref = _saved(tree, worker, folder, left_out) if len(files) > len(left_out) else ""
    return {"ref": ref, "files": len(files) - len(left_out), "left_out": left_out}


def _saved(tree: Git, worker: str, folder: str, left_out: List[str]) -> str:
    head = tree.ask(["rev-parse", "--verify", "--quiet"], ["HEAD^{commit}"]) or ""
    written = written_tree(tree, os.path.join(folder, "index"), os.path.join(folder, "trajvid-saving-index"), left_out)
    before = saved_work(tree, worker, HOURLY)
    if before and tree.ask(["rev-parse", f"{before[-1][1]}^{{tree}}", f"{before[-1][1]}^"]) == f"{written}\n{head}":
        return ""
    ref = keep(tree, worker, committed(tree, f"Uncommitted work in the worktree of {worker}", head, written), HOURLY)
    for name, commit in before[: max(0, len(before) + 1 - KEPT)]:
        tree.run(["update-ref", "-d"], [f"{WIP}{worker}/{name}", commit])
    return ref


def _too_large(path: str, files: List[str]) -> List[str]:
    """Which files stay out: the very large ones, and repositories within. Raises `Refusal` if the rest is too much."""
    sizes = {name: _size(os.path.join(path, name)) for name in files}
    left_out = [name for name, size in sizes.items() if size > FILE_MAX_BYTES or name.endswith("/")]
    total = sum(size for name, size in sizes.items() if name not in left_out)
    if total > ALL_MAX_BYTES or len(left_out) > LEFT_OUT_MAX:
        raise Refusal(
            "too_much",
            f"{len(files)} files of {sum(sizes.values()) / 1024**2:.0f} MiB in the worktree are in no commit",
            "name data in .gitignore; the rest is then saved every hour",
        )
    return left_out


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


class Saving:
    """Runs `save` every `every_s` on a thread; `note(kind, text)` hears what was saved, and once why it is not."""

    def __init__(self, claim: Claim, cwd: str, note: Callable[[str, str], None], every_s: float = EVERY_S) -> None:
        self._asked = {"root": claim.root, "project": claim.project, "worker": claim.worker}
        self._at_home = cwd == Root(claim.root).worktree(claim.project, claim.worker)
        self._note, self._every_s = note, every_s
        self._ended = threading.Event()
        self._child: Optional["subprocess.Popen[bytes]"] = None
        self._warned = False

    def start(self) -> None:
        """Begin, if the work runs in the worker's worktree."""
        if self._at_home:
            threading.Thread(target=self._go_on, name="saving", daemon=True).start()

    def interrupt(self) -> None:
        """End what runs now, so that it is not taken for something that the work left behind."""
        child = self._child
        if child is not None:
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def close(self) -> None:
        self._ended.set()
        self.interrupt()

    def _go_on(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self._once()
            except (OSError, WireError) as exc:
                self._warn(str(exc))

    def _once(self) -> None:
        from remote.onhost.__main__ import verb_argv

        pipe = subprocess.PIPE
        child = subprocess.Popen(
            verb_argv("save"), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True
        )
        self._child = child
        if self._ended.is_set():
            self.interrupt()
        out, _ = child.communicate(encode(self._asked))
        self._child = None
        if child.returncode < 0:  # interrupted; the next hour comes
            return
        answer = decode(out, SPEC_MAX_BYTES)
        if not answer.get("ok"):
            self._warn(str(answer.get("message")))
        elif answer.get("ref"):
            without = f", without {len(answer['left_out'])} too large" if answer["left_out"] else ""
            count = "1 file" if answer["files"] == 1 else f"{answer['files']} files"
            self._note("saved", f"work in no commit, {count}, as {answer['ref']}{without}")

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            self._note("warning", f"uncommitted work of the worktree is not saved: {text}")

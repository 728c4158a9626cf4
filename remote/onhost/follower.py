"""`follow`: tell the laptop what changes in a project's run directories, as it changes.

One process a connection. Requests come as JSON lines on stdin, whose EOF or silence ends us; the answers are a `Stream`
on stdout. Changes that come close together are one batch; a slow reader only makes the batches larger, as nothing but
the newest state of a record is ever read.
"""

from __future__ import annotations

import math
import os
import select
import time
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Set, Tuple

from remote.onhost import parts, processes, request
from remote.onhost.cluster import FollowedCluster
from remote.onhost.control import Control
from remote.onhost.idle import Looking
from remote.onhost.inotify import OVERFLOW, Change, Inotify
from remote.onhost.keeper import next_stop
from remote.onhost.machine import Machine
from remote.onhost.polling import Polling, on_network
from remote.onhost.request import Refusal
from remote.onhost.spot import POLL_S as SPOT_S
from remote.onhost.spot import Spot
from remote.onhost.stream import Stream
from remote.onhost.watched import ALL, LOG, TOLD, Changes, Message, Watched
from wire.records import PROTOCOL_VERSION
from wire.run_dir import Root

COALESCE_S = 0.05
"""Least time between two batches; after a quiet time a change goes out at once."""
SETTLE_S = 0.005
RESCAN_S = 60.0
"""How often everything is read anew, should a notice have been lost."""
PROOF_S = 2.0
"""How often the lives of unfinished runs are proved anew."""
FACTS_S = 10.0
POLL_S = 1.0
PARTIAL_S = 1.0
"""Age at which an unfinished last line of the log is sent."""
SILENCE_S = 60.0
TAIL_MAX_BYTES = 1024 * 1024
WARNINGS_MAX = 1000
"""Different warnings of one connection; each is sent once."""


def follow(argv: List[str]) -> int:
    """Follow until stdin ends. Options for tests, in seconds: `silence=`, `facts=`, `proof=`, `poll=` (no inotify)."""
    options = {name: float(value) for name, _, value in (word.partition("=") for word in argv)}
    os.umask(0o077)
    control = Control(0, options.get("silence", SILENCE_S))
    try:
        follower = Follower(Stream(1), control, options)
        control.start()
        follower.go_on()
    except OSError:
        return 0  # nobody reads any more
    return 0


class Follower:
    """Watches one project; a new `watch` request replaces the project."""

    def __init__(self, stream: Stream, control: Control, options: Mapping[str, float]) -> None:
        self._stream, self._control, self._poll = stream, control, "poll" in options
        self._root, self._project = Root(""), ""
        self._changes: Changes = Polling()
        self._workers: Dict[str, Watched] = {}
        self._dirty: Dict[str, Set[str]] = {}
        self._offsets: Dict[str, Any] = {}
        self._selected, self._tail_bytes = "", 0
        self._out: List[Message] = []
        self._pongs: List[Message] = []
        """Answers wait for what was asked before them: a ping after a watch says that everything has been told."""
        self._warned: Set[str] = set()
        self._sent_at = 0.0
        self._spot = Spot()
        self._cluster = FollowedCluster()
        self._idle: Optional[Looking] = None
        self._tasks: Dict[str, Tuple[Callable[[], None], float]] = {
            "changes": (self._take_changes, math.inf),
            "poll": (self._take_changes, options.get("poll", POLL_S)),
            "partial": (self._tell_partial, math.inf),
            "proof": (self._prove, options.get("proof", PROOF_S)),
            "facts": (self._tell_facts, options.get("facts", FACTS_S)),
            "rescan": (self._rescan, RESCAN_S),
            "spot": (self._tell_spot, SPOT_S),
        }
        self._due = dict.fromkeys(self._tasks, math.inf)

    def go_on(self) -> None:
        """Serve for ever; ends with an OSError of the stream, or by `Control`."""
        hello = {"k": "hello", "protocol": PROTOCOL_VERSION, "pid": os.getpid()}
        self._stream.send([{**hello, "boot_id": processes.boot_id(), "clock_s": time.time()}])
        while True:
            self._wait()
            now = time.monotonic()
            for name, (task, interval_s) in self._tasks.items():
                if self._due[name] <= now:
                    self._due[name] = now + interval_s
                    task()
            if self._out or self._pongs:
                out, self._out, self._pongs = [*self._out, *self._pongs], [], []
                self._stream.send(out)
                self._sent_at = time.monotonic()

    def _wait(self) -> None:
        """Wait for a request, a change, or the next task."""
        # A change that is waiting to be taken need not wake us again.
        quiet = self._changes.descriptor < 0 or self._due["changes"] < math.inf
        watched = [] if quiet else [self._changes.descriptor]
        pause_s = min(3600.0, max(0.0, min(self._due.values()) - time.monotonic()))
        ready = select.select([self._control.descriptor, *watched], [], [], pause_s)[0]
        if self._control.descriptor in ready:
            for asked in self._control.requests():
                self._serve(asked)
        if watched and watched[0] in ready:
            self._due["changes"] = max(time.monotonic() + SETTLE_S, self._sent_at + COALESCE_S)

    def _serve(self, asked: Dict[str, Any]) -> None:
        op = asked.get("op")
        try:
            if op == "ping":
                self._pongs.append({"k": "pong", "t": asked.get("t")})
            elif op == "watch":
                self._watch(asked)
            elif op == "select":
                self._select(asked.get("worker") or "", int(request.number(asked, "tail_bytes", 64 * 1024)))
            else:
                self._warn(f"unknown request: {str(op)[:80]}")
        except Refusal as exc:
            self._warn(exc.message)
        except OSError as exc:
            self._warn(f"cannot watch {exc.filename or self._root.runs}: {exc.strerror}")

    def _watch(self, asked: Dict[str, Any]) -> None:
        self._root, self._project = request.root(asked), request.folder_name(asked, "project")
        offsets = asked.get("offsets")
        self._offsets = offsets if isinstance(offsets, dict) else {}
        self._workers.clear()
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        self._machine = Machine(self._folder)
        self._idle = Looking(self._root) if asked.get("idle") is True else None
        if not self._spot.asks:
            self._spot.start(0.5)  # so that the first facts name a notice already
        self._changes = self._make_changes()
        now = time.monotonic()
        self._due.update(proof=now, facts=now, rescan=now + RESCAN_S, spot=now if self._spot.asks else math.inf)
        self._rescan()

    @property
    def _folder(self) -> str:
        return os.path.join(self._root.runs, self._project)

    def _make_changes(self) -> Changes:
        self._due["poll"] = math.inf
        if not self._poll and not on_network(self._folder):
            try:
                return Inotify()
            except OSError as exc:
                self._warn(f"no inotify, so looking every {POLL_S:g} s: {exc}")
        self._due["poll"] = time.monotonic() + POLL_S
        return Polling()

    def _rescan(self) -> None:
        """Read everything from the ground up, and find the workers anew."""
        self._changes.watch("project", self._folder)
        names = [name for name in parts.names_in(self._folder) if os.path.isdir(os.path.join(self._folder, name))]
        for gone in self._workers.keys() - set(names):
            self._workers.pop(gone).forget(self._changes)
        for name in names:
            self._dirty[name] = {ALL}
            if name not in self._workers:
                worker = Watched(self._root, self._project, name, self._offsets, self._warn, self._cluster)
                self._workers[name] = worker
                worker.select(self._tail_bytes if name == self._selected else 0)
        self._due["changes"] = time.monotonic()

    def _select(self, worker: str, tail_bytes: int) -> None:
        self._selected, self._tail_bytes = worker, min(max(1, tail_bytes), TAIL_MAX_BYTES)
        for name, watched in self._workers.items():
            watched.select(self._tail_bytes if name == worker else 0)
        if worker in self._workers:
            self._dirty.setdefault(worker, set()).add(LOG)
            self._due["changes"] = time.monotonic()

    def _take_changes(self) -> None:
        """Read what changed and tell it."""
        self._note(self._changes.changes())
        for name in sorted(self._dirty):
            worker, names = self._workers.get(name), self._dirty[name]
            if worker is not None:
                self._refresh(worker, names)
            if worker is None or not names:
                del self._dirty[name]
        if self._dirty:
            self._due["changes"] = time.monotonic()

    def _note(self, changes: Iterable[Change]) -> None:
        for change in changes:
            key, name = change
            if change == OVERFLOW or key == "project":
                self._rescan()
            elif isinstance(key, tuple) and key[0] == "worker":
                self._dirty.setdefault(key[1], set()).add(ALL)
            elif isinstance(key, tuple) and name in TOLD and (name != LOG or key[1] == self._selected):
                self._dirty.setdefault(key[1], set()).add(name)

    def _refresh(self, worker: Watched, names: Set[str]) -> None:
        if LOG in names and self._due["partial"] == math.inf:
            self._due["partial"] = time.monotonic() + PARTIAL_S
        if "exit" in names:
            self._due["proof"] = time.monotonic()
        try:
            self._out.extend(worker.refresh(names, self._changes))
        except OSError as exc:
            if isinstance(self._changes, Polling):
                raise
            # As a rule the limit on watches (fs.inotify.max_user_watches): looking again and again needs none.
            self._warn(f"inotify refused, so looking every {POLL_S:g} s: {exc.strerror}")
            self._poll = True
            self._changes = self._make_changes()
            self._rescan()

    def _tell_partial(self) -> None:
        worker = self._workers.get(self._selected)
        if worker is not None:
            self._out.extend(worker.partial_log())

    def _prove(self) -> None:
        """Prove the lives of the unfinished runs, all with one look at the process table or at the cluster's queue."""
        self._cluster.attend(set(filter(None, (worker.cluster_job for worker in self._workers.values()))))
        unfinished = {name: worker for name, worker in self._workers.items() if worker.unfinished}
        proofs = {name: worker.known("attempt", "exit") for name, worker in unfinished.items()}
        found = [(worker.run_dir, proofs[name]) for name, worker in unfinished.items()]
        parts.prove_life(found, cluster=self._cluster)
        for name, worker in unfinished.items():
            self._out.extend(worker.tell(proofs[name]))

    def _tell_facts(self) -> None:
        notice = self._spot.notice
        facts = {**self._machine.facts(), **({"spot_at_s": notice.at_s} if notice else {})}
        if self._idle is not None:
            facts.update({**self._idle.facts(), **next_stop(self._root)})
        self._out.append(facts)

    def _tell_spot(self) -> None:
        """Tell at once that the machine will be taken away."""
        if self._spot.notice is not None:
            self._due.update(facts=0.0, spot=math.inf)

    def _warn(self, text: str) -> None:
        if text not in self._warned and len(self._warned) < WARNINGS_MAX:
            self._warned.add(text)
            self._out.append({"k": "warning", "text": text[:2000]})

"""One worker as the follower sees it: what was already said about its newest run, and what is new."""

from __future__ import annotations

import os
from typing import Any, Dict, Generator, Hashable, Iterator, Mapping, Optional, Sequence, Set, Tuple, Union

from remote.onhost import parts
from remote.onhost.cluster import FollowedCluster
from remote.onhost.inotify import Inotify
from remote.onhost.lines import Lines, Piece
from remote.onhost.parts import ATTEMPT_FILES, RUN_FILES, Parts, Warn
from remote.onhost.polling import Polling
from wire.codec import LINE_MAX_BYTES, encode
from wire.run_dir import Root, RunDir

Changes = Union[Inotify, Polling]
Message = Dict[str, Any]
Offsets = Mapping[str, Sequence[int]]

ALL = "*"
"""Stands for every name: read the run from the ground up."""

LINE_FILES = {"metrics.jsonl": "metrics", "events.jsonl": "events", "actions.jsonl": "actions"}
LOG = "training.log"
TOLD = frozenset({LOG, *LINE_FILES, *RUN_FILES, *ATTEMPT_FILES})
"""Every file name that is told about."""

PIECES_AT_ONCE = 8
"""Pieces of one file a flush; what is left waits for the next, so that one file cannot hold up the others."""


class Watched:
    """Follows one worker of a project. Not for several threads."""

    def __init__(
        self, root: Root, project: str, worker: str, offsets: Offsets, warn: Warn, cluster: FollowedCluster
    ) -> None:
        self.worker, self._cluster = worker, cluster
        self._root, self._project, self._offsets, self._warn = root, project, offsets, warn
        self.run = ""
        self._said: Parts = {}
        self._lines: Dict[str, Lines] = {}
        self._log: Optional[Lines] = None
        self._tail_bytes = 0

    @property
    def run_dir(self) -> RunDir:
        return self._root.run(self._project, self.worker, self.run)

    @property
    def unfinished(self) -> bool:
        """True while the proof of life matters: the attempt has no exit record, or its supervisor is not gone yet."""
        return bool(self.run) and (self._said.get("exit") is None or self._said.get("alive") is not False)

    @property
    def cluster_job(self) -> str:
        """Number of the job that the unfinished attempt is, '' if it is none."""
        return str((self._said.get("job") or {}).get("cluster_job") or "") if self.unfinished else ""

    def known(self, *names: str) -> Parts:
        """Return these parts as they were last said."""
        return {name: self._said.get(name) for name in names}

    def select(self, tail_bytes: int) -> None:
        """Stream the log from now on (0: no longer), beginning with its tail."""
        self._tail_bytes = tail_bytes
        self._log = None
        self._open_log()

    def _watch(self, changes: Changes) -> None:
        """Watch the folders in which news of the newest run appear, before they are read."""
        wanted: Dict[Hashable, str] = {("worker", self.worker): self._root.worker(self._project, self.worker)}
        if self.run:
            wanted["run", self.worker] = self.run_dir.path
            wanted["attempt", self.worker] = self.run_dir.attempt(parts.newest_attempt(self.run_dir)).path
        for key, path in wanted.items():
            try:
                changes.watch(key, path)
            except (FileNotFoundError, NotADirectoryError):
                changes.forget(key)

    def forget(self, changes: Changes) -> None:
        for kind in ("worker", "run", "attempt"):
            changes.forget((kind, self.worker))

    def refresh(self, names: Set[str], changes: Changes) -> Iterator[Message]:
        """Yield what is new in the files of these names; leave in `names` those that have more to say.

        Raises OSError if no more folders can be watched.
        """
        if ALL in names:
            names.discard(ALL)
            self._find_run()
            self._watch(changes)
            names.update(LINE_FILES, [LOG])
            if self.run:
                found = parts.read_run(self.run_dir, self._warn)
                parts.prove_life([(self.run_dir, found)], cluster=self._cluster)
                yield from self.tell(found, age=True)
        elif self.run:
            yield from self.tell(self._read(names), age="progress.json" in names)
        names.intersection_update({*LINE_FILES, LOG})
        for name in sorted(names):
            done = yield from self._tell_lines(name)
            if done:
                names.discard(name)

    def tell(self, found: Parts, age: bool = False) -> Iterator[Message]:
        """Yield one `run` message with those parts that differ from what was said before."""
        new = {key: value for key, value in found.items() if key not in self._said or self._said[key] != value}
        if not new:
            return
        self._said.update(new)
        if age:
            new["checkpoint_age_s"] = parts.checkpoint_age_s(self.run_dir, self._said.get("progress"))
        message = {"k": "run", "worker": self.worker, "run": self.run, **new}
        if len(encode(message)) > LINE_MAX_BYTES:
            self._warn(f"{self.run_dir.path}: its records are too large for one message; the spec is shortened")
            spec = message.get("spec") or {}
            message["spec"] = {**spec, "command": spec.get("command", [])[:1], "environment": {}, "env": {}}
        if len(encode(message)) <= LINE_MAX_BYTES:
            yield message

    def _read(self, names: Set[str]) -> Parts:
        attempt = self.run_dir.attempt(self._said.get("attempt") or 1)
        places = [(self.run_dir.path, RUN_FILES), (attempt.path, ATTEMPT_FILES)]
        return {
            part: parts.read_part(os.path.join(folder, name), self._warn, if_bad=self._said.get(part))
            for folder, files in places
            for name, part in files.items()
            if name in names
        }

    def _find_run(self) -> None:
        run = parts.current_run(self._root, self._project, self.worker)
        if run == self.run:
            return
        self.run, self._said, self._log = run, {}, None
        self._lines = {}
        for name, word in LINE_FILES.items():
            inode, offset = self._offset(word)
            self._lines[name] = Lines(os.path.join(self.run_dir.path, name), inode, offset)
        self._open_log()

    def _open_log(self) -> None:
        if self._tail_bytes and self.run and self._log is None:
            inode, offset = self._offset("log")
            self._log = Lines(self.run_dir.log, inode, offset, log=True, tail_bytes=self._tail_bytes)

    def _offset(self, word: str) -> Tuple[int, int]:
        given = self._offsets.get(f"{self.worker}/{self.run}/{word}")
        if isinstance(given, (list, tuple)) and len(given) == 2 and all(type(n) is int and n >= 0 for n in given):
            return given[0], given[1]
        return 0, 0

    def _tell_lines(self, name: str) -> "Generator[Message, None, bool]":
        """Yield the next lines of a file; return True when nothing is left in it."""
        reader = self._log if name == LOG else self._lines.get(name)
        if reader is None:
            return True
        for _ in range(PIECES_AT_ONCE):
            piece = reader.read()
            if piece is None:
                return True
            yield self._line_message(LINE_FILES.get(name, "log"), piece)
        return False

    def partial_log(self) -> Iterator[Message]:
        """Yield the unfinished last line of the log; the caller has seen it unchanged for a while."""
        piece = self._log.read(take_partial=True) if self._log is not None else None
        if piece is not None:
            yield self._line_message("log", piece)

    def _line_message(self, word: str, piece: Piece) -> Message:
        message: Message = {
            "k": "lines", "worker": self.worker, "run": self.run, "file": word, "inode": piece.inode,
            "start": piece.start, "end": piece.end, "lines": list(piece.lines), "skipped": piece.skipped,
        }  # fmt: skip
        if piece.partial:
            message["partial"] = True
        return message

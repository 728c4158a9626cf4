"""What this laptop remembers between two sessions: the last snapshot of each worker, and what was done here.

It is a cache: the truth is on the hosts and in the results. So nothing in here may stop the app. A damaged or locked
file is moved aside by name and a new one begun; where no file can be written, the memory of this session must do.
Every call is short (measured in single milliseconds) and belongs to one thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from remote.folders import open_private, private_folder
from remote.snapshot import RunSnapshot
from remote.snapshot_json import dump_snapshot, load_snapshot
from wire.codec import WireError
from wire.records import Action

T = TypeVar("T")

BUSY_MS = 1000
ACTIONS_KEPT = 10_000
_VERSION = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS snapshots (
    project TEXT, worker TEXT, confirmed_s REAL NOT NULL, data BLOB NOT NULL, PRIMARY KEY (project, worker)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS actions (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, worker TEXT NOT NULL, at_s REAL NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS actions_by_worker ON actions (project, worker, id);
PRAGMA user_version = {_VERSION};
"""


class History:
    """The file at `path`, made private if missing. `warning` says what went wrong with it, '' if nothing did."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.warning = ""
        self._clock = clock
        self._wall = wall
        self._database = self._open()

    def save(self, project: str, snapshots: Iterable[RunSnapshot]) -> None:
        """Remember what hosts confirmed; a row that was only read from here is not written back as younger."""
        now, wall = self._clock(), self._wall()
        rows = [
            (project, snapshot.worker, wall - (snapshot.age_s(now) or 0.0), dump_snapshot(snapshot))
            for snapshot in snapshots
            if snapshot.seen_at is not None
        ]
        self._run(lambda base: base.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", rows))

    def load(self, project: str) -> dict[str, RunSnapshot]:
        """Return the last snapshots by worker, each with its age; rows that make no sense are left out."""
        query = "SELECT worker, confirmed_s, data FROM snapshots WHERE project = ?"
        rows = self._run(lambda base: base.execute(query, (project,)).fetchall())
        found = {}
        for worker, confirmed_s, data in rows or ():
            with contextlib.suppress(WireError, TypeError, AttributeError):
                found[worker] = load_snapshot(data, self._wall() - confirmed_s)
        return found

    def record(self, project: str, worker: str, action: Action) -> None:
        """Remember a verb that was used here (the host keeps its own actions.jsonl)."""
        row = (project, worker, action.at_s, action.to_line())

        def insert(base: sqlite3.Connection) -> None:
            base.execute("INSERT INTO actions (project, worker, at_s, data) VALUES (?, ?, ?, ?)", row)
            base.execute("DELETE FROM actions WHERE id <= (SELECT max(id) FROM actions) - ?", (ACTIONS_KEPT,))

        self._run(insert)

    def actions(self, project: str, worker: str = "", limit: int = 100) -> list[tuple[str, Action]]:
        """Return the newest actions with their workers, newest first; `worker` "" means all."""
        query = "SELECT worker, data FROM actions WHERE project = ? AND ? IN ('', worker) ORDER BY id DESC LIMIT ?"
        rows = self._run(lambda base: base.execute(query, (project, worker, limit)).fetchall())
        found = []
        for name, data in rows or ():
            with contextlib.suppress(WireError, TypeError, AttributeError):
                found.append((name, Action.from_bytes(data)))
        return found

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """One transaction. What fails is forgotten, and `warning` says so; a damaged file is replaced for the next."""
        try:
            with self._database:
                return work(self._database)
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as exc:
            # Locked, full, read-only, or closed already: the file is not to blame, and a later write may succeed.
            self.warning = f"the history could not be used: {exc}"
        except sqlite3.DatabaseError as exc:
            self._database.close()
            self._move_aside(exc)
            self._database = self._open()
        return None

    def _open(self) -> sqlite3.Connection:
        for last_try in (False, True):
            try:
                return self._open_file()
            except (sqlite3.Error, OSError) as exc:
                if last_try or not _is_damage(exc):
                    self.warning = f"no history in {self.path}: {exc}"
                    break
                self._move_aside(exc)
        return _prepared(sqlite3.connect(":memory:"))

    def _open_file(self) -> sqlite3.Connection:
        private_folder(self.path.parent)
        # SQLite would make it with the umask's mode; its journal files take the mode of this one.
        os.close(open_private(self.path, os.O_RDWR))
        return _prepared(sqlite3.connect(self.path, timeout=BUSY_MS / 1000))

    def _move_aside(self, exc: Exception) -> None:
        name = f"{self.path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(self._wall()))}"
        self.warning = f"the history was unusable ({exc}) and is now {name}; results are untouched"
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                self.path.with_name(self.path.name + suffix).replace(self.path.with_name(name + suffix))


def _is_damage(exc: Exception) -> bool:
    """True if a new file in the same place could do better: not for a full disk or a folder that is read-only."""
    if isinstance(exc, OSError):
        return exc.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    return not isinstance(exc, sqlite3.OperationalError) or "locked" in str(exc)


def _prepared(database: sqlite3.Connection) -> sqlite3.Connection:
    """Set up an open database. Closes it and raises `sqlite3.Error` if it is none of ours."""
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"version {version}, not {_VERSION}")
        if version == 0:
            database.executescript(_SCHEMA)
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if not {"snapshots", "actions"} <= tables:
            raise sqlite3.DatabaseError("tables are missing")
    except BaseException:
        database.close()
        raise
    return database

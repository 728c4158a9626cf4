"""What is known of one run's files, here and on its host: when it is asked anew, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remote.errors import RemoteError
from remote.listing import Listing, files_here
from remote.snapshot import Link, RunSnapshot, SyncPhase
from tui.format import Line, age, cut, joined, spread
from tui.keys import shown
from tui.run_files import Files
from tui.session import FleetLike, VerbsLike

ASK_EVERY_S = 30.0


class Listings:
    """Of one run at a time; `changed` is called when there is news to draw. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self._clock, self._changed = clock, changed
        self.forget("", "")

    def forget(self, worker: str, run: str) -> None:
        """Another run: nothing is known of it yet."""
        self.worker, self.run = worker, run
        self.here: Listing | None = None
        self.there: Listing | None = None
        self.trouble = ""
        self.asking = False
        self._told_at = self._asked_at = 0.0
        self._seen: tuple[object, ...] = ()

    def due(self, row: RunSnapshot) -> bool:
        """True if it is time to look: at first, when something may have come or changed, and every so often."""
        seen = (row.sync.at, row.sync.folder, row.checkpoint_at, row.state, row.link.link)
        if not row.run or (seen == self._seen and self._clock() - self._asked_at < ASK_EVERY_S):
            return False
        self._seen, self._asked_at = seen, self._clock()
        return True

    def about(self, row: RunSnapshot) -> bool:
        """True if this is the run whose files are known."""
        return (row.worker, row.run) == (self.worker, self.run)

    def soon(self) -> None:
        """Make it due."""
        self._seen = ()

    async def ask(self, row: RunSnapshot, fleet: FleetLike | None, verbs: VerbsLike | None) -> None:
        """Look at the folder here, then ask the host. Never raises: what went wrong is `trouble`."""
        self.asking = True
        try:
            folder = row.sync.folder
            self._take(row, here=await asyncio.to_thread(files_here, Path(folder)) if folder else Listing("", ()))
            if row.link.link is not Link.LIVE or verbs is None:
                self.trouble = f"{row.host} is not connected: what it has is {'older' if self.there else 'not known'}"
                return
            there = await verbs.files(fleet, row.worker, row.run)
            self.trouble = ""
            self._take(row, there=there)
        except RemoteError as exc:
            self.trouble = f"{row.host} was not asked: {exc.message}"
        except Exception as exc:
            self.trouble = f"{row.host} was not asked: {type(exc).__name__}: {exc}"
        finally:
            self.asking = False
            self._changed()

    def _take(self, row: RunSnapshot, **news: Any) -> None:
        """News of a run that is not looked at any more is forgotten."""
        if not self.about(row):
            return
        self.here = news.get("here", self.here)
        if "there" in news:
            self.there, self._told_at = news["there"], self._clock()
        self._changed()

    def files(self, row: RunSnapshot, now: float, wall_s: float) -> Files:
        """The same as one tree, with ages at the moment `now`."""
        syncing = row.sync.phase is SyncPhase.RUNNING and not row.sync.run
        return Files(self.here, self.there, syncing, max(0.0, now - self._told_at), wall_s)

    def head(self, row: RunSnapshot, now: float, width: int) -> Line:
        """Where the files are, what was left out, and how old the host's word is."""
        told: Line = []
        if self.there is not None:
            told = [(f"{row.host} told {age(now - self._told_at)} ago", "dim")]
        if self.trouble:
            told = [(f"▲ {cut(self.trouble, width * 2 // 3)}", "warn")]
        elif self.asking and self.there is None:
            told = [(f"◌ asking {row.host}", "info")]
        left_out = sum(listing.left_out for listing in (self.here, self.there) if listing)
        more: Line = [(f"{left_out:,} more not listed", "warn")] if left_out else []
        where = row.sync.folder or f"nothing here yet: {shown('sync')} brings the results"
        return spread([(" ", ""), (cut(where, max(10, width - 42)), "dim")], [*joined([more, told]), (" ", "")], width)

    def empty(self, row: RunSnapshot | None) -> list[Line]:
        """Why there is no file to show, and what next."""
        if row is None or not row.run:
            return [
                [],
                [
                    ("  Never launched, so there are no files: ", ""),
                    (shown("launch"), "bold info"),
                    (" launches it.", ""),
                ],
            ]
        if self.asking:
            return [[], [(f"  Asking {row.host} what the run has written …", "dim")]]
        again: Line = [("u", "bold info"), (" looks again.", "dim")]
        if self.trouble:
            why: Line = [(f"  {self.trouble}.", "warn")]
            retry: Line = [("  " + shown("reconnect"), "bold info"), (" tries the host again, ", "dim"), *again]
            return [[], [("  Nothing of this run is on this laptop, and", "")], why, retry]
        return [[], [("  The run has written no file yet. ", ""), *again]]

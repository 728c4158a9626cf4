"""One sync of one run, whole: collect on the host, bring what is new, prove the checkpoints, remember it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote import synced
from remote.clean import clean
from remote.errors import FarSideError, RemoteError
from remote.folders import results_folder
from remote.laptop_disk import local_error
from remote.listing import Entry, files, files_here
from remote.selection import Selection
from remote.transfer import QUOTA_SLACK_BYTES, Coming, SyncResult, sync_run
from remote.verify import Verified, forget_aside, put_aside, verify
from wire.run_dir import Root

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.places import Place

COUNT_AFTER_S = 0.5
"""So long after its first file began to come, a transfer is worth a look at how much is still to come."""


@dataclass(frozen=True)
class Fetched:
    """How far a sync is."""

    coming: Coming = field(default_factory=Coming)
    bytes_total: int = 0
    files_total: int = 0
    """0 while nobody has counted."""
    waits: bool = False
    """True while another process syncs this run."""


class Fetch:
    """One sync of a run's folder into the results folder."""

    def __init__(
        self, fleet: Fleet, place: Place, run: str, *, everything: bool, tell: Callable[[Fetched], None]
    ) -> None:
        policy = fleet.profile.sync
        self._fleet, self._place, self._run, self._tell = fleet, place, run, tell
        self._far = fleet.far(place.host)
        self._quota = policy.quota_bytes
        self._selection = Selection.of(policy, everything)
        self._now = Fetched()
        self._notes: list[str] = []
        self.local = run_here(fleet, place, run)

    async def whole(self, over: Callable[[], int], *, collect: bool) -> SyncResult:
        """Do everything. `over` says how many attempts the run has made if it is over now, else 0.

        Raises `RemoteError`.
        """
        try:
            results_folder(self._fleet.profile.results)
            await self._far.ready()
            async with synced.claim(self.local, lambda: self._say(waits=True)):
                self._say(waits=False)
                before, was_over = synced.read(self.local), over()
                if collect:
                    await self._collect()
                result, found = await self._proved(before.digests if before is not None else {})
                attempts = was_over if was_over == over() else 0
                complete = attempts > 0 and not result.skipped and not found.open
                mark = synced.Mark(self._run, complete, found.proofs, attempts, result.skipped)
                if mark != before:
                    synced.write(self.local, mark)
                else:
                    synced.confirm(self.local)
                return replace(result, notes=tuple(self._notes))
        except OSError as exc:
            raise local_error(exc, self.local) from exc

    def _say(self, **changes: Any) -> None:
        self._now = replace(self._now, **changes)
        self._tell(self._now)

    def _asked(self, **more: Any) -> dict[str, Any]:
        project = self._fleet.profile.project_id
        return {"root": self._far.root, "project": project, "worker": self._place.slug, "run": self._run, **more}

    async def _collect(self) -> None:
        """Let the host copy what belongs to the results out of the worktree; without that the rest still comes."""
        try:
            left_out = (await self._far.call("collect", self._asked(), timeout_s=600.0)).get("left_out")
        except FarSideError as exc:
            self._notes.append(f"nothing was collected from the worktree: {exc.message}")
            return
        if isinstance(left_out, int) and left_out > 0:
            self._notes.append(f"{left_out:,} files stay in the worktree: links, too large, too many, or no room")

    async def _proved(self, known: Mapping[str, Mapping[str, Any]]) -> tuple[SyncResult, Verified]:
        """Transfer and compare; a checkpoint that came over wrong is fetched once more, and then named."""
        result = await self._transfer()
        found = await self._verify(known)
        if not found.wrong:
            return result, found
        wrong = found.wrong
        put_aside(self.local, wrong)
        again = await self._transfer()
        found = await self._verify(found.proofs)
        if found.wrong:
            put_aside(self.local, found.wrong)
            raise _bad(self._place.host, found.wrong)
        forget_aside(self.local, wrong)
        self._notes.append(f"not the same here as there, and brought again: {_named(wrong)}")
        both = replace(result, files=result.files + again.files, bytes=result.bytes + again.bytes)
        return both, found

    async def _verify(self, known: Mapping[str, Mapping[str, Any]]) -> Verified:
        async def ask(names: Sequence[str], within_s: float) -> Mapping[str, Any]:
            return await self._far.call("digests", self._asked(names=list(names)), timeout_s=within_s)

        return await verify(ask, self.local, known)

    async def _transfer(self) -> SyncResult:
        """Bring what is new, and count meanwhile how much that is."""
        selection, limit_bytes = await self._within_quota()
        begun = asyncio.Event()
        counting = asyncio.ensure_future(self._count(selection, begun))

        def progress(coming: Coming) -> None:
            self._say(coming=coming)
            if coming.file:
                begun.set()

        try:
            result = await sync_run(
                self._fleet.connection(self._place.host),
                self._far,
                Root(self._far.root).run(self._fleet.profile.project_id, self._place.slug, self._run).path,
                self.local,
                on_progress=progress,
                bandwidth_kib=self._fleet.profile.sync.bandwidth_kib,
                selection=selection,
                limit_bytes=limit_bytes,
            )
            return replace(result, skipped=(*selection.left_out, *result.skipped))
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)

    async def _within_quota(self) -> tuple[Selection, int]:
        """The selection without the largest files that do not fit, and how much may come at all; 0 is no limit."""
        if not self._quota:
            return self._selection, 0
        sizes = {entry.path: entry.size for entry in await self._there(self._selection)}
        return self._selection.within(sizes, self._quota), self._quota + QUOTA_SLACK_BYTES

    async def _there(self, selection: Selection) -> list[Entry]:
        told = await files(self._fleet, self._place.name, self._run)
        return [one for one in told.entries if one.kind == "file" and selection.brings(one.path, one.size)]

    async def _count(self, selection: Selection, begun: asyncio.Event) -> None:
        """Once files come, say how much there is to come: the host's files that are not here yet.

        A sync without news asks nothing, however slow the connection.
        """
        await begun.wait()
        await asyncio.sleep(COUNT_AFTER_S)
        with suppress(RemoteError):
            there = await self._there(selection)
            here = {entry.path: entry for entry in (await asyncio.to_thread(files_here, self.local)).entries}
            missing = [entry for entry in there if entry.path not in here or not entry.same_as(here[entry.path])]
            so_far = self._now.coming
            self._say(
                bytes_total=so_far.bytes + sum(entry.size for entry in missing),
                files_total=so_far.files + len(missing),
            )


def run_here(fleet: Fleet, place: Place, run: str) -> Path:
    """The folder of a run on this laptop."""
    return fleet.profile.results / place.slug / run


def _named(names: Sequence[str]) -> str:
    return ", ".join(map(clean, names))


def _bad(host: str, names: Sequence[str]) -> FarSideError:
    return FarSideError(
        f"{clean(host)}: twice not the same here as there: {_named(names)}",
        hint="the digests differ, so it is not kept under its name; is this laptop's disk or memory sound?",
        code="bad_checkpoint",
    )

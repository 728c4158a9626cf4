"""An app over an invented world, driven by a pilot, with clocks that stand still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from remote.asker import Asker
from remote.checklist_items import Checklist
from remote.evidence import Told
from remote.git import Commit
from remote.listing import Listing
from remote.snapshot import RunSnapshot
from remote.waiting import Look
from tests.tui.worlds import WALL, Feed, still_store
from tui.app import TrajvidApp


class NoVerbs:
    """For tests that never come as far as a verb; only the launch dialog's look at the branch is answered."""

    async def commit_of(self, fleet: object, worker: str, consent: object = None) -> Commit:
        return Commit(
            "c0ffee1" + "0" * 33, f"idea/{worker}", "Give the decoder a longer memory", True, ("new.py",), 120
        )

    async def look(self, fleet: object, worker: str) -> Look:
        return Look("gpu-1", f"idea/{worker}", 0, False, 0)

    async def files(self, fleet: object, worker: str, run: str = "") -> Listing:
        return Listing(run, (), 0, WALL)

    async def runs_of(self, fleet: object, worker: str) -> tuple[list[str], str]:
        return [], ""

    def folder_here(self, fleet: object, worker: str) -> Path:
        return Path("results") / worker / "evidence"

    def checklist_here(self, fleet: object, worker: str) -> Checklist:
        return Checklist()

    async def told(self, fleet: object, worker: str, *, cached: bool = False) -> Told:
        return Told(worker, self.folder_here(fleet, worker), "", (), None, WALL, cached)

    def run_place(self, fleet: object, worker: str) -> str:
        return f"local:/home/ada/.trajvid/runs/demo-1a2b3c4d/{worker}/20260101T000000-3f2a91c-9b1e"


@asynccontextmanager
async def desk(
    rows: Sequence[RunSnapshot], size: tuple[int, int] = (120, 40), *keys: str, verbs: Any = None, **options: Any
) -> AsyncIterator[tuple[TrajvidApp, Pilot[int], Feed]]:
    """The running app after the first paint and the given keys."""
    feed = Feed(rows)

    async def opener(asker: Asker) -> Feed:
        return feed

    app = TrajvidApp(opener, verbs=verbs or NoVerbs(), project="demo", store=still_store(), **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        await pilot.press(*keys)
        await settle(app, pilot)
        yield app, pilot, feed


async def settle(app: TrajvidApp, pilot: Pilot[int]) -> None:
    """Let everything that was asked for be drawn."""
    await pilot.pause()
    app.flush()
    await pilot.pause()

"""What lies on this laptop already is known when the app starts again, with its age, before any host answers."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from remote import synced
from remote.fleet import Fleet
from remote.history import History
from remote.snapshot import RunSnapshot, SyncPhase, SyncStatus
from remote.synced import Mark, status_here
from tests.fixtures.project import Project
from tui.session import ProfileSession
from tui.words import sync_words
from wire.state import State

RUN, NEXT = "20250101T000000-3f2a91c-aaaa", "20250102T000000-3f2a91c-bbbb"


def came(folder: Path, ago_s: float) -> Path:
    """A run that was synced so long ago."""
    folder.mkdir(parents=True)
    synced.write(folder, Mark(folder.name))
    os.utime(folder.parent / synced.FOLDER / f"{folder.name}.json", (time.time() - ago_s, time.time() - ago_s))
    return folder


def test_a_folder_with_its_mark_was_synced_when_the_mark_was_made(tmp_path: Path) -> None:
    folder = came(tmp_path / "w" / RUN, 60.0)
    assert status_here(folder, 1000.0, time.time()).at == pytest.approx(940.0, abs=2.0)
    assert status_here(folder, 1000.0, 0.0).at == 1000.0, "a clock that was set back makes no age below nothing"
    synced.confirm(folder)
    assert status_here(folder, 1000.0, time.time()).at == pytest.approx(1000.0, abs=2.0)
    (tmp_path / "w" / NEXT).mkdir()
    partly = status_here(tmp_path / "w" / NEXT, 1000.0, 0.0)
    assert (partly.phase, partly.at) == (SyncPhase.NEVER, None) and partly.folder.endswith(NEXT)
    assert status_here(tmp_path / "w" / "gone", 1000.0, 0.0) == SyncStatus()
    assert sync_words(RunSnapshot("h", "p", "w", run=NEXT, sync=partly), 1000.0)[0] == "↓ not whole here"


async def test_a_new_session_knows_what_the_last_one_brought(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(tmp_path / "state"))
    here = came(project.profile.results / "good" / RUN, 120.0)
    row = RunSnapshot(
        "local", "tiny", "good", run=RUN, attempt=f"{RUN}.1", state=State.COMPLETED, seen_at=time.monotonic()
    )
    brought = replace(row, sync=SyncStatus(SyncPhase.DONE, 1.0, folder=str(here)))
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "history.sqlite"
    history = History(path)
    history.save(project.profile.project_id, [brought])
    history.close()

    session = ProfileSession(project.profile.path)
    [first] = session.remembered()[1]
    assert sync_words(first, time.monotonic())[0] == "↓ synced 2 min ago", "at the first paint"
    session.close()
    fleet = Fleet(project.profile, history=History(path))
    found = fleet.snapshot("good")
    assert found.sync.folder == str(here) and sync_words(found, fleet.clock())[0] == "↓ synced 2 min ago"

    (project.profile.results / "good" / NEXT).mkdir()
    fleet.host_said("local", {"k": "run", "worker": "good", "run": NEXT, "attempt": 1})
    assert fleet.snapshot("good").sync == SyncStatus(folder=str(here.with_name(NEXT))), "a run that came only in part"
    await fleet.close()

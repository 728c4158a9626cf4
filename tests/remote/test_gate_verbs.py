"""Release, retire and relaunch on a real embedded host, as two laptops see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remote import runs
from remote.errors import FarSideError, UsageError
from remote.fleet import Fleet
from remote.snapshot import RunSnapshot
from tests.fixtures import gated
from tests.fixtures.project import Project, make_project
from tests.fixtures.ssh import FarHost
from wire.run_dir import Root
from wire.state import State

WORKERS = """\
  gated: {{branch: gated, command: ["{{python}}", gated.py]}}
  told: {{branch: told, config: keypoint, set: {{seed: 1, extractor: keypoint}}, python: {python}}}
"""


@pytest.fixture
def project(embedded: FarHost, short_tmp: Path) -> Project:
    """Beside the usual workers `gated`, which its gate holds, and `told`, whose trainer only says what it is told."""
    python = short_tmp / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    project = make_project(short_tmp / "project", embedded.host, WORKERS.format(python=python))
    (project.folder / "gated.py").write_text(gated.WORK)
    project.git("add", "--all")
    project.git("commit", "-qm", "Second")
    return project


@pytest.fixture
async def ada(project: Project) -> AsyncIterator[Fleet]:
    fleet = Fleet(project.profile, by="ada@laptop")
    yield fleet
    project.go.touch()
    await runs.kill(fleet, "long")
    await fleet.close()


@pytest.fixture
async def bob(project: Project) -> AsyncIterator[Fleet]:
    fleet = Fleet(project.profile, by="bob@desk")
    yield fleet
    await fleet.close()


async def ended(fleet: Fleet, worker: str, launched: runs.Launched) -> RunSnapshot:
    async with asyncio.timeout(60):
        [row] = await runs.wait(fleet, [worker], runs={worker: launched})
    return row


async def seen(fleet: Fleet, worker: str, state: State) -> RunSnapshot:
    await fleet.start([worker], sync=False)
    async with asyncio.timeout(60):
        while fleet.snapshot(worker).state is not state:
            await fleet.changed()
    return fleet.snapshot(worker)


async def test_a_held_run_is_released_once_or_retired_for_good_and_every_laptop_sees_by_whom(
    ada: Fleet, bob: Fleet
) -> None:
    first = await runs.launch(ada, "gated")
    held = await ended(ada, "gated", first)
    assert (held.state, held.reason) == (State.HELD, f"held at the gate: {gated.WHY}")
    assert (await seen(bob, "gated", State.HELD)).reason == held.reason
    with pytest.raises(FarSideError, match="is held at the gate: accuracy") as failure:
        await runs.resume(bob, "gated")
    assert failure.value.code == "held" and "retire" in failure.value.hint
    released = await runs.release(bob, "gated")
    assert (released.run, released.attempt) == (first.run, f"{first.run}.2")
    for fleet in (ada, bob):
        row = await seen(fleet, "gated", State.COMPLETED)
        assert row.decision is not None and row.progress is not None
        assert (row.decision.decision, row.decision.by) == ("release", "bob@desk")
        assert (row.progress.stage, row.progress.epoch, row.progress.total_epochs) == ("full", 11, 50)
    for verb in (runs.release, runs.retire):
        with pytest.raises(FarSideError, match="not held at a gate: it is completed") as failure:
            await verb(ada, "gated")  # type: ignore[operator]
        assert failure.value.code == "not_held"

    await ended(ada, "gated", await runs.launch(ada, "gated"))
    await seen(bob, "gated", State.HELD)
    retired = await runs.retire(ada, "gated")
    reason = f"retired by ada@laptop at the gate: {gated.WHY}"
    assert (retired.state, retired.reason, retired.already) == ("stopped", reason, False)
    for fleet in (ada, bob):
        assert (await seen(fleet, "gated", State.STOPPED)).reason == reason
    again = await runs.retire(bob, "gated")
    assert again.already and again.reason == reason
    for verb in (runs.resume, runs.release):
        with pytest.raises(FarSideError, match="is final: retired by ada@laptop") as failure:
            await verb(bob, "gated")
        assert failure.value.code == "retired" and "relaunch" in failure.value.hint


async def test_a_relaunch_repeats_the_newest_run_with_changes_on_the_commit_of_now(
    ada: Fleet, project: Project
) -> None:
    first = await runs.launch(ada, "told", overrides=["epochs=3", "rate=0.1"])
    await ended(ada, "told", first)
    said = "-m trainer run --config keypoint seed=1 extractor={} epochs={} rate=0.1"
    assert await runs.logs(ada, "told") == [said.format("keypoint", 3)]
    (project.folder / "file.txt").write_text("second\n")
    profile = project.folder / "profiles.yaml"
    profile.write_text(profile.read_text().replace("seed: 1", "seed: 2"))
    project.git("commit", "-qam", "Third")
    fleet = Fleet(project.profile, by="bob@desk")
    second = await runs.relaunch(fleet, "told", overrides=["epochs=5", "extractor=transformer", "clips=64"])
    assert (second.parent, second.parent_commit, second.already) == (first.run, first.commit, False)
    assert second.run != first.run and second.commit == project.git("rev-parse", "HEAD") != first.commit
    row = await ended(fleet, "told", second)
    assert row.spec is not None
    assert (row.spec.parent, row.spec.by, row.extractor) == (first.run, "bob@desk", "transformer")
    assert row.spec.overrides == ("seed=1", "extractor=transformer", "epochs=5", "rate=0.1", "clips=64")
    assert await runs.logs(fleet, "told") == [said.format("transformer", 5) + " clips=64"]
    root = Root(project.profile.hosts["local"].root)
    actions = Path(root.run(project.profile.project_id, "told", second.run).actions).read_text()
    assert '"verb":"relaunch"' in actions
    await fleet.close()


async def test_what_cannot_be_relaunched_or_decided_says_why(ada: Fleet) -> None:
    for verb in (runs.relaunch, runs.release):
        with pytest.raises(UsageError, match="has never run"):
            await verb(ada, "good")  # type: ignore[operator]
    with pytest.raises(FarSideError, match="has never run"):
        await runs.retire(ada, "good")
    with pytest.raises(UsageError, match="takes no config overrides"):
        await runs.relaunch(ada, "gated", overrides=["epochs=3"])
    launched = await runs.launch(ada, "long")
    with pytest.raises(FarSideError, match="long is running") as failure:
        await runs.relaunch(ada, "long")
    assert (failure.value.code, failure.value.hint) == ("running", "stop it first")
    with pytest.raises(FarSideError, match=f"not held at a gate: {launched.attempt} is running"):
        await runs.retire(ada, "long")

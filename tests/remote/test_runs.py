"""The verbs on a real embedded host: exactly one job whatever the connection does, and the true state each time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote import runs
from remote.embedded import shared
from remote.errors import Declined, FarSideError, Unreachable, UsageError
from remote.farside import FarSide
from remote.fleet import Fleet
from remote.git import Commit
from remote.profiles import Profile
from remote.run_spec import requirements, spec_of
from remote.snapshot import RunSnapshot
from tests.fixtures.project import Project
from wire.run_dir import Root
from wire.state import State


@pytest.fixture
async def fleet(project: Project) -> AsyncIterator[Fleet]:
    fleet = Fleet(project.profile, by="ada@laptop")
    yield fleet
    project.go.touch()
    for worker in ("good", "bad", "long"):
        await runs.kill(fleet, worker)
    await fleet.close()


def starts(profile: Profile, worker: str) -> list[str]:
    """The attempts whose work really began, as the work itself wrote them down."""
    folder = Path(Root(profile.hosts["local"].root).worker(profile.project_id, worker))
    return [line for file in sorted(folder.glob("*/starts")) for line in file.read_text().split()]


async def ended(fleet: Fleet, worker: str, **more: object) -> RunSnapshot:
    await fleet.start([worker], sync=False)
    async with asyncio.timeout(60):
        [row] = await runs.wait(fleet, [worker], **more)  # type: ignore[arg-type]
    return row


async def running(fleet: Fleet, worker: str, found: Callable[[RunSnapshot], bool] | None = None) -> RunSnapshot:
    await fleet.start([worker], sync=False)
    async with asyncio.timeout(60):
        while not (found or (lambda row: row.state is State.RUNNING))(fleet.snapshot(worker)):
            await fleet.changed()
    return fleet.snapshot(worker)


async def test_a_failed_run_says_its_code_and_its_log_is_read(fleet: Fleet, project: Project) -> None:
    steps: list[str] = []
    launched = await runs.launch(fleet, "bad", on_step=steps.append)
    assert launched.commit == project.git("rev-parse", "HEAD") and not launched.already
    row = await ended(fleet, "bad", runs={"bad": launched})
    assert row.state is State.FAILED and row.reason.startswith("exit code 3")
    assert await runs.logs(fleet, "bad") == ["at first"]
    assert steps[0] == "reading the branch" and steps[-1] == "launching"
    result = await runs.sync(fleet, "bad")
    assert result.files and (project.folder / "results/bad" / launched.run / "training.log").exists()


async def test_waiting_follows_by_itself_and_tells_nothing_of_the_run_before(fleet: Fleet) -> None:
    told: list[RunSnapshot] = []
    async with asyncio.timeout(60):
        for _ in range(2):
            launched = await runs.launch(fleet, "good")
            told.clear()
            [row] = await runs.wait(fleet, ["good"], runs={"good": launched}, on_change=told.append)
    assert row.state is State.COMPLETED
    assert {snapshot.run for snapshot in told} == {launched.run}


async def test_a_dirty_tree_runs_as_its_own_commit(fleet: Fleet, project: Project) -> None:
    (project.folder / "file.txt").write_text("edited\n")
    (project.folder / "new").write_text("x")
    (project.folder / "ignored").write_text("x")
    commits: list[Commit] = []
    launched = await runs.launch(fleet, "good", on_commit=commits.append)
    await ended(fleet, "good", runs={"good": launched})
    assert await runs.logs(fleet, "good") == ["at edited"]
    assert commits[0].dirty and commits[0].untracked == ("new",)
    assert project.git("status", "--porcelain").splitlines() == ["M file.txt", "?? new"]


async def test_large_untracked_files_need_consent(
    fleet: Fleet, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.git.CONSENT_BYTES", 10)
    (project.folder / "big").write_bytes(b"x" * 20)

    async def no(names: tuple[str, ...], count: int) -> bool:
        assert (names, count) == (("big",), 20)
        return False

    with pytest.raises(Declined, match="not taken"):
        await runs.launch(fleet, "good", consent=no)
    assert fleet.snapshot("good").step == "" and starts(fleet.profile, "good") == []


async def test_launching_what_runs_answers_with_the_running_run(fleet: Fleet) -> None:
    first = await runs.launch(fleet, "long")
    again = await runs.launch(fleet, "long")
    assert (again.already, again.run, again.attempt) == (True, first.run, first.attempt)


@pytest.mark.slow  # a few seconds; test_exactly_once.py asks the same of both hosts
async def test_two_laptops_at_once_start_one_run(fleet: Fleet, project: Project) -> None:
    other = Fleet(project.profile, by="bob@desk")
    found = await asyncio.gather(
        runs.launch(fleet, "long"), runs.launch(other, "long"), return_exceptions=True
    )  # fmt: skip
    answers = [answer for answer in found if isinstance(answer, runs.Launched)]
    assert len(answers) == 2, found
    assert len({answer.attempt for answer in answers}) == 1
    assert sorted(answer.already for answer in answers) == [False, True]
    project.go.touch()
    await ended(fleet, "long", runs={"long": answers[0]})
    assert starts(fleet.profile, "long") == [answers[0].attempt]
    await other.close()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_cuts_in_the_middle_of_a_launch_give_exactly_one_job(project: Project, fleet: Fleet, seed: int) -> None:
    """The connection is cut again and again at random moments; the answer names the one job that there is."""
    rng = random.Random(seed)
    project.go.touch()
    await fleet.far("local").ready()

    async def cut() -> None:
        for _ in range(rng.randint(1, 4)):
            await asyncio.sleep(rng.uniform(0.0, 0.25))
            shared().drop()

    expected = []
    for _ in range(3):
        cutter = asyncio.create_task(cut())
        async with asyncio.timeout(60):
            launched = await launch_stubbornly(fleet)
        await cutter
        expected.append(launched.attempt)
        await ended(fleet, "good", runs={"good": launched})
        assert sorted(starts(fleet.profile, "good")) == sorted(expected)


async def launch_stubbornly(fleet: Fleet) -> runs.Launched:
    """Launch until the host answered. Only what comes before the launch verb may give up, and then nothing started."""
    while True:
        try:
            return await runs.launch(fleet, "good")
        except Unreachable as exc:
            assert exc.code != "outcome_unknown"
        except FarSideError as exc:
            assert exc.code == "push_failed", exc


@pytest.mark.parametrize("answer", [{}, {"run": {"a": 1}, "attempt": [1]}, {"run": "../x", "attempt": "../x.1"}])
async def test_an_answer_that_names_no_run_is_no_launch(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]
) -> None:
    call = FarSide.call

    async def lying(far: FarSide, verb: str, request: dict[str, object], **more: float) -> dict[str, object]:
        return {"ok": True, **answer} if verb == "launch" else await call(far, verb, request, **more)

    monkeypatch.setattr(FarSide, "call", lying)
    with pytest.raises(FarSideError, match="names no run") as failure:
        await runs.launch(fleet, "good")
    assert failure.value.code == "outcome_unknown" and failure.value.hint


async def test_stop_resume_kill(fleet: Fleet, project: Project) -> None:
    first = await runs.launch(fleet, "long")
    await running(fleet, "long", lambda row: row.state is State.RUNNING and row.beat is not None)
    stopped = await runs.stop(fleet, "long")
    assert (stopped.stopped, stopped.left, stopped.state, stopped.code) == (True, (), "stopped", 143)
    row = await running(fleet, "long", lambda row: row.state is State.STOPPED)
    assert row.reason == "by ada@laptop"
    again = await runs.resume(fleet, "long")
    assert (again.run, again.attempt) == (first.run, f"{first.run}.2")
    row = await running(fleet, "long", lambda row: row.state is State.RUNNING)
    assert row.attempt == again.attempt
    killed = await runs.kill(fleet, "long")
    assert killed.stopped and killed.state == "stopped"
    assert starts(fleet.profile, "long") == [first.attempt, again.attempt]
    idle = await runs.stop(fleet, "long")
    assert idle.stopped and not idle.was_running


async def test_what_never_ran_is_said_plainly(fleet: Fleet) -> None:
    with pytest.raises(UsageError, match="nothing to resume"):
        await runs.resume(fleet, "good")
    with pytest.raises(UsageError, match="no run"):
        await runs.sync(fleet, "good")
    with pytest.raises(FarSideError, match="no run"):
        await runs.logs(fleet, "good")
    assert not (await runs.stop(fleet, "good")).was_running


async def test_edits_on_the_host_are_never_lost_by_a_launch(fleet: Fleet, project: Project) -> None:
    launched = await runs.launch(fleet, "good")
    await ended(fleet, "good", runs={"good": launched})
    root = Root(fleet.profile.hosts["local"].root)
    edited = Path(root.worktree(fleet.profile.project_id, "good")) / "file.txt"
    edited.write_text("precious\n")
    with pytest.raises(FarSideError) as failure:
        await runs.launch(fleet, "good")
    assert failure.value.code == "dirty_worktree" and edited.read_text() == "precious\n"
    launched = await runs.launch(fleet, "good", discard=True)
    assert (await ended(fleet, "good", runs={"good": launched})).state is State.COMPLETED


async def test_an_ad_hoc_command_is_a_worker_like_any_other(fleet: Fleet) -> None:
    launched = await runs.run_command(fleet, "local", ["sh", "-c", "pwd; exit 4"], name="job")
    row = await ended(fleet, "job", runs={"job": launched})
    assert row.state is State.FAILED and row.reason.startswith("exit code 4")
    assert (await runs.logs(fleet, "job"))[0].endswith(launched.run)
    with pytest.raises(UsageError, match="no letter"):
        await runs.run_command(fleet, "local", ["/"])
    with pytest.raises(UsageError, match="no host named"):
        await runs.run_command(fleet, "lokal", ["true"])


async def test_overrides_are_checked_before_anything_happens(fleet: Fleet) -> None:
    with pytest.raises(UsageError, match="not KEY=VALUE"):
        await runs.launch(fleet, "good", overrides=["epochs"])
    with pytest.raises(UsageError, match="command of its own"):
        await runs.launch(fleet, "good", overrides=["epochs=3"])


def test_the_spec_of_a_trainer_worker(project: Project) -> None:
    profile = project.profile
    worker = replace(
        profile.workers["good"],
        command=(),
        config="keypoint",
        set={"seed": 1, "resume": False, "note": None, "rate": 5e-4},
        python="",
        environment="create",
    )
    spec = spec_of(
        worker,
        profile.hosts["local"],
        Commit("ab" * 20, "good", "First"),
        project_id=profile.project_id,
        cwd="/w",
        bundle="/b",
        home="/home/ada",
        nonce="0123456789abcdef",
        by="ada@laptop",
        now_s=0.0,
        overrides=["epochs=3"],
    )
    assert spec.command == (
        "{python}", "-m", "trainer", "run", "--config", "keypoint",
        "seed=1", "resume=false", "note=null", "rate=0.0005", "epochs=3",
    )  # fmt: skip
    assert spec.run == "19700101T000000-abababa-0123" and spec.env["PYTHONPATH"] == "/b"
    assert spec.environment["requirements"] == requirements() and "torch==2.13.0" in requirements()
    plain = replace(worker, environment="", python="~/venv/bin/python")
    kept = {
        "project_id": "p",
        "cwd": "",
        "bundle": "/b",
        "home": "/home/ada",
        "nonce": "0" * 16,
        "by": "",
        "now_s": 0.0,
    }
    spec = spec_of(plain, profile.hosts["local"], Commit("ab" * 20, "good", ""), **kept)  # type: ignore[arg-type]
    assert spec.command[0] == "/home/ada/venv/bin/python" and spec.environment == {}


def test_a_command_may_be_a_verb_of_the_bundled_trainer(project: Project) -> None:
    worker = replace(project.profile.workers["good"], command=("trainer", "generate", "objects"), environment="create")
    spec = spec_of(
        worker, project.profile.hosts["local"], Commit("ab" * 20, "good", ""),
        project_id="p", cwd="/w", bundle="/b", home="/home/ada", nonce="0" * 16, by="", now_s=0.0,
    )  # fmt: skip
    assert spec.command == ("{python}", "-m", "trainer", "generate", "objects")
    assert spec.env["PYTHONPATH"] == "/b" and spec.environment["requirements"] == requirements()

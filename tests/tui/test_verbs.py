"""Every verb by its key, on a real embedded host: the app, the control plane, the far side, a small command."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import yaml
from textual.pilot import Pilot

from remote import runs
from remote.fleet import Fleet
from remote.snapshot import RunSnapshot
from tests.fixtures import gated
from tests.fixtures.ssh import FarHost
from tests.tui.screen_text import plain
from tui.app import TrajvidApp
from tui.session import Opener, ProfileSession
from wire.state import State

WORK = """\
import json, os, signal, sys, time
steps = int(sys.argv[1])
folder, attempt = os.environ["TRAJVID_RUN_DIR"], os.environ["TRAJVID_ATTEMPT"]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
for step in range(steps):
    loss = 1 / (step + 1)
    print(f"step {step} loss {loss:.3f} [/x]", flush=True)
    values = {"train_loss": loss, "val_accuracy": 1 - loss}
    point = {"step": step, "epoch": step / 10, "at_s": time.time(), "values": values, "attempt": attempt}
    with open(folder + "/metrics.jsonl", "a") as file:
        file.write(json.dumps(point) + "\\n")
    progress = {"attempt": attempt, "seq": step, "at_s": time.time(), "phase": "train", "step": step,
                "total_steps": steps, "metrics": values, "message": f"step {step}"}
    with open(folder + "/.tmp-p", "w") as file:
        json.dump(progress, file)
    os.replace(folder + "/.tmp-p", folder + "/progress.json")
    time.sleep(0.02)
"""
WITHIN_S = 60.0


@dataclass
class Desk:
    """The app on a real fleet, and what a test needs to drive it."""

    app: TrajvidApp
    pilot: Pilot[int]
    repo: Path = Path()

    @property
    def fleet(self) -> Fleet:
        return cast(Fleet, self.app.fleet)

    async def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for something to become true, drawing meanwhile as the app does."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            await self.pilot.pause(0.1)  # to look at the whole screen costs a large part of that
            if true():
                return
        raise AssertionError(f"waited {WITHIN_S:.0f} s for {what}:\n{plain(self.app)}")

    async def until_shown(self, text: str) -> None:
        await self.until(lambda: text in plain(self.app), f"{text!r} on the screen")

    async def until_state(self, worker: str, *states: State) -> RunSnapshot:
        await self.until(lambda: self.fleet.snapshot(worker).state in states, f"{worker} to be {states}")
        return self.fleet.snapshot(worker)


def make_project(folder: Path, root: Path) -> Path:
    """A repository with a profile of two workers: one that ends by itself and one that goes on for long."""
    folder.mkdir()
    (folder / "work.py").write_text(WORK)
    (folder / ".gitignore").write_text("results/\n")
    worker = {"host": "local", "python": sys.executable, "beat_interval_s": 0.2, "grace_s": 5}
    profile = {
        "project": "desk",
        "hosts": {"local": {"kind": "embedded", "root": str(root)}},
        "defaults": worker,
        "workers": {
            "short": {"branch": "idea/short", "command": [sys.executable, "work.py", "20"]},
            "long": {"branch": "idea/long", "command": [sys.executable, "work.py", "100000"]},
        },
    }
    (folder / "profiles.yaml").write_text(yaml.safe_dump(profile, sort_keys=False))
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "begin"]):
        name = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *name, *arguments], cwd=folder, check=True)
    return folder


@asynccontextmanager
async def app_on(opener: Opener, **options: bool) -> AsyncIterator[Desk]:
    """The app on the fleet that `opener` gives, connected; what runs in the end is killed."""
    app = TrajvidApp(opener, **options)  # type: ignore[arg-type]
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        desk = Desk(app, pilot)
        await desk.until(lambda: app.fleet is not None, "the fleet")
        await desk.until(lambda: desk.fleet.snapshot("long").confirmed(time.monotonic()), "the connection")
        try:
            yield desk
        finally:
            for worker in ("short", "long"):
                if desk.fleet.snapshot(worker).state.active:
                    await runs.kill(desk.fleet, worker)


@asynccontextmanager
async def desk_at(embedded: FarHost, folder: Path, **options: bool) -> AsyncIterator[Desk]:
    repo = make_project(folder / "repo", embedded.root)
    session = ProfileSession(repo / "profiles.yaml")
    async with app_on(session.open, **options) as desk:
        desk.repo = repo
        yield desk
    session.close()


@pytest.fixture
async def desk(embedded: FarHost, short_tmp: Path) -> AsyncIterator[Desk]:
    async with desk_at(embedded, short_tmp) as opened:
        yield opened


async def test_launch_shows_the_run_from_its_first_step_to_its_end(desk: Desk) -> None:
    await desk.until_shown("not started")
    await desk.pilot.press("n")
    await desk.until_shown("begin")
    assert "Launch a worker" in plain(desk.app)
    await desk.pilot.press("enter")
    done = await desk.until_state("short", State.COMPLETED)
    assert done.spec is not None and done.spec.branch == "idea/short"
    await desk.until_shown("✓ completed")
    await desk.until_shown("step 19 loss 0.050 [/x]")
    await desk.until_shown("val acc")


@pytest.mark.slow  # 3 s
async def test_what_a_host_keeps_is_told_and_a_worktree_goes_by_its_name(desk: Desk) -> None:
    await desk.until_shown("not started")
    await desk.pilot.press("n", "enter")
    await desk.until_state("short", State.COMPLETED)
    await desk.pilot.press("W")
    await desk.until_shown("✓ clean")
    [tree] = desk.app.screen.found  # type: ignore[attr-defined]
    assert Path(tree.tree.path).is_dir()
    await desk.pilot.press("x", *"short", "enter")
    await desk.until_shown("short: removed")
    await desk.until_shown("No host keeps a worktree")
    assert not Path(tree.tree.path).exists()
    await desk.pilot.press("escape", "P")
    await desk.until_shown("It is the newest of its worker.")
    await desk.pilot.press("escape", "T")
    await desk.until_shown("Completed: 1")
    await desk.pilot.press("w")
    await desk.until_shown("wrote ")
    assert list((desk.repo / "results").glob("report-*.md"))


async def test_launch_refuses_overrides_that_are_no_assignments(desk: Desk) -> None:
    await desk.pilot.press("n", *"epochs", "enter")
    await desk.until_shown("epochs is not key=value")
    assert desk.fleet.snapshot("short").run == ""
    await desk.pilot.press("escape")


async def test_stop_asks_first_and_then_says_that_it_is_gone(desk: Desk) -> None:
    await desk.pilot.press("G", "n", "enter")
    await desk.until_state("long", State.RUNNING)
    await desk.until_shown("step ")
    await desk.pilot.press("x")
    await desk.until_shown("Stop long?")
    for fact in ("host        local", "idea/long@", "none yet: everything"):
        assert fact in plain(desk.app)
    assert desk.app.focused is not None and desk.app.focused.id == "cancel"
    await desk.pilot.press("enter")
    await desk.pilot.pause()
    assert desk.fleet.snapshot("long").state is State.RUNNING, "Cancel is what enter means"
    await desk.pilot.press("x", "right", "enter")
    ended = await desk.until_state("long", State.STOPPED)
    assert ended.exit is not None and ended.exit.code == 143
    await desk.until_shown("■ stopped (143)")


async def test_kill_wants_the_workers_name(desk: Desk) -> None:
    await desk.pilot.press("G", "n", "enter")
    await desk.until_state("long", State.RUNNING)
    await desk.pilot.press("X")
    await desk.until_shown("Kill long?")
    await desk.pilot.press(*"lon", "enter")
    await desk.pilot.pause()
    assert desk.fleet.snapshot("long").state is State.RUNNING
    assert "Kill long?" in plain(desk.app)
    await desk.pilot.press("g", "enter")
    await desk.until_state("long", State.STOPPED, State.FAILED)
    await desk.until(lambda: not desk.fleet.snapshot("long").state.active, "the end")


async def test_resume_goes_on_as_a_new_attempt(desk: Desk) -> None:
    await desk.pilot.press("G", "n", "enter")
    first = await desk.until_state("long", State.RUNNING)
    await desk.pilot.press("x", "right", "enter")
    await desk.until_state("long", State.STOPPED)
    await desk.pilot.press("r")
    await desk.until(lambda: desk.fleet.snapshot("long").attempt == f"{first.run}.2", "a second attempt")
    await desk.until_state("long", State.RUNNING)


@pytest.mark.slow  # 5 s
async def test_a_held_run_is_released_relaunched_and_retired_by_their_keys(embedded: FarHost, short_tmp: Path) -> None:
    repo = make_project(short_tmp / "repo", embedded.root)
    (repo / "gated.py").write_text(gated.WORK)
    with (repo / "profiles.yaml").open("a") as profile:
        profile.write(f"  gated: {{branch: idea/gated, command: [{sys.executable}, gated.py]}}\n")
    session = ProfileSession(repo / "profiles.yaml")
    async with app_on(session.open) as desk:
        await desk.pilot.press("G", "n", "enter")
        first = await desk.until_state("gated", State.HELD)
        await desk.until_shown("✗ accuracy   61.0 %")
        await desk.pilot.press("e", "right", "enter")
        await desk.until(lambda: desk.fleet.snapshot("gated").attempt == f"{first.run}.2", "a second attempt")
        await desk.until_state("gated", State.COMPLETED)
        await desk.until_shown("gate       released by")
        await desk.pilot.press("a")
        await desk.until_shown("Relaunch gated")
        await desk.pilot.press("enter")
        await desk.until(lambda: desk.fleet.snapshot("gated").run not in ("", first.run), "a run of its own")
        again = await desk.until_state("gated", State.HELD)
        assert again.spec is not None and again.spec.parent == first.run
        await desk.pilot.press("E", "enter")
        await desk.pilot.pause(0.2)
        assert desk.fleet.snapshot("gated").state is State.HELD, "Cancel has the focus"
        await desk.pilot.press("E", "right", "enter")
        await desk.until_state("gated", State.STOPPED)
        await desk.until_shown("retired by")
    session.close()


async def test_sync_brings_the_results_here(desk: Desk) -> None:
    await desk.pilot.press("n", "enter")
    done = await desk.until_state("short", State.COMPLETED)
    await desk.pilot.press("R")
    await desk.until_shown("synced")
    log = desk.repo / "results" / "short" / done.run / "training.log"
    await desk.until(log.exists, str(log))
    assert "step 19" in log.read_text()


@pytest.mark.slow  # 5 s
async def test_the_log_follows_and_finds(desk: Desk) -> None:
    await desk.pilot.press("G", "n", "enter")
    await desk.until_state("long", State.RUNNING)
    await desk.pilot.press("l")
    await desk.until_shown("following")
    await desk.until_shown("loss 0.0")  # from step 10 on, and for good: any one step soon leaves the screen
    await desk.pilot.press("slash", *"step 7 ", "enter")
    await desk.until_shown("1 row matches step 7")
    assert "not following" in plain(desk.app)
    await desk.pilot.press("escape")
    await desk.until(lambda: "matches" not in plain(desk.app), "the search to be over")
    await desk.pilot.press("escape")
    await desk.until_shown("enter open")


@pytest.mark.slow  # 2 s
async def test_all_are_launched_and_the_marked_stopped_by_one_question_each(desk: Desk) -> None:
    await desk.pilot.press("N")
    await desk.until_shown("Launch 2 workers?")
    await desk.pilot.press("right", "enter")
    await desk.until_state("short", State.COMPLETED)
    await desk.until_state("long", State.RUNNING)
    await desk.pilot.press("g", "space", "G", "v", "x")
    await desk.until_shown("Stop 1 worker?")
    assert "1 more marked, but stop does not apply" in plain(desk.app)
    await desk.pilot.press("enter", "x")
    await desk.until_shown("Stop 1 worker?")
    assert desk.fleet.snapshot("long").state is State.RUNNING, "Cancel has the focus"
    await desk.pilot.press("right", "enter")
    await desk.until_state("long", State.STOPPED)


async def test_a_refusal_is_a_toast_with_its_hint(desk: Desk) -> None:
    (desk.repo / ".git").rename(desk.repo / "moved")
    await desk.pilot.press("n")
    await desk.until_shown("not in a git working tree")
    await desk.pilot.press("enter")
    await desk.until_shown("short: launch failed")
    assert "Traceback" not in plain(desk.app)


async def test_verbs_that_do_not_apply_say_why(desk: Desk) -> None:
    for key, why in (("x", "is not running"), ("X", "is not running"), ("r", "no ended run"), ("R", "no run yet")):
        await desk.pilot.press(key)
        await desk.until_shown(why)


async def test_with_start_it_launches_what_never_ran_and_asks_nothing(embedded: FarHost, short_tmp: Path) -> None:
    async with desk_at(embedded, short_tmp, start=True) as desk:
        await desk.until_state("short", State.COMPLETED)
        await desk.until_state("long", State.RUNNING)


async def test_the_next_session_begins_with_the_last_rows(embedded: FarHost, short_tmp: Path) -> None:
    repo = make_project(short_tmp / "repo", embedded.root)
    session = ProfileSession(repo / "profiles.yaml")
    assert session.remembered() == ("desk", [])
    async with app_on(session.open) as desk:
        await desk.pilot.press("n", "enter")
        await desk.until_state("short", State.COMPLETED)
    session.close()
    again = ProfileSession(repo / "profiles.yaml")
    project, rows = again.remembered()
    again.close()
    assert project == "desk"
    assert [(row.worker, row.state) for row in rows if row.run] == [("short", State.COMPLETED)]
    assert rows[0].seen_at is None and rows[0].cached_age_s is not None


async def test_without_a_profile_the_screen_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    session = ProfileSession(None)
    assert session.remembered() == ("", [])
    app = TrajvidApp(session.open)
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(200):
            await pilot.pause(0.05)
            if "not usable" in plain(app):
                break
        assert "no profiles.yaml in" in plain(app) and "trajvid-tui init" in plain(app)
        await pilot.press("escape")
    assert app.return_code == 2


async def test_a_wrong_profile_is_a_screen_with_its_line(home: Path, short_tmp: Path) -> None:
    repo = make_project(short_tmp / "repo", short_tmp / "root")
    text = (repo / "profiles.yaml").read_text()
    (repo / "profiles.yaml").write_text("snyc: {}\n" + text)
    session = ProfileSession(repo / "profiles.yaml")
    app = TrajvidApp(session.open)
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(200):
            await pilot.pause(0.05)
            if "not usable" in plain(app):
                break
        assert "profiles.yaml:1" in plain(app) and "snyc" in plain(app) and "sync" in plain(app)
        await pilot.press("q")
    assert app.return_code == 2

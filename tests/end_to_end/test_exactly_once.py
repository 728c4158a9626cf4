"""A launch happens once or not at all, whatever the connection does meanwhile.

4 launches in the default suite; `TRAJVID_LAUNCHES=200` in `make test-hosts`; 1,000 by hand, logged in
docs/exactly-once.md. Each launch is the whole verb: push, worktree, launch, retries with one nonce.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remote import runs
from remote.fleet import Fleet
from remote.profiles import load_profile
from tests.end_to_end.conftest import git
from tests.fixtures.ssh import FarHost

LAUNCHES = int(os.environ.get("TRAJVID_LAUNCHES", "4"))
pytestmark = pytest.mark.timeout(60 + 6 * LAUNCHES)
WRITE_DOWN = "import os; os.write(os.open(os.environ['TALLY'], os.O_WRONLY | os.O_APPEND | os.O_CREAT), b'x')"


@pytest.fixture
def repo(short_tmp: Path) -> Path:
    folder = short_tmp / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "README").write_text("an experiment\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Start")
    return folder


def write_profile(repo: Path, far: FarHost, tally: Path, code: str = WRITE_DOWN) -> Path:
    host = {"root": str(far.root), "python": sys.executable}
    if far.kind == "embedded":
        host["kind"] = "embedded"
    else:
        host |= {"address": far.host.address, "user": far.host.user, "identity": far.host.identity}
    text = json.dumps(
        {
            "project": "once",
            "hosts": {"far": host | ({"port": far.host.port} if far.kind != "embedded" else {})},
            "defaults": {"host": "far", "beat_interval_s": 5, "variables": {"TALLY": str(tally)}},
            "workers": {"one": {"branch": "exp/one", "command": [sys.executable, "-c", code]}},
        }
    )
    path = repo / "profiles.yaml"
    path.write_text(text)
    return path


@contextlib.asynccontextmanager
async def laptop(profile: Path, by: str) -> AsyncIterator[Fleet]:
    fleet = Fleet(load_profile(profile), by=by)
    try:
        yield fleet
    finally:
        await fleet.close()


async def cut_again_and_again(fleet: Fleet, chance: random.Random) -> None:
    """Abort the connection at random moments, as a bad network would."""
    connection = fleet.connection("far")
    for _ in range(chance.randint(1, 3)):
        ssh = await connection.ssh()
        await asyncio.sleep(chance.uniform(0.0, 0.6))
        ssh.abort()


def jobs(far: FarHost) -> list[Path]:
    return sorted(far.root.glob("runs/*/one/*/attempts/*/job"))


async def test_every_launch_under_random_disconnects_is_exactly_one_job(
    far_host: FarHost, repo: Path, short_tmp: Path
) -> None:
    tally = short_tmp / "tally"
    profile = write_profile(repo, far_host, tally)
    for turn in range(LAUNCHES):
        chance = random.Random(turn)
        async with laptop(profile, "ada@laptop") as fleet:
            cutting = asyncio.create_task(cut_again_and_again(fleet, chance))
            launched = await runs.launch(fleet, "one")
            cutting.cancel()
            await asyncio.gather(cutting, return_exceptions=True)
            assert not launched.already
            await fleet.start(sync=False)
            (state,) = [snapshot.state for snapshot in await runs.wait(fleet, ["one"])]
            assert state.value == "completed"
        assert len(jobs(far_host)) == turn + 1
        assert len(tally.read_bytes()) == turn + 1, "the work ran more or less than once"


async def test_two_laptops_at_once_start_one_job(far_host: FarHost, repo: Path, short_tmp: Path) -> None:
    tally = short_tmp / "tally"
    profile = write_profile(repo, far_host, tally, WRITE_DOWN + "; import time; time.sleep(600)")
    async with laptop(profile, "ada@one") as first, laptop(profile, "ada@two") as second:
        one, two = await asyncio.gather(runs.launch(first, "one"), runs.launch(second, "one"))
        assert (one.run, one.attempt) == (two.run, two.attempt)
        assert sorted([one.already, two.already]) == [False, True]
        assert len(jobs(far_host)) == 1
        stopped = await runs.stop(first, "one")
        assert stopped.stopped and not stopped.left

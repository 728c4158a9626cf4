"""Secrets of a worker: in its environment, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remote import runs
from remote.errors import ConfigError, UsageError
from remote.fleet import Fleet
from remote.profiles import load_profile
from tests.fixtures.project import make_project
from tests.fixtures.ssh import FarHost
from tests.remote.test_runs import ended
from wire.state import State

TELL = 'import os; print(os.environ["MY_KEY"][::-1])'
KEEPER = f"  keeper: {{branch: good, command: ['{{python}}', -c, '{TELL}'], keys: [MY_KEY]}}\n"


@pytest.fixture
async def fleet(embedded: FarHost, short_tmp: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(make_project(short_tmp / "project", embedded.host, KEEPER).profile, by="ada@laptop")
    yield fleet
    await fleet.close()


async def test_the_work_has_the_key_and_no_file_does(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "hush-4711")
    launched = await runs.launch(fleet, "keeper")
    row = await ended(fleet, "keeper", runs={"keeper": launched})
    assert row.state is State.COMPLETED and await runs.logs(fleet, "keeper") == ["1174-hsuh"]
    places = [Path(fleet.profile.hosts["local"].root), fleet.profile.folder]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(files) > 20 and not any(b"hush-4711" in path.read_bytes() for path in files)


async def test_a_key_that_is_not_there_is_told_before_anything_is_done(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    for verb in (runs.launch, runs.resume):
        with pytest.raises(UsageError, match="keeper needs MY_KEY, which is not set here") as caught:
            await verb(fleet, "keeper")
        assert "export MY_KEY=" in caught.value.hint


def test_keys_are_names_and_those_of_the_defaults_come_along(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text("project: p\ndefaults: {keys: [A]}\nworkers:\n  w: {branch: w, config: i3d, keys: [B, A]}\n")
    assert load_profile(path).workers["w"].keys == ("A", "B")
    path.write_text("project: p\nworkers:\n  w: {branch: w, config: i3d, keys: [sk-1234]}\n")
    with pytest.raises(ConfigError, match="keys"):
        load_profile(path)

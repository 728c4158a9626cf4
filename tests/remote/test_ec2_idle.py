"""An EC2 host that stops itself when idle: arranged on arrival and at each launch, refused where it would be lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote import ec2_client, ec2_power, runs
from remote.doctor import look_there
from remote.ec2_idle import arrange
from remote.ec2_place import Ec2Place
from remote.ec2_standing import Standing
from remote.errors import FarSideError, RemoteError
from remote.farside import FarSide
from remote.fleet import Fleet
from remote.history import History
from remote.launching import ask_until_known
from remote.onhost import keeper
from remote.profiles import Profile
from remote.snapshot import Link
from tests.fixtures.ec2 import ID, IN_A_GROUP, NO_EBS, SPOT, StandIn, amazon, aws, endpoint, moto
from tests.fixtures.power import Switch, switch
from tests.fixtures.project import Project
from tests.fixtures.ssh import MockedSsh
from tests.remote.test_hostkeys import forget_all
from wire.run_dir import Root

__all__ = ["amazon", "aws", "endpoint", "moto", "switch"]

WEEK_MIN = 7 * 24 * 60
PLACE = Ec2Place("eu-west-1", ID, idle_stop_min=WEEK_MIN)


@pytest.fixture(autouse=True)
def _safe(switch: Switch) -> None:
    """Before any server of a host begins: `shutdown` is the test's own."""


def as_instance(profile: Profile, place: Ec2Place = PLACE) -> Profile:
    """The same with its host as an EC2 instance, which is reached as before."""
    return replace(profile, hosts={name: replace(host, ec2=place) for name, host in profile.hosts.items()})


@pytest.fixture
async def fleet(_safe: None, amazon: StandIn, project: Project, tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(as_instance(project.profile), history=History(tmp_path / "history.sqlite"), by="ada@laptop")
    yield fleet
    project.go.touch()
    await fleet.close()
    unset = Fleet(as_instance(project.profile, replace(PLACE, idle_stop_min=0)))
    await arrange(unset, "local")
    assert of_keeper(unset) is None, "it goes when the profile no longer wishes it"
    await unset.close()


def of_keeper(fleet: Fleet) -> dict[str, object] | None:
    return keeper.standing(Root(fleet.far("local").root), fleet.profile.project_id)


def standing(fleet: Fleet) -> Standing:
    [host] = fleet.hosts()
    assert host.ec2 is not None
    return host.ec2


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What a host that needs no process is asked: (verb, `stop_s`)."""
    asked: list[tuple[str, Any]] = []

    async def ready(far: FarSide) -> None:
        far.root = "/r"

    async def call(far: FarSide, verb: str, request: dict[str, Any], **_: Any) -> dict[str, Any]:
        asked.append((verb, request.get("stop_s")))
        return {"trouble": ""}

    monkeypatch.setattr(FarSide, "ready", ready)
    monkeypatch.setattr(FarSide, "call", call)
    return asked


async def test_each_arrival_and_each_launch_arranges_it(
    amazon: StandIn, project: Project, asked: list[tuple[str, Any]]
) -> None:
    fleet = Fleet(as_instance(project.profile))
    await ask_until_known(fleet, fleet.place("long"), {}, "n", lambda text: None)
    assert asked == [("idle_stop", WEEK_MIN * 60.0), ("launch", None)]
    fleet.host_reached("local")
    async with asyncio.timeout(20):
        while len(asked) < 3:
            await asyncio.sleep(0.01)
    assert asked[2][0] == "idle_stop"
    await fleet.close()


async def test_it_is_set_where_a_shutdown_is_a_stop_unset_where_not_and_left_where_that_is_not_known(
    amazon: StandIn, project: Project, asked: list[tuple[str, Any]]
) -> None:
    fleet = Fleet(as_instance(project.profile))
    for scene, stop_s in (("stop", WEEK_MIN * 60.0), ("unknown", None), ("terminate", 0.0)):
        amazon.refusals = {"DescribeInstanceAttribute": "UnsupportedOperation"} if scene == "unknown" else {}
        amazon.at_shutdown = scene
        await arrange(fleet, "local")
        assert asked.pop() == ("idle_stop", stop_s), scene
        assert bool(standing(fleet).no_idle_stop) == (scene != "stop") == (not standing(fleet).arranged_at)
    await fleet.close()


@pytest.mark.slow
async def test_whoever_follows_the_host_or_launches_there_has_it_watched(
    fleet: Fleet, project: Project, switch: Switch
) -> None:
    """About 4 s of CPU."""
    await runs.launch(fleet, "long")
    first = of_keeper(fleet)
    assert first is not None and standing(fleet).idle_stop_min == WEEK_MIN
    await fleet.start(sync=False)
    async with asyncio.timeout(60):
        while not any(host.facts is not None and host.facts.stop_in_s is not None for host in fleet.hosts()):
            await asyncio.sleep(0.05)
    [host] = fleet.hosts()
    assert host.facts is not None and "long of tiny" in host.facts.in_use and host.facts.idle_s is None
    assert of_keeper(fleet)["pid"] == first["pid"], "the arrival found it there"  # type: ignore[index]
    with pytest.raises(FarSideError, match=r"long of tiny.* is going on there") as caught:
        await runs.stop_instance(fleet, "local")
    assert caught.value.code == "running"
    await fleet.close()
    assert of_keeper(fleet) is not None, "it goes on without any laptop"
    project.go.touch()
    assert [line for line in switch.said if " -l " not in line] == []


@pytest.mark.slow
async def test_only_what_a_shutdown_surely_stops_is_stopped_by_one(fleet: Fleet, amazon: StandIn) -> None:
    """About 7 s of CPU: keepers that come and go."""
    amazon.refusals["DescribeInstanceAttribute"] = "UnauthorizedOperation"
    await arrange(fleet, "local")
    why = standing(fleet).no_idle_stop
    assert of_keeper(fleet) is None and "is not known" in why and "ec2:DescribeInstanceAttribute" in why
    amazon.refusals.clear()
    await arrange(fleet, "local")
    assert of_keeper(fleet) is not None and standing(fleet).no_idle_stop == ""
    amazon.refusals["DescribeInstances"] = "RequestExpired"
    await arrange(fleet, "local")
    assert "expired" in standing(fleet).no_idle_stop and of_keeper(fleet) is not None, "it stays as it is"
    amazon.refusals.clear()
    amazon.more = SPOT
    await arrange(fleet, "local")
    assert standing(fleet).no_idle_stop == f"{ID} is a spot instance, which a shutdown may terminate"
    assert of_keeper(fleet) is None, "and what was arranged before ends"
    amazon.more, amazon.at_shutdown = "", "terminate"
    found = [check for check in await look_there(fleet, "local") if check.name == "idle stop"]
    assert [check.text for check in found] == [f"does not stop itself: a shutdown would terminate {ID}"]
    assert standing(fleet).no_idle_stop == f"a shutdown would terminate {ID}" and of_keeper(fleet) is None


async def test_a_run_that_began_after_the_question_keeps_the_machine(
    amazon: StandIn, project: Project, asked: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(far: FarSide, verb: str, request: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"runs": [{"project": "p", "worker": "pose", "state": "queued"}]}

    monkeypatch.setattr(FarSide, "call", call)
    fleet = Fleet(as_instance(project.profile))
    with pytest.raises(FarSideError, match="pose of p is going on there"):
        await runs.stop_instance(fleet, "local")
    assert "StopInstances" not in amazon.actions
    await fleet.close()


def test_a_shutdown_that_would_destroy_it_is_found(amazon: StandIn) -> None:
    assert ec2_client.why_not_off("gpu-1", PLACE) == ""
    amazon.more = SPOT
    assert "spot instance" in ec2_client.why_not_off("gpu-1", PLACE)
    amazon.more = IN_A_GROUP
    assert "Auto Scaling group fleet" in ec2_client.why_not_off("gpu-1", PLACE)
    amazon.more = NO_EBS
    assert "no EBS root volume" in ec2_client.why_not_off("gpu-1", PLACE)


async def test_start_and_stop_are_actions_of_the_host(
    amazon: StandIn, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ec2_power, "POLL_S", 0.001)
    fleet = Fleet(as_instance(project.profile), history=History(tmp_path / "history.sqlite"), by="ada@laptop")
    amazon.states = ["stopped", "pending", "running"]
    steps: list[str] = []
    found = await runs.start_instance(fleet, "local", on_step=steps.append)
    assert found.state == "running" and steps == ["pending, 0 s"] and standing(fleet).found == found
    amazon.refusals["StopInstances"] = "IncorrectInstanceState"
    with pytest.raises(RemoteError, match="IncorrectInstanceState"):
        await runs.stop_instance(fleet, "local", with_runs=True)
    assert "IncorrectInstanceState" in standing(fleet).problem and standing(fleet).found == found, "the old stays"
    deeds = (await runs.activity(fleet)).deeds
    assert [(deed.host, deed.worker, deed.verb) for deed in deeds] == [
        ("local", "", "ec2 start"), ("local", "", "ec2 stop"),
    ]  # fmt: skip
    assert deeds[0].result == f"{ID} is running at 127.0.0.1" and deeds[0].by == "ada@laptop"
    assert deeds[0].command == f"aws ec2 start-instances --region eu-west-1 --instance-ids {ID}"
    assert deeds[1].result.startswith("failed: local: ")
    await fleet.close()


async def test_a_started_host_is_dialled_at_its_new_address(
    amazon: StandIn, mocked_ssh: MockedSsh, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ec2_power, "POLL_S", 0.001)
    known, profile = forget_all(), project.profile
    known.add(ID, mocked_ssh.host.port, mocked_ssh.host_key)
    host = replace(mocked_ssh.host, name="local", address="", ec2=replace(PLACE, idle_stop_min=0))
    amazon.address = "127.0.0.2"  # nothing listens there
    fleet = Fleet(replace(profile, hosts={"local": host}))
    monkeypatch.setattr("remote.line.BACKOFF_FIRST_S", 60.0)
    await fleet.start(sync=False)
    try:
        await fleet.settled(["local"])
        assert fleet.links()["local"].link is Link.OFFLINE
        amazon.address, amazon.states = "127.0.0.1", ["stopped", "running"]
        await runs.start_instance(fleet, "local")
        async with asyncio.timeout(20):  # not the minute that the next try was away
            while fleet.connection("local").status.link is not Link.LIVE:
                await asyncio.sleep(0.02)
    finally:
        await fleet.close()


@pytest.mark.slow
def test_against_moto_a_shutdown_is_a_stop_unless_it_was_made_otherwise(moto: Any) -> None:
    """About 6 s."""
    for behaviour in ("stop", "terminate"):
        made = moto.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, InstanceInitiatedShutdownBehavior=behaviour
        )
        name = made["Instances"][0]["InstanceId"]
        told = ec2_client.why_not_off("gpu-1", replace(PLACE, instance=name))
        assert told == ("" if behaviour == "stop" else f"a shutdown would terminate {name}")

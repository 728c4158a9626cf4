"""EC2 hosts: found, dialled at today's address under a lasting name, started, stopped, and what may go wrong."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote import ec2_client, ec2_power
from remote.asker import RefuserAccepting
from remote.connection import Connection
from remote.ec2_address import located
from remote.ec2_errors import translated
from remote.ec2_place import Ec2Place
from remote.ec2_power import Power
from remote.errors import (
    AuthenticationFailed,
    ConfigError,
    HostKeyChanged,
    RemoteError,
    ToolMissing,
    Unreachable,
    UsageError,
)
from remote.farside import FarSide
from remote.hostkeys import KnownHosts, fingerprint
from remote.hosts import place_of
from remote.onhost import processes
from remote.onhost.active import active
from remote.profiles import Host, load_profile
from remote.snapshot import Link
from tests.fixtures.ec2 import ID, IN_A_GROUP, StandIn, amazon, aws, endpoint, moto
from tests.fixtures.ssh import MockedSsh
from tests.remote.test_hostkeys import forget_all, other_key
from tui.__main__ import main
from wire.records import JobRecord
from wire.run_dir import Root

__all__ = ["amazon", "aws", "endpoint", "moto"]

PLACE = Ec2Place("eu-west-1", ID)
BY_TAG = Ec2Place("eu-west-1", tags=(("Name", "gpu-1"),))
Trajvid = Callable[..., tuple[int, str, str]]


def ec2_host(mocked: MockedSsh) -> Host:
    """The scripted SSH server as an instance: only Amazon knows its address."""
    return replace(mocked.host, name="gpu-1", address="", ec2=PLACE)


class Clock:
    """Waits without waiting."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waited_s.append(seconds)


def power(place: Ec2Place = PLACE) -> tuple[Power, list[str], Clock]:
    said: list[str] = []
    clock = Clock()
    return Power("gpu-1", place, said.append, clock), said, clock


async def test_the_key_is_on_record_by_the_instance_and_not_by_the_address(
    mocked_ssh: MockedSsh, amazon: StandIn
) -> None:
    known = forget_all()
    host = ec2_host(mocked_ssh)
    for _ in range(2):
        connection = Connection(host, asker=RefuserAccepting(fingerprint(mocked_ssh.host_key)))
        await connection.ssh()
        await connection.close()
    assert [line.split()[0] for line in known.own.read_text().splitlines()] == [f"[{ID}]:{host.port}"]
    assert amazon.actions == ["DescribeInstances"] * 2, "asked anew at each dial"
    # Amazon gave the address to another machine of ours: neither its old owner's key nor any other will do.
    known.own.unlink()
    known.add(ID, host.port, other_key())
    known.add("127.0.0.1", host.port, mocked_ssh.host_key)
    with pytest.raises(HostKeyChanged):
        await Connection(host).ssh()


async def test_every_dial_goes_to_the_address_of_that_moment(amazon: StandIn) -> None:
    host = Host("gpu-1", ec2=PLACE)
    assert (await located(host)).address == "127.0.0.1"
    amazon.address = "198.51.100.9"
    moved = await located(host)
    assert (moved.address, moved.key_name) == ("198.51.100.9", ID)
    inside = await located(replace(host, ec2=replace(PLACE, private=True)))
    assert inside.address == "10.0.0.7"
    assert place_of(host) == f"EC2 {ID} in eu-west-1"


async def test_a_stopped_host_says_how_to_start_it(amazon: StandIn) -> None:
    amazon.states = ["stopped"]
    connection = Connection(Host("gpu-1", ec2=PLACE))
    with pytest.raises(Unreachable, match=r"gpu-1: stopped \(EC2\), trajvid-tui ec2 start gpu-1"):
        await connection.ssh()
    assert connection.status.link is Link.OFFLINE and "ec2 start gpu-1" in connection.status.reason
    amazon.reason = "Client.InstanceInitiatedShutdown: Instance initiated shutdown"
    with pytest.raises(Unreachable, match=r"gpu-1: stopped by itself \(EC2\)"):
        await connection.ssh()
    amazon.states = ["pending"]
    with pytest.raises(Unreachable, match="starting"):
        await connection.ssh()
    await connection.close()


def test_price_and_uptime_are_by_amazons_own_clock(amazon: StandIn) -> None:
    found = ec2_client.find("gpu-1", PLACE)
    assert found.up_s == 2.5 * 3600 and found.spent_usd(1.2) == pytest.approx(3.0)
    assert found.spent_usd(None) is None
    amazon.states = ["stopped"]
    stopped = ec2_client.find("gpu-1", PLACE)
    assert stopped.up_s is None and stopped.spent_usd(1.2) is None


async def test_start_waits_out_a_stop_and_tells_how_it_goes(amazon: StandIn) -> None:
    amazon.states = ["stopping", "stopped", "pending", "pending", "running"]
    machine, said, clock = power(BY_TAG)
    assert (await machine.start()).state == "running"
    assert said == ["stopping, 0 s", "pending, 0 s", "pending, 5 s"] and len(clock.waited_s) == 3
    assert amazon.actions.count("StartInstances") == 1
    assert amazon.asked[0]["Filter.1.Name"] == "tag:Name", "by its tag first"
    assert all("InstanceId.1" in one for one in amazon.asked[1:]), "then by its id, whoever gets the tag"


async def test_what_is_so_already_is_not_asked_for_again(amazon: StandIn) -> None:
    await power()[0].start()
    amazon.states = ["stopped"]
    await power()[0].stop()
    assert set(amazon.actions) == {"DescribeInstances"}


async def test_a_start_that_falls_back_says_amazons_reason(amazon: StandIn) -> None:
    amazon.states, amazon.reason = ["stopped", "pending", "stopped"], "Server.InternalError: of the volume"
    with pytest.raises(RemoteError, match=r"stopped again: Server.InternalError: of the volume") as caught:
        await power()[0].start()
    assert caught.value.code == "ec2_reason"


async def test_a_state_that_never_ends_is_given_up(amazon: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ec2_power, "WITHIN_S", 60.0)
    amazon.states = ["stopping"]
    with pytest.raises(RemoteError, match="stopping for 1 min") as caught:
        await power()[0].stop()
    assert caught.value.code == "ec2_slow"


async def test_what_a_stop_would_destroy_is_not_stopped(amazon: StandIn) -> None:
    amazon.more = IN_A_GROUP
    with pytest.raises(UsageError, match="Auto Scaling group fleet, which terminates what is stopped") as caught:
        await power()[0].stop()
    assert caught.value.code == "no_stop" and set(amazon.actions) == {"DescribeInstances"}


@pytest.mark.parametrize(
    ("code", "kind", "word", "text"),
    [
        ("InsufficientInstanceCapacity", RemoteError, "aws_capacity", "no such machine free now"),
        ("VcpuLimitExceeded", RemoteError, "aws_limit", "limit is reached"),
        ("UnauthorizedOperation", AuthenticationFailed, "aws_rights", "may not ec2:StartInstances in eu-west-1"),
        ("AuthFailure", AuthenticationFailed, "aws_credentials", "does not know these AWS credentials"),
        ("RequestExpired", AuthenticationFailed, "aws_expired", "have expired"),
        ("InvalidInstanceID.NotFound", RemoteError, "instance_gone", "no instance i-0123456789abcdef0 in eu-west-1"),
        ("OptInRequired", UsageError, "usage", "eu-west-1 is not enabled"),
        ("UnsupportedOperation", RemoteError, "aws", "UnsupportedOperation, it says"),
    ],
)
def test_each_refusal_of_amazon_is_one_line(
    amazon: StandIn, aws: pytest.MonkeyPatch, code: str, kind: type[RemoteError], word: str, text: str
) -> None:
    aws.setattr(ec2_client, "forget", lambda: None)  # a new client for each costs a third of a second
    amazon.refusals["StartInstances"] = code
    with pytest.raises(kind, match=text) as caught:
        ec2_client.start("gpu-1", PLACE, ID)
    assert caught.value.code == word and "\n" not in str(caught.value)
    assert amazon.actions == ["StartInstances"]


def test_throttling_is_retried_and_then_said(amazon: StandIn, aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_MAX_ATTEMPTS", "3")
    aws.setattr(ec2_client, "_clients", {})
    aws.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0.01)
    amazon.refusals["DescribeInstances"] = "RequestLimitExceeded"
    with pytest.raises(Unreachable, match="tried 3 times") as caught:
        ec2_client.find("gpu-1", PLACE)
    assert caught.value.code == "aws_throttled" and len(amazon.asked) == 3


@pytest.mark.slow
def test_absent_credentials_are_said_and_new_ones_are_taken_up(amazon: StandIn, aws: pytest.MonkeyPatch) -> None:
    """About 1 s of CPU: each new client of botocore's."""
    aws.delenv("AWS_ACCESS_KEY_ID")
    ec2_client.forget()
    with pytest.raises(AuthenticationFailed, match="no AWS credentials here"):
        ec2_client.find("gpu-1", PLACE)
    aws.setenv("AWS_ACCESS_KEY_ID", "test")
    assert ec2_client.find("gpu-1", PLACE).id == ID
    with pytest.raises(UsageError, match=r"~/\.aws has no profile 'lab'"):
        ec2_client.find("gpu-1", replace(PLACE, profile="lab"))


def test_tags_must_mean_one_instance(amazon: StandIn) -> None:
    amazon.ids = (ID, "i-0fedcba9876543210")
    with pytest.raises(UsageError, match=r"is 2 instances: i-0123456789abcdef0, i-0fed") as several:
        ec2_client.find("gpu-1", BY_TAG)
    amazon.ids = ()
    with pytest.raises(UsageError, match="no instance has tag Name=gpu-1 in eu-west-1") as none:
        ec2_client.find("gpu-1", BY_TAG)
    assert (several.value.code, none.value.code) == ("several_instances", "no_instance")
    amazon.ids, amazon.states = (ID,), ["terminated"]
    with pytest.raises(RemoteError, match="is terminated") as gone:
        ec2_client.find("gpu-1", PLACE)
    assert gone.value.code == "instance_gone"


def test_no_answer_is_a_wrong_region_only_where_no_such_region_is_known() -> None:
    from botocore.exceptions import EndpointConnectionError

    silence = EndpointConnectionError(endpoint_url="https://ec2.eu-wset-1.amazonaws.com/")
    wrong = translated(silence, "gpu-1", Ec2Place("eu-wset-1", ID), lambda: ["eu-west-1", "us-east-1"])
    assert isinstance(wrong, UsageError) and "eu-west-1" in wrong.hint and "'eu-wset-1'" in wrong.message
    offline = translated(silence, "gpu-1", PLACE, lambda: ["eu-west-1"])
    assert isinstance(offline, Unreachable)


def test_without_boto3_it_is_said_what_to_install(aws: pytest.MonkeyPatch) -> None:
    aws.setitem(sys.modules, "boto3.exceptions", None)
    with pytest.raises(ToolMissing, match="boto3 is not installed") as caught:
        ec2_client.find("gpu-1", PLACE)
    assert "trajvid-tui[ec2]" in caught.value.hint


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("{ec2: {instance: i-0123456789abcdef0}}", "region"),
        ("{ec2: {region: eu-west-1}}", "give either `instance`"),
        ("{ec2: {region: eu-west-1, instance: i-0123456789abcdef0, tag: {Name: x}}}", "give either `instance`"),
        ("{ec2: {region: eu-west-1, instance: gpu-1}}", "instance"),
        ("{ec2: {region: evil.example/, instance: i-0123456789abcdef0}}", "region"),
        ("{ec2: {region: eu-west-1, instance: i-01234567, idle_stop_min: 30}, launcher: slurm}", "serves a cluster"),
        ("{ec2: {region: eu-west-1, instance: i-0123456789abcdef0}, address: x}", "either `address` or `alias`"),
    ],
)
def test_a_wrong_entry_is_named_with_its_place(home: Path, tmp_path: Path, entry: str, text: str) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_text(f"project: p\nhosts:\n  gpu-1: {entry}\nworkers: {{a: {{branch: a, command: x, host: gpu-1}}}}\n")
    with pytest.raises(ConfigError, match=text) as caught:
        load_profile(file)
    assert caught.value.line == 3


@pytest.fixture
def trajvid(
    tmp_path: Path, amazon: StandIn, aws: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], mocked_ssh: MockedSsh
) -> Iterator[Trajvid]:
    """A command line in a project whose one host is the stand-in's instance; SSH answers are the test's."""
    host = mocked_ssh.host
    (tmp_path / "profiles.yaml").write_text(
        f"project: p\nhosts:\n  gpu-1: {{ec2: {{region: eu-west-1, instance: {ID}}}, user: {host.user}, "
        f"port: {host.port}, identity: {host.identity}, cost_per_hour_usd: 1.2}}\n"
        "workers: {a: {branch: a, command: x, host: gpu-1}}\n"
    )
    KnownHosts.default().add(ID, host.port, mocked_ssh.host_key)
    aws.chdir(tmp_path)
    aws.setenv("TRAJVID_STATE_DIR", str(tmp_path / "state"))

    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(words)
        return code, *capfd.readouterr()

    with open(os.devnull) as nothing:
        aws.setattr(sys, "stdin", nothing)
        yield run


def test_the_list_has_state_uptime_price_and_what_is_spent(trajvid: Trajvid) -> None:
    code, out, _ = trajvid("ec2")
    told = out.splitlines()[1].split()
    assert code == 0 and " ".join(told) == f"gpu-1 {ID} g5.xlarge running 2 h 30 min $1.20/h $3.00 127.0.0.1"
    code, out, _ = trajvid("ec2", "--json")
    [one] = json.loads(out)["data"]["instances"]
    assert (one["host"], one["up_s"], one["spent_usd"], one["region"]) == ("gpu-1", 9000.0, 3.0, "eu-west-1")


def test_stop_needs_to_know_that_nothing_runs_and_a_yes(trajvid: Trajvid, amazon: StandIn) -> None:
    amazon.address = "127.0.0.2"  # nothing listens there
    code, _, err = trajvid("ec2", "stop", "gpu-1", "--yes")
    assert code == 1 and "whether runs go on there is not known" in err and "--with-runs" in err
    code, _, err = trajvid("ec2", "stop", "gpu-1", "--with-runs")
    assert code == 7 and "nothing was stopped" in err
    assert trajvid("ec2", "stop", "gpu-1", "--read-only")[0] == 7
    assert trajvid("ec2", "start")[0] == 2 and trajvid("ec2", "start", "local")[0] == 2
    assert set(amazon.actions) == {"DescribeInstances"}
    amazon.states = ["running", "running", "stopped"]
    code, out, _ = trajvid("ec2", "stop", "gpu-1", "--with-runs", "--yes")
    assert code == 0 and "stopped" in out and amazon.actions.count("StopInstances") == 1


def test_runs_that_go_on_count_of_any_project(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    mine = processes.start_ticks(os.getpid()) or 0
    for project, worker, ticks in (("p", "pose", mine), ("q", "flow", mine), ("q", "dead", mine + 1)):
        job = root.run(project, worker, "r").attempt(1).job
        Path(job).parent.mkdir(parents=True)
        Path(job).write_bytes(JobRecord("r.1", "n", os.getpid(), ticks, processes.boot_id(), 1.0).to_line())
    found: list[dict[str, Any]] = active({"root": str(tmp_path)})["runs"]
    assert [(run["project"], run["worker"]) for run in found] == [("p", "pose"), ("q", "flow")]


def test_stop_refuses_while_a_run_goes_on(trajvid: Trajvid, amazon: StandIn, aws: pytest.MonkeyPatch) -> None:
    async def ready(far: FarSide) -> None:
        far.root = "/r"

    async def call(far: FarSide, verb: str, request: object) -> dict[str, Any]:
        return {"runs": [{"project": "p", "worker": "pose\x1b]0;x\x07", "state": "running"}]}

    aws.setattr(FarSide, "ready", ready)
    aws.setattr(FarSide, "call", call)
    code, _, err = trajvid("ec2", "stop", "gpu-1", "--yes")
    assert code == 1 and "pose of p is going on there" in err and "StopInstances" not in amazon.actions


@pytest.mark.slow
async def test_against_moto_found_by_tag_stopped_and_started_at_another_address(moto: Any) -> None:
    """About 8 s."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "gpu-1"}]}]
    made = moto.run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, InstanceType="g5.xlarge", TagSpecifications=tags
    )
    name, host = made["Instances"][0]["InstanceId"], Host("gpu-1", ec2=BY_TAG)
    first = await located(host)
    assert first.key_name == name
    assert (await power(BY_TAG)[0].stop()).state == "stopped"
    with pytest.raises(Unreachable, match=r"stopped \(EC2\)"):
        await located(host)
    assert (await power(BY_TAG)[0].start()).state == "running"
    again = await located(host)
    assert again.key_name == name and again.address != first.address
    moto.terminate_instances(InstanceIds=[name])
    for place in (BY_TAG, replace(PLACE, instance=name)):
        with pytest.raises(RemoteError, match="is terminated"):
            ec2_client.find("gpu-1", place)
    with pytest.raises(RemoteError, match="there is no instance"):
        ec2_client.find("gpu-1", PLACE)


@pytest.mark.slow
def test_against_moto_the_verbs_as_they_are_typed(
    moto: Any, aws: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """About 6 s."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "gpu-1"}]}]
    moto.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags)
    host = "{{ec2: {{region: {region}, tag: {{Name: {name}}}}}, user: ada, cost_per_hour_usd: 1.2}}"
    hosts = {"gpu-1": ("eu-west-1", "gpu-1"), "none": ("eu-west-1", "gpu-2"), "away": ("us-east-1", "gpu-1")}
    entries = "".join(f"  {name}: {host.format(region=at[0], name=at[1])}\n" for name, at in hosts.items())
    (tmp_path / "profiles.yaml").write_text(
        f"project: p\nhosts:\n{entries}workers: {{a: {{branch: a, command: x, host: gpu-1}}}}\n"
    )
    aws.chdir(tmp_path)
    aws.setattr(ec2_power, "POLL_S", 0.01)

    def typed(*words: str) -> tuple[int, dict[str, Any]]:
        capfd.readouterr()
        code = main(("ec2", *words, "--json"))
        return code, json.loads(capfd.readouterr().out)

    def one(*words: str) -> dict[str, Any]:
        code, answer = typed(*words)
        assert code == 0, answer
        found: dict[str, Any] = answer["data"]["instances"][0]
        return found

    before = one("list", "gpu-1")
    assert before["state"] == "running" and before["public"] and before["spent_usd"] is not None
    stopped = one("stop", "gpu-1", "--with-runs", "--yes")
    assert (stopped["state"], stopped["public"], stopped["spent_usd"]) == ("stopped", "", None)
    after = one("start", "gpu-1")
    assert after["state"] == "running" and after["public"] not in ("", before["public"])
    code, answer = typed()
    assert code == 6 and [row["host"] for row in answer["data"]["instances"]] == ["gpu-1"]
    assert "none: no instance has tag Name=gpu-2" in answer["error"]["message"]
    assert "away: no instance has tag Name=gpu-1 in us-east-1" in answer["error"]["message"]

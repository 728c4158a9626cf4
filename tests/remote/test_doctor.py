"""Doctor: what is found is judged, a host that fails is a report too, and only what is safe is mended."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote import checks, doctor, ssh_checks, ssh_config
from remote.checks import GIB, Check, Report, Verdict
from remote.embedded import shared
from remote.errors import (
    AuthenticationFailed,
    FarSideError,
    HostKeyChanged,
    HostKeyUnknown,
    RemoteError,
    Unreachable,
)
from remote.fleet import Fleet
from remote.laptop_checks import look_here
from remote.profiles import Host
from remote.ssh_checks import WARNINGS_MAX, look_at_way
from tests.fixtures.project import Project
from tests.fixtures.ssh import write_key


def at_hop(error: RemoteError, hop: int) -> RemoteError:
    error.hop = hop
    return error


P, W, F, S = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.SKIP
NO_GPU: Mapping[str, Any] = {"torch": "2.13.0", "cuda": "13.0", "gpus": 0, "usable": False}


@pytest.mark.parametrize(
    ("check", "verdict", "text"),
    [
        (checks.git("git version 2.39.5 (Apple Git-154)", where="here"), P, "2.39.5"),
        (checks.git("git version 2.17.1", where="there"), F, "too old"),
        (checks.git(None, where="there"), F, "not installed"),
        (checks.host_rsync(None), W, "SFTP"),
        (checks.laptop_rsync("rsync  version 2.6.9  protocol version 29", ["--info"], ""), W, "2.6.9 lacks --info"),
        (checks.laptop_rsync("rsync  version 3.2.7  protocol version 31", [], ""), W, "known holes"),
        (checks.laptop_rsync("rsync  version 3.2.7  protocol 31", [], "3.2.7-1+deb12u2"), P, "3.2.7-1+deb12u2"),
        (checks.laptop_rsync("rsync  version 3.5.1  protocol version 32", [], ""), P, "3.5.1"),
        (checks.disk(100 * GIB, 200 * GIB, mend="m"), P, "100.0 GiB free of 200 GiB"),
        (checks.disk(5 * GIB, 0, mend="m"), W, "5.0 GiB free"),
        (checks.disk(GIB // 2, 0, mend="m"), F, "0.5 GiB"),
        (checks.inodes(0, 0), S, "no fixed number"),
        (checks.inodes(0, 100), F, "0 of 100"),
        (checks.inodes(4, 100), W, "4 of 100"),
        (checks.inodes(50, 100), P, "50 of 100"),
        (checks.clock(-1.5), P, "within 2 s"),
        (checks.clock(95.2), W, "95 s ahead of"),
        (checks.clock(-3600.0), W, "3600 s behind"),
        (checks.clock(-1.7e9), W, "19,676 days behind"),
        (checks.locks(False), F, "two launches"),
        (checks.logout({}), S, "no systemd-logind"),
        (checks.logout({"kill_user_processes": True, "linger": False}), F, "KillUserProcesses"),
        (checks.logout({"kill_user_processes": True, "linger": True}), P, "linger"),
        (checks.logout({"kill_user_processes": False, "linger": False}), P, "go on"),
        (checks.detaching({"setsid": True}), W, "no nohup"),
        (checks.leftovers({}), P, "no unfinished"),
        (checks.leftovers({"count": 1, "bytes": 2 * GIB}), W, "1 unfinished file (2.0 GiB), a day old"),
        (checks.leftovers({"count": 3, "removed": 3}), P, "3 unfinished files"),
        (checks.leftovers({"count": 3, "removed": 1}), W, "2 of which cannot"),
        (checks.torch("python3", {"error": "there is no python3", "missing": True}, has_gpu=True), F, "no python3"),
        (checks.torch("python3", {"error": "took over 60 s", "slow": True}, has_gpu=True), W, "took over 60 s"),
        (checks.torch("python3", NO_GPU, has_gpu=False), P, "CPU only"),
        (checks.torch("python3", NO_GPU, has_gpu=True), F, "built for CUDA 13.0, cannot use the GPU"),
        (checks.torch("python3", {**NO_GPU, "cuda": None}, has_gpu=True), F, "built without CUDA"),
        (checks.torch("python3", {**NO_GPU, "gpus": 2, "usable": True}, has_gpu=True), P, "on 2 GPUs"),
        (checks.root({"root": "/r", "root_mode": 0o700}), P, "closed"),
        (checks.root({"root": "/r", "root_mode": 0o755}), W, "mode 755"),
    ],
)  # fmt: skip
def test_verdicts(check: Check, verdict: Verdict, text: str) -> None:
    assert check.verdict is verdict and text in check.text
    assert bool(check.mend) is (verdict in (W, F)), "what is wrong says how to mend it"


def test_processes_of_no_run_hold_memory_that_runs_will_miss() -> None:
    rows = [
        {"pid": 1, "memory_bytes": 4 * GIB, "name": "python\x1b[2J", "whose": "left", "run": "keypoint-a/r"},
        {"pid": 2, "memory_bytes": None, "name": "python", "whose": "ours", "run": ""},
        {"pid": 3, "memory_bytes": GIB, "name": "python", "whose": "run", "run": "x/r"},
        {"pid": 4, "memory_bytes": GIB, "name": "python", "whose": "others", "run": ""},
    ]
    left, stray = checks.gpu_processes(rows)
    assert (left.verdict, left.mend) == (F, "trajvid-tui kill keypoint-a") and "4.0 GiB" in left.text
    assert left.text.isprintable()
    assert (stray.verdict, stray.mend) == (W, "kill 2 there, if unneeded")
    [fine] = checks.gpu_processes(rows[2:])
    assert (fine.verdict, fine.text) == (P, "1 of runs, 1 of other users")
    assert checks.gpu_processes(None)[0].verdict is S


@pytest.fixture
async def fleet(project: Project) -> AsyncIterator[Fleet]:
    profile = project.profile
    # Without the Python of the work: importing its torch takes seconds, and is the host's own tests' matter.
    workers = {name: replace(worker, python="") for name, worker in profile.workers.items()}
    fleet = Fleet(replace(profile, workers=workers))
    yield fleet
    await fleet.close()


def by_name(report: Report) -> dict[str, Check]:
    return {check.name: check for check in report.checks}


async def test_a_host_is_looked_at_and_mended_only_when_asked(fleet: Fleet) -> None:
    await fleet.far("local").ready()
    os.chmod(fleet.far("local").root, 0o755)
    seen: list[Report] = []
    laptop, host = await doctor.examine(fleet, ["local"], on_report=seen.append)
    assert {report.place for report in seen} == {"laptop", "local"} and laptop.place == "laptop"
    found = by_name(host)
    for name in ("connection", "python", "git", "locks", "disk", "clock"):
        assert found[name].verdict is not F, found[name]
    assert found["run root"].verdict is W and os.stat(fleet.far("local").root).st_mode & 0o077
    assert doctor.worst([host]) in (W, F)
    [host] = await doctor.examine(fleet, ["local"], laptop=False, fix=True)
    assert by_name(host)["run root"].fixed and not os.stat(fleet.far("local").root).st_mode & 0o077


async def test_a_host_that_is_not_there_is_a_report(fleet: Fleet) -> None:
    shared().faults.refuse_dials = 1
    [host] = await doctor.examine(fleet, ["local"], laptop=False)
    assert [(check.name, check.verdict) for check in host.checks] == [("connection", F)]
    assert "refused" in host.checks[0].text


async def test_a_host_that_answers_with_a_refusal_is_reached(project: Project) -> None:
    profile = project.profile
    fleet = Fleet(replace(profile, hosts={"local": replace(profile.hosts["local"], root="/dev/null/root")}))
    try:
        [host] = await doctor.examine(fleet, ["local"], laptop=False)
    finally:
        await fleet.close()
    assert [(check.name, check.verdict) for check in host.checks] == [("connection", P), ("far side", F)]
    assert "/dev/null/root" in host.checks[1].text and host.checks[1].mend


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (Unreachable("refused"), ["connection"]),
        (HostKeyUnknown("new", fingerprint="SHA256:x"), ["connection", "host key"]),
        (HostKeyChanged("another"), ["connection", "host key"]),
        (AuthenticationFailed("denied"), ["connection", "host key", "authentication"]),
        (FarSideError("no python"), ["connection", "host key", "authentication", "far side"]),
    ],
)
async def test_how_far_the_way_to_a_host_was_gone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, error: RemoteError, names: list[str]
) -> None:
    async def ready() -> None:
        raise error

    far = fleet.far("local")
    monkeypatch.setattr(far, "ready", ready)
    monkeypatch.setattr(fleet, "host", lambda name: Host(name, address="gpu-1"))
    found = await doctor.look_there(fleet, "local")
    assert [check.name for check in found] == names
    assert [check.verdict for check in found] == [P] * (len(names) - 1) + [F]


async def test_our_own_files_are_closed_when_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(home / "state"))
    (home / "config").mkdir()
    known = home / "config" / "known_hosts"
    known.write_text("")
    known.chmod(0o644)
    found = [check for check in await look_here(home, ssh=True) if check.verdict is W]
    assert "own files" in {check.name for check in found} and known.stat().st_mode & 0o077
    with monkeypatch.context() as another:
        another.setattr(os, "getuid", lambda: known.stat().st_uid + 1)
        await look_here(home, ssh=True, fix=True)
        assert known.stat().st_mode & 0o077, "what is another user's is theirs to close"
    mended = [check for check in await look_here(home, ssh=True, fix=True) if check.fixed]
    assert mended and not known.stat().st_mode & 0o077


@pytest.mark.parametrize(("ahead_s", "skew_s"), [(-3.0, -3.0), (0.0, 0.0), (40.0, 0.0), (45.0, 0.0), (50.0, 5.0)])
def test_a_slow_answer_is_no_skewed_clock(ahead_s: float, skew_s: float) -> None:
    assert doctor._skew(ahead_s, took_s=45.0) == skew_s


async def test_lines_without_effect_and_open_files_are_named_and_closed_when_asked(home: Path) -> None:
    config, key = home / ".ssh" / "config", home / ".ssh" / "id_box"
    text_of_the_host = (
        "Host box\n StrictHostKeyChecking no\n IdentityFile ~/.ssh/id_box\n Colour red\nMatch command x\n Port 1\n"
    )
    config.write_text(text_of_the_host)
    key.write_text("")
    key.chmod(0o640)
    host = Host("box", alias="box")
    way = await look_at_way(host)
    shown = [(check.name, check.text) for check in way.checks(None)]
    assert [name for name, _ in shown] == ["key file", "ssh config", "ssh config", "ssh config"]
    assert "open to others (mode 640)" in shown[0][1] and all(check.mend for check in way.found)
    for (_, text), part in zip(
        shown[1:], (":2: StrictHostKeyChecking", ":4: Colour", ":5: Match `command`"), strict=True
    ):
        assert f"{config}{part}" in text
    more = home / ".ssh" / "more"
    more.write_text("Host other\n Port 2\n")
    config.write_text(f"Include more\n{text_of_the_host}")
    for path in (config, more):
        path.chmod(0o666)
    found = (await look_at_way(host)).found
    assert [check.text.split()[0] for check in found] == [str(config), str(more)], "each once; the dial says the rest"
    mended = [check for check in (await look_at_way(host, fix=True)).found if check.fixed]
    assert [check.text for check in mended] == [str(config), str(more), str(key)]
    assert [path.stat().st_mode & 0o777 for path in (config, more, key)] == [0o644, 0o644, 0o600]


async def test_each_is_named_once_and_what_is_nobodys_business_is_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, key = home / ".ssh" / "config", home / "key"
    lines = "".join(f"Foo{number} x\n" for number in range(WARNINGS_MAX + 2))
    config.write_text(f"Host box\n ProxyJump gate\nHost *\n IdentityFile {home}\n{lines}")
    config.chmod(0o660)
    monkeypatch.setattr(ssh_checks, "others_may_write", lambda status: False)  # the group is the person's own
    monkeypatch.setattr(ssh_config, "others_may_write", lambda status: False)
    write_key(key)
    key.chmod(0o604)
    home.chmod(0o755)
    config.write_text(f"{config.read_text()}IdentityFile {key}\n")
    for host in (Host("box", alias="box"), Host("box", alias="box", identity=str(key))):
        found = [check.text for check in (await look_at_way(host)).found]
        assert [text for text in found if str(key) in text] == found[:1], "also of two hosts and the profile"
    with monkeypatch.context() as another:
        another.setattr(os, "getuid", lambda: key.stat().st_uid + 1)
        assert not any(check.fixed for check in (await look_at_way(host, fix=True)).found), "theirs to close"
    found = [check.text for check in (await look_at_way(host, fix=True)).found]
    assert found[0] == str(key) and found[-1] == "2 more lines" and len(found) == 1 + WARNINGS_MAX + 1


async def test_keys_and_lines_of_the_hosts_in_between_are_looked_at_too(home: Path) -> None:
    (home / ".ssh" / "config").write_text(
        "Host gate\n Colour red\nHost box\n ProxyJump gate\nHost *\n IdentityFile %d/.ssh/id_%n\n"
        " IdentityFile ~/.ssh/agents.pub\n"
    )
    for name in ("id_gate", "id_box", "agents.pub"):
        (home / ".ssh" / name).write_text("")
        (home / ".ssh" / name).chmod(0o644)
    found = [check.text.split()[0] for check in (await look_at_way(Host("box", alias="box"))).found]
    assert found == [f"{home}/.ssh/id_gate", f"{home}/.ssh/id_box", f"{home}/.ssh/config:2:"]


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (None, ["jump host", "jump host"]),
        (at_hop(Unreachable("down"), 1), []),
        (at_hop(AuthenticationFailed("denied"), 2), ["jump host"]),
        (Unreachable("down"), ["jump host", "jump host"]),
    ],
)
async def test_how_far_the_way_over_other_hosts_was_gone(
    home: Path, error: RemoteError | None, names: list[str]
) -> None:
    (home / ".ssh" / "config").write_text("Host box\n ProxyJump one,two\n")
    way = await look_at_way(Host("box", alias="box"))
    assert [check.name for check in way.checks(error)] == names
    if error is not None:
        assert doctor._named(error) == ("jump host" if error.hop == 1 else doctor._named(type(error)("")))
        assert not error.hop or doctor._reached(Host("box", alias="box"), error) == []

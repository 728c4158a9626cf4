"""What counts as use of a machine, and the keeper that turns an idle one off: never this one."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remote.onhost import idle, idle_stop, keeper, last_use, people, power_off, processes
from remote.onhost.idle import Idle, Usage
from remote.onhost.keeper import Keeper, Wish, standing
from remote.onhost.power_off import CannotPowerOff
from remote.onhost.request import Refusal
from tests.fixtures.power import Switch, switch
from tests.onhost.far import PROJECT, Far, Following, lines, wait_for
from wire.records import ExitRecord, JobRecord
from wire.run_dir import Root

BOOT = (
    "/usr/bin/python3 -I -S -c ...; from remote.onhost.__main__ import main; ... /home/ada/.trajvid/bundles/0a follow"
)
__all__ = ["switch"]
YEARS_S = 8e8


@pytest.fixture(autouse=True)
def _safe(switch: Switch) -> None:
    """In every test of this file `shutdown` is the test's own."""


# ------------------------------------------------------------------ people


def table(*rows: tuple[int, int, str], age_s: float = 1000.0) -> dict[int, people.Seen]:
    """Processes of (pid, parent, title), that all began so long ago on a machine that is up for 10,000 s."""
    ticks = int((10_000 - age_s) * os.sysconf("SC_CLK_TCK"))
    return {pid: people.Seen(pid, parent, ticks, 0, title) for pid, parent, title in rows}


LISTENER = (10, 1, "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], []),
        ([(20, 10, "sshd: ada [priv]"), (21, 20, "sshd: ada@pts/0"), (22, 21, "-bash")], ["ada is logged in at pts/0"]),
        ([(21, 10, "sshd-session: root@pts/1,pts/2")], ["root is logged in at pts/1,pts/2"]),
        ([(21, 10, "sshd: ada@notty"), (22, 21, "code-server --port 0")], ["ada is connected by ssh"]),
        ([(21, 10, "sshd: ada")], ["ada is connected by ssh"]),
        ([(21, 10, "sshd-session: ada@notty"), (22, 21, BOOT), (23, 22, "nvidia-smi")], []),
        ([(21, 10, "sshd: ada@notty"), (22, 21, BOOT), (24, 21, "rsync --server --sender . /runs")],
         ["something is done for ada"]),
        ([(21, 10, "sshd: ada@notty"), (22, 21, BOOT), (24, 21, BOOT.replace("follow", "prepare"))],
         ["something is done for ada"]),
        ([(21, 10, "sshd: ada@notty,pts/3"), (22, 21, BOOT)], ["ada is logged in at notty,pts/3"]),
        ([(21, 10, "sshd: ada@notty"), (22, 21, BOOT), (23, 21, "sshd: ada@notty")], ["something is done for ada"]),
        ([(30, 1, "vim notes about sshd: ada@pts/0")], []),
    ],
    ids=["nobody", "terminal", "root-terminals", "editor", "tunnel", "ours", "ours-copies", "ours-prepares",
         "our-shell", "fork", "like-it"],
)  # fmt: skip
def test_a_connection_is_ours_or_somebody_is_there(rows: list[tuple[int, int, str]], told: list[str]) -> None:
    assert people.Connections().people(table(LISTENER, *rows), 10_000) == told


def test_a_connection_of_ours_stays_ours_when_the_laptop_has_left_it_behind() -> None:
    connections, alone = people.Connections(), (21, 10, "sshd: ada@notty")
    assert connections.people(table(alone, (22, 21, BOOT)), 10_000) == []
    assert connections.people(table(alone), 10_000) == []
    assert connections.people(table(alone, age_s=7), 10_000) == ["ada is connected by ssh"], "its pid used anew"


def test_what_has_just_begun_is_no_use_yet_and_nothing_is_settled() -> None:
    connections, alone = people.Connections(), (21, 10, "sshd: ada@notty")
    assert connections.people(table(alone, age_s=1), 10_000) == [] and connections.fresh, "ours, or an editor's?"
    assert connections.people(table(alone, (22, 21, BOOT), age_s=1), 10_000) == [] and not connections.fresh
    short = table(alone, (22, 21, BOOT), (23, 21, "rsync --server"), age_s=10)
    assert connections.people(short, 10_000) == [] and connections.fresh, "a round of syncing, or a long copy?"
    assert connections.people(table((21, 10, "sshd: ada@pts/0"), age_s=0), 10_000) != [], "a terminal is somebody's"


def test_runs_of_another_root_are_runs() -> None:
    supervisor = BOOT.replace(" follow", ' supervise {"root": "/home/ada/.trajvid"}')
    assert people.runs_elsewhere(table((30, 1, supervisor), (31, 1, BOOT)), "/data/runs") == [
        "a run under another root"
    ]
    assert people.runs_elsewhere(table((30, 1, supervisor)), "/home/ada/.trajvid") == []


def test_the_table_is_that_of_this_machine() -> None:
    me = people.seen()[os.getpid()]
    assert me.ticks == processes.start_ticks(os.getpid()) and me.parent == os.getppid()
    assert Path(sys.executable).name in me.title or "python" in me.title


def test_the_systems_own_list_of_logins(tmp_path: Path) -> None:
    def entry(kind: int, pid: int, line: bytes, user: bytes) -> bytes:
        return struct.pack("hi32s4s32s", kind, pid, line, b"ts", user).ljust(people.UTMP_BYTES, b"\0")

    gone = subprocess.Popen(["true"])
    gone.wait()
    utmp = tmp_path / "utmp"
    utmp.write_bytes(
        entry(people.USER_PROCESS, os.getpid(), b"tty1", b"ada")
        + entry(people.USER_PROCESS, gone.pid, b"pts/9", b"bob")
        + entry(8, os.getpid(), b"pts/1", b"eve")
        + b"half a record"
    )
    assert people.logins(str(utmp)) == ["ada is logged in at tty1"]
    assert people.logins(str(tmp_path / "none")) == []


# ------------------------------------------------------------------ use


@pytest.fixture
def usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Usage:
    """A look at a root in a temporary folder, on a machine where nobody else is."""
    monkeypatch.setattr(people, "seen", dict)
    monkeypatch.setattr(people, "logins", list)
    monkeypatch.setattr(idle, "_file_age_s", lambda path: None)
    return Usage(Root(str(tmp_path / "root")), busy_load=1e9)


def a_run(root: Root, worker: str, ended_s: float | None) -> None:
    """A run of this very process's, which ended so many seconds ago (None: it goes on)."""
    attempt = root.run("p", worker, "r").attempt(1)
    os.makedirs(attempt.path)
    ticks = processes.start_ticks(os.getpid()) or 0
    Path(attempt.job).write_bytes(JobRecord("r.1", "n", os.getpid(), ticks, processes.boot_id(), 1.0).to_line())
    if ended_s is not None:
        Path(attempt.exit).write_bytes(ExitRecord("r.1", "completed", 0, time.time() - ended_s).to_line())


def test_idle_since_the_last_run_ended_or_anything_was_seen(usage: Usage) -> None:
    assert usage.look().for_s == pytest.approx(idle.up_s(), abs=60), "nothing known: since the boot"
    a_run(usage.root, "pose", ended_s=400)
    a_run(usage.root, "flow", ended_s=300)
    assert usage.look().for_s == pytest.approx(min(300, idle.up_s()), abs=60)
    last_use.used(usage.root)
    assert usage.look().for_s > 200, "where nobody keeps count nothing is written"
    os.makedirs(usage.root.idle)
    last_use.used(usage.root)
    assert usage.look().for_s < 60
    Path(usage.root.idle, "used").write_text('{"boot": "another", "up_s": 1}')
    assert usage.look().for_s > 200, "what was seen before a reboot says nothing"
    a_run(usage.root, "later", ended_s=-1e6)
    assert usage.look().for_s > 200, "an end that is to come says that the clock was set"
    a_run(usage.root, "depth", ended_s=None)
    look = usage.look()
    assert (look.uses, look.for_s) == (("depth of p is starting",), 0.0)
    assert last_use.last_used_s(usage.root) is not None, "and it is written down"


def test_load_and_gpus_count_as_somebodys_work(usage: Usage, switch: Switch, monkeypatch: pytest.MonkeyPatch) -> None:
    usage.busy_load = 0.8
    monkeypatch.setattr(os, "getloadavg", lambda: (9.0, 0.1, 9.0))
    switch.put("nvidia-smi", 'case "$1" in *compute*) ;; *) echo "0, A10G, 1, 24000, 0, 20, 300, 31" ;; esac')
    watching = Usage(usage.root)
    assert watching.look().uses == ()
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 1.2, 0.0))
    switch.put("nvidia-smi", 'case "$1" in *compute*) echo "77, 400, python" ;; '
               '*) echo "0, A10G, 1, 24000, 93, 20, 300, 31" ;; esac')  # fmt: skip
    assert watching.look().words == "python (pid 77) is on a GPU, GPU 0 is busy, something computes (load 1.2)"


def test_a_look_takes_in_people_runs_of_other_roots_and_terminals(
    usage: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "up_s", lambda: 10_000.0)
    here: dict[int, people.Seen] = {}
    monkeypatch.setattr(people, "seen", lambda: here)
    assert usage.look() == Idle((), 10_000.0)
    here = table(LISTENER, (21, 10, "sshd: ada@pts/0"))
    assert usage.look().uses == ("ada is logged in at pts/0",)
    here = table((30, 1, BOOT.replace(" follow", " supervise {}")))
    assert usage.look().uses == ("a run under another root",)
    here = table(LISTENER, (21, 10, "sshd: ada@notty"), age_s=0)
    assert usage.look() == Idle((), 10_000.0, settled=False)
    here = {}
    monkeypatch.setattr(people, "terminals_quiet_s", lambda table: 200.0)
    assert usage.look() == Idle((), 200.0)
    monkeypatch.setattr(people, "terminals_quiet_s", lambda table: 3.0)
    assert usage.look().words == "something is typed or printed on a terminal"
    monkeypatch.setattr(people, "logins", lambda: ["bob is logged in at tty1"])
    assert usage.look().words == "bob is logged in at tty1"


# ------------------------------------------------------------------ the keeper


class World:
    """A clock that stands still, and what a look finds."""

    def __init__(self) -> None:
        self.now, self.idle = 1000.0, Idle((), 5000.0)

    def pass_s(self, seconds: float) -> None:
        self.now += seconds


LOOK_S = 600.0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def kept(tmp_path: Path, world: World) -> Keeper:
    """A keeper that stops after 600 s and calls the real switch, which finds the test's `shutdown`."""
    root = Root(str(tmp_path / "root"))
    os.makedirs(root.idle)
    a_run(root, "pose", ended_s=1.0)
    return Keeper(root, "p", Wish(600, LOOK_S, 0.8, "b"), lambda: world.idle, clock=lambda: world.now)


def told(kept: Keeper) -> tuple[float, str]:
    """When it will stop the machine, and its trouble."""
    kept.round()
    found = standing(kept._root, "p")
    assert found is not None
    return found["stop_at_up_s"], found["trouble"]


def test_it_counts_only_what_it_saw_and_then_shuts_down(kept: Keeper, world: World, switch: Switch) -> None:
    assert told(kept) == (1600.0, ""), "idle for long, but nobody looked"
    world.pass_s(599)
    assert told(kept) == (1600.0, "") and switch.said == []
    world.idle = Idle(("ada is logged in at pts/0",), 0.0)
    world.pass_s(100)
    assert told(kept)[0] == 2299.0
    world.idle = Idle((), 0.0)
    world.pass_s(1)
    world.idle = Idle((), 600.0)
    kept.round()
    assert switch.said == [f"{switch.folder}/shutdown -h now"] if os.geteuid() == 0 else switch.said[-1].endswith("now")
    [action] = lines(kept._root.run("p", "pose", "r").actions)
    assert (action["verb"], action["result"]) == ("idle stop", "idle for 10 min")
    world.pass_s(119)
    assert told(kept) == (world.now, ""), "it is about to go"
    world.pass_s(2)
    assert told(kept) == (world.now + 600, "it was told to shut down, and still runs"), "it did not"
    assert len(switch.said) == 1


def test_a_use_in_the_last_moment_counts(kept: Keeper, world: World, switch: Switch) -> None:
    kept.round()
    world.pass_s(599)
    world.idle = Idle((), 3.0)
    world.pass_s(2)
    assert told(kept)[0] == 1601.0 + 597.0 and switch.said == []


def test_a_refused_shutdown_is_said_and_tried_again_after_a_whole_time(
    kept: Keeper, world: World, switch: Switch
) -> None:
    switch.put("shutdown", "echo polkit says no >&2; exit 1")
    switch.put("sudo", "echo a password is required >&2; exit 1")
    world.pass_s(600)
    assert told(kept) == (2200.0, "shutdown refuses: polkit says no" if os.geteuid() == 0 else
                          "sudo refuses: a password is required")  # fmt: skip
    results = [action["result"] for action in lines(kept._root.run("p", "pose", "r").actions)]
    assert results[0] == "idle for 10 min" and results[1].startswith("failed: idle for 10 min: ")
    calls = len(switch.said)
    world.pass_s(599)
    kept.round()
    assert len(switch.said) == calls
    world.pass_s(1)
    kept.round()
    assert len(switch.said) > calls
    world.idle = Idle(("pose of p is running",), 0.0)
    assert told(kept)[1] == "", "what is used has no trouble"


def test_what_has_just_begun_is_waited_for(kept: Keeper, world: World, switch: Switch) -> None:
    world.pass_s(600)
    world.idle = Idle((), 5000.0, settled=False)
    kept.round()
    assert switch.said == []
    world.idle = Idle((), 5000.0)
    kept.round()
    assert switch.said != []


def test_a_launch_that_comes_while_it_looks_keeps_the_machine(kept: Keeper, world: World, switch: Switch) -> None:
    def look() -> Idle:
        world.pass_s(1)
        last_use.used(kept._root)  # after the look has passed by
        return Idle((), 5000.0)

    kept._look = look
    world.pass_s(600)
    kept.round()
    assert switch.said == [] and lines_of(kept) == []
    last_use.refuse_if_going(kept._root)


def test_a_launch_that_comes_once_it_goes_is_refused_until_it_stays(kept: Keeper, world: World, switch: Switch) -> None:
    world.pass_s(600)
    kept.round()
    assert switch.said != []
    with pytest.raises(Refusal, match="shutting down") as caught:
        last_use.refuse_if_going(kept._root)
    assert caught.value.code == "going_down"
    world.pass_s(121)
    kept.round()
    last_use.refuse_if_going(kept._root)


def test_it_counts_anew_after_it_could_not_look(kept: Keeper, world: World, switch: Switch) -> None:
    kept.round()
    world.pass_s(8 * 3600)  # asleep
    assert told(kept) == (world.now + 600, "") and switch.said == []


def test_a_look_that_fails_is_no_idleness_and_does_not_end_it(kept: Keeper, world: World, switch: Switch) -> None:
    def look() -> Idle:
        raise KeyError("at_s")

    kept._look = look
    world.pass_s(600)
    kept.round()
    assert switch.said == []


def test_a_keeper_that_is_silent_is_said(kept: Keeper, world: World) -> None:
    world.now = idle.up_s()
    kept.round()
    assert keeper.next_stop(kept._root) == {"stop_in_s": pytest.approx(600, abs=30), "stop_trouble": ""}
    world.now -= LOOK_S + keeper.GAP_S + 120
    kept.tell()
    assert keeper.next_stop(kept._root)["stop_trouble"].startswith("its keeper has not looked for ")


def lines_of(kept: Keeper) -> list[dict[str, object]]:
    """The actions of the run."""
    path = kept._root.run("p", "pose", "r").actions
    return lines(path) if os.path.exists(path) else []


def test_who_may_shut_down(switch: Switch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert power_off.command() == [str(switch.folder / "shutdown")]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert power_off.command() == [str(switch.folder / "sudo"), "-n", str(switch.folder / "shutdown")]
    switch.put("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(CannotPowerOff, match="sudo refuses: sudo: a password is required"):
        power_off.command()
    assert all("/sudo -n -l " in line for line in switch.said), "asked whether it would, and nothing more"
    (switch.folder / "sudo").unlink()
    monkeypatch.setenv("PATH", str(switch.folder))
    with pytest.raises(CannotPowerOff, match="only root may"):
        power_off.command()


# ------------------------------------------------------------------ as processes


@pytest.fixture
def asked(far: Far) -> Iterator[Callable[..., dict[str, object]]]:
    """The verb, with a keeper that is ended afterwards."""

    def ask(**more: object) -> dict[str, object]:
        answer = far.ask("idle_stop", project=PROJECT, **{"look_s": 0.05, "busy_load": 1e6, **more})
        assert answer["ok"], answer
        return answer

    yield ask
    ask(stop_s=0)
    wait_for(lambda: standing(Root(far.root), PROJECT) is None, "the end of the keeper")


@pytest.mark.slow
def test_set_set_otherwise_and_unset(
    far: Far, switch: Switch, asked: Callable[..., dict[str, object]], follow: Callable[..., Following]
) -> None:
    """About 1 s of CPU."""
    root = Root(far.root)
    asked(stop_s=YEARS_S)
    first = standing(root, PROJECT)
    assert first is not None and os.getsid(first["pid"]) == first["pid"], "in a session of its own"
    assert asked(stop_s=YEARS_S) == {"ok": True, "trouble": ""}
    assert standing(root, PROJECT)["pid"] == first["pid"], "asked again it is the same one"  # type: ignore[index]
    asked(stop_s=YEARS_S / 2)
    second = standing(root, PROJECT)
    assert second is not None and second["pid"] != first["pid"] and processes.start_ticks(first["pid"]) is None
    following = follow("facts=0.1")
    following.send(op="watch", root=far.root, project=PROJECT, offsets={}, idle=True)
    facts = following.wait(lambda m: m["k"] == "facts" and "stop_in_s" in m)
    assert YEARS_S / 4 < facts["stop_in_s"] <= YEARS_S / 2 and ("idle_s" in facts) != ("in_use" in facts)
    asked(stop_s=None)
    assert standing(root, PROJECT)["pid"] == second["pid"]  # type: ignore[index]
    asked(stop_s=0)
    following.wait(lambda m: m["k"] == "facts" and "stop_in_s" not in m and m["clock_s"] > facts["clock_s"])
    assert switch.said == [] or all(" -l " in line for line in switch.said)


ALONE = (
    "import sys; from remote.onhost import keeper, people, power_off; people.seen = dict; people.logins = list; "
    "power_off.PLACES = (); sys.exit(keeper.keep(sys.argv[1:]))"
)
"""A keeper on a machine where nobody else is, whatever the machine of the test does; and whose `shutdown` it never
finds, not even as an orphan."""


def test_the_whole_way_to_the_switch(far: Far, switch: Switch) -> None:
    run, root = far.launch("sleep", "0.5"), Root(far.root)
    os.makedirs(root.idle)
    wish = json.dumps({"stop_s": 0.4, "look_s": 0.05, "busy_load": 1e9, "bundle": ""})
    with subprocess.Popen([sys.executable, "-c", ALONE, far.root, PROJECT, wish]) as process:
        try:
            said = wait_for(lambda: [line for line in switch.said if line.endswith("shutdown -h now")], "the shutdown")
            os.rename(root.idle, root.idle + "-gone")
            assert process.wait(60) == 0, "without its folder it has nothing to keep"
        finally:
            process.kill()
    assert said[0].startswith(str(switch.folder))
    deeds = [one for one in lines(run.actions) if one["verb"] == keeper.VERB]
    assert deeds[0]["at_s"] >= far.end(run)["at_s"] + 0.4, "not while it ran, nor right afterwards"


def test_a_launch_marks_the_use_and_none_starts_on_a_machine_that_goes(far: Far) -> None:
    root = Root(far.root)
    os.makedirs(root.idle)
    last_use.goes(root)
    answer = far.ask("launch", spec=far.spec("true"))
    assert (answer["ok"], answer["code"]) == (False, "going_down") and last_use.last_used_s(root) is not None
    os.unlink(os.path.join(root.idle, "used"))
    assert far.ask("worktree", project=PROJECT, worker="w", commit="0" * 40)["code"] == "unknown_commit"
    assert last_use.last_used_s(root) is not None, "whoever prepares a launch is there, too"


def test_where_others_are_hidden_it_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "process", lambda pid: None)  # as under `hidepid`
    asked = {"root": str(tmp_path / "root"), "project": "p", "stop_s": 9e8}
    assert idle_stop.idle_stop(asked) == {"trouble": "this system does not tell who uses it"}


@pytest.mark.slow
def test_two_who_set_the_same_at_once_have_one_keeper(far: Far, asked: Callable[..., dict[str, object]]) -> None:
    """About half a second of CPU."""
    request = json.dumps({"root": far.root, "project": PROJECT, "stop_s": YEARS_S, "look_s": 0.05, "busy_load": 1e6})
    asking = [far.start("idle_stop") for _ in range(2)]
    for process in asking:
        assert process.stdin is not None
        process.stdin.write(request.encode() + b"\n")
        process.stdin.flush()
    for process in asking:
        out, _ = process.communicate(timeout=60)
        assert json.loads(out) == {"ok": True, "trouble": ""}


def test_what_is_no_limit_is_refused_and_who_may_not_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"root": str(tmp_path / "root"), "project": "p", "stop_s": 9e8}
    for wrong in ({"stop_s": -1}, {"project": "../x"}):
        with pytest.raises(Refusal):
            idle_stop.idle_stop({**asked, **wrong})
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(power_off, "PLACES", ())
    assert idle_stop.idle_stop(asked) == {"trouble": "this machine has no `shutdown`"}
    assert standing(Root(asked["root"]), "p") is None  # type: ignore[arg-type]

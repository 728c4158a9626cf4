"""A launch happens exactly once or not at all."""

from __future__ import annotations

import concurrent.futures
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remote.onhost import processes
from remote.onhost.lock import WorkerLock
from tests.onhost.far import PROJECT, Far, lines, record, wait_for
from wire.records import EXIT_BYTES, JobRecord
from wire.run_dir import Root


def test_the_answer_follows_the_job_record(far: Far) -> None:
    spec = far.spec("sleep", "60")
    answer = far.ask("launch", spec=spec, by="ada@laptop")
    run = far.run_dir(spec["run"])
    job = record(run.attempt(1).job)
    assert job is not None
    assert answer["pid"] == job["pid"]
    assert answer["attempt"] == job["attempt"] == spec["run"] + ".1"
    assert os.path.getsize(run.attempt(1).exit) == EXIT_BYTES, "allocated before it is needed"
    assert record(run.attempt(1).exit) is None
    facts = far.facts()
    assert facts["alive"] is True
    assert facts["spec"]["command"] == ["sleep", "60"]
    action = lines(run.actions)[0]
    assert (action["verb"], action["by"], action["command"]) == ("launch", "ada@laptop", "sleep 60")
    assert far.stop()["stopped"]


def test_everything_is_private_from_birth(far: Far) -> None:
    run = far.launch("true")
    far.end(run)
    for folder, _, files in os.walk(far.root):
        assert os.stat(folder).st_mode & 0o077 == 0, folder
        for name in files:
            assert os.stat(os.path.join(folder, name)).st_mode & 0o077 == 0, name


def test_the_same_nonce_is_an_answer_while_it_runs_and_after(far: Far) -> None:
    spec = far.spec("sleep", "60")
    first = far.ask("launch", spec=spec)
    again = far.ask("launch", spec=spec)
    assert (again["already"], again["same_nonce"]) == (True, True)
    assert (again["pid"], again["attempt"]) == (first["pid"], first["attempt"])
    far.stop()
    finished = far.ask("launch", spec=spec)
    assert (finished["already"], finished["attempt"]) == (True, first["attempt"])
    assert far.run_dir(spec["run"]).last_attempt() == 1


def test_another_launch_is_answered_with_the_running_run(far: Far) -> None:
    run = far.launch("sleep", "60")
    other = far.ask("launch", spec=far.spec("sleep", "60", nonce="nonce-2"))
    assert other["ok"]
    assert (other["already"], other["same_nonce"], other["nonce"]) == (True, False, far.nonce())
    assert other["running_run"] == other["run"] == os.path.basename(run.path)
    assert not os.path.exists(far.run_dir("20260101T000000-abcdef0-nonce-2").path)
    far.stop()


@pytest.mark.parametrize("same_nonce", [True, False])
def test_of_many_concurrent_launches_one_starts(far: Far, same_nonce: bool) -> None:
    specs = [far.spec("sleep", "60", nonce="nonce-1" if same_nonce else f"nonce-{i}") for i in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda spec: far.ask("launch", spec=spec), specs))
    assert all(answer["ok"] for answer in answers), answers
    assert [answer["already"] for answer in answers].count(False) == 1
    assert len({(answer["run"], answer["attempt"], answer["pid"]) for answer in answers}) == 1

    def living() -> list[int]:
        return [pid for nonce in far.nonces for pid in processes.family(nonce)]

    wait_for(lambda: len(living()) > 1, "the work, which the supervisor starts after its answer")
    assert len(living()) == 2, "one supervisor and one work"
    assert far.stop()["stopped"]


def test_a_launch_killed_at_any_instant_leaves_nothing_or_one_job(far: Far) -> None:
    """The connection dies: its process group gets KILL. The repeated launch makes exactly one job of it."""
    began = time.monotonic()
    far.launch("true", worker="measured")
    usual_s = time.monotonic() - began
    rounds = 14
    for number in range(rounds):
        spec = far.spec("sleep", "60", worker=f"w{number}", nonce=f"nonce-{number}")
        run = far.run_dir(spec["run"], spec["worker"])
        process = far.start("launch", start_new_session=True)
        assert process.stdin is not None
        process.stdin.write(json.dumps({"root": far.root, "spec": spec}).encode() + b"\n")
        process.stdin.flush()
        if number < rounds - 1:
            time.sleep(number * usual_s / rounds)  # the instant is the point here
        else:
            wait_for(lambda job=run.attempt(1).job: record(job))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        answer = far.ask("launch", spec=spec)
        assert answer["ok"], answer
        family = wait_for(lambda nonce=f"nonce-{number}": len(far.family(nonce)) == 2 and far.family(nonce))
        assert answer["pid"] in family
        assert record(run.attempt(1).job)["pid"] == answer["pid"]  # type: ignore[index]
        assert far.stop(spec["worker"], kill=True)["stopped"]
        assert not far.family(f"nonce-{number}")
    assert answer["already"], "the last was killed after its start"


def test_the_lock_lives_as_long_as_the_work(far: Far) -> None:
    """Supervisor killed, work alive: the lock is held by the orphan, and a launch says so."""
    run = far.launch("sleep", "60")
    supervisor = record(run.attempt(1).job)["pid"]  # type: ignore[index]
    wait_for(lambda: len(far.family()) == 2)
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: len(far.family()) == 1)
    with WorkerLock(os.path.join(os.path.dirname(run.path), "lock")) as lock:
        assert lock.take() is False
    refused = far.ask("launch", spec=far.spec("sleep", "60", nonce="nonce-2"))
    assert (refused["ok"], refused["code"]) == (False, "orphans")
    assert refused["pids"] == list(far.family())
    assert far.stop()["stopped"]
    far.launch("true", nonce="nonce-2")


def test_an_ended_run_does_not_run_while_its_supervisor_leaves(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    run = far.launch("true")
    far.end(run)
    wait_for(lambda: not far.family())
    job = {**(record(run.attempt(1).job) or {}), "pid": os.getpid(), "start_ticks": processes.start_ticks(os.getpid())}
    Path(run.attempt(1).job).write_text(json.dumps(job), encoding="utf-8")
    path = os.path.join(os.path.dirname(run.path), "lock")
    with WorkerLock(path) as leaving, WorkerLock(path) as new:
        assert wait_for(leaving.take, "the lock of the supervisor that leaves")
        looks = []

        def leave(_seconds: float) -> None:
            looks.append(processes.prove(JobRecord.from_dict(job)).alive)
            fcntl.flock(leaving.descriptor, fcntl.LOCK_UN)

        monkeypatch.setattr("remote.onhost.lock.time.sleep", leave)
        assert new.take_or_find(Root(far.root), PROJECT, "w") is None
    assert looks == [True]


def test_orphans_without_the_lock_refuse_too(far: Far) -> None:
    """As the ranks of torchrun do, the child closes inherited descriptors and has a session of its own."""
    script = "import subprocess, time; subprocess.Popen(['sleep', '60'], start_new_session=True); time.sleep(60)"
    run = far.launch(sys.executable, "-c", script)
    wait_for(lambda: len(far.family()) == 3)
    facts = far.facts()
    child = wait_for(lambda: (record(run.heartbeat) or {}).get("child_pid"))
    for pid in (facts["job"]["pid"], child):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(far.family()) == 1)
    refused = far.ask("launch", spec=far.spec("sleep", "60", nonce="nonce-2"))
    assert refused["code"] == "orphans"
    assert refused["pids"] == list(far.family())
    assert far.stop()["stopped"]


def test_secrets_are_in_the_environment_of_the_work_alone(far: Far) -> None:
    run = far.launch("sleep", "60", secrets={"TOKEN": "hush-4711"})
    child = wait_for(lambda: (record(run.heartbeat) or {}).get("child_pid"))

    def environment() -> bytes:
        with open(f"/proc/{child}/environ", "rb") as file:
            return file.read()

    # Between fork and exec a process has its parent's environment, or none.
    wait_for(lambda: b"TOKEN=hush-4711" in environment().split(b"\0"), "the secret in the work's environment")
    with open(f"/proc/{far.facts()['job']['pid']}/environ", "rb") as file:
        assert b"hush-4711" not in file.read()
    for pid in far.family():
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            assert b"hush-4711" not in file.read()
    far.stop()
    for folder, _, files in os.walk(far.root):
        for name in files:
            assert b"hush-4711" not in Path(folder, name).read_bytes(), name


def test_the_supervisor_holds_no_channel_of_ours(far: Far) -> None:
    """Else the SSH server would wait for it at logout."""
    run = far.launch("sleep", "60")
    supervisor = record(run.attempt(1).job)["pid"]  # type: ignore[index]
    assert os.readlink(f"/proc/{supervisor}/fd/0") == "/dev/null"
    assert os.getsid(supervisor) == supervisor
    open_files = [os.readlink(f"/proc/{supervisor}/fd/{fd}") for fd in os.listdir(f"/proc/{supervisor}/fd")]
    for name in open_files:
        assert name.startswith((far.root, "/dev/null", "pipe:")), name
    with open(f"/proc/{supervisor}/status", encoding="ascii") as file:
        ignored = int(next(line for line in file if line.startswith("SigIgn")).split()[1], 16)
    assert ignored & 1 << (signal.SIGHUP - 1)
    far.stop()


def test_a_resume_is_a_new_attempt_in_the_same_run(far: Far) -> None:
    run = far.launch("sh", "-c", "echo attempt $TRAJVID_ATTEMPT; exit 3")
    far.end(run)
    name = os.path.basename(run.path)
    asked = {"spec": {"run": name, "project": PROJECT, "worker": "w"}, "resume": True, "nonce": far.nonce("nonce-2")}
    answer = far.ask("launch", by="bob@desk", **asked)
    assert (answer["ok"], answer["attempt"], answer["already"]) == (True, f"{name}.2", False)
    assert far.end(run, 2)["code"] == 3
    with open(run.log, encoding="utf-8") as file:
        assert file.read().splitlines() == [f"attempt {name}.1", f"attempt {name}.2"]
    again = far.ask("launch", **asked)
    assert (again["already"], again["attempt"]) == (True, f"{name}.2")
    facts = far.facts()
    assert (facts["attempt"], facts["exit"]["attempt"]) == (2, f"{name}.2")
    assert [action["verb"] for action in lines(run.actions)] == ["launch", "resume"]


def test_a_resume_is_refused_while_it_runs_and_for_what_never_was(far: Far) -> None:
    run = far.launch("sleep", "60")
    spec = {"run": os.path.basename(run.path), "project": PROJECT, "worker": "w"}
    assert far.ask("launch", spec=spec, resume=True, nonce=far.nonce("nonce-2"))["code"] == "running"
    far.stop()
    gone = far.ask("launch", spec={**spec, "run": "nothing"}, resume=True, nonce=far.nonce("nonce-2"))
    assert gone["code"] == "not_found"


def test_the_newest_run_is_the_last_launched_whatever_the_laptops_clock_says(far: Far) -> None:
    far.end(far.launch("true", run="20990101T000000-abcdef0-aaaa"))
    far.end(far.launch("true", run="20010101T000000-abcdef0-bbbb", nonce="nonce-2"))
    assert far.facts()["run"] == "20010101T000000-abcdef0-bbbb"
    listed = far.ask("runs", project=PROJECT, worker="w")
    assert [(one["run"][:4], one["state"]) for one in listed["runs"]] == [("2001", "completed"), ("2099", "completed")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"worker": "../x"}, "bad_name"),
        ({"worker": "-x"}, "bad_name"),
        ({"run": "a b"}, "bad_name"),
        ({"project": "."}, "bad_name"),
        ({"command": []}, "bad_request"),
        ({"command": "sleep 1"}, "bad_request"),
        ({"cwd": "here"}, "bad_request"),
        ({"nonce": "a"}, "bad_request"),
        ({"nonce": "a\nb=c\0d"}, "bad_request"),
        ({"grace_s": "long"}, "bad_request"),
    ],
)
def test_a_bad_request_is_refused_and_leaves_nothing(far: Far, change: dict[str, object], code: str) -> None:
    answer = far.ask("launch", spec={**far.spec("true"), **change})
    assert (answer["ok"], answer["code"]) == (False, code)
    assert not os.path.exists(far.root)


@pytest.mark.parametrize("data", [b"", b"\n", b"[1]\n", b"{\n", b'{"a":NaN}\n', b"[" * 100_000 + b"\n"])
def test_bytes_that_are_no_request_are_refused(far: Far, data: bytes) -> None:
    answer = far.raw("launch", data)
    assert (answer["ok"], answer["code"]) == (False, "bad_request")
    assert far.raw("no-such-verb", data)["code"] == "unknown_verb"


@pytest.fixture
def small_disk(tmp_path: Path) -> object:
    """A disk of 512 KiB, for filling up."""
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        pytest.skip("mounting a small disk needs root on Linux")
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tv-test", str(path)], check=False)
    if done.returncode:
        pytest.skip("cannot mount a tmpfs here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def _fill(path: Path) -> None:
    with open(path / "fill", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass


def test_a_full_disk_refuses_a_launch_and_cannot_lose_an_exit(far: Far, small_disk: Path) -> None:
    far.root = str(small_disk)
    run = far.launch("sh", "-c", "while ! test -e go; do sleep 0.05; done; exit 9")
    Path(run.path, "go.tmp").touch()
    _fill(small_disk)
    os.rename(Path(run.path, "go.tmp"), Path(run.path, "go"))
    assert far.end(run)["code"] == 9
    refused = far.ask("launch", spec=far.spec("true", nonce="nonce-2"))
    assert (refused["ok"], refused["code"]) == (False, "no_space")
    assert not os.path.exists(far.run_dir("20260101T000000-abcdef0-nonce-2").path)
    os.unlink(small_disk / "fill")
    far.end(far.launch("true", nonce="nonce-2"))


def test_a_run_root_with_odd_characters(far: Far) -> None:
    far.root += "/with space 'quote' \"two\" $HOME ünï\nline"
    run = far.launch("sh", "-c", 'test "$PWD" = "$TRAJVID_RUN_DIR"')
    assert far.end(run)["state"] == "completed"


def test_without_nohup_it_still_survives(far: Far, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    os.symlink(shutil.which("sleep") or "", tools / "sleep")
    far.env["PATH"] = str(tools)
    far.launch("sleep", "60")
    assert far.facts()["alive"] is True
    assert far.stop()["stopped"]

"""The command line from outside: envelope, exit codes, no traceback, nothing heavy for --help."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remote.errors import RemoteError, SomeHostsFailed, Unreachable
from remote.hostkeys import KnownHosts
from remote.profiles import Host, load_profile
from remote.snapshot import RunSnapshot
from tests.fixtures import gated
from tests.fixtures.project import Project, make_project
from tests.fixtures.ssh import Sshd, share_code, trust
from tui.__main__ import main
from tui.cli.command_line import VERBS
from tui.cli.session import together
from tui.cli.waiting import verdict
from wire.state import State

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("textual", "asyncssh", "pydantic", "yaml", "rich", "asyncio", "sqlite3")


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(home / "state"))
    monkeypatch.setenv("NO_COLOR", "1")


@dataclass
class Ended:
    """How one command line ended."""

    returncode: int
    stdout: str
    stderr: str


Trajvid = Callable[..., Ended]


@pytest.fixture
def trajvid(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Trajvid]:
    """Run a command line in this process: the same code as in one of its own, without the time that imports take."""

    def run(*words: str, cwd: Path) -> Ended:
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        code = main(words)
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err, err
        return Ended(code, out, err)

    monkeypatch.setattr("remote.embedded._shared", None)
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield run


def envelope(done: Ended) -> dict[str, Any]:
    """The one object on stdout, checked for its shape."""
    [line] = done.stdout.splitlines()
    answer = json.loads(line)
    assert list(answer) == ["schema", "ok", "data", "error"] and answer["schema"] == 1
    assert answer["ok"] is (done.returncode == 0)
    assert answer["ok"] or set(answer["error"]) == {"code", "message", "hint"}
    return answer


@pytest.fixture
def quiet(home: Path, short_tmp: Path) -> Project:
    """A project of which nothing is ever launched."""
    host = Host(name="local", kind="embedded", root=str(home / ".trajvid"), python=sys.executable)
    return make_project(short_tmp / "project", host)


@pytest.fixture
def project(quiet: Project, trajvid: Trajvid, home: Path, bundles: Path | None) -> Iterator[Project]:
    """A project of which nothing is left running."""
    share_code(home / ".trajvid", bundles)
    yield quiet
    trajvid("kill", "--all", "--yes", cwd=quiet.folder)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["launch", "--help"], ["nonsense"]])
def test_help_and_mistakes_import_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom tui.__main__ import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stdout


def test_help_names_every_verb_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in (*VERBS, "--json", "--accept-host-key", "130"):
        assert word in text


@pytest.mark.parametrize(
    ("words", "code", "word"),
    [
        (["--json"], 2, "usage"),
        (["bogus"], 2, "usage"),
        (["status", "--bogus"], 2, "usage"),
        (["status", "--", "x"], 2, "usage"),
        (["logs"], 2, "usage"),
        (["launch"], 2, "usage"),
        (["launch", "--all", "good"], 2, "usage"),
        (["launch", "god"], 2, "unknown_worker"),
        (["launch", "good", "--set", "epochs"], 2, "usage"),
        (["launch", "good", "--set", "epochs=3"], 2, "usage"),
        (["launch", "good", "--set", "epochs=3", "--dry-run"], 2, "usage"),
        (["launch", "--all", "--read-only"], 7, "read_only"),
        (["relaunch", "good", "--set", "epochs"], 2, "usage"),
        (["relaunch", "good", "--read-only"], 7, "read_only"),
        (["release", "good", "--read-only"], 7, "read_only"),
        (["retire", "good", "--read-only"], 7, "read_only"),
        (["retire"], 2, "usage"),
        (["relaunch", "god"], 2, "unknown_worker"),
        (["kill", "good"], 7, "declined"),
        (["run"], 2, "usage"),
        (["run", "--host", "nowhere", "--", "true"], 2, "unknown_host"),
        (["run", "--name", "../up", "--", "true"], 2, "usage"),
        (["run", "--name", "two words", "--", "true"], 2, "usage"),
        (["run", "--name=-rf", "--", "true"], 2, "usage"),
        (["stop", "good", "--grace", "nan"], 2, "usage"),
        (["stop", "good", "--grace", "-3"], 2, "usage"),
        (["logs", "good", "--follow"], 2, "usage"),
        (["logs", "good", "--tail", "-3"], 2, "usage"),
        (["logs", "good", "--follow", "--run", "r"], 2, "usage"),
        (["logs", "good", "--attempt", "-1"], 2, "usage"),
        (["logs", "good", "--attempt", "1", "--tail", "0"], 2, "usage"),
        (["report", "--since", "soon"], 2, "usage"),
        (["prune", "--older", "soon"], 2, "usage"),
        (["prune", "--keep", "0"], 2, "usage"),
        (["prune", "--unsynced"], 2, "usage"),
        (["prune", "--unsynced", "--here", "good"], 2, "usage"),
        (["worktrees", "remove"], 2, "usage"),
        (["worktrees", "prune", "good"], 2, "usage"),
        (["worktrees", "remove", "good", "--read-only"], 7, "read_only"),
        (["status", "--profile", "missing.yaml"], 2, "config"),
        (["init"], 2, "exists"),
        (["init", "user@-oProxyCommand=x"], 2, "usage"),
        (["init", "user@h", "--port", "99999"], 2, "usage"),
    ],
)
def test_mistakes(words: list[str], code: int, word: str, quiet: Project, trajvid: Trajvid) -> None:
    place = words.index("--") if "--" in words else len(words)
    done = trajvid(*words[:place], "--json", *words[place:], cwd=quiet.folder)
    answer = envelope(done)
    assert (done.returncode, answer["error"]["code"]) == (code, word) and answer["error"]["message"]
    if "--json" not in words:
        plain = trajvid(*words, cwd=quiet.folder)
        assert (plain.returncode, plain.stdout) == (code, "")
        assert plain.stderr.startswith("trajvid-tui: ")


def test_the_app_needs_a_terminal(quiet: Project, trajvid: Trajvid) -> None:
    done = trajvid(cwd=quiet.folder)
    assert done.returncode == 2 and "needs a terminal" in done.stderr and "status" in done.stderr


def test_no_profile(short_tmp: Path, trajvid: Trajvid) -> None:
    done = trajvid("status", "--json", cwd=short_tmp)
    assert done.returncode == 2 and "init" in envelope(done)["error"]["hint"]


def test_the_whole_way(project: Project, trajvid: Trajvid) -> None:
    """Launch and wait, status, logs, sync, run: what each prints and how it exits."""
    folder = project.folder
    done = trajvid("launch", "good", "--wait", "--json", cwd=folder)
    assert done.returncode == 0 and done.stderr == ""
    data = envelope(done)["data"]
    [row] = data["workers"]
    assert (row["worker"], row["state"], row["code"], row["sync"]["state"]) == ("good", "completed", 0, "done")
    assert data["launched"][0]["run"] == row["run"]
    assert (Path(row["sync"]["folder"]) / "training.log").read_text() == "at first\n"

    for path in [folder / "results", *(folder / "results").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path

    done = trajvid("launch", "good", "bad", "--wait", cwd=folder)
    assert done.returncode == 5 and done.stdout == ""
    assert "bad failed (exit code 3" in done.stderr and "logs bad" in done.stderr

    rows = {row["worker"]: row for row in envelope(trajvid("status", "--json", cwd=folder))["data"]["workers"]}
    assert list(rows) == ["good", "bad", "long"]
    assert (rows["bad"]["state"], rows["bad"]["origin"]) == ("failed", "host")
    assert (rows["long"]["state"], rows["long"]["run"]) == ("not started", "")
    cached = {
        row["worker"]: row for row in envelope(trajvid("status", "--cached", "--json", cwd=folder))["data"]["workers"]
    }
    assert (cached["bad"]["state"], cached["bad"]["origin"]) == ("failed", "cache")

    assert trajvid("logs", "bad", cwd=folder).stdout == "at first\n"
    assert trajvid("logs", "bad", "-f", cwd=folder).stdout == "at first\n"
    assert envelope(trajvid("logs", "long", "--json", cwd=folder))["error"]["code"] == "not_found"
    done = trajvid("run", "--name", "job", "--wait", "--json", "--", "sh", "-c", "pwd; exit 4", cwd=folder)
    assert done.returncode == 5 and envelope(done)["data"]["workers"][0]["reason"].startswith("exit code 4")
    assert trajvid("logs", "job", cwd=folder).stdout == f"{folder}\n"


def test_stop_kill_resume_of_a_running_worker(project: Project, trajvid: Trajvid) -> None:
    folder = project.folder
    assert trajvid("launch", "long", cwd=folder).returncode == 0
    again = envelope(trajvid("launch", "long", "--json", cwd=folder))["data"]["launched"]
    assert again[0]["already"] is True
    done = trajvid("stop", "long", cwd=folder)
    assert done.returncode == 0 and done.stdout == "long: stopped, exit code 143\n"
    assert trajvid("resume", "long", cwd=folder).returncode == 0
    done = trajvid("kill", "long", "--yes", "--json", cwd=folder)
    [killed] = envelope(done)["data"]["stopped"]
    assert killed["stopped"] is True and killed["left"] == []
    assert "was not running" in trajvid("stop", "long", cwd=folder).stdout


def test_a_held_worker_is_released_retired_and_relaunched(project: Project, trajvid: Trajvid) -> None:
    folder = project.folder
    (folder / "gated.py").write_text(gated.WORK)
    with (folder / "profiles.yaml").open("a") as profile:
        profile.write('  gated: {branch: gated, command: ["{python}", gated.py]}\n')
    done = trajvid("launch", "gated", "--wait", cwd=folder)
    assert done.returncode == 8 and f"held at the gate: {gated.WHY}" in done.stderr
    assert "release gated" in done.stderr and "retire" in done.stderr
    done = trajvid("release", "gated", "--wait", "--json", cwd=folder)
    assert done.returncode == 0, done.stdout
    [row] = envelope(done)["data"]["workers"]
    assert (row["state"], row["stage"], row["decision"]["decision"]) == ("completed", "full", "release")
    first = row["run"]
    done = trajvid("relaunch", "gated", "--wait", cwd=folder)
    assert done.returncode == 8 and f"gated: repeats {first}" in done.stderr
    done = trajvid("retire", "gated", cwd=folder)
    assert done.returncode == 0 and done.stdout.startswith("gated: retired by ") and gated.WHY in done.stdout
    assert "is final" in trajvid("release", "gated", cwd=folder).stderr
    [row] = envelope(trajvid("status", "gated", "--json", cwd=folder))["data"]["workers"]
    assert (row["state"], row["parent"]) == ("stopped", first) and row["reason"].startswith("retired by ")
    assert [one["passed"] for one in row["result"]["gate"]["conditions"]] == [False, True, False, None]


def test_interrupting_a_wait_leaves_the_run_alone(project: Project, trajvid: Trajvid) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "launch", "long", "--wait"],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("long: running"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "keep" in err and "Traceback" not in err
    [row] = envelope(trajvid("status", "long", "--json", cwd=project.folder))["data"]["workers"]
    assert row["state"] == "running"


def test_dry_run_says_the_commands_and_touches_no_host(quiet: Project, trajvid: Trajvid, home: Path) -> None:
    done = trajvid("launch", "--all", "--dry-run", "--json", cwd=quiet.folder)
    plans = envelope(done)["data"]["plans"]
    assert [plan["worker"] for plan in plans] == ["good", "bad", "long"]
    assert plans[0]["command"] == [sys.executable, "work.py", "0"]
    assert plans[0]["commit"] == quiet.git("rev-parse", "HEAD")
    assert not (home / ".trajvid").exists()


def test_dry_run_asks_what_a_launch_would_ask(
    quiet: Project, trajvid: Trajvid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.git.CONSENT_BYTES", 10)
    (quiet.folder / "big").write_bytes(b"x" * 20)
    objects = quiet.git("count-objects")
    done = trajvid("launch", "good", "--dry-run", cwd=quiet.folder)
    assert done.returncode == 7 and "big" in done.stderr and quiet.git("count-objects") == objects
    done = trajvid("launch", "good", "--dry-run", "--yes", cwd=quiet.folder)
    assert done.returncode == 0 and "1 untracked files" in done.stderr and "work.py" in done.stdout


def test_an_unreachable_host_among_others(project: Project, trajvid: Trajvid) -> None:
    profile = project.folder / "profiles.yaml"
    text = profile.read_text().replace("hosts:\n", "hosts:\n  dead: {address: 127.0.0.1, port: 1}\n")
    profile.write_text(text + "  far: {host: dead, branch: far, command: [x]}\n")
    done = trajvid("hosts", "--json", cwd=project.folder)
    assert done.returncode == 6
    hosts = {host["host"]: host for host in envelope(done)["data"]["hosts"]}
    assert (hosts["local"]["state"], hosts["dead"]["state"]) == ("live", "unreachable") and hosts["dead"]["reason"]
    done = trajvid("status", "far", "--json", cwd=project.folder)
    assert done.returncode == 3
    [row] = envelope(done)["data"]["workers"]
    assert (row["state"], row["origin"], row["link"]["state"]) == ("unknown", "none", "offline")
    # Perhaps the host that is away has it; perhaps it is a slip.
    error = envelope(done := trajvid("logs", "fax", "--json", cwd=project.folder))["error"]
    assert (done.returncode, error["code"]) == (3, "unreachable") and "dead" in error["message"]
    assert error["hint"] == "no worker named 'fax' is known here: did you mean far?"


def test_init_writes_a_profile_that_loads_and_adds_hosts(home: Path, short_tmp: Path, trajvid: Trajvid) -> None:
    folder = short_tmp / "My Experiment"
    folder.mkdir()
    data = envelope(trajvid("init", "ubuntu@203.0.113.7:2222", "--name", "gpu-1", "--json", cwd=folder))["data"]
    assert data["host"] == "gpu-1"
    profile = load_profile(folder / "profiles.yaml")
    assert list(profile.workers) == ["first"] and profile.workers["first"].host == "gpu-1"
    host = profile.hosts["gpu-1"]
    assert (host.address, host.user, host.port) == ("203.0.113.7", "ubuntu", 2222)
    assert Path(data["hosts_file"]).is_relative_to(home)
    assert Path(data["hosts_file"]).stat().st_mode & 0o777 == 0o600


def test_a_reader_that_leaves_is_no_error(quiet: Project) -> None:
    shell = f"{sys.executable} -m tui launch --all --dry-run | head -c 1"
    done = subprocess.run(
        ["sh", "-c", shell], cwd=quiet.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.stderr == "" and len(done.stdout) == 1


def test_a_hostile_log_does_not_reach_the_terminal(project: Project, trajvid: Trajvid) -> None:
    trajvid(
        "run", "--name", "evil", "--wait", "--", "printf", r"\033]52;c;eA==\007a\033[2J\233b[/x]\n", cwd=project.folder
    )
    out = trajvid("logs", "evil", cwd=project.folder).stdout
    assert out.startswith("a") and "\x1b" not in out and "\x9b" not in out and "[/x]" in out


def test_one_error_out_of_several() -> None:
    first, second = Unreachable("a: refused"), Unreachable("b: no route")
    other = RemoteError("c: full", code="no_space")
    assert together({}, 3) is None
    assert together({"a": first}, 1) is first
    assert together({"a": first, "b": second}, 2) is first
    some = together({"a": first}, 2)
    assert isinstance(some, SomeHostsFailed) and some.exit_code == 6 and some.message == "a: refused"
    assert isinstance(together({"a": first, "c": other}, 2), SomeHostsFailed)


def test_the_end_of_a_wait_in_one_error() -> None:
    def row(worker: str, state: State) -> RunSnapshot:
        return RunSnapshot(host="h", project="p", worker=worker, state=state, reason="why")

    done, held, lost = row("a", State.COMPLETED), row("b", State.HELD), row("c", State.LOST)
    assert verdict([done]) is None
    waits = verdict([done, held])
    assert waits is not None and (waits.exit_code, waits.code) == (8, "held") and "b" in waits.message
    failed = verdict([held, lost])
    assert failed is not None and (failed.exit_code, failed.message) == (5, "c lost (why)")


@pytest.mark.hosts
def test_an_unknown_host_key_is_refused_until_exactly_it_is_accepted(
    sshd: Sshd, short_tmp: Path, trajvid: Trajvid
) -> None:
    folder = make_project(short_tmp / "project", sshd.host).folder
    done = trajvid("status", "--json", "--yes", cwd=folder)
    error = envelope(done)["error"]
    assert (done.returncode, error["code"]) == (4, "host_key_unknown")
    [fingerprint] = re.findall(r"SHA256:[A-Za-z0-9+/]{43}", error["message"])
    other = "SHA256:" + "A" * 43
    assert trajvid("launch", "good", "--accept-host-key", other, cwd=folder).returncode == 4
    done = trajvid("status", "--accept-host-key", fingerprint, cwd=folder)
    assert done.returncode == 0 and "not started" in done.stdout
    assert trajvid("launch", "good", "--wait", cwd=folder).returncode == 0
    known = KnownHosts.default().own
    known.unlink()
    trust(sshd.host, sshd.folder / "user_key.pub")
    before = known.read_text()
    done = trajvid("status", "--json", "--yes", "--accept-host-key", fingerprint, cwd=folder)
    assert (done.returncode, envelope(done)["error"]["code"]) == (4, "host_key_changed")
    assert known.read_text() == before, "a key that changed is refused whatever is said beforehand"

"""The host's part of doctor: whose the processes on a GPU are, which torch can use it, what is closed to others."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.onhost import doctor, gpu_processes, processes
from wire.records import JobRecord
from wire.run_dir import Root, replace_file


def tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "bin"


@pytest.fixture
def sleeper() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are ended with the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_the_output_of_nvidia_smi() -> None:
    text = "4242, 5120, /venv/bin/python3\n17, [N/A], a, b\n[Not Found], 1, x\nNo running processes found\n"
    assert gpu_processes.parse(text) == [
        {"pid": 4242, "memory_bytes": 5120 * 1024**2, "name": "python3"},
        {"pid": 17, "memory_bytes": None, "name": "a, b"},
    ]


def test_whose_a_process_is(tmp_path: Path, tools: Path, sleeper: list[subprocess.Popen[bytes]]) -> None:
    root = Root(str(tmp_path / "root"))
    run = root.run("p", "w", "r")
    os.makedirs(run.attempt(1).path)
    marked = {"TRAJVID_RUN_DIR": run.path, "TRAJVID_ATTEMPT": "r.1", "PATH": os.environ["PATH"]}
    inner = [sys.executable, "-S", "-c", "import subprocess; subprocess.run(['sleep', '60'], env={})"]
    for argv, env in ((["sleep", "60"], marked), (["sleep", "60"], {}), (inner, marked)):
        sleeper.append(subprocess.Popen(argv, env=env, executable=None if argv is inner else "/bin/sleep"))
    ours, free, parent = (process.pid for process in sleeper)
    me = processes.process(os.getpid())
    assert me is not None
    job = JobRecord("r.1", "n", os.getpid(), me.ticks, processes.boot_id(), 0.0)
    replace_file(run.attempt(1).job, job.to_line())
    assert gpu_processes.whose(ours, root) == {"whose": "run", "run": "w/r"}
    assert gpu_processes.whose(free, root)["whose"] == "ours"
    child = _child_of(parent)
    assert gpu_processes.whose(child, root)["whose"] == "run", "by its parent: its own environment says nothing"
    assert gpu_processes.whose(2**22 + 1, root)["whose"] == "hidden"
    assert gpu_processes.whose(ours, Root("/elsewhere"))["whose"] == "run", "another root's run is no stray"

    replace_file(run.attempt(1).job, JobRecord("r.1", "n", 2**22 + 1, 1, processes.boot_id(), 0.0).to_line())
    tool(tools, "nvidia-smi", f"echo '{ours}, 100, python'; echo '{free}, 7, sleep'")
    left, stray = gpu_processes.listed(root) or []
    assert (left["whose"], left["run"], stray["whose"], stray["memory_bytes"]) == ("left", "w/r", "ours", 7 * 1024**2)
    subprocess.run(["pkill", "-P", str(parent)], check=True)


def _child_of(pid: int) -> int:
    for _ in range(1000):
        done = subprocess.run(["pgrep", "-P", str(pid), "sleep"], capture_output=True, text=True, check=False)
        if done.stdout.strip():
            return int(done.stdout)
    raise AssertionError("no child")


def test_a_tool_that_fails_tells_nothing(tmp_path: Path, tools: Path) -> None:
    tool(tools, "nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9")
    assert gpu_processes.listed(Root(str(tmp_path))) is None
    tool(tools, "loginctl", "echo yes")
    assert doctor.kills_user_processes() is True
    tool(tools, "loginctl", "echo no")
    assert doctor.kills_user_processes() is False
    tool(tools, "loginctl", "echo 'System has not been booted with systemd' >&2; exit 1")
    assert doctor.kills_user_processes() is None


def test_the_torch_of_a_python(tools: Path) -> None:
    tool(tools, "good", """echo hello; echo '{"torch": "2.13.0", "cuda": "13.0", "gpus": 1, "usable": true}'""")
    tool(tools, "bad", "echo Traceback >&2; echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1")
    tool(tools, "odd", "echo neither")
    assert doctor.torch_of(str(tools / "good"))["usable"] is True
    assert doctor.torch_of(str(tools / "bad")) == {"error": "ModuleNotFoundError: No module named 'torch'"}
    assert doctor.torch_of(str(tools / "odd")) == {"error": "exit status 0"}
    assert doctor.torch_of("/no/python")["missing"] is True


def test_only_what_is_asked_for_is_mended(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    found = doctor.doctor({"root": str(root)})
    assert (found["root_mode"], found["fixed"], root.stat().st_mode & 0o777) == (0o755, [], 0o755)
    assert found["disk_total_bytes"] > found["disk_free_bytes"] > 0
    found = doctor.doctor({"root": str(root), "fix": True})
    assert (found["fixed"], root.stat().st_mode & 0o777) == (["root_mode"], 0o700)
    assert doctor.doctor({"root": str(root), "fix": True})["fixed"] == []


def test_runs_outlive_the_last_logout_when_asked(tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LINGER", str(tmp_path / "linger"))
    lingering = tmp_path / "linger" / pwd.getpwuid(os.getuid()).pw_name
    lingering.parent.mkdir()
    tool(tools, "loginctl", f'[ "$2" = enable-linger ] && touch {lingering}; echo yes')
    asked = {"root": str(tmp_path / "root")}
    assert (doctor.doctor(asked)["linger"], lingering.exists()) == (False, False)
    found = doctor.doctor({**asked, "fix": True})
    assert found["fixed"] == ["linger"] and found["linger"] is True and lingering.exists()
    assert doctor.doctor({**asked, "fix": True})["fixed"] == []
    lingering.unlink()
    tool(tools, "loginctl", '[ "$2" = enable-linger ] && exit 1; echo yes')
    found = doctor.doctor({**asked, "fix": True})
    assert found["fixed"] == [] and found["linger"] is False

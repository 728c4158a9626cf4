"""A launch that could only fail is refused before anything of it exists, and says what to do."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remote.onhost import preflight, slots
from remote.onhost.request import Refusal
from remote.onhost.resources import Resources, environment, memory_limiter
from remote.onhost.spawn import Claim
from tests.onhost.far import PROJECT, Far
from wire.records import RunSpec
from wire.run_dir import Root

Check = Callable[..., "tuple[str, str]"]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Return how a launch with these wishes is answered: ("", "") or code and message of its refusal."""
    root = Root(str(tmp_path / "root"))
    os.makedirs(root.worker(PROJECT, "w"))
    monkeypatch.setenv("PATH", str(tmp_path))

    def demand(*command: str, config: str = "", **resources: Any) -> tuple[str, str]:
        spec = RunSpec("r", PROJECT, "w", "nonce", command or ("true",), "", config=config, resources=resources)
        with preflight.WorkerLock(root.worker_lock(PROJECT, "w")) as lock:
            assert lock.take()
            try:
                preflight.demand(root, spec)
            except Refusal as exc:
                assert exc.hint
                return exc.code, exc.message
        return "", ""

    return demand


def tool(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!{SHELL}\n{body}\n")
    (folder / name).chmod(0o700)


SHELL, CAT = shutil.which("sh"), shutil.which("cat")


def test_nothing_wrong(check: Check) -> None:
    assert check() == ("", "")
    assert check("/no/such/tool") == ("", ""), "that is for the run to say"
    assert check(gpu=7) == ("", ""), "without nvidia-smi a GPU that is named is taken on trust"


def test_disk_and_inodes(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimpleNamespace(f_bavail=100 * 256, f_frsize=4096, f_files=1000, f_favail=500)
    monkeypatch.setattr(os, "statvfs", lambda _path: disk)
    assert check() == ("", "")
    assert check(disk_mib=100) == ("", "")
    code, message = check(disk_mib=101)
    assert (code, message[:17]) == ("no_space", "100 MiB are free ")
    assert check("python", config="keypoint")[0] == "no_space", "a trainer cannot keep its checkpoints here"
    assert check("python", config="keypoint", disk_mib=50) == ("", "")
    disk.f_favail = 10
    assert check()[1].startswith("no inodes left")
    disk.f_files = disk.f_favail = 0
    assert check() == ("", "")
    disk.f_bavail = 1
    assert check()[1].startswith("no space left")


def test_locks_that_exclude_nobody(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda _descriptor, _how: None)
    assert check()[0] == "no_locks"


def test_the_python_of_the_worker(check: Check, tmp_path: Path) -> None:
    missing = str(tmp_path / "bin" / "python3.12")
    assert check(missing, "-c", "1") == ("no_python", f"{missing} does not exist on this host")
    (tmp_path / "python3").touch(mode=0o600)
    there = str(tmp_path / "python3")
    if os.geteuid():
        assert check(there)[1] == f"{there} is not executable on this host"
    tool(tmp_path, "python3", "exit 0")
    assert check(there) == ("", "")


def test_gpus_that_are_not_there(check: Check, tmp_path: Path) -> None:
    assert check(gpus=1)[1] == "this host has no nvidia-smi to tell which GPU is free"
    assert check(gpu=0, gpu_memory_mib=5)[1] == "this host has no nvidia-smi to tell how much memory a GPU has free"
    tool(tmp_path, "nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9")
    assert check(gpu=0) == ("no_gpu", "nvidia-smi failed (9)")
    tool(tmp_path, "nvidia-smi", "exit 0")
    assert check(gpu=0) == ("no_gpu", "nvidia-smi tells of no GPU")
    told = tmp_path / "told"
    told.write_text("0, A100, 80000, 81559, 1, 50, 400, 30\n1, T4, 0, 15360, 1, 50, 70, 30\n")
    tool(tmp_path, "nvidia-smi", f"{CAT} {told}")
    assert check(gpu=2)[1] == "this host has no GPU 2, it has 0, 1"
    assert check(gpus=3)[1] == "the run asks for 3 GPUs, this host has 2"
    assert check(gpus=1, gpu_memory_mib=81559) == ("", ""), "it is in use now: that is for the queue"
    assert "at most 15360 MiB are there" in check(gpu=1, gpu_memory_mib=15361)[1]
    assert check(gpus=2, gpu_memory_mib=20000)[0] == "no_gpu"


def test_a_gpu_is_left_over_only_if_nobody_alive_shares_it() -> None:
    living = slots.who(Claim("/r", PROJECT, "w", "run", 1, "nonce"))
    dead = {**living, "boot_id": "an-earlier-one"}
    judged = [preflight._left_over(holders) for holders in ([dead], [dead, living], [dead, {}], [])]
    assert judged == [True, False, False, False]


def test_the_work_sees_its_gpus_and_who_said_none_sees_none() -> None:
    for told, seen in (({}, None), ({"gpus": 0}, ""), ({"gpu": 0, "gpus": 0}, None)):
        found = environment(Resources.from_dict(told), ())
        assert found.get("CUDA_VISIBLE_DEVICES") == seen, told
    assert not Resources.from_dict({"gpus": 0}).queues
    # Else CUDA would count the fastest first, and the work would get others than those that were locked for it.
    assert environment(Resources(), (1, 3)) == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1,3"}


@pytest.mark.parametrize(
    "wrong", [{"gpu": -1}, {"gpu": True}, {"gpus": "many"}, {"threads": 1.5}, {"nice": 20}, {"stagger_s": "x"}]
)
def test_wishes_of_the_wrong_shape_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        Resources.from_dict(wrong)


def test_a_wrong_wish_leaves_nothing(far: Far) -> None:
    answer = far.ask("launch", spec=far.spec("true", resources={"slots": 65}))
    assert (answer["ok"], answer["code"], os.path.exists(far.root)) == (False, "bad_request", False)


def test_memory_is_limited_where_systemd_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    limited = Resources(memory_mib=100)
    assert memory_limiter(Resources()) == ([], "")
    assert memory_limiter(limited) == ([], "no limit of 100 MiB on memory: this host has no systemd-run")
    tool(tmp_path, "systemd-run", "echo 'Failed to connect to bus: No medium found' >&2; exit 1")
    assert memory_limiter(limited)[1].endswith("systemd-run: Failed to connect to bus: No medium found")
    tool(
        tmp_path, "systemd-run", f'while [ "$1" != -- ]; do echo "$1" >> {tmp_path}/said; shift; done; shift; exec "$@"'
    )
    tool(tmp_path, "true", "exit 0")
    words, why_not = memory_limiter(limited)
    assert (words[:3], words[-1], why_not) == (["systemd-run", "--user", "--scope"], "--", "")
    assert "--property=MemoryMax=100M" in words

"""Results in the worktree come to the run's folder: what the profile names, plain files only, and of this run only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import collect as collecting
from remote.onhost.collect import collect, collect_at_end, collect_now
from remote.onhost.digests import digest_of, digests, of_checkpoints
from remote.onhost.kept import kept
from remote.onhost.request import Refusal
from tests.onhost.far import PROJECT, Far, lines, wait_for
from wire.records import RunSpec
from wire.run_dir import Root, RunDir


def spec_at(folder: Path, *patterns: str) -> RunSpec:
    return RunSpec("r", PROJECT, "w", "nonce", ("true",), str(folder), collect=patterns)


def files_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_named_files_are_copied_once_and_stay_as_they_were(tmp_path: Path) -> None:
    tree = written(tmp_path / "tree", out__a="1", out__deep__b="2", other="3", out__c="4")
    run = RunDir(str(tmp_path / "run"))
    os.makedirs(run.path)
    assert collect(run, spec_at(tree, "out/**")) == (3, 0)
    assert files_of(tmp_path / "run" / "worktree") == {"out/a": "1", "out/deep/b": "2", "out/c": "4"}
    assert collect(run, spec_at(tree, "out/**")) == (0, 0), "nothing is new"
    (tree / "out" / "a").write_text("10")
    (tree / "out" / "c").unlink()
    assert collect(run, spec_at(tree, "out/**")) == (1, 0)
    assert files_of(tmp_path / "run" / "worktree") == {"out/a": "10", "out/deep/b": "2", "out/c": "4"}
    with open(tree / "out" / "a", "r+") as file:  # as the worker's next run may
        file.write("77")
    assert files_of(tmp_path / "run" / "worktree")["out/a"] == "10"


def test_no_link_is_followed_and_nothing_of_gits_comes(tmp_path: Path) -> None:
    secret = written(tmp_path / "home", id_ed25519="secret")
    tree = written(tmp_path / "tree", out__a="1", **{".git__config": "x", "out__.git__config": "x", "out__.tmp-b": "x"})
    (tree / "out" / "key").symlink_to(secret / "id_ed25519")
    (tree / "out" / "home").symlink_to(secret)
    (tree / "up").symlink_to(tmp_path)
    os.mkfifo(tree / "out" / "pipe")
    run = RunDir(str(tmp_path / "run"))
    os.makedirs(run.path)
    copied, left_out = collect(run, spec_at(tree, "**", "**/*", "*"))
    assert (copied, files_of(tmp_path / "run" / "worktree")) == (1, {"out/a": "1"})
    assert left_out == 2, "the link and the pipe are counted"


def test_two_that_collect_at_once_write_into_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, run = written(tmp_path / "tree", a="1"), RunDir(str(tmp_path / "run"))
    moved: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (moved.append(os.path.basename(old)), replace(old, new)))
    assert collect(run, spec_at(tree, "a")) == (1, 0)
    assert moved == [f".tmp-collect-{os.getpid()}"]


def test_limits_leave_files_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = written(tmp_path / "tree", a="1", b="22", c="333")
    run = RunDir(str(tmp_path / "run"))
    os.makedirs(run.path)
    monkeypatch.setattr(collecting, "FILE_MAX_BYTES", 2)
    assert collect(run, spec_at(tree, "*")) == (2, 1)
    monkeypatch.setattr(collecting, "FREE_FLOOR_BYTES", 2**62)
    (tree / "a").write_text("n")
    os.utime(tree / "a", (5, 5))
    assert collect(run, spec_at(tree, "a")) == (0, 1), "the work needs the room for its checkpoints"
    assert collect_at_end(run, spec_at(tmp_path / "missing", "*")) == (0, 0)


def test_the_supervisor_collects_at_the_end(far: Far, tmp_path: Path) -> None:
    tree = written(tmp_path / "tree", old="1")
    run = far.launch("sh", "-c", "echo new > result.txt", cwd=str(tree), collect=["*.txt"])
    assert far.end(run)["state"] == "completed"
    assert files_of(Path(run.path) / "worktree") == {"result.txt": "new\n"}
    assert not [event for event in lines(run.events) if event["kind"] == "warning"]
    written(tree, **{"later.txt": "of the next run"})
    request = {"root": far.root, "project": PROJECT, "worker": "w", "run": os.path.basename(run.path)}
    assert collect_now(request) == {"files": 0, "left_out": 0}, "it is over, and the worktree not its own any more"
    wait_for(lambda: not far.facts()["alive"], "the supervisor's leaving")
    os.unlink(run.attempt(1).exit)  # as if the host had lost its power
    assert collect_now(request) == {"files": 0, "left_out": 0}, "nobody can say whose the files are"


def a_run(root: Path, name: str, number: int = 1) -> RunDir:
    run = Root(str(root)).run(PROJECT, "w", name)
    os.makedirs(run.attempt(number).path)
    job = b'{"attempt":"%s.%d","nonce":"n","pid":1,"start_ticks":1,"boot_id":"b","at_s":%d}\n'
    Path(run.attempt(number).job).write_bytes(job % (name.encode(), number, number))
    return run


def test_the_host_tells_which_runs_it_keeps(tmp_path: Path) -> None:
    for number, name in enumerate(("r1", "r2"), start=1):
        a_run(tmp_path, name, number)
    os.makedirs(Root(str(tmp_path)).run(PROJECT, "w", "never-began").attempt(1).path)
    asked = {"root": str(tmp_path), "project": PROJECT}
    worker = {"current": "r2", "runs": [{"run": "r2", "attempts": 2}, {"run": "r1", "attempts": 1}]}
    assert kept(asked) == {"workers": {"w": worker}}
    assert kept({**asked, "worker": "w"}) == {"workers": {"w": worker}}
    assert kept({**asked, "worker": "nobody"}) == {"workers": {}} == kept({**asked, "project": "other"})


def test_a_checkpoint_is_read_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(tmp_path, "r1")
    os.makedirs(run.checkpoints)
    best = Path(run.checkpoints) / "best.pt"
    best.write_bytes(b"one")
    (Path(run.checkpoints) / "link.pt").symlink_to("/etc/hostname")
    os.mkfifo(Path(run.checkpoints) / "pipe.pt")
    asked = {"root": str(tmp_path), "project": PROJECT, "worker": "w", "run": "r1"}
    names = ["best.pt", "link.pt", "pipe.pt", "missing.pt"]
    told = digests({**asked, "names": names})["digests"]
    assert set(told) == {"best.pt"} and told["best.pt"]["sha256"] == hashlib.sha256(b"one").hexdigest()
    opened: list[str] = []
    real = hashlib.sha256

    def sums() -> Any:
        opened.append("read")
        return real()

    monkeypatch.setattr("remote.onhost.digests.hashlib.sha256", sums)
    assert of_checkpoints(run, ["best.pt"]) == told and not opened
    best.write_bytes(b"two")
    assert of_checkpoints(run, ["best.pt"])["best.pt"]["sha256"] == real(b"two").hexdigest() and opened
    for bad in ([".."], ["a/b"], [7], "best.pt", ["x"] * 100):
        with pytest.raises(Refusal):
            digests({**asked, "names": bad})


def test_a_file_that_changes_while_it_is_read_has_no_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(b"x" * 10)

    class Growing:
        def update(self, data: bytes) -> None:
            with open(path, "ab") as file:
                file.write(b"y" * (path.stat().st_size < 100))

        def hexdigest(self) -> str:
            return "0"

    monkeypatch.setattr("remote.onhost.digests.hashlib.sha256", Growing)
    assert digest_of(str(path)) is None

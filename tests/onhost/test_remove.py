"""What a host removes, and above all what it does not: in-process, a root in a temporary folder."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import processes, remove
from remote.onhost.inventory import GONE_PREFIX, inventory
from remote.onhost.lock import WorkerLock, name_holder
from remote.onhost.worktree_list import worktrees
from tests.remote.test_git import git
from tests.remote.test_listing import run_folder
from tests.remote.test_worktree_verb import Far
from wire.records import ExitRecord, GateDecision, JobRecord, RunSummary
from wire.run_dir import Root, RunDir

OLD, NEW = "20250101T000000-3f2a91c-aaaa", "20260101T000000-3f2a91c-bbbb"
DAY_S = 86400.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "with space\n'$(x)"


def a_run(root: Path, name: str, state: str = "completed", **files: int) -> RunDir:
    """A run that ended two days ago."""
    run = run_folder(root, "p", "w", name)
    Path(run.spec).write_text("{}")
    Path(run.log).write_text("said\n")
    Path(run.attempt(1).exit).write_bytes(ExitRecord(f"{name}.1", state, 0, 5.0).to_line())
    os.makedirs(run.checkpoints)
    for file, size in files.items():
        (Path(run.checkpoints) / f"{file}.pt").write_bytes(b"x" * size)
    then = time.time() - 2 * DAY_S
    for folder, _, names in os.walk(run.path):
        for path in (folder, *(os.path.join(folder, one) for one in names)):
            os.utime(path, (then, then))
    return run


def alive(run: RunDir) -> None:
    """Let this very process be the run's supervisor."""
    attempt = f"{os.path.basename(run.path)}.1"
    ticks = processes.start_ticks(os.getpid()) or 0
    job = JobRecord(attempt, "nonce", os.getpid(), ticks, processes.boot_id(), 1.0)
    Path(run.attempt(1).job).write_bytes(job.to_line())
    Path(run.attempt(1).exit).write_bytes(b"")


def listed(root: Path) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in inventory({"root": str(root), "project": "p"})["runs"]}


def asked(root: Path, kind: str, name: str, **more: Any) -> dict[str, Any]:
    item = {"kind": kind, "worker": "w", "name": name, "age_s": 0.0, **more}
    [answer] = remove.remove({"root": str(root), "project": "p", "items": [item]})["removed"]
    return dict(answer)


def test_an_old_run_goes_and_links_in_it_are_never_followed(root: Path, tmp_path: Path) -> None:
    old, new = a_run(root, OLD, best=5000), a_run(root, NEW)
    away = tmp_path / "away"
    away.mkdir()
    (away / "mine").touch()
    (Path(old.path) / "artifacts").mkdir()
    (Path(old.path) / "artifacts" / "link").symlink_to(away)
    os.chmod(Path(old.path) / "artifacts", stat.S_IRUSR | stat.S_IXUSR)
    found = listed(root)
    assert (found[OLD]["state"], found[OLD]["current"], found[NEW]["current"]) == ("completed", False, True)
    assert found[OLD]["age_s"] > DAY_S and [one["name"] for one in found[OLD]["checkpoints"]] == ["best.pt"]
    answer = asked(root, "run", OLD, inode=found[OLD]["inode"], age_s=DAY_S)
    assert answer["skipped"] == "" and answer["freed_bytes"] == found[OLD]["bytes"] > 5000
    assert not os.path.exists(old.path) and os.path.exists(new.path) and (away / "mine").exists()
    assert sorted(os.listdir(os.path.dirname(old.path))) == [NEW, "lock"]


def current(_root: Path, _old: RunDir, new: RunDir) -> tuple[str, str]:
    return new.path, "the newest"


def running(_root: Path, old: RunDir, _new: RunDir) -> tuple[str, str]:
    alive(old)
    return old.path, "running"


def lingering(_root: Path, old: RunDir, _new: RunDir) -> tuple[str, str]:
    """Its end is on record, and its supervisor has not gone yet."""
    ended = Path(old.attempt(1).exit).read_bytes()
    alive(old)
    Path(old.attempt(1).exit).write_bytes(ended)
    return old.path, "running"


def held(_root: Path, old: RunDir, _new: RunDir) -> tuple[str, str]:
    name = os.path.basename(old.path)
    Path(old.result).write_bytes(RunSummary(f"{name}.1", 5.0, "held", gate={"passed": False}).to_line())
    return old.path, "held"


def younger(_root: Path, old: RunDir, _new: RunDir) -> tuple[str, str]:
    os.utime(old.log)
    return old.path, "used"


@pytest.mark.parametrize("case", [current, running, lingering, held, younger])
def test_what_must_stay_stays(root: Path, case: Callable[[Path, RunDir, RunDir], tuple[str, str]]) -> None:
    old, new = a_run(root, OLD), a_run(root, NEW)
    path, word = case(root, old, new)
    name = os.path.basename(path)
    answer = asked(root, "run", name, inode=os.lstat(path).st_ino, age_s=DAY_S if case is younger else 0.0)
    assert word in answer["skipped"] and answer["freed_bytes"] == 0
    assert os.path.exists(path) and os.path.exists(os.path.join(path, "training.log"))


def test_a_retired_run_may_go_and_a_later_one_of_its_name_may_not(root: Path) -> None:
    old, _ = a_run(root, OLD), a_run(root, NEW)
    held(root, old, old)
    decision = GateDecision("retire", "ada", 5.0, f"{OLD}.1")
    Path(old.gate_decision).write_bytes(decision.to_line())
    assert listed(root)[OLD]["state"] == "stopped"
    assert "not what it was" in asked(root, "run", OLD, inode=1)["skipped"]
    assert asked(root, "run", OLD, inode=os.lstat(old.path).st_ino)["skipped"] == ""
    assert "gone already" in asked(root, "run", OLD, inode=5)["skipped"]


def test_an_old_run_goes_while_another_one_of_its_worker_runs_all_the_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = a_run(root, OLD), a_run(root, NEW)
    alive(new)
    inode = os.lstat(old.path).st_ino
    set_aside = remove._set_aside
    with WorkerLock(Root(str(root)).worker_lock("p", "w")) as lock:
        assert lock.take()
        name_holder(lock.descriptor, NEW, f"{NEW}.1", "nonce")
        assert "w is running" in asked(root, "worktree", "w", inode=1)["skipped"]

        def and_it_ends(path: str) -> str:
            gone = set_aside(path)
            fcntl.flock(lock.descriptor, fcntl.LOCK_UN)
            return gone

        with monkeypatch.context() as patched:
            patched.setattr(remove, "_set_aside", and_it_ends)
            assert "ended just now" in asked(root, "run", OLD, inode=inode)["skipped"]
        assert os.path.exists(old.log), "a resume may have taken it up: it is back where it was"
        assert lock.take()
        assert asked(root, "run", OLD, inode=inode)["skipped"] == ""
    assert not os.path.exists(old.path) and os.path.exists(new.path)


def test_of_the_checkpoints_only_those_go_that_no_resume_needs(root: Path) -> None:
    old, _ = a_run(root, OLD, best=1, last=1, epoch_3=9000), a_run(root, NEW)
    inodes = {one["name"]: one["inode"] for one in listed(root)[OLD]["checkpoints"]}
    for name in ("best.pt", "last.pt"):
        assert "goes on from" in asked(root, "checkpoint", name, run=OLD, inode=inodes[name])["skipped"]
    assert asked(root, "checkpoint", "epoch_3.pt", run=OLD, inode=inodes["epoch_3.pt"])["freed_bytes"] > 0
    assert sorted(os.listdir(old.checkpoints)) == ["best.pt", "last.pt"]


def test_a_checkpoint_to_which_a_link_leads_stays(root: Path) -> None:
    """Other trainers make their best one a link."""
    old, _ = a_run(root, OLD, last=1, epoch_1=1, epoch_2=1, epoch_3=1), a_run(root, NEW)
    (Path(old.checkpoints) / "best.pt").symlink_to("epoch_1.pt")
    (Path(old.path) / "newest").symlink_to(Path(old.checkpoints) / "epoch_2.pt")
    found = {one["name"]: one for one in listed(root)[OLD]["checkpoints"]}
    assert [name for name, one in found.items() if one["used"]] == ["epoch_1.pt", "epoch_2.pt"]
    for name in ("epoch_1.pt", "epoch_2.pt"):
        assert "a link leads" in asked(root, "checkpoint", name, run=OLD, inode=found[name]["inode"])["skipped"]
    assert asked(root, "checkpoint", "epoch_3.pt", run=OLD, inode=found["epoch_3.pt"]["inode"])["skipped"] == ""
    assert (Path(old.checkpoints) / "best.pt").read_bytes() == b"x"
    os.rename(old.checkpoints, root / "elsewhere")
    os.symlink(root / "elsewhere", old.checkpoints)
    inode = os.lstat(root / "elsewhere" / "epoch_2.pt").st_ino
    assert "no plain file" in asked(root, "checkpoint", "epoch_2.pt", run=OLD, inode=inode)["skipped"]


def test_bundles_and_environments_in_use_stay(root: Path) -> None:
    old, where = a_run(root, OLD), Root(str(root))
    for place in (where.bundle("a"), where.bundle("b"), where.environment("e")):
        os.makedirs(place)
    spec = {"bundle": "", "env": {"PYTHONPATH": f"{where.bundle('a')}:/x"}}
    Path(old.spec).write_text(json.dumps(spec))
    told = inventory({"root": str(root), "project": "other"})
    assert {one["name"]: one["used"] for one in told["bundles"]} == {"a": True, "b": False}, "whose project ever"
    inode = {place: os.lstat(place).st_ino for place in (where.bundle("a"), where.bundle("b"), where.environment("e"))}
    assert "in use" in asked(root, "bundle", "a", inode=inode[where.bundle("a")])["skipped"]
    assert "used" in asked(root, "bundle", "b", inode=inode[where.bundle("b")], age_s=DAY_S)["skipped"]
    assert asked(root, "bundle", "b", inode=inode[where.bundle("b")])["skipped"] == ""
    with open(where.environment("e") + ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "about to use" in asked(root, "environment", "e", inode=inode[where.environment("e")])["skipped"]
    assert asked(root, "environment", "e", inode=inode[where.environment("e")])["skipped"] == ""
    assert os.path.isdir(where.bundle("a")) and not os.path.isdir(where.bundle("b"))


@pytest.mark.parametrize("kind", [*remove.KINDS, "door"])
def test_odd_requests_remove_nothing(root: Path, kind: str) -> None:
    run = a_run(root, OLD)
    for name in ("../w", "", ".git", "-rf", "a/b", 7, None):
        item = {"kind": kind, "worker": "w", "run": OLD, "name": name, "place": str(root.parent), "inode": 1}
        if kind == "worktree":
            item["worker"] = name
        [answer] = remove.remove({"root": str(root), "project": "p", "items": [item]})["removed"]
        assert answer["skipped"] and os.path.exists(run.log)


def test_what_a_removal_left_behind_goes_and_only_that(root: Path, tmp_path: Path) -> None:
    a_run(root, OLD)
    place = Root(str(root)).worker("p", "w")
    rest = os.path.join(place, GONE_PREFIX + "1")
    os.makedirs(os.path.join(rest, "deep"))
    [left] = inventory({"root": str(root), "project": "p"})["left"]
    assert left["place"] == place
    outside = {"inode": os.lstat(tmp_path).st_ino, "place": str(tmp_path.parent)}
    assert asked(root, "left", tmp_path.name, **outside)["skipped"] and tmp_path.exists()
    os.symlink(place, root / "link")
    assert "not left behind" in asked(root, "left", left["name"], inode=left["inode"], place=f"{root}/link")["skipped"]
    assert asked(root, "left", left["name"], inode=left["inode"], place=place)["skipped"] == ""
    assert not os.path.exists(rest)


def test_a_worktree_goes_without_the_work_in_it_and_comes_back(tmp_path: Path) -> None:
    far = Far(tmp_path)
    path = Path(far.start(far.first)["path"])
    run = a_run(far.root, OLD)
    (path / "train.py").write_text("edited\n")
    (path / "new").write_text("new\n")
    [entry] = worktrees({"root": str(far.root), "project": "p"})["worktrees"]
    assert (sorted(entry["own"]), entry["own_count"], entry["commit"]) == (["new", "train.py"], 2, far.first)
    inode = entry["inode"]
    assert "2 changed" in asked(far.root, "worktree", "w", inode=inode)["skipped"] and (path / "new").exists()
    answer = asked(far.root, "worktree", "w", inode=inode, discard=True)
    assert not path.exists() and os.path.exists(run.log), "runs lie elsewhere"
    repository = far.root / "repos" / "p.git"
    assert git(repository, "show", answer["kept"] + ":train.py") == "edited"
    assert git(repository, "show", answer["kept"] + ":new") == "new"
    assert far.ask(far.first)["created"] and (path / "train.py").read_text() == "1\n"
    (path / ".gitignore").write_text("cache\n")
    git(path, "commit", "-qam", "x", "--allow-empty")
    (path / "cache").touch()
    (path / "__pycache__").mkdir()
    (path / "__pycache__" / "x.pyc").touch()
    [entry] = worktrees({"root": str(far.root), "project": "p", "worker": "w"})["worktrees"]
    assert entry["ignored"] == ["cache"]


def test_a_submodule_with_work_in_it_is_named_and_keeps_its_worktree(tmp_path: Path) -> None:
    far = Far(tmp_path)
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    git(library, "commit", "-qm", "x", "--allow-empty")
    git(far.laptop, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    path = Path(far.start(far.commit("more", "1\n"))["path"])
    git(path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")

    def look() -> dict[str, Any]:
        [entry] = worktrees({"root": str(far.root), "project": "p"})["worktrees"]
        return dict(entry)

    assert look()["own"] == look()["ignored"] == []
    (path / "lib" / "result").touch()
    assert look()["ignored"] == ["lib/"]
    assert "1 ignored" in asked(far.root, "worktree", "w", inode=look()["inode"])["skipped"] and path.exists()

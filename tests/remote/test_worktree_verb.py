"""The far side's repository and worktree: at the run's commit, and no work is ever lost. Runs without SSH."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import processes
from remote.onhost.lock import WorkerLock, name_holder
from remote.onhost.repository import failure, locked, repository
from remote.onhost.request import Refusal
from remote.onhost.worktree import stands_at, worktree
from tests.onhost.far import Far as Verbs
from tests.remote.test_git import git
from wire.records import JobRecord
from wire.run_dir import Root

ODD = ["plain", "with space", "qu'o\"te$(touch x)", "new\nline", "Üñí-日本", "-dash"]


class Far:
    """A root on this machine, and a laptop's repository whose commits are pushed by plain git."""

    def __init__(self, folder: Path, name: str = "root") -> None:
        self.root = folder / name
        self.laptop = folder / "laptop"
        self.laptop.mkdir()
        git(self.laptop, "init", "-q", "-b", "main")
        self.first = self.commit("train.py", "1\n")

    def commit(self, name: str, text: str) -> str:
        (self.laptop / name).write_text(text)
        git(self.laptop, "add", "-A")
        git(self.laptop, "commit", "-qm", name)
        return git(self.laptop, "rev-parse", "HEAD")

    def push(self, commit: str) -> str:
        path: str = repository({"root": str(self.root), "project": "p", "commit": commit})["path"]
        git(self.laptop, "push", "-q", path, f"{commit}:refs/trajvid/commits/{commit}")
        return path

    def ask(self, commit: str, branch: str = "idea", worker: str = "w", **more: Any) -> dict[str, Any]:
        request = {"root": str(self.root), "project": "p", "worker": worker, "commit": commit, "branch": branch}
        return worktree({**request, **more})

    def start(self, commit: str, **more: Any) -> dict[str, Any]:
        self.push(commit)
        return self.ask(commit, **more)


@pytest.fixture
def far(tmp_path: Path) -> Far:
    return Far(tmp_path)


@pytest.mark.parametrize("name", ODD)
def test_worktree_stands_at_the_commit_under_any_root(tmp_path: Path, name: str) -> None:
    far = Far(tmp_path, name)
    answer = far.start(far.first)
    path = Path(answer["path"])
    assert path == far.root / "worktrees" / "p" / "w" and answer["created"] and answer["on_branch"]
    assert (path / "train.py").read_text() == "1\n"
    assert git(path, "rev-parse", "HEAD") == far.first
    assert git(path, "symbolic-ref", "HEAD") == "refs/heads/idea"
    second = far.commit("train.py", "2\n")
    answer = far.start(second)
    assert not answer["created"] and answer["on_branch"]
    assert git(path, "rev-parse", "HEAD", "refs/heads/idea").split() == [second, second]
    assert git(path, "status", "--porcelain") == "" and (path / "train.py").read_text() == "2\n"


def test_push_is_known_only_after_it_happened(far: Far) -> None:
    asked = {"root": str(far.root), "project": "p", "commit": far.first}
    assert repository(asked)["has_commit"] is False
    with pytest.raises(Refusal) as caught:
        far.ask(far.first)
    assert caught.value.code == "unknown_commit"
    far.push(far.first)
    assert repository(asked)["has_commit"] is True


def test_two_workers_of_one_branch(far: Far) -> None:
    assert far.start(far.first, worker="a")["on_branch"]
    assert not far.start(far.first, worker="b")["on_branch"], "git allows a branch in one worktree only"
    second = far.commit("train.py", "2\n")
    assert not far.start(second, worker="b")["on_branch"], "moving the branch would make the first worktree look dirty"
    a, b = (far.root / "worktrees" / "p" / name for name in "ab")
    assert git(a, "rev-parse", "HEAD") == far.first and git(b, "rev-parse", "HEAD") == second
    assert git(a, "status", "--porcelain") == ""


def test_dirty_worktree_is_refused_by_name_and_kept_on_discard(far: Far) -> None:
    path = Path(far.start(far.first)["path"])
    (path / "train.py").write_text("edited on the host\n")
    (path / "new\x1b[31m.txt").write_text("new")
    (path / "__pycache__").mkdir()
    (path / "__pycache__" / "x.pyc").write_text("byproduct")
    second = far.commit("train.py", "2\n")
    with pytest.raises(Refusal) as caught:
        far.start(second)
    assert caught.value.code == "dirty_worktree" and sorted(caught.value.data["files"]) == [
        "new\x1b[31m.txt",
        "train.py",
    ]
    assert (path / "train.py").read_text() == "edited on the host\n" and git(path, "rev-parse", "HEAD") == far.first
    answer = far.start(second, discard=True)
    assert (path / "train.py").read_text() == "2\n" and git(path, "status", "--porcelain") == ""
    assert answer["kept"].startswith("refs/trajvid/wip/w/")
    assert git(path, "show", answer["kept"] + ":train.py") == "edited on the host"
    assert git(path, "show", answer["kept"] + ":new\x1b[31m.txt") == "new"


def test_commits_made_on_the_host_stay_reachable(far: Far) -> None:
    path = Path(far.start(far.first, branch="")["path"])
    git(path, "commit", "-q", "--allow-empty", "-m", "made on the host, on no branch")
    made = git(path, "rev-parse", "HEAD")
    answer = far.start(far.commit("train.py", "2\n"), branch="")
    assert git(path, "rev-parse", answer["kept"]) == made


def test_branch_that_went_its_own_way_is_left_alone(far: Far) -> None:
    path = Path(far.start(far.first)["path"])
    git(path, "commit", "-q", "--allow-empty", "-m", "made on the host, on the branch")
    made = git(path, "rev-parse", "HEAD")
    second = far.commit("train.py", "2\n")
    assert not far.start(second)["on_branch"]
    assert git(path, "rev-parse", "refs/heads/idea", "HEAD").split() == [made, second]


def test_branch_never_points_at_a_snapshot(far: Far) -> None:
    second = far.commit("train.py", "uncommitted\n")
    path = Path(far.start(second, snapshot=True)["path"])
    assert git(path, "rev-parse", "HEAD", "refs/heads/idea").split() == [second, far.first]
    assert git(path, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_branch_names_that_exclude_each_other_do_not_stop_a_run(far: Far) -> None:
    far.start(far.first, branch="idea", worker="a")
    assert not far.start(far.first, branch="idea/two", worker="b")["on_branch"]


def test_interrupted_checkout_is_repaired(far: Far) -> None:
    path = Path(far.start(far.first)["path"])
    folder = Path(git(path, "rev-parse", "--absolute-git-dir"))
    (folder / "trajvid-unfinished").touch()
    (folder / "index.lock").touch()
    (path / "train.py").write_text("half")
    second = far.commit("train.py", "2\n")
    answer = far.start(second)
    assert (path / "train.py").read_text() == "2\n" and git(path, "status", "--porcelain") == ""
    assert git(path, "show", answer["kept"] + ":train.py") == "half", "even then nothing is lost"
    (folder / "index").unlink()
    (path / "train.py").unlink()
    far.ask(second)
    assert (path / "train.py").read_text() == "2\n"


def test_removed_worktree_comes_back_and_a_foreign_folder_is_refused(far: Far) -> None:
    path = Path(far.start(far.first)["path"])
    for name in os.listdir(path):
        (path / name).unlink()
    path.rmdir()
    assert far.ask(far.first)["created"]
    other = far.root / "worktrees" / "p" / "other"
    other.mkdir()
    (other / "precious").touch()
    with pytest.raises(Refusal) as caught:
        far.ask(far.first, worker="other")
    assert caught.value.code == "not_a_worktree" and (other / "precious").exists()


def test_files_below_a_living_run_do_not_move(far: Far) -> None:
    path = Path(far.start(far.first)["path"])
    root, name = Root(str(far.root)), "20250101T000000-abc-1234"
    attempt = root.run("p", "w", name).attempt(1)
    os.makedirs(attempt.path)
    ticks = processes.start_ticks(os.getpid())
    assert ticks is not None
    Path(attempt.job).write_bytes(
        JobRecord(name + ".1", "nonce", os.getpid(), ticks, processes.boot_id(), 0.0).to_line()
    )
    second = far.commit("train.py", "2\n")
    with WorkerLock(root.worker_lock("p", "w")) as lock:
        assert lock.take()
        name_holder(lock.descriptor, name, name + ".1", "nonce")
        with pytest.raises(Refusal) as caught:
            far.start(second)
    assert (caught.value.code, caught.value.data) == ("running", {"run": name}) and stands_at(str(path)) == far.first
    far.start(second)
    assert stands_at(str(path)) == second


def test_a_run_is_its_commit_whoever_moved_the_worktree_since(far: Far) -> None:
    second = far.commit("train.py", "2\n")
    far.push(second)
    path = far.start(far.first)["path"]
    verbs = Verbs(sys.executable, str(far.root))
    try:
        for number, (commit, text) in enumerate([(second, "2\n"), (far.first, "1\n")]):
            spec = verbs.spec("sh", "-c", "cp train.py $TRAJVID_RUN_DIR/ran", nonce=f"nonce-{number}")
            spec = {**spec, "project": "p", "cwd": path, "commit": commit, "branch": "idea"}
            assert verbs.ask("launch", spec=spec, by="ada@laptop", secrets={})["ok"]
            run = Root(str(far.root)).run("p", "w", spec["run"])
            verbs.end(run)
            assert (Path(run.path) / "ran").read_text() == text
    finally:
        verbs.clean_up()


def test_a_checkout_that_was_not_finished_stands_nowhere(far: Far) -> None:
    path = Path(far.start(far.first)["path"])
    (Path(git(path, "rev-parse", "--absolute-git-dir")) / "trajvid-unfinished").touch()
    assert stands_at(str(path)) == "" == stands_at(str(far.root / "nothing"))


@pytest.mark.parametrize(
    "more",
    [
        {"worker": "../x"},
        {"worker": "-x"},
        {"commit": "HEAD"},
        {"commit": "--output=x"},
        {"branch": "--x"},
        {"branch": "a..b"},
    ],
)
def test_names_are_checked_before_anything_is_touched(far: Far, more: dict[str, str]) -> None:
    with pytest.raises(Refusal) as caught:
        worktree({"root": str(far.root), "project": "p", "worker": "w", "commit": far.first, "branch": "b", **more})
    assert caught.value.code in ("bad_name", "bad_request") and not far.root.exists()


def test_git_missing_and_a_held_lock_are_answers(far: Far, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(Refusal) as caught:
        repository({"root": str(far.root), "project": "p"})
    assert caught.value.code == "git_missing"
    with locked(str(tmp_path / "lock")), pytest.raises(Refusal) as caught, locked(str(tmp_path / "lock"), 0.1):
        pass
    assert caught.value.code == "busy"


@pytest.mark.parametrize(
    "said",
    [
        b"error: unable to write file data.bin: No space left on device\nfatal: cannot store\n",
        b"fatal: sha1 file '/r/repos/p.git/worktrees/w/index.lock' write error. Out of diskspace\n",
    ],
)
def test_a_full_disk_is_called_so_however_git_says_it(said: bytes) -> None:
    refusal = failure(["checkout"], said)
    assert refusal.code == "no_space" and refusal.hint


def test_many_at_once_are_served_one_after_the_other(far: Far) -> None:
    far.push(far.first)
    answers: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda name=f"w{i}": answers.append(far.ask(far.first, worker=name))) for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6 and sum(answer["on_branch"] for answer in answers) == 1

"""A checklist is ticked by what is there now: gate, file, command, evidence; and each finding has its time."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from remote.onhost import check_command
from remote.onhost.checklist import FILE, checklist
from remote.onhost.request import Refusal
from tests.fixtures.evidence import git, write_evidence
from wire.run_dir import Root

PROJECT, WORKER, RUN = "demo-1a2b", "w", "20260101T000000-3f2a91c-9b1e"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A host with a worktree at its first commit, and nothing else."""
    root = Root(str(tmp_path / "root"))
    worktree = Path(root.worktree(PROJECT, WORKER))
    worktree.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(worktree)], check=True)
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        git(worktree, "config", key, value)
    (worktree / "notes.md").write_text("done\n")
    git(worktree, "add", "--all")
    git(worktree, "commit", "-qm", "First")
    return root


def judged(root: Root, proof: str, *argument: str, **more: Any) -> dict[str, Any]:
    """One item, judged now."""
    item = {"text": "it is done", "proof": proof, "argument": list(argument)}
    asked = {"root": root.path, "project": PROJECT, "worker": WORKER, "items": [item], "commands": True, **more}
    [found] = checklist(asked)["items"]
    assert (found["text"], found["proof"], found["argument"]) == ("it is done", proof, list(argument))
    return dict(found)


def ended(root: Root, **result: Any) -> Path:
    """A run of the worktree's commit that is over."""
    run = Path(root.run(PROJECT, WORKER, RUN).path)
    (run / "attempts" / "1").mkdir(parents=True, exist_ok=True)
    commit = git(Path(root.worktree(PROJECT, WORKER)), "rev-parse", "HEAD").decode().strip()
    (run / "spec.json").write_text(json.dumps({"run": RUN, "commit": commit}))
    job = {"attempt": f"{RUN}.1", "nonce": "n1", "pid": 1, "start_ticks": 1, "boot_id": "b", "at_s": 1.0}
    (run / "attempts" / "1" / "job").write_text(json.dumps(job))
    end = {"attempt": f"{RUN}.1", "state": "completed", "code": 0, "at_s": 2.0, "reason": ""}
    (run / "attempts" / "1" / "exit").write_text(json.dumps(end))
    (run / "result.json").write_text(json.dumps({"attempt": f"{RUN}.1", "at_s": 2.0, **result}))
    return run


def test_a_gate(root: Root) -> None:
    found = judged(root, "gate", "passed")
    assert not found["proved"] and found["why"] == "it has never run" and time.time() - found["at_s"] < 60
    ended(root, verdict="held", gate={"passed": False, "reasons": ["accuracy is too low"]})
    found = judged(root, "gate", "passed")
    assert not found["proved"] and "accuracy is too low" in found["why"]
    ended(root, verdict="completed", gate={"passed": "yes"})
    assert not judged(root, "gate", "passed")["proved"], "a word is no verdict"
    ended(root, verdict="completed", gate={"passed": True})
    found = judged(root, "gate", "passed")
    assert found["proved"] and RUN in found["why"] and len(found["commit"]) == 40
    worktree = Path(root.worktree(PROJECT, WORKER))
    (Path(root.run(PROJECT, WORKER, RUN).path) / "model.pt").touch()
    git(worktree, "commit", "-q", "--allow-empty", "-m", "Second")
    for proof, argument in (("gate", "passed"), ("file", "run:model.pt")):
        found = judged(root, proof, argument)
        assert not found["proved"] and "is of another commit" in found["why"], "what ran was something else"


def test_a_file_and_its_digest(root: Root, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"done\n").hexdigest()
    assert judged(root, "file", "notes.md")["proved"]
    assert judged(root, "file", "notes.md", digest)["proved"]
    found = judged(root, "file", "notes.md", "0" * 64)
    assert not found["proved"] and digest[:12] in found["why"]
    assert judged(root, "file", "none.md")["why"] == "it is not there"
    assert judged(root, "file", "run:model.pt")["why"] == "it has never run"
    (ended(root) / "model.pt").write_bytes(b"done\n")
    assert judged(root, "file", "run:model.pt", digest)["proved"]
    (tmp_path / "secret").write_text("s")
    (Path(root.worktree(PROJECT, WORKER)) / "link").symlink_to(tmp_path / "secret")
    for outside in ("../../../../secret", "link", str(tmp_path / "secret"), "."):
        assert "must lie below" in judged(root, "file", outside)["why"], outside
    assert judged(root, "file", ".git")["why"] == "no plain file"
    assert judged(root, "file", "notes.md/x")["why"] == "it is not there"


def test_a_command_and_what_it_said_last(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    python = {"python": sys.executable, "env": {"WORD": "hello"}}
    show = ("{python}", "-S", "-c", "import os; print(os.path.exists('notes.md'), os.environ['WORD'])")
    found = judged(root, "command", *show, **python)
    assert found["proved"] and "exit 0" in found["why"] and found["why"].endswith(": True hello")
    again = judged(root, "command", *show, commands=False, **python)
    assert again == found, "it keeps its time: nobody ran it again"
    assert judged(root, "command", "false", commands=False)["why"] == "not run yet"
    assert not judged(root, "command", "false")["proved"]
    assert judged(root, "command", "no-such-program")["why"] == "no-such-program: No such file or directory"
    monkeypatch.setattr(check_command.checked, "__defaults__", (0.2,))
    found = judged(root, "command", "sh", "-c", "echo begun; exec sleep 60")
    assert not found["proved"] and found["why"] == "not over after 0.2 s: begun"


def test_evidence_holds_for_its_commit_only(root: Root) -> None:
    worktree, folder = Path(root.worktree(PROJECT, WORKER)), Path(root.evidence(PROJECT, WORKER))
    assert judged(root, "evidence", "tracker")["why"] == "there is no evidence yet"
    write_evidence(folder, worktree, "tracker", "red")
    assert judged(root, "evidence", "tracker")["why"] == "there is no green yet", "a failing test proves nothing done"
    path = write_evidence(folder, worktree, "tracker", "green", at="2026-01-02T00:00:00Z")
    found = judged(root, "evidence", "tracker")
    assert found["proved"] and found["why"] == "green accepted"
    path.write_text(path.read_text().replace("tests: 1", "tests: 9"))
    found = judged(root, "evidence", "tracker")
    assert not found["proved"] and "edited" in found["why"]
    write_evidence(folder, worktree, "tracker", "green", at="2026-01-02T00:00:00Z")
    git(worktree, "rm", "-q", "notes.md")
    git(worktree, "commit", "-qm", "Second")
    found = judged(root, "evidence", "tracker")
    assert not found["proved"] and "another commit" in found["why"]


def test_the_answer_is_kept_where_a_sync_finds_it_and_nonsense_is_refused(root: Root) -> None:
    judged(root, "file", "notes.md")
    kept = json.loads((Path(root.evidence(PROJECT, WORKER)) / FILE).read_text())
    assert (
        kept["items"][0]["proved"] is True
        and kept["commit"] == git(Path(root.worktree(PROJECT, WORKER)), "rev-parse", "HEAD").decode().strip()
    )
    (Path(root.evidence(PROJECT, WORKER)) / FILE).write_text('{"items": [1, {"proof": []}]}')
    assert judged(root, "command", "true", commands=False)["proved"] is False
    asked = {"root": root.path, "project": PROJECT, "worker": WORKER}
    wrong: list[Any] = [None, [1], [{"text": "x", "proof": "wish", "argument": ["y"]}], [{"proof": "file"}], [{}] * 51]
    for items in wrong:
        with pytest.raises(Refusal):
            checklist({**asked, "items": items})


def test_without_a_worktree_nothing_is_proved(tmp_path: Path) -> None:
    root = Root(str(tmp_path / "empty"))
    for proof, argument in (("file", "a"), ("command", "true"), ("evidence", "a"), ("gate", "passed")):
        found = judged(root, proof, argument)
        assert found["proved"] is False and found["why"]

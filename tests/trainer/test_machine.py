"""What a run says of the machine and the code that it ran on."""

from __future__ import annotations

import subprocess
from pathlib import Path

from trainer.machine import cpu_name, source_commit


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_checkout_says_its_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert source_commit(tmp_path) == "", "no checkout"
    git(tmp_path, "init", "--quiet")
    assert source_commit(tmp_path) == "", "no commit"
    (tmp_path / "a").write_text("one")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--quiet", "--message=a")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "new").write_text("not of the code")
    assert source_commit(tmp_path) == commit
    (tmp_path / "a").write_text("two")
    assert source_commit(tmp_path) == f"{commit}-dirty"


def test_the_processor_has_a_name() -> None:
    assert cpu_name()

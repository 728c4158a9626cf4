"""The job's script: a plain shell script that any path leaves one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from remote.onhost import jobs, processes
from remote.onhost.spawn import Claim, decode_claim

NASTY = 'it\'s 100% $(touch owned) "a"\n; touch owned'


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    made = Claim(str(tmp_path / NASTY), "demo-1a2b", "w", "run", 2, "n0nce", 1)
    os.makedirs(made.run_dir.attempt(2).path)
    return made


def test_it_becomes_the_supervisor_of_its_claim(claim: Claim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for this Python says what it was started with."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nenv | grep ^TRAJVID_NONCE\nfor last; do :; done\nprintf "%s" "$last"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    path = Path(claim.run_dir.attempt(2).script)
    path.write_text(jobs.script(claim, ["sbatch", f"--output={path.parent}/log", str(path)]))
    done = subprocess.run(["sh", path], capture_output=True, text=True, check=True, cwd=tmp_path)
    marker, argument = done.stdout.split("\n", 1)
    assert marker == f"{processes.MARKER}=n0nce"
    assert decode_claim(argument) == (claim, {})
    assert not (tmp_path / "owned").exists()


def test_a_node_that_does_not_see_the_run_says_so(claim: Claim) -> None:
    text = jobs.script(claim, [])
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == jobs.BLIND_STATUS
    assert "does not see" in done.stderr and "shared storage" in done.stderr

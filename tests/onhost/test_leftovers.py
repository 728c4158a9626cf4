"""Unfinished files of writers that are gone are found and removed; what somebody may still finish stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from remote.onhost.digests import MEMORY
from remote.onhost.leftovers import DAY_S, leftovers, told
from wire.run_dir import Root

GONE_PID = 2**22 + 1
"""Over the largest one of Linux."""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(str(tmp_path / "root"))


def written(*parts: str, days: float = 2.0) -> str:
    path = Path(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 5000)
    at = time.time() - days * DAY_S
    os.utime(path, (at, at))
    return str(path)


def test_what_nobody_will_finish(root: Root) -> None:
    run, live = (root.run("p", "w", name) for name in ("20260101T000000-aaaaaaa-0001", "20260102T000000-aaaaaaa-0002"))
    left = [
        written(run.path, f".tmp-progress.json.{GONE_PID}.{GONE_PID}"),
        written(run.checkpoints, f".tmp-last.pt.{GONE_PID}"),
        written(run.attempt(1).path, ".tmp-x"),
        written(root.worker("p", "w"), ".tmp-gone-0a1b2c3d-run"),
        written(root.bundle("x"), "..", ".tmp-half", "wire", "codec.py"),
    ]
    written(run.heartbeat)
    kept = [
        written(run.path, f".tmp-job.{os.getpid()}.7"),
        written(run.path, "training.log"),
        written(run.checkpoints, MEMORY),
        written(run.checkpoints, ".tmp-young", days=0.9),
        written(run.artifacts, ".tmp-theirs"),
        written(live.checkpoints, ".tmp-last.pt.5000000"),
        written(root.worktree("p", "w"), ".tmp-mine"),
        written(root.path, ".tmp-whose"),
    ]
    written(live.heartbeat, days=0.5)
    half = os.path.join(os.path.dirname(root.bundle("x")), ".tmp-half")
    for path in (half, os.path.join(half, "wire")):
        os.utime(path, (1e9, 1e9))
    found = leftovers(root, time.time())
    assert sorted(map(os.path.realpath, found)) == sorted([*left[:-1], half])
    assert told(root, fix=False)["count"] == 5 and told(root, fix=False)["bytes"] >= 5 * 4096
    assert told(root, fix=True)["removed"] == 5
    assert told(root, fix=True) == {"count": 0, "bytes": 0, "removed": 0}
    assert all(map(os.path.exists, kept))


def test_links_are_not_followed(root: Root, tmp_path: Path) -> None:
    victim = written(str(tmp_path / "victim"), ".tmp-x")
    os.makedirs(root.path)
    os.symlink(tmp_path / "victim", root.runs)
    os.symlink(tmp_path / "victim", os.path.join(root.path, "slots"))
    os.makedirs(os.path.join(root.path, "envs"))
    link = os.path.join(root.path, "envs", ".tmp-link")
    os.symlink(tmp_path / "victim", link)
    os.utime(link, (1e9, 1e9), follow_symlinks=False)
    assert told(root, fix=True)["removed"] == 1 and os.path.exists(victim) and not os.path.lexists(link)


def test_a_root_with_nothing(root: Root) -> None:
    assert told(root, fix=True) == {"count": 0, "bytes": 0, "removed": 0}


@pytest.mark.parametrize("now_s", [0.0, 5e9, float("inf")])
def test_a_clock_that_cannot_be_right_tells_no_age(root: Root, now_s: float) -> None:
    left = written(root.worker("p", "w"), ".tmp-gone-0a1b2c3d-run")
    assert leftovers(root, time.time()) == [left]
    assert leftovers(root, now_s) == []

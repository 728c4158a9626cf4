"""Checkpoints against what the host says of them: right, wrong, replaced meanwhile, or nothing that can be judged."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from remote.verify import ASIDE_PREFIX, Verified, forget_aside, put_aside, verify

AT_NS = 1_700_000_000_123_456_789


class There:
    """A host that tells of its checkpoints."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}
        self.asked: list[list[str]] = []

    async def ask(self, names: Sequence[str], within_s: float) -> Mapping[str, Any]:
        assert within_s >= 60
        self.asked.append(list(names))
        return {"digests": {name: self.files[name] for name in names if name in self.files}}


def checkpoint(run: Path, there: There, name: str, data: bytes, **told: Any) -> Path:
    path = run / "checkpoints" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(AT_NS, AT_NS))
    facts = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "mtime_ns": AT_NS}
    there.files[name] = {**facts, **told}
    return path


async def test_each_checkpoint_is_judged_once(tmp_path: Path) -> None:
    there = There()
    best = checkpoint(tmp_path, there, "best.pt", b"one")
    checkpoint(tmp_path, there, "last.pt", b"two", sha256="0" * 64)
    checkpoint(tmp_path, there, "newer.pt", b"three", size=4)
    checkpoint(tmp_path, there, "copied-by-sftp.pt", b"four", mtime_ns=AT_NS // 10**9 * 10**9)
    (best.parent / ".tmp-half").write_bytes(b"x")
    (best.parent / "link.pt").symlink_to(best)
    found = await verify(there.ask, tmp_path, {})
    assert (set(found.proofs), found.wrong) == ({"best.pt", "copied-by-sftp.pt"}, ["last.pt"])
    assert found.open == ["newer.pt"]
    again = await verify(there.ask, tmp_path, found.proofs)
    assert there.asked[-1] == ["last.pt", "newer.pt"] and again.proofs == found.proofs

    facts = best.stat()
    best.write_bytes(b"ome")
    os.utime(best, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    assert (await verify(there.ask, tmp_path, found.proofs)).wrong == ["best.pt", "last.pt"]


async def test_a_wrong_one_loses_its_name(tmp_path: Path) -> None:
    there = There()
    path = checkpoint(tmp_path, there, "last.pt", b"two", sha256="0")
    wrong = (await verify(there.ask, tmp_path, {})).wrong
    put_aside(tmp_path, wrong)
    assert os.listdir(path.parent) == [f"{ASIDE_PREFIX}last.pt"]
    assert await verify(there.ask, tmp_path, {}) == Verified()
    forget_aside(tmp_path, wrong)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("told", [None, 7, [], {"last.pt": None}, {"last.pt": {"sha256": 5, "size": "big"}}])
async def test_an_answer_that_makes_no_sense_proves_nothing(tmp_path: Path, told: Any) -> None:
    checkpoint(tmp_path, There(), "last.pt", b"two")

    async def ask(_names: Sequence[str], _within_s: float) -> Mapping[str, Any]:
        return {"digests": told}

    found = await verify(ask, tmp_path, {})
    assert not found.proofs and not found.wrong
    assert await verify(ask, tmp_path / "missing", {}) == Verified()

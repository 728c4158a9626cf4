"""A log from a moment on, or of one attempt: whole lines, rather more than less, and never a guess."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remote.onhost.log_part import log_part
from remote.onhost.request import Refusal
from wire.codec import encode
from wire.records import Event
from wire.run_dir import RunDir

RUN = "20260101T000000-3f2a91c-9b1e"


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """Three attempts; the second beat of the second one came in the middle of a line."""
    run = RunDir(str(tmp_path / RUN))
    os.mkdir(run.path)
    Path(run.log).write_bytes(b"one\ntwo\nthree\nfour\nfive\n")
    os.utime(run.log, (1000.0, 1000.0))
    starts = [(1, 0), (2, 8), (3, 19)]
    events = [Event("started", 1.0, f"{RUN}.{number}", data={"log_bytes": size}).to_line() for number, size in starts]
    Path(run.events).write_bytes(b"".join(events))
    index = [(100.0, 4), (200.0, 8), (300.0, 11), (400.0, 19), (350.0, 22)]
    lines = [encode({"at_s": at_s, "bytes": size, "attempt": f"{RUN}.1"}) for at_s, size in index]
    Path(run.log_index).write_bytes(b"no record\n".join(lines))
    return run


@pytest.mark.parametrize(
    ("since_s", "first"),
    [(0.0, "one"), (99.0, "one"), (100.0, "two"), (250.0, "three"), (300.0, "three"), (399.0, "three"), (400.0, "five"),
     (999.0, "five"), (1001.0, None)],
)  # fmt: skip
def test_from_a_moment_on(run: RunDir, since_s: float, first: str | None) -> None:
    told = log_part(run, 100, 1000, since_s)
    assert told["lines"][:1] == ([first] if first else []) and told["skipped_bytes"] == 0
    assert not first or told["lines"][-1] == "five"


def test_of_one_attempt(run: RunDir) -> None:
    assert [log_part(run, 100, 1000, None, number)["lines"] for number in (1, 2, 3)] == [
        ["one", "two"], ["three", "four"], ["five"],
    ]  # fmt: skip
    assert log_part(run, 100, 1000, 100.0, 1)["lines"] == ["two"]
    with pytest.raises(Refusal, match="no attempt 4"):
        log_part(run, 100, 1000, None, 4)


def test_what_does_not_fit_is_counted(run: RunDir) -> None:
    told = log_part(run, 1, 1000, 100.0)
    assert (told["lines"], told["skipped_bytes"], told["size"]) == (["five"], 15, 24)
    assert log_part(run, 100, 12, None, 2)["skipped_bytes"] == 0
    assert log_part(run, 100, 7, None, 2) == {"lines": ["four"], "skipped_bytes": 6, "size": 24}


def test_a_log_without_a_record_of_time_is_not_guessed_at(run: RunDir) -> None:
    os.unlink(run.log_index)
    assert log_part(run, 9, 99, 2000.0)["lines"] == [], "nothing was written since"
    with pytest.raises(Refusal, match="kept no record"):
        log_part(run, 9, 99, 100.0)
    os.symlink("/etc/passwd", run.log_index)
    with pytest.raises(Refusal):
        log_part(run, 9, 99, 100.0)
    os.unlink(run.log)
    assert log_part(run, 9, 99, 100.0)["lines"] == []

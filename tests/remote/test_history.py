"""The history: rows come back with their age, it is private, and no damage to it stops anything."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from remote.history import History
from remote.snapshot import Link, LinkStatus, RunSnapshot, SyncPhase, SyncStatus
from remote.snapshot_json import dump_snapshot, load_snapshot
from wire.records import Action, ExitRecord, GateDecision, Heartbeat, MetricPoint, Progress, RunSpec, RunSummary
from wire.state import State

RUN = "20250101T000000-abcdef0-1234"


def snapshot(worker: str = "w", seen_at: float | None = 90.0) -> RunSnapshot:
    return RunSnapshot(
        host="box",
        project="p",
        worker=worker,
        branch="idea",
        run=RUN,
        attempt=RUN + ".1",
        state=State.FAILED,
        reason="exit code 3",
        spec=RunSpec(RUN, "p", worker, "nonce", ("python", "train.py"), "/x", extra={"newer": 1}),
        progress=Progress(RUN + ".1", 7, 1.0, "train", metrics={"loss": 0.5}),
        beat=Heartbeat(RUN + ".1", 3, 1.0, 30.0, "running", 17),
        exit=ExitRecord(RUN + ".1", "failed", 3, 2.0),
        result=RunSummary(RUN + ".1", 2.0, "completed"),
        decision=GateDecision("release", "ada@laptop", 3.0, RUN + ".1"),
        metrics=(MetricPoint(1, 0.5, 1.0, {"loss": 0.5, "bad": None}),),
        messages=("one", "two"),
        log_tail=("secret line",),
        seen_at=seen_at,
        beat_at=80.0,
        link=LinkStatus(Link.LIVE),
        sync=SyncStatus(SyncPhase.DONE, 95.0, 12, "", "/results"),
    )


def test_a_snapshot_comes_back_with_its_age_and_unconfirmed(tmp_path: Path) -> None:
    first = History(tmp_path / "h.sqlite", clock=lambda: 100.0, wall=lambda: 1000.0)
    first.save("p", [snapshot(), snapshot("other")])
    first.save("q", [snapshot("elsewhere")])
    first.close()
    again = History(tmp_path / "h.sqlite", clock=lambda: 5.0, wall=lambda: 1060.0)
    found = again.load("p")
    again.close()
    assert sorted(found) == ["other", "w"] and first.warning == again.warning == ""
    row, told = found["w"], snapshot()
    for name in (
        "host",
        "branch",
        "run",
        "state",
        "reason",
        "spec",
        "progress",
        "beat",
        "exit",
        "result",
        "decision",
        "metrics",
        "messages",
    ):
        assert getattr(row, name) == getattr(told, name), name
    assert row.cached_age_s == pytest.approx(70.0), "10 s old when saved, 60 s ago"
    assert row.seen_at is None and row.link.link is Link.UNKNOWN and row.beat_at is None and not row.confirmed(5.0)
    assert row.sync == SyncStatus(SyncPhase.NEVER, None, 12, "", "/results")
    assert b"secret line" not in (tmp_path / "h.sqlite").read_bytes()


def test_a_row_of_an_older_version_lacks_what_came_later() -> None:
    row = json.loads(dump_snapshot(snapshot()))
    del row["decision"]
    found = load_snapshot(json.dumps(row).encode(), 7.0)
    assert (found.decision, found.result) == (None, snapshot().result)


def test_of_a_long_history_the_shape_is_kept() -> None:
    points = tuple(
        MetricPoint(step, step / 100, 1.0, {"loss": 1 / step} | ({"val_loss": 2 / step} if step % 20 == 0 else {}))
        for step in range(1, 2000)
    )
    data = dump_snapshot(replace(snapshot(), metrics=points))
    assert len(data) < 64 * 1024
    kept = load_snapshot(data, 0.0).metrics
    assert all(point in points for point in kept)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert sum("val_loss" in point.values for point in kept) == 99


def test_a_row_that_nobody_confirmed_is_not_made_younger(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", clock=lambda: 100.0, wall=lambda: 1000.0)
    history.save("p", [snapshot(seen_at=100.0)])
    history.save("p", [snapshot(seen_at=None)])
    assert history.load("p")["w"].cached_age_s == 0.0
    history.close()


def test_clock_that_went_back_gives_no_negative_age(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", clock=lambda: 100.0, wall=lambda: 1000.0)
    history.save("p", [snapshot()])
    history.close()
    history = History(tmp_path / "h.sqlite", wall=lambda: 10.0)
    assert history.load("p")["w"].cached_age_s == 0.0
    history.close()


def test_actions_are_newest_first_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.history.ACTIONS_KEPT", 3)
    history = History(tmp_path / "h.sqlite")
    for number in range(5):
        history.record("p", f"w{number % 2}", Action(f"verb{number}", "ada@laptop", float(number)))
    assert [action.verb for _, action in history.actions("p")] == ["verb4", "verb3", "verb2"]
    assert [action.verb for _, action in history.actions("p", "w0")] == ["verb4", "verb2"]
    assert history.actions("other") == [] and len(history.actions("p", limit=1)) == 1
    history.close()


def test_private_from_birth(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        history = History(tmp_path / "deep" / "h.sqlite")
        history.save("p", [snapshot()])
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "deep").iterdir()}
        history.close()
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600} and "h.sqlite-wal" in modes
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700


def damage_text(path: Path) -> None:
    path.write_bytes(b"this is no database, but long enough to look like one " * 100)


def damage_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))


def damage_schema(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.executescript("DROP TABLE snapshots")
    database.close()


def damage_newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def damage_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def damage_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    "damage",
    [damage_text, damage_page, damage_schema, damage_newer, damage_folder, damage_link],
    ids=lambda f: f.__name__,
)
def test_an_unusable_file_is_moved_aside_by_name(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "h.sqlite"
    history = History(path)
    history.save("p", [snapshot()])
    history.close()
    damage(path)  # type: ignore[operator]
    history = History(path)
    assert "h.sqlite.damaged-" in history.warning and list(tmp_path.glob("h.sqlite.damaged-*"))
    history.save("p", [snapshot()])
    assert list(history.load("p")) == ["w"]
    history.close()


def test_an_empty_file_is_simply_filled(tmp_path: Path) -> None:
    (tmp_path / "h.sqlite").touch()
    history = History(tmp_path / "h.sqlite")
    history.save("p", [snapshot()])
    assert list(history.load("p")) == ["w"] and history.warning == ""
    history.close()


def test_row_that_makes_no_sense_is_left_out(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite")
    history.save("p", [snapshot("good")])
    with sqlite3.connect(tmp_path / "h.sqlite") as database:
        for worker, data in (("a", b"{}"), ("b", b"[" * 100_000), ("c", None), ("d", 5), ("e", b'{"state": NaN}')):
            database.execute("INSERT INTO snapshots VALUES ('p', ?, 0, ?)", (worker, data if data is not None else b""))
    database.close()
    assert list(history.load("p")) == ["good"]
    history.close()


def test_folder_that_cannot_be_written_leaves_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    history = History(tmp_path / "file" / "h.sqlite")
    history.save("p", [snapshot()])
    assert list(history.load("p")) == ["w"] and "no history" in history.warning
    history.close()


def test_full_disk_and_lock_lose_the_write_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.history.BUSY_MS", 50)
    history = History(tmp_path / "h.sqlite")
    history.save("p", [snapshot("kept")])
    other = sqlite3.connect(tmp_path / "h.sqlite")
    other.execute("BEGIN IMMEDIATE")
    history.save("p", [snapshot("lost")])
    assert "locked" in history.warning
    other.rollback()
    other.close()
    pages = history._database.execute("PRAGMA page_count").fetchone()[0]
    history._database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(100):
        history.save("p", [snapshot(f"lost{number}")])
    assert "full" in history.warning
    history._database.execute("PRAGMA max_page_count = 100000")
    history.save("p", [snapshot("after")])
    assert {"kept", "after"} <= set(history.load("p")) and "lost" not in history.load("p")
    history.close()


def test_two_apps_share_one_file(tmp_path: Path) -> None:
    one, two = History(tmp_path / "h.sqlite"), History(tmp_path / "h.sqlite")
    one.save("p", [snapshot("a")])
    two.save("p", [snapshot("b")])
    assert sorted(one.load("p")) == sorted(two.load("p")) == ["a", "b"]
    one.close()
    two.close()


def test_use_after_close_does_no_harm(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite")
    history.save("p", [snapshot()])
    history.close()
    history.save("p", [snapshot()])
    assert history.load("p") == {} and not list(tmp_path.glob("*.damaged-*"))

"""Files and earlier logs of a run, on the host and on this laptop: bounded, and no link is ever followed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from remote import runs
from remote.errors import FarSideError
from remote.fleet import Fleet
from remote.listing import Entry, files_here, listing_of
from remote.onhost import listing as far_listing
from remote.onhost.tail import log_tail
from remote.selection import Selection
from tests.fixtures.project import Project
from wire.records import Event
from wire.run_dir import Root, RunDir

RUN = "20260101T000000-3f2a91c-9b1e"
NOW_NS = 1_767_225_600_123_456_789


def run_folder(root: Path, project_id: str, worker: str = "good", run: str = RUN) -> RunDir:
    """A run's folder as a host has it, without the work of having run it."""
    run_dir = Root(str(root)).run(project_id, worker, run)
    os.makedirs(run_dir.attempt(1).path)
    job = b'{"attempt":"%s.1","nonce":"n","pid":1,"start_ticks":1,"boot_id":"b","at_s":1}\n' % run.encode()
    Path(run_dir.attempt(1).job).write_bytes(job)
    return run_dir


def test_a_walk_tells_files_folders_links_and_nothing_below_a_link(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "a.png").write_bytes(b"12345")
    (tmp_path / "away").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".tmp-half").touch()
    found = {entry.path: entry for entry in files_here(tmp_path).entries}
    assert sorted(found) == ["artifacts", "artifacts/a.png", "away", "pipe"]
    assert [found[name].kind for name in sorted(found)] == ["folder", "file", "link", "other"]
    assert (found["artifacts/a.png"].size, found["away"].target) == (5, "/etc")
    assert files_here(tmp_path / "missing").entries == ()


def test_a_walk_is_bounded_and_says_by_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_listing, "FOLDER_MAX", 4)
    monkeypatch.setattr(far_listing, "ENTRIES_MAX", 6)
    monkeypatch.setattr(far_listing, "DEPTH_MAX", 2)
    for name in "abcdefg":
        (tmp_path / "frames" / name / "deep").mkdir(parents=True)
    (tmp_path / "result.json").touch()
    listing = files_here(tmp_path)
    # Upper levels first: the one folder of many names hides nothing beside it.
    assert [entry.path for entry in listing.entries[:3]] == ["frames", "result.json", "frames/a"]
    assert (len(listing.entries), listing.left_out) == (6, 3)


@pytest.mark.parametrize(
    "bad",
    [{}, {"path": 7}, {"path": "a", "kind": "door"}, 7, None, {"path": "a", "kind": "file", "size": -1},
     {"path": "", "kind": "folder"}, {"path": "\x1b[0m", "kind": "folder"}, {"path": "a/" * 70, "kind": "folder"}],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_left_out(bad: object) -> None:
    good = {"path": "a", "kind": "file", "size": 1, "mtime_ns": 2}
    listing = listing_of({"files": [bad, good], "left_out": 3})
    assert ([entry.path for entry in listing.entries], listing.left_out) == (["a"], 4)
    assert listing_of({"files": [good] * (far_listing.ENTRIES_MAX + 2)}).left_out == 2


@pytest.mark.parametrize("path", ["../a", "a/../b", "/etc/passwd", "a\x1b[2Jb", "a\u202eb", "a//b", "."])
def test_a_name_that_is_no_plain_path_is_shown_cleaned_and_marked(path: str) -> None:
    [entry] = listing_of({"files": [{"path": path, "kind": "file"}]}).entries
    assert not entry.plain and entry.path.isprintable()


def test_the_same_file_is_known_by_size_and_time() -> None:
    there = Entry("a", "file", 5, NOW_NS)
    assert there.same_as(there)
    assert there.same_as(replace(there, mtime_ns=NOW_NS // 10**9 * 10**9)), "whole seconds, as an old rsync keeps them"
    assert not there.same_as(replace(there, mtime_ns=NOW_NS + 1))
    assert not there.same_as(replace(there, size=6))
    assert [Selection().brings(f"checkpoints/{name}.pt", 9) for name in ("best", "last", "epoch_3")] == [
        True,
        True,
        False,
    ]


def test_a_log_is_told_apart_by_attempts(tmp_path: Path) -> None:
    run = RunDir(str(tmp_path))
    first, second = b"one\ntw\xff\n", b"three\nfour\n"
    Path(run.log).write_bytes(first + second)
    sizes = [(1, 0), (2, len(first)), (3, len(first + second))]
    lines = [Event("started", 1.0, f"{RUN}.{number}", data={"log_bytes": size}).to_line() for number, size in sizes]
    Path(run.events).write_bytes(b"".join([*lines, b"no record\n", Event("started", 2.0, f"{RUN}.9").to_line()]))
    assert log_tail(run, 100, 1000)["attempts"] == [[0, 1], [2, 2]], "the third has printed nothing yet"
    assert log_tail(run, 1, 1000)["attempts"] == [[0, 2]], "only the end of the second is shown"


async def test_the_host_tells_files_and_logs_of_any_run(project: Project) -> None:
    fleet = Fleet(project.profile)
    root, results = Path(project.profile.hosts["local"].root), project.profile.results
    with pytest.raises(FarSideError) as caught:
        await runs.files(fleet, "good")
    assert caught.value.code == "not_found"
    run = run_folder(root, project.profile.project_id)
    Path(run.log).write_text("first\n\x1b[31msecond\n")
    (root / "secret").write_text("no")
    (Path(run.path) / "up").symlink_to("../../../..")
    there = await runs.files(fleet, "good")
    kinds = {entry.path: entry.kind for entry in there.entries}
    assert (there.run, kinds["training.log"], kinds["up"]) == (RUN, "file", "link")
    assert not [path for path in kinds if "secret" in path]
    assert await runs.runs_of(fleet, "good") == ([RUN], "")
    page = await runs.log_page(fleet, "good", RUN)
    assert (page.lines, page.origin, page.age_s) == (("first", "second"), "asked from local", None)

    copy = results / "good" / RUN / "training.log"
    copy.parent.mkdir(parents=True)
    copy.write_text("first\n")
    page = await runs.log_page(fleet, "good", RUN)
    assert (page.lines, page.origin) == (("first",), "copy here") and page.age_s is not None
    copy.unlink()
    copy.symlink_to("/etc/passwd")
    with pytest.raises(FarSideError):
        await runs.log_page(fleet, "good", RUN)
    await fleet.close()

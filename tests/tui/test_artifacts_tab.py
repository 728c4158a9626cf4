"""The artifacts tab: what is here, what is on the host, and every kind of file in view."""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.color import Color

from remote.errors import ConfigError, FarSideError
from remote.listing import Entry, Listing, files_here
from remote.selection import Selection
from remote.snapshot import RunSnapshot, SyncPhase, SyncStatus
from tests.fixtures.ssh import FarHost
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.screen_text import plain, rows
from tests.tui.test_verbs import desk_at
from tests.tui.worlds import NOW, WALL, blank, offline, running
from tui import file_view
from tui.app import TrajvidApp
from tui.file_view import read_view
from tui.local_open import open_locally
from tui.run_files import Files, about
from tui.settings import Settings
from tui.tabs import artifacts
from tui.widgets.picture import dots, fitted, wish
from wire.state import State

Same = Callable[[TrajvidApp], None]
OPEN = ("enter", "4")


def png(width: int = 6, height: int = 4, body: bytes | None = None) -> bytes:
    """A small PNG: red above, blue below; `body` in place of its compressed rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = [b"\0" + (b"\xff\0\0" if row < height // 2 else b"\0\0\xff") * width for row in range(min(height, 99))]
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(lines)) if body is None else body
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def fill(folder: Path) -> Path:
    """A run's results on this laptop, everything written 40 s ago."""
    for name, data in {
        "spec.json": b'{"run": "r", "epochs": [1, 2]}',
        "training.log": b"step 1\n",
        "artifacts/curves.png": png(),
        "artifacts/report.md": b"# Report\n\nloss fell\n",
        "checkpoints/best.pt": b"\0weights",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (WALL - 40, WALL - 40))
    (folder / "latest").symlink_to("artifacts/curves.png")
    return folder


class Host(NoVerbs):
    """A host that has all that is here, a newer log, and more."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, 0
        self.error: FarSideError | None = None

    async def files(self, fleet: object, worker: str, run: str = "") -> Listing:
        self.asked += 1
        if self.error is not None:
            raise self.error
        here = files_here(self.folder).entries
        newer = {"training.log": 9000}
        told = [replace(entry, size=newer.get(entry.path, entry.size)) for entry in here]
        more = [Entry(f"checkpoints/epoch_{n}.pt", "file", 2**30, int((WALL - 300) * 1e9)) for n in (1, 2)]
        return Listing(
            run, (*told, *more, Entry("attempts", "folder", 0, 0), Entry("attempts/1", "folder", 0, 0)), 0, WALL
        )


def with_folder(folder: Path, **more: Any) -> RunSnapshot:
    """A running worker whose results are in `folder`."""
    row = running("keypoint-a", **more)
    return replace(row, sync=SyncStatus(SyncPhase.DONE, NOW - 12, 100, folder=str(folder)))


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results under a short relative name, so that snapshots say the same everywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAJVID_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(artifacts, "PREVIEW_AFTER_S", 0.001)
    fill(tmp_path / "results" / "keypoint-a")
    return Path("results/keypoint-a")


async def rested(app: TrajvidApp, pilot: object) -> None:
    """Until everything was listed, read and drawn."""
    for _ in range(2):
        await pilot.pause(0.02)  # type: ignore[attr-defined]
        await app.workers.wait_for_complete()
    await settle(app, pilot)  # type: ignore[arg-type]


def line_with(app: TrajvidApp, text: str) -> str:
    return next(line for line in plain(app).split("\n") if text in line)


@pytest.mark.parametrize(("size", "theme"), [((80, 24), "dark"), ((120, 40), "light")], ids=["80x24", "120x40-light"])
async def test_artifacts(size: tuple[int, int], theme: str, results: Path, same_as_before: Same) -> None:
    async with desk([with_folder(results)], size, *OPEN, verbs=Host(results)) as (app, pilot, _):
        app.use_theme(f"trajvid-{theme}")
        await rested(app, pilot)
        await pilot.press("down", "down")
        await rested(app, pilot)
        same_as_before(app)


async def test_a_frozen_tab_asks_nobody(results: Path) -> None:
    host = Host(results)
    async with desk([with_folder(results)], (80, 24), "p", *OPEN, verbs=host) as (app, pilot, _):
        await rested(app, pilot)
        assert host.asked == 0
        await pilot.press("p")
        await rested(app, pilot)
        assert host.asked == 1


@pytest.mark.parametrize("state", ["offline", "error", "empty"])
async def test_artifacts_in_trouble(state: str, results: Path, same_as_before: Same) -> None:
    host, row = Host(results), with_folder(results)
    if state == "offline":
        row = replace(with_folder(results), link=offline())
    elif state == "error":
        host.error, row = FarSideError("local: system_error: I/O error"), replace(row, sync=SyncStatus())
    else:
        row = blank("keypoint-a")
    async with desk([row], (80, 24), *OPEN, verbs=host) as (app, pilot, _):
        await rested(app, pilot)
        assert host.asked == (state == "error"), "a host that is not connected is not asked"
        same_as_before(app)


async def test_a_tiny_terminal_breaks_nothing(results: Path) -> None:
    async with desk([with_folder(results)], (20, 5), *OPEN, "down", "enter", "plus", verbs=Host(results)) as (
        app,
        pilot,
        _,
    ):
        await rested(app, pilot)
        assert app.is_running and len(plain(app).split("\n")) == 5
        await pilot.press("escape", "l", "comma", "w", "right", "exclamation_mark")
        await rested(app, pilot)
        assert app.is_running


async def test_every_file_is_shown_as_what_it_is(results: Path) -> None:
    async with desk([with_folder(results)], (120, 30), *OPEN, verbs=Host(results)) as (app, pilot, feed):
        await pilot.press("down")
        await rested(app, pilot)
        assert "6 x 4 pixels" in plain(app), "the cursor rests on it"
        await pilot.press("enter", "plus")
        await rested(app, pilot)
        assert "2x · 6 x 4 pixels" in plain(app) and "report.md" not in plain(app)
        cells = [segment for row in rows(app) for segment in row if "▀" in segment[0]]
        seen = {(style.color, style.bgcolor) for _, style in cells}
        assert (Color.parse("#ff0000"), Color.parse("#ff0000")) in seen
        await pilot.press("down", "down", "down", "escape")
        assert "report.md" in plain(app)

        await pilot.press("G", "up", "enter")
        await rested(app, pilot)
        assert "    2" in plain(app).split("\n") or '"epochs": [' in plain(app)
        await pilot.press("slash", *"epochs", "enter", "y")
        await rested(app, pilot)
        assert "copied the path here" in plain(app)
        copied = Path(os.environ["TRAJVID_STATE_DIR"]) / "copied.txt"
        assert copied.read_text() == f"{results.absolute()}/spec.json\n"
        await pilot.press("escape", "up")
        await rested(app, pilot)
        assert "never followed" in plain(app) and "artifacts/curves.png" in line_with(app, "points to")
        await pilot.press("up", "y")
        await rested(app, pilot)
        assert "trajvid-tui sync keypoint-a --everything" in plain(app)
        assert copied.read_text().endswith("9b1e/checkpoints/epoch_2.pt\n") and copied.read_text().startswith("local:")
        await pilot.press("g", "enter")
        assert "curves.png" not in line_with(app, "artifacts/") and "report.md" not in plain(app)
        row = with_folder(results)
        feed.put(replace(row, sync=replace(row.sync, phase=SyncPhase.RUNNING)))
        await rested(app, pilot)
        assert "↓ being brought" in line_with(app, "training.log") and "only there" in line_with(app, "epoch_1.pt")


@pytest.mark.parametrize(
    ("name", "data", "kind", "note"),
    [
        ("a.png", b"<html>", "facts", "not a PNG"),
        ("a.png", png(body=b"junk"), "facts", "damaged"),
        ("a.png", png()[:50], "facts", "damaged"),
        ("a.png", png(40_000, 40_000), "facts", "40,000 x 40,000 pixels: over"),
        ("a.png", png(), "picture", "6 x 4 pixels"),
        ("a.json", b'{"a": NaN}', "json", ""),
        ("a.json", b'{"a": ', "text", "no JSON"),
        ("a.json", b"[" * 100_000, "text", "no JSON"),
        ("a.txt", b"", "text", "empty"),
        ("a.bin", b"\0\1", "facts", "binary"),
        ("a.log", b"x" * 3_000_000, "text", "the first 1.0 MiB of 2.9 MiB · 1 line cut at 4,096 characters"),
        ("a.log", b"one\rtwo\x1b[2J\n\xff\n", "text", ""),
    ],
    ids=["html", "junk", "half", "vast", "png", "nan", "torn", "deep", "empty", "binary", "one-line", "escapes"],
)
def test_a_file_is_read_within_bounds(tmp_path: Path, name: str, data: bytes, kind: str, note: str) -> None:
    (tmp_path / name).write_bytes(data)
    view = read_view(tmp_path / name)
    assert view.kind == kind and view.note.startswith(note) and bool(view.note) == bool(note)
    assert all(line.isprintable() for line in view.lines)
    assert (view.picture is not None) == (kind == "picture")


def test_what_is_no_file_is_not_opened_and_a_large_one_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    with (tmp_path / "large.pt").open("wb") as file:
        file.truncate(2**31)
    assert "regular" in read_view(tmp_path / "pipe").note
    assert "never followed" in read_view(tmp_path / "link").note
    assert "cannot be read" in read_view(tmp_path / "missing").note
    assert read_view(tmp_path / "large.pt").lines == (
        "size    2,147,483,648 bytes",
        "sha256  not computed: over 64.0 MiB",
    )
    monkeypatch.setattr(file_view, "LINES_MAX", 3)
    (tmp_path / "a.json").write_text(json.dumps(list(range(9))))
    view = read_view(tmp_path / "a.json")
    assert (view.lines, view.note) == (("[", "  0,", "  1,"), "the first 3 of 11 lines")


def test_a_file_that_only_one_side_has_is_said_to_be() -> None:
    def listing(*entries: Entry) -> Listing:
        return Listing("r", entries, 0, WALL)

    same, old = Entry("same", "file", 1, 10**9), Entry("old", "file", 1, 10**9)
    there = listing(
        same, replace(old, size=2), Entry("far", "file"), Entry("odd", "file", plain=False), Entry("p", "other")
    )
    files = Files(listing(same, old, Entry("near", "file")), there)
    found = {item.path: item.state for item in files.items(())}
    assert found == {
        "same": "here", "old": "older here", "far": "only there", "near": "only here",
        "odd": "not opened", "p": "not opened",
    }  # fmt: skip
    assert {item.state for item in Files(listing(same, old)).items(())} == {"here"}, "nobody asked the host"


def test_what_is_said_of_a_file_over_there_is_what_this_profile_brings() -> None:
    names = ("checkpoints/best.pt", "checkpoints/epoch_1.pt", "out/a.tmp", "out/a.png")
    there = Listing("r", tuple(Entry(name, "file", 5, 10**9) for name in names), 0, WALL, Selection(exclude=("*.tmp",)))
    items = Files(None, there, syncing=True).items(())
    assert {item.path: (item.comes, item.state) for item in items} == {
        "checkpoints/best.pt": ("by itself", "being brought"),
        "checkpoints/epoch_1.pt": ("if asked", "only there"),
        "out/a.tmp": ("", "only there"),
        "out/a.png": ("by itself", "being brought"),
    }
    said = {item.path: " ".join(about(item, "w", "h")) for item in items}
    assert "sync w --everything" in said["checkpoints/epoch_1.pt"] and "`sync:`" in said["out/a.tmp"]
    assert "brings the results" in said["out/a.png"] and "5 B" in said["out/a.png"]


def test_epochs_are_in_the_order_of_their_numbers() -> None:
    names = tuple(Entry(f"epoch_{n}.pt", "file") for n in (10, 9, 1))
    assert [item.path for item in Files(Listing("r", names)).items(())] == ["epoch_1.pt", "epoch_9.pt", "epoch_10.pt"]


def test_only_what_is_looked_at_is_opened_by_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.tmp && mv {seen}.tmp {seen}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    picture = tmp_path / "a b;$(x).png"
    assert "no desktop" in open_locally(picture) and str(picture) in open_locally(picture)
    monkeypatch.setenv("DISPLAY", ":0")
    assert "might run here" in open_locally(tmp_path / "evil.desktop")
    assert open_locally(picture) == ""
    for _ in range(1000):
        if seen.exists():
            break
        time.sleep(0.01)
    assert seen.read_text() == str(picture)


def test_a_picture_keeps_its_shape_and_the_wish_is_a_known_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fitted((100, 100), 80, 24) == (48, 24)
    assert fitted((1000, 10), 80, 24) == (80, 1)
    monkeypatch.delenv("TRAJVID_PICTURES", raising=False)
    assert (wish(Settings()), wish(Settings(pictures="auto"))) == ("half", "auto")
    monkeypatch.setenv("TRAJVID_PICTURES", "sixel")
    assert wish(Settings(pictures="auto")) == "sixel"
    monkeypatch.setenv("TRAJVID_PICTURES", "ascii")
    with pytest.raises(ConfigError, match="TRAJVID_PICTURES: pictures cannot be 'ascii'"):
        wish(Settings())


def test_without_colour_a_picture_is_dots_where_its_ink_is() -> None:
    paper = Image.new("RGB", (40, 40), "white")
    paper.paste("black", (0, 0, 20, 20))
    row_of = dots(paper, 4, 2)
    assert [row_of(row).text for row in range(2)] == ["⣿⣿⠀⠀", "⠀⠀⠀⠀"]
    assert all(segment.style is None for segment in row_of(0))


@pytest.mark.slow  # 15 s: two runs on a real host
async def test_on_a_real_host_files_come_and_the_log_of_the_run_before_is_found(
    embedded: FarHost, short_tmp: Path
) -> None:
    async with desk_at(embedded, short_tmp) as real:
        await real.pilot.press("n", "enter")
        first = await real.until_state("short", State.COMPLETED)
        await real.pilot.press("n", "enter")
        await real.until(lambda: real.fleet.snapshot("short").run != first.run, "a second run")
        await real.until_state("short", State.COMPLETED)
        await real.pilot.press(*OPEN)
        await real.until(
            lambda: "training.log" in plain(real.app) and "● here" in line_with(real.app, "training.log"),
            "the log here",
        )
        await real.until_shown("local told")
        await real.pilot.press("G", "enter")
        await real.until_shown("step 19 loss")
        await real.pilot.press("escape", "l")
        await real.until_shown("following")
        await real.pilot.press("comma")
        await real.until_shown(f"attempt 1 · {first.run} · copy here")
        await real.pilot.press("y")
        await real.until_shown("lines")


async def test_a_page_breaks_between_words_and_loses_nothing(results: Path) -> None:
    prose = " ".join(f"word{n}" for n in range(200))
    (results / "artifacts" / "report.md").write_text(f"# Report\n\n{prose}\n\n{'x' * 200}\n")
    async with desk([with_folder(results)], (80, 24), *OPEN, verbs=Host(results)) as (app, pilot, _):
        await rested(app, pilot)
        await pilot.press("down", "down", "enter")
        await rested(app, pilot)
        shown = plain(app).split("\n")[7:-1]
        assert " ".join(" ".join(line.rstrip(" ▁▂▃▄▅▆▇█").split()) for line in shown).startswith("word0 word1 ")
        words = [word for line in shown for word in line.split() if word.startswith("word")]
        assert words == [f"word{n}" for n in range(len(words))], "whole words, none lost under the scroll bar"

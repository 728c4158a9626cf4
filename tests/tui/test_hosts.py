"""The Hosts screen: what is known of every host with its age, what can be done there, and what doctor says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from remote.checks import Check, Report, Verdict
from remote.hosts import HostSnapshot, HostWarning, noted
from remote.snapshot import Gpu, HostFacts, Link, LinkStatus, RunSnapshot
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.screen_text import plain
from tests.tui.worlds import FACTS, GIB, LIVE, NOW, blank, ended, offline, on_gpus, running
from tui.app import TrajvidApp
from tui.cli.describe import data_of, table
from tui.hosts.detail import body_lines, framed
from tui.hosts.gpus import gpu_line, gpu_words
from tui.hosts.machine import skew_words, spot_words, uses
from tui.hosts.rows import host_lines, run_words
from tui.machine_words import gpu_lines, machine_words
from tui.widgets.rows import board_lines, row_of
from tui.words import last_words, notice
from wire.state import State

Same = Callable[[TrajvidApp], None]
A100 = Gpu(0, "NVIDIA A100-SXM4-80GB", 12 * GIB, 80 * GIB, 87, 251, 400, 61)
BUSY = HostFacts(
    NOW - 4, 32, 30.5, 256 * GIB, 100 * GIB, 3 * GIB, 95.4, (A100, replace(A100, index=1, memory_used_bytes=79 * GIB)),
    1000 * GIB, 900_000, 60_000_000,
)  # fmt: skip
REPORT = Report("gpu-1", NOW - 65, (
    Check("connection", Verdict.PASS, "ada@gpu-1.example.org, 20 ms"),
    Check("logout", Verdict.FAIL, "KillUserProcesses ends runs at the last logout", "loginctl enable-linger there"),
    Check("inodes", Verdict.WARN, "900,000 of 60,000,000 free", "remove folders of many small files"),
    Check("run root", Verdict.PASS, "/home/ada/.trajvid", fixed="closed to others (chmod 700)"),
    Check("gpu processes", Verdict.SKIP, "no nvidia-smi that answers"),
))  # fmt: skip


def machines() -> list[HostSnapshot]:
    return [
        HostSnapshot("local", "embedded", "this machine", link=LIVE, facts=FACTS),
        HostSnapshot("gpu-1", "ssh", "ada@gpu-1.example.org", 4.1, replace(LIVE, round_trip_s=0.0213), BUSY),
        HostSnapshot("gpu-2", "ssh", "gpu-2", link=offline(), facts=replace(BUSY, at=NOW - 420)),
        HostSnapshot("gpu-3", "ssh", "gpu-3", link=LinkStatus(Link.NEEDS_YOU, "passphrase for id_ed25519")),
        HostSnapshot("spare", "ssh", "ada@10.0.0.9:2222"),
    ]


def world() -> list[Any]:
    return [
        running("keypoint-a"), blank("keypoint-b"), on_gpus(running("i3d-a", host="gpu-1", facts=BUSY), 1),
        ended("i3d-b", State.FAILED, 3, "exit code 3: CUDA out of memory", host="gpu-1"),
        running("magvit-a", host="gpu-2", link=offline(), seen_at=NOW - 420),
        blank("slowfast-a", host="gpu-3", link=machines()[3].link),
    ]  # fmt: skip


CASES = [
    pytest.param((120, 40), "j", world, id="120x40"),
    pytest.param((80, 24), "j", world, id="80x24"),
    pytest.param((80, 24), "j,j", world, id="80x24-offline"),
    pytest.param((200, 60), "j,J", world, id="200x60-doctor"),
    pytest.param((80, 24), "j", list, id="80x24-empty"),
]


@pytest.mark.parametrize(("size", "keys", "rows"), CASES)
async def test_hosts(size: tuple[int, int], keys: str, rows: Any, same_as_before: Same) -> None:
    async with desk(rows(), size) as (app, pilot, feed):
        feed.machines = machines() if rows is world else []
        if size[0] == 200:
            app.store.reports["gpu-1"] = REPORT
        await pilot.press("h", *keys.split(","))
        await settle(app, pilot)
        same_as_before(app)


async def test_hosts_light(same_as_before: Same) -> None:
    async with desk(world()) as (app, pilot, feed):
        feed.machines = machines()
        app.use_theme("trajvid-light")
        await pilot.press("h", "j")
        await settle(app, pilot)
        same_as_before(app)


class Looks(NoVerbs):
    """Answers doctor when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Event()

    async def examine(self, fleet: object, hosts: Collection[str], *, laptop: bool = True) -> list[Report]:
        self.asked += hosts
        await self.go.wait()
        return [REPORT]


def test_what_runs_out_has_a_sign() -> None:
    def scarce(**changes: float) -> set[str]:
        return {use.name for use in uses(replace(BUSY, disk_free_bytes=500 * GIB, **changes)) if use.scarce}

    plenty = {"inodes_free": 30_000_000}
    assert scarce(**plenty) == set() and scarce(inodes_free=2_000_000) == {"disk"}
    assert scarce(**plenty, memory_available_bytes=10 * GIB) == {"memory"}
    assert scarce(**plenty, memory_available_bytes=20 * GIB) == set()


async def test_the_selected_worker_is_in_view_and_names_of_wide_letters_keep_the_columns() -> None:
    rows = [running(f"w{number}", host="gpu-1") for number in range(8)] + [running("データ-訓練", host="gpu-1")]
    async with desk(rows, (80, 24)) as (app, pilot, feed):
        feed.machines = machines()
        await pilot.press("h", *"JJJJJJJ")
        await settle(app, pilot)
        assert "host 2 of 5" in plain(app), "the list shows two of them"
        assert app.store.selected == "w7" and "▌ w7" in plain(app)
        await pilot.press("K", "J", "J")
        await settle(app, pilot)
        [one, other] = [line for line in plain(app).split("\n") if "w7 " in line or "データ" in line]
        assert other.startswith("│ ▌") and cell_len(one.split("●")[0]) == cell_len(other.split("●")[0])
        await pilot.press("J")
        await settle(app, pilot)
        assert "▌ w0" in plain(app), "and up again"


async def test_keys_act_on_the_selected_host_and_its_workers() -> None:
    verbs = Looks()
    async with desk(world(), (120, 40), verbs=verbs) as (app, pilot, feed):
        feed.machines = machines()
        await pilot.press("h", "j")
        assert app.store.selected == "i3d-a"
        await pilot.press("J")
        assert app.store.selected == "i3d-b"
        await pilot.press("ctrl+r")
        assert feed.retried == "gpu-1"
        await pilot.press("D", "D")
        await settle(app, pilot)
        assert "◌ looking" in plain(app) and verbs.asked == ["gpu-1"], "one look at a time"
        await pilot.press("escape", "h", "D")
        await settle(app, pilot)
        assert "◌ looking" in plain(app) and verbs.asked == ["gpu-1"], "leaving the screen does not end the look"
        verbs.go.set()
        await settle(app, pilot)
        await settle(app, pilot)
        assert "✗ 1 fail" in plain(app) and "looked 1 min ago" in plain(app)
        assert "loginctl enable-linger there" in plain(app)
        await pilot.press("escape", "h")
        await settle(app, pilot)
        assert "✗ 1 fail" in plain(app), "what doctor said stays, with its age"
        await pilot.press("p")
        feed.machines = [replace(one, link=LIVE) for one in feed.machines]
        await settle(app, pilot)
        assert "offline" in plain(app), "a frozen screen stands still"
        await pilot.press("p", "enter")
        await settle(app, pilot)
        assert "1 overview" in plain(app) and app.store.selected == "i3d-b"


async def test_what_makes_no_sense_is_told_once_and_kept_with_its_age() -> None:
    async with desk(world(), (120, 40)) as (app, pilot, feed):
        first = noted((), "gpu-1", "i3d-a: beat: Heartbeat.seq must be int, not [/x]", NOW - 65)
        feed.warnings = noted(noted(first, *("gpu-1", first[0].text), NOW - 3), "gpu-1", "facts: no number", NOW)
        feed.machines = [replace(one, warnings=feed.warnings) if one.name == "gpu-1" else one for one in machines()]
        app.flush(everything=True)
        await settle(app, pilot)
        assert plain(app).count("must be int, not [/x]") == 1 and "h shows what else" in plain(app)
        app.clear_notifications()
        app.flush(everything=True)
        await pilot.press("h", "j")
        await settle(app, pilot)
        text = plain(app)
        assert "odd        ▲ facts: no number  0 s ago" in text and "not [/x]  3 s ago, 2 times" in text
        assert "h shows what else" not in text, "once a host"


def test_warnings_are_counted_and_bounded() -> None:
    known: tuple[HostWarning, ...] = ()
    for number in range(120):
        known = noted(known, "gpu-1", f"odd {number % 60}", float(number))
    assert len(known) == 50 and known[-1] == HostWarning("gpu-1", "odd 59", 119.0, 1)
    assert noted(known, "gpu-1", "odd 59", 120.0)[-1] == HostWarning("gpu-1", "odd 59", 120.0, 2)


async def test_a_shell_needs_a_terminal_that_can_be_lent_and_a_tiny_one_breaks_nothing() -> None:
    async with desk(world(), (120, 40), "h", "s") as (app, pilot, feed):
        await settle(app, pilot)
        assert "this terminal cannot be lent to a shell" in plain(app)
        app.read_only, feed.machines = True, machines()
        await pilot.press("s")
        await settle(app, pilot)
        assert "shell: this session only looks (--read-only)" in plain(app)
        await pilot.resize_terminal(20, 5)
        await pilot.press("j", "J", "G", "D")
        await settle(app, pilot)
        assert len(plain(app).split("\n")) == 5


@pytest.mark.parametrize("width", [24, 40, 79, 80, 120, 200])
def test_nothing_is_wider_than_its_place(width: int) -> None:
    rows = [row for row in world() if row.host == "gpu-1"]
    for host in machines():
        lines = host_lines(host, rows, NOW, width, selected=True)
        lines += framed(host, body_lines(host, rows, NOW, width - 4, report=REPORT), 0, width, 20)
        for line in lines:
            assert sum(len(text) for text, _ in line) <= width, line


def test_what_a_gpu_does_not_tell_is_left_out() -> None:
    assert gpu_words(A100) == "0: 12.0/80.0 GiB, 87 %, 251 W, 61 C"
    assert gpu_words(Gpu(2, "old")) == "2: tells nothing"
    assert gpu_words(Gpu(1, memory_total_bytes=GIB, temperature_c=40)) == "1: 40 C"
    text = "".join(part for part, _ in gpu_line(A100, 100))
    assert "12.0/80.0 GiB · 87 % · 251/400 W · 61 C" in text and text.endswith("NVIDIA A100-SXM4-80GB")


def test_a_run_names_the_gpus_that_it_was_granted_and_no_other() -> None:
    def said(row: RunSnapshot) -> str:
        return "".join(text for text, _ in machine_words(row))

    row = running("a", facts=BUSY)
    assert said(row).startswith("load 30.5/32"), "which of the two it uses is not known"
    assert said(replace(row, facts=replace(BUSY, gpus=(A100,)))) == f"GPU {gpu_words(A100)}"
    assert said(on_gpus(row, 1)) == f"GPU {gpu_words(BUSY.gpus[1])}"
    assert said(on_gpus(row, 7)) == said(replace(on_gpus(row, 7), facts=None)) == "GPU 7"
    assert said(on_gpus(row, 0, 1)) == "GPUs 0, 1" and not gpu_lines(row)
    assert [line[0][0][:2] for line in gpu_lines(on_gpus(row, 0, 1, 5))] == ["0:", "1:", "5"]
    board = board_lines(row_of(on_gpus(row, 1), NOW, "w0"), 80, selected=False)
    assert "synced 12 s ago · GPU 1" in "".join(text for text, _ in board[2])
    assert data_of(on_gpus(row, 0, 1), NOW)["gpus"] == [0, 1]
    assert on_gpus(row, -1, True, 10**9, 2).gpus == (2,), "a host may say anything"
    assert on_gpus(ended("a", State.FAILED, 1, ""), 1).gpus == (), "what has ended holds none"


def test_nothing_is_said_of_what_nobody_confirms() -> None:
    here, there = blank("a"), blank("b", host="gpu-2", link=offline())
    assert run_words([here], NOW)[0][0] == "nothing runs"
    assert run_words([there], NOW)[0][0] == "what runs is not known"
    assert run_words([], NOW)[0][0] == "no worker uses it"


def test_a_machine_that_will_go_is_said_first_wherever_something_runs_on_it() -> None:
    going = replace(FACTS, spot_at_s=1767255720.0)
    words = "▲ the machine is taken away at 08:22:00 UTC (spot)"
    assert (spot_words(going), spot_words(FACTS), spot_words(None)) == (words, "", "")
    assert "soon" in spot_words(replace(FACTS, spot_at_s=1e14))
    assert notice(replace(running("a"), facts=going), NOW) == (words, "bold warn")
    assert notice(replace(ended("a", State.FAILED, 1, ""), facts=going), NOW) is None
    text = table([replace(running("a"), facts=going)], NOW, width=80, colour=False)
    assert text.splitlines()[-1] == f"a: {words}"


def test_a_queued_worker_says_what_it_waits_for() -> None:
    why = "behind b (for 5 min); GPU 0 is taken by flow (for 2 h) and a-very-long-name of another-1f2e (just now)"
    waiting = replace(running("a"), state=State.QUEUED, reason=why, progress=None, messages=(f"queued: {why}",))
    assert last_words(waiting)[0] == why
    _, row, *whys = table([waiting], NOW, width=80, colour=False).splitlines()
    assert "behind" not in row
    assert " ".join(line.strip() for line in whys) == f"a: {why}"
    assert all(len(line) <= 80 for line in whys)


def test_what_runs_out_has_a_sign_and_a_skew_is_only_shown() -> None:
    disk = next(use for use in uses(BUSY) if use.name == "disk")
    assert disk.part[1] == ("▲ 3.0 GiB free", "warn") and "2 % of inodes" in disk.full
    assert uses(HostFacts()) == []
    assert skew_words(BUSY) == ("1 min 35 s ahead of ours", "warn")
    assert skew_words(replace(BUSY, clock_skew_s=0.2))[0] == "within 1 s of ours"


async def test_the_palette_finds_a_host() -> None:
    async with desk(world(), (120, 40)) as (app, pilot, feed):
        feed.machines = machines()
        await pilot.press("colon", *"host gpu-2")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await settle(app, pilot)
        await settle(app, pilot)
        assert "╭─ gpu-2 ─" in plain(app) and app.store.selected == "keypoint-a"

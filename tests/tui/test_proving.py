"""Tests run by a key, the checklist on the overview, a worker's own evidence in its tab: what is said, and what not."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Select

from remote.checklist_items import FILE, Checklist, Item
from remote.evidence import Piece, Told
from remote.proving import Proved, Wish
from tests.fixtures.evidence import write_evidence
from tests.fixtures.ssh import FarHost
from tests.tui.desk import NoVerbs, desk, settle
from tests.tui.screen_text import plain
from tests.tui.test_evidence_tab import number, shown
from tests.tui.test_verbs import app_on, make_project
from tests.tui.worlds import NOW, WALL, blank, running
from tui.checklist import held_against
from tui.evidence import evidence_of
from tui.leaving import what_goes_on
from tui.screens.prove import ProveScreen
from tui.screens.worker import TABS
from tui.session import ProfileSession
from tui.tabs.evidence import EvidenceTab
from wire.evidence import read_evidence
from wire.state import State

Same = Callable[..., None]
COMMIT = "3f2a91c" + "0" * 33
ITEMS = (
    Item("the tracker is written test-first", "evidence", ("tracker",), True, "green accepted", WALL - 300, COMMIT),
    Item("it beats the Kalman filter", "gate", ("passed",), False, "held at the gate", WALL - 300, COMMIT),
    Item("the table is in the paper", "file", ("paper.md",), True, "812 bytes", WALL - 300, "c0ffee1" + "0" * 33),
    Item("the paper builds", "command", ("make", "paper")),
)


class Verbs(NoVerbs):
    """Answers for hosts: what was asked for is kept."""

    def __init__(self, items: tuple[Item, ...] = ()) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answer: Proved | Exception = Proved("a", "local", "red", "tracker", True, "accepted", COMMIT)
        self.items = items
        self.against = COMMIT

    async def prove(self, fleet: object, worker: str, wish: Wish, **more: Any) -> Proved:
        self.asked.append((worker, wish.phase, wish.component, wish.arguments))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def judge(self, fleet: object, worker: str) -> Checklist:
        self.asked.append(("judge", worker))
        return Checklist(self.items, COMMIT, WALL)

    def checklist_here(self, fleet: object, worker: str) -> Checklist:
        return Checklist(self.items, COMMIT)

    async def told(self, fleet: object, worker: str, *, cached: bool = False) -> Told:
        folder = self.folder_here(fleet, worker)
        pieces = [
            Piece(one, "of another commit" if one.accepted and one.phase == "green" else "")
            for one in read_evidence(str(folder))
        ]
        return Told(worker, folder, self.against, tuple(pieces), None, WALL, cached)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def test_the_dialog_asks_for_phase_and_component(same_as_before: Same) -> None:
    verbs = Verbs()
    async with desk([running("a")], (80, 24), verbs=verbs) as (app, pilot, _):
        await pilot.press("i")
        await settle(app, pilot)
        same_as_before(app)
        await pilot.press("tab", *"a/b", "enter")
        await settle(app, pilot)
        assert "letters, digits" in plain(app) and isinstance(app.screen, ProveScreen) and not verbs.asked
        app.screen.query_one("#component", Input).value = "tracker"
        app.screen.query_one("#arguments", Input).value = "tests -k 'a b'"
        app.screen.query_one("#phase", Select).value = "green"
        await pilot.press("enter")
        await shown(app, pilot)
        assert verbs.asked == [("a", "green", "tracker", ("tests", "-k", "a b"))]
        assert "tracker green: accepted" in plain(app)
        await pilot.press("i")
        await settle(app, pilot)
        assert app.screen.query_one("#component", Input).value == "tracker", "what was asked for last"
        app.screen.query_one("#phase", Select).value = "prove"
        await settle(app, pilot)
        assert not app.screen.query_one("#component").display
        verbs.answer = Proved("a", "local", "prove", "", False, "no: loss has no green", COMMIT)
        await pilot.press("tab", "enter")
        text = await shown(app, pilot)
        assert verbs.asked[-1] == ("a", "prove", "", ("tests", "-k", "a b"))
        assert "prove: no: loss has no green" in text


async def test_what_only_looks_runs_nothing() -> None:
    verbs = Verbs()
    async with desk([running("a")], (80, 24), "i", "C", verbs=verbs, read_only=True) as (app, _, _):
        assert "only looks" in plain(app) and not isinstance(app.screen, ProveScreen) and not verbs.asked


def test_leaving_says_whose_tests_it_ends() -> None:
    for rows, rest in (([], "Nothing is running"), ([running("b")], "still running")):
        [first, *more] = ["".join(text for text, _ in line) for line in what_goes_on(rows, NOW, ["a"])]
        assert first == "The tests of a ended with it: no evidence was written." and rest in more[0]


def test_what_the_worktree_is_known_to_hold() -> None:
    """Proofs that were looked for before a launch say nothing of what it launched; later ones are of what is there."""
    spec = running("a").spec
    assert spec is not None
    looked = Checklist((ITEMS[0], ITEMS[3]), COMMIT)
    launched = replace(spec, commit="c0ffee1" + "0" * 33, created_s=ITEMS[0].at_s + 1)
    assert held_against(looked, launched) == launched.commit
    assert held_against(looked, replace(launched, created_s=ITEMS[0].at_s - 1)) == COMMIT == held_against(looked, None)
    assert not Checklist().proved(replace(ITEMS[0], commit="")), "what nobody knows the commit of ticks nothing"


async def test_the_checklist_of_the_overview(same_as_before: Same) -> None:
    verbs = Verbs(ITEMS)
    async with desk([running("a"), blank("b")], (80, 24), "enter", verbs=verbs) as (app, pilot, feed):
        text = await shown(app, pilot)
        assert "1 of 4 proved, at 3f2a91c" in text and "unproved: not looked at yet" in text
        assert "of another commit, c0ffee1" in text, "a proof of other code ticks nothing"
        same_as_before(app)
        await pilot.press("C")
        assert "2 of 4 proved" not in await shown(app, pilot) and ("judge", "a") in verbs.asked
        verbs.asked.clear()
        feed.put(replace(feed.rows["a"], state=State.COMPLETED))
        await shown(app, pilot)
        assert verbs.asked == [("judge", "a")], "an end is a moment to look"
        verbs.items = (replace(ITEMS[0], text="something else"),)
        (Path("results") / "a" / "evidence").mkdir(parents=True)
        (Path("results") / "a" / "evidence" / FILE).write_text("{}")
        app.clear_notifications()
        app.flush(everything=True)
        assert "something else" in await shown(app, pilot), "what comes home is shown"
        verbs.items = ()
        app.pick("b")
        assert "checklist" not in await shown(app, pilot)


async def test_the_workers_evidence_stands_beside_that_of_the_run(same_as_before: Same) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", "repo"], check=True)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    at = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    command = ["git", "-C", "repo", *identity, "commit", "-q", "--allow-empty", "-m", "First"]
    subprocess.run(command, check=True, env={**os.environ, **at})
    row = running("a")
    row = replace(row, sync=replace(row.sync, folder=f"results/a/{row.run}"))
    of_run, own = Path(row.sync.folder) / "artifacts", Path("results") / "a" / "evidence"
    of_run.mkdir(parents=True)
    (of_run / "tdd_loss_red.txt").write_text("verdict: red, by another tool\n")
    os.utime(of_run / "tdd_loss_red.txt", (WALL - 600, WALL - 600))
    write_evidence(own, Path("repo"), "tracker", "red", at="2025-12-31T23:00:00Z")
    write_evidence(own, Path("repo"), "tracker", "green", at="2025-12-31T23:30:00Z")
    edited = write_evidence(own, Path("repo"), "loss", "green", at="2025-12-31T23:30:00Z")
    edited.write_text(edited.read_text().replace("failures: 0", "failures: 2"))
    verbs = Verbs()
    verbs.against = ""
    async with desk([row], (120, 40), "enter", verbs=verbs) as (app, pilot, _):
        await pilot.press(number(app))
        assert "held against no commit" in await shown(app, pilot)
        verbs.against = COMMIT
        await pilot.press("u")
        text = await shown(app, pilot)
        assert "4 files" in text and "▲ refused: edited" in text and "▲ stale: of another commit" in text
        assert "loss, red (of the run)" in text and "verdict: red, by another tool" in text
        same_as_before(app)
        app.screen.shown._judged_at = NOW - 60  # type: ignore[attr-defined]
        verbs.against = "c0ffee1" + "0" * 33
        app.flush(everything=True)
        assert "held against c0ffee1" in await shown(app, pilot), "the branch moved on"
        (own / "tdd_zoom_red.txt").write_text("verdict: accepted\n")
        os.utime(own, (WALL, WALL))
        app.flush(everything=True)
        assert "refused: no evidence" in await shown(app, pilot), "only what the trainer writes is believed"
        await pilot.press("u")
        assert "5 files" in await shown(app, pilot)


def test_a_proof_that_is_no_yes_stands_out() -> None:
    """With its reasons and its commit; what an earlier round left is not taken for the verdict of this one."""
    own = Path("evidence")
    own.mkdir()
    told = {"verdict": "no", "reasons": ["loss has no green"], "commit": COMMIT, "at_s": WALL - 60}
    for text, refused, verdict in (
        (json.dumps(told), True, "no: loss has no green"),
        (json.dumps({**told, "verdict": "yes", "reasons": []}), False, "yes"),
        (json.dumps({**told, "verdict": "yes, nearly"}), True, "yes, nearly: loss has no green"),
        ("{", True, "not a JSON record"),
    ):
        (own / "evidence.json").write_text(text)
        [one] = evidence_of("", own)
        assert (one.about, one.refused) == ("prove", refused) and verdict in one.verdict
        assert text == "{" or (one.commit, one.written_s) == (COMMIT, WALL - 60)
    (own / "tdd_loss_red.accepted.txt").write_text("verdict: accepted\n")
    assert [one.verdict for one in evidence_of("", own)][-1] == "kept from an earlier round"


@pytest.mark.slow  # 8 s
async def test_a_key_runs_real_tests_on_a_real_host(embedded: FarHost, short_tmp: Path) -> None:
    """From the key to the verdict in the tab; then the checklist is looked at as the run ends."""
    repo = make_project(short_tmp / "repo", embedded.root)
    (repo / "test_adder.py").write_text("from adder import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n")
    with (repo / "profiles.yaml").open("a") as profile:
        profile.write("    checklist: [{text: it adds, evidence: adder}, {text: it works, file: work.py}]\n")
    session = ProfileSession(repo / "profiles.yaml")
    async with app_on(session.open) as desk:
        await desk.pilot.press("G", "i")
        await desk.until(lambda: isinstance(desk.app.screen, ProveScreen), "the dialog")
        await desk.pilot.press("tab", *"adder", "tab", *"test_adder.py", "enter")
        await desk.until_shown("adder red: accepted")
        await desk.pilot.press("enter", str(TABS.index(EvidenceTab) + 1))
        await desk.until_shown("adder, red  accepted")
        await desk.until_shown("command: python -m pytest test_adder.py")
        await desk.pilot.press("escape", "n", "enter")
        await desk.until_state("long", State.RUNNING)
        await desk.pilot.press("x", "right", "enter")
        await desk.until_state("long", State.STOPPED)
        await desk.pilot.press("enter")
        await desk.until_shown("☑ it works")
        await desk.until_shown("☐ it adds  unproved")
    session.close()

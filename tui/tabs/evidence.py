"""The evidence of a worker's test-first work, and what its run left: a list with verdicts, and the file in view."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.app import ComposeResult

from remote.errors import RemoteError
from remote.snapshot import RunSnapshot
from tui.evidence import NONE_STATED, PATTERNS, Evidence, evidence_of
from tui.format import Line, age, cut, joined, pad_line, spread
from tui.keys import DOWN, FIRST, LAST, PAGE_UP, UP, Key, shown, table
from tui.tabs.tab import Tab, tab_bindings
from tui.widgets.lines import Lines
from tui.widgets.viewer import Viewer
from tui.words import sync_words

EVIDENCE_KEYS = table(
    "evidence",
    Key("choose(-1)", *UP, "previous file", "Evidence"),
    Key("choose(1)", *DOWN, "next file", "Evidence", 1),
    Key("move(-15)", *PAGE_UP, "a page up in the file", "Evidence"),
    Key("move(15)", "pagedown,ctrl+d,space", "pgdn", "page down", "a page down in the file", "Evidence", 2),
    Key("move(-999999)", *FIRST, "first line of the file", "Evidence"),
    Key("move(999999)", *LAST, "last line of the file", "Evidence"),
    Key("app.tests", "i", "i", "run tests", "run its tests on its host; a dialog asks which", "Evidence", 1, True),
    Key("refresh", "u", "u", "look again", "look again, on its host too", "Evidence", 3),
)
JUDGE_AGAIN_S = 15.0
"""So long it is believed that the branch is where it was."""


class EvidenceTab(Tab):
    """Lists in a thread when the run, its sync or the folder changed."""

    NAME = "evidence"
    KEYS = EVIDENCE_KEYS
    BINDINGS = tab_bindings(EVIDENCE_KEYS)
    DEFAULT_CSS = """
    EvidenceTab > #evidence { height: 1fr; width: 100%; }
    EvidenceTab > Viewer { height: 2fr; border-top: solid $faint; background: $background; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")
        self.list = Lines(self._draw, lambda: self.tv.palette, id="evidence")
        self.viewer = Viewer(lambda: self.tv.palette)
        self.found: list[Evidence] | None = None
        self.at = 0
        self.against = ""
        """The commit that a launch would run now, as far as it was found out."""
        self.stale: dict[Path, str] = {}
        """Why a file says nothing of that."""
        self._judged_at = 0.0
        self._seen: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.list
        yield self.viewer

    def on_mount(self) -> None:
        self.viewer.display = False

    def redraw(self, row: RunSnapshot) -> None:
        own = self._own(row.worker)
        seen = (row.worker, row.run, row.sync.at, row.sync.folder, _stamp(own))
        if seen != self._seen:
            if seen[:2] != self._seen[:2]:
                self.found, self.at, self.against, self.stale = None, 0, "", {}
            self._seen = seen
            self.run_worker(self._read(row, own, seen), group="evidence", exclusive=True, exit_on_error=False)
        elif self.found and self.tv.store.clock() - self._judged_at >= JUDGE_AGAIN_S:
            self.run_worker(self._judge(row.worker, seen), group="evidence", exclusive=True, exit_on_error=False)
        self.head.redraw()
        self.list.redraw()

    def _own(self, worker: str) -> Path | None:
        """Where the worker's evidence comes to lie here; None as long as nobody can say."""
        try:
            return self.tv.verbs.folder_here(self.tv.fleet, worker) if self.tv.verbs is not None else None
        except RemoteError:
            return None

    async def _read(self, row: RunSnapshot, own: Path | None, seen: tuple[object, ...]) -> None:
        found = await asyncio.to_thread(evidence_of, row.sync.folder, own)
        if seen != self._seen:
            return
        self.found = found
        self._choose(self.at)
        await self._judge(row.worker, seen)

    async def _judge(self, worker: str, seen: tuple[object, ...], *, ask: bool = False) -> None:
        """Hold it against the commit that a launch would run now; with `ask` after a look at the host."""
        self._judged_at = self.tv.store.clock()
        if self.tv.verbs is None:
            return
        try:
            told = await self.tv.verbs.told(self.tv.fleet, worker, cached=not ask)
        except RemoteError as exc:
            if ask:
                self.tv.toast(exc.message, "warning", title=f"{worker}: evidence")
            return
        if seen[0] == self._seen[0]:
            self.against, self.stale = told.against, {told.folder / name: why for name, why in told.stale.items()}
            self.head.redraw()
            self.list.redraw()

    def _choose(self, at: int) -> None:
        """Show a file of the list."""
        found = self.found or []
        self.at = max(0, min(len(found) - 1, at))
        self.viewer.display = bool(found)
        if found:
            self.viewer.look(found[self.at].path)
        self.head.redraw()
        self.list.redraw()

    def _head(self, width: int, height: int) -> list[Line]:
        row = self.tv.store.current()
        if row is None or not (row.run or self.found):
            return [[]]
        count: Line = (
            [(f"{len(self.found)} {'file' if len(self.found) == 1 else 'files'}", "bold")] if self.found else []
        )
        folder = self.found[self.at].path.parent if self.found else f"{row.sync.folder}/artifacts"
        where: Line = [(str(folder) if self.found or row.sync.folder else "", "dim")]
        end: Line = [sync_words(row, self.tv.store.now()), (" ", "")] if row.run else []
        ours = bool(self.found) and folder == self._own(row.worker)
        against: Line = [(f"held against {self.against[:7] or 'no commit'}" if ours else "", "dim")]
        return [spread([(" ", ""), *joined([count, where, against])], end, width)]

    def _draw(self, width: int, height: int) -> list[Line]:
        row = self.tv.store.current()
        if row is None:
            return []
        if self.found is None and row.run:
            return [[], [(" reading …", "dim")]]
        if not self.found:
            return nothing_lines(row)
        first = max(0, min(self.at - height + 1, len(self.found) - height))
        return evidence_lines(self.found, self.at, self.tv.store.wall(), width, self.stale)[first : first + height]

    def action_choose(self, by: int) -> None:
        if self.found:
            self._choose(self.at + by)

    def action_move(self, by: int) -> None:
        self.viewer.move(by)

    def action_refresh(self) -> None:
        self._seen = (*self._seen[:2], "again")
        row = self.tv.store.current()
        if row is not None:
            self.redraw(row)
            self.run_worker(self._judge(row.worker, self._seen, ask=True), group="asking", exit_on_error=False)


def _stamp(folder: Path | None) -> int:
    """What changes when a file comes into a folder."""
    try:
        return folder.stat().st_mtime_ns if folder is not None else 0
    except OSError:
        return 0


def evidence_lines(
    found: Sequence[Evidence], at: int, wall_s: float, width: int, stale: Mapping[Path, str]
) -> list[Line]:
    """One file a line: what it is about, its own verdict and commit, whether that still holds, its age."""
    name_width = min(width // 2, max(len(one.about) for one in found) + 2)
    lines: list[Line] = []
    for index, one in enumerate(found):
        chosen, old = index == at, stale.get(one.path, "")
        mark: Line = [("▌ " if chosen else "  ", "bold info")]
        name: Line = pad_line([(cut(one.about, name_width - 1), "bold" if chosen else "")], name_width)
        role = "bold bad" if one.refused else "" if one.verdict else "dim"
        verdict: Line = [("▲ " if one.refused else "", role), (one.verdict or NONE_STATED, role)]
        verdict += [(f"  {one.commit[:7]}", "dim")] if one.commit else []
        verdict += [(f"  ▲ stale: {old}", "warn")] if old else []
        end: Line = [(f"{age(wall_s - one.written_s)} old ", "dim")] if one.written_s else []
        lines.append(spread([*mark, *name, *verdict], end, width))
    return lines


def nothing_lines(row: RunSnapshot) -> list[Line]:
    """What evidence is, where it was looked for, and what to do."""
    what: list[Line] = [
        [],
        [(" Evidence shows that a change was made test-first: what pytest said before", "")],
        [(" the code was there (red), with it (green) and after tidying it (refactor).", "")],
        [],
    ]
    run: list[Line] = [[(" " + shown("tests"), "bold info"), (" runs the tests of this worker on its host.", "dim")]]
    if not row.run:
        launch: Line = [
            (" This worker was never launched: ", ""),
            (shown("launch"), "bold info"),
            (" launches it.", ""),
        ]
        return [*what, launch, *run]
    if not row.sync.folder:
        why: list[Line] = [[(" Nothing of this run is on this laptop yet.", "warn")]]
    else:
        why = [[(f" None was found in {row.sync.folder}/artifacts", "warn")], [(f" ({', '.join(PATTERNS)}).", "dim")]]
    return [*what, *why, [], [(" " + shown("sync"), "bold info"), (" brings what is on the host now.", "dim")], *run]

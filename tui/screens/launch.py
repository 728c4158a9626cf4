"""Launch: which worker, from which commit, with which overrides."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Select, Static

from remote.errors import RemoteError
from remote.snapshot import RunSnapshot
from tui.format import Line, cut_line, safe, wrapped
from tui.screens.dialog import Dialog
from tui.words import state_and_age
from wire.state import State

TEXT_WIDTH = 60
CommitOf = Callable[[str], Awaitable[list[Line]]]
"""Describes the commit that a launch of a worker would run; raises `RemoteError`."""


@dataclass(frozen=True)
class LaunchChoice:
    """What the person asked for."""

    worker: str
    overrides: tuple[str, ...]


def parse_overrides(text: str) -> tuple[str, ...]:
    """Split `epochs=3 "note=two words"` like a shell; raises ValueError naming the part that is no key=value."""
    parts = tuple(shlex.split(text))
    for part in parts:
        key, sign, _ = part.partition("=")
        if not sign or not key or key.startswith("-"):
            raise ValueError(f"{part} is not key=value")
    return parts


class LaunchScreen(Dialog[LaunchChoice]):
    """The launch dialog; Start is reached by tab or by Enter in the overrides."""

    def __init__(
        self, rows: Sequence[RunSnapshot], selected: str, now: float, commit_of: CommitOf | None = None
    ) -> None:
        super().__init__()
        self._now = now
        self._rows = {row.worker: row for row in rows}
        self._selected = selected
        self._commit_of = commit_of
        self._commits: dict[str, list[Line]] = {}

    def compose(self) -> ComposeResult:
        with self.box():
            yield self.text([[("Launch a worker", "bold accent")]])
            options = [(Content(safe(worker)), worker) for worker in self._rows]
            yield Select(options, value=self._selected, allow_blank=False, id="worker")
            yield self.text(self._about(), id="about")
            yield Input(placeholder="overrides, for example  epochs=3 learning_rate=0.001", id="overrides")
            yield Static("", markup=False, classes="problem", id="problem")
            yield self.buttons("Start")

    def on_mount(self) -> None:
        self.query_one("#problem").display = False
        self.query_one("#yes" if self.query_one("#overrides").disabled else "#overrides").focus()
        self._ask_commit()

    def _ask_commit(self) -> None:
        """Find out in the background which commit a launch would run."""
        if self._commit_of is not None and self._selected not in self._commits:
            self._commits[self._selected] = [[("reading the branch …", "dim")]]
            self.run_worker(self._find_commit(self._selected, self._commit_of), exit_on_error=False)

    async def _find_commit(self, worker: str, commit_of: CommitOf) -> None:
        try:
            self._commits[worker] = await commit_of(worker)
        except RemoteError as exc:
            self._commits[worker] = [[(piece, "bad")] for piece in wrapped(exc.message, TEXT_WIDTH)]
            self._commits[worker] += [[(piece, "info")] for piece in wrapped(exc.hint, TEXT_WIDTH)]
        self._show_about()

    def _show_about(self) -> None:
        palette = self.app.palette  # type: ignore[attr-defined]
        self.query_one("#about", Static).update(palette.text(self._about()))

    def _about(self) -> list[Line]:
        row = self._rows[self._selected]
        last = row.spec
        lines: list[Line] = [
            [("host    ", "dim"), (row.host, "")],
            [("branch  ", "dim"), (row.branch or "the base branch", "")],
        ]
        for index, line in enumerate(self._commits.get(self._selected, [])):
            lines.append([("        " if index else "commit  ", "dim"), *cut_line(line, TEXT_WIDTH)])
        if row.extractor:
            lines.insert(1, [("model   ", "dim"), (row.extractor, "")])
        if last is not None and last.commit:
            subject = f"  {last.subject}" if last.subject else ""
            before: Line = [("before  ", "dim"), (f"{last.commit[:7]} ", ""), *state_and_age(row, self._now)]
            lines.append(cut_line([*before, (subject, "dim")], TEXT_WIDTH + 8))
        if row.state.active:
            tense = "is" if row.confirmed(self._now) else "was"
            lines.append([(f"▲ it {tense} {row.state.value}: launching again answers with the running run", "warn")])
        elif row.state is State.HELD:
            lines.append([("▲ its gate holds a run: a launch leaves that one behind", "warn")])
        return lines

    def on_select_changed(self, event: Select.Changed) -> None:
        if isinstance(event.value, str):
            self._selected = event.value
            self._ask_commit()
            self._show_about()

    def accept(self) -> None:
        problem = self.query_one("#problem", Static)
        try:
            overrides = parse_overrides(self.query_one("#overrides", Input).value)
        except ValueError as exc:
            problem.update(f"{safe(str(exc))}: write key=value, separated by spaces")
            problem.display = True
            self.query_one("#overrides").focus()
            return
        self.dismiss(LaunchChoice(self._selected, overrides))

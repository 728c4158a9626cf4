"""Run tests: which phase of test-first work, of which component, with which arguments for pytest."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Select, Static

from remote.snapshot import RunSnapshot
from tui.format import Line, safe
from tui.screens.dialog import Dialog
from wire.evidence import GREEN, RED, REFACTOR, component_problem

PROVE = "prove"
PHASES = {
    RED: "red: the tests fail, as the code is not there yet",
    GREEN: "green: the same tests pass, on changed code",
    REFACTOR: "refactor: they still do, after tidying up",
    PROVE: "prove: everything at once, one verdict",
}


@dataclass(frozen=True)
class ProveChoice:
    """What the person asked for."""

    phase: str
    component: str = ""
    arguments: tuple[str, ...] = ()


class ProveScreen(Dialog[ProveChoice]):
    """Begins with what was asked for last."""

    def __init__(self, row: RunSnapshot, last: ProveChoice) -> None:
        super().__init__()
        self._row, self._last = row, last

    def compose(self) -> ComposeResult:
        with self.box():
            yield self.text([[(f"Run the tests of {safe(self._row.worker)}", "bold accent")], [], *self._about()])
            options = [(Content(text), phase) for phase, text in PHASES.items()]
            yield Select(options, value=self._last.phase, allow_blank=False, id="phase")
            yield Input(self._last.component, placeholder="component, for example  tracker", id="component")
            yield Input(
                shlex.join(self._last.arguments),
                placeholder="for pytest, for example  tests/test_tracker.py -k fast",
                id="arguments",
            )
            yield Static("", markup=False, classes="problem", id="problem")
            yield self.buttons("Run")

    def _about(self) -> list[Line]:
        lines: list[Line] = [
            [("On ", ""), (self._row.host, "bold"), (", in its worktree, at the branch's commit of now.", "")]
        ]
        if self._row.state.active:
            lines.append([("▲ something runs there: its commit is the only one to be tested now", "warn")])
        return lines

    def on_mount(self) -> None:
        self.query_one("#problem").display = False
        self._only_what_is_taken()
        self.query_one("#phase").focus()

    def on_select_changed(self, event: Select.Changed) -> None:
        self._only_what_is_taken()

    def _only_what_is_taken(self) -> None:
        self.query_one("#component").display = self.query_one("#phase", Select).value != PROVE

    def accept(self) -> None:
        phase = str(self.query_one("#phase", Select).value)
        component = "" if phase == PROVE else self.query_one("#component", Input).value.strip()
        try:
            arguments = tuple(shlex.split(self.query_one("#arguments", Input).value))
        except ValueError as exc:
            self._complain(f"arguments for pytest: {str(exc).lower()}", "#arguments")
            return
        if phase != PROVE and (problem := component_problem(component)):
            self._complain(f"{component or 'the component'}: {problem}", "#component")
            return
        self.dismiss(ProveChoice(phase, component, arguments))

    def _complain(self, text: str, field: str) -> None:
        problem = self.query_one("#problem", Static)
        problem.update(safe(text))
        problem.display = True
        self.query_one(field).focus()

"""Launch: which worker, from which commit, with which overrides."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Input, Select, Static

from remote.snapshot import RunSnapshot
from tui.format import Line, safe
from tui.screens.dialog import Dialog


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

    def __init__(self, rows: Sequence[RunSnapshot], selected: str) -> None:
        super().__init__()
        self._rows = {row.worker: row for row in rows}
        self._selected = selected

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
        self.query_one("#overrides").focus()

    def _about(self) -> list[Line]:
        row = self._rows[self._selected]
        last = row.spec
        lines: list[Line] = [
            [("host    ", "dim"), (row.host, "")],
            [("branch  ", "dim"), (row.branch or "the base branch", "")],
            [("commit  ", "dim"), ("the branch's newest; uncommitted work goes along as a snapshot", "")],
        ]
        if row.extractor:
            lines.insert(1, [("model   ", "dim"), (row.extractor, "")])
        if last is not None and last.commit:
            subject = f"  {last.subject}" if last.subject else ""
            lines.append([("before  ", "dim"), (f"{last.commit[:7]}, {row.state.value}", ""), (subject, "dim")])
        if row.state.active:
            lines.append([("▲ it is running: launching again answers with the running run", "warn")])
        return lines

    def on_select_changed(self, event: Select.Changed) -> None:
        if isinstance(event.value, str):
            self._selected = event.value
            palette = self.app.palette  # type: ignore[attr-defined]
            joined: Line = []
            for index, line in enumerate(self._about()):
                joined += [("\n", ""), *line] if index else line
            self.query_one("#about", Static).update(palette.text(joined))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        super().on_button_pressed(event)

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

"""Relaunch: the newest run of a worker once more, with changes to what it was asked."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input, Static

from remote.snapshot import RunSnapshot
from tui.format import Line, cut_line, safe, wrapped
from tui.screens.launch import TEXT_WIDTH, CommitOf, LaunchScreen
from tui.words import state_and_age


class RelaunchScreen(LaunchScreen):
    """The launch dialog for a worker that is chosen already: what ran, what the branch holds now, and the changes."""

    def __init__(self, row: RunSnapshot, now: float, commit_of: CommitOf) -> None:
        super().__init__([row], row.worker, now, commit_of)
        self._row = row

    def compose(self) -> ComposeResult:
        with self.box():
            yield self.text([[(f"Relaunch {safe(self._row.worker)}", "bold accent")]])
            yield self.text(self._about(), id="about")
            yield self._changes()
            yield Static("", markup=False, classes="problem", id="problem")
            yield self.buttons("Start again")

    def _changes(self) -> Input:
        """The field for changes; a command of one's own takes none."""
        spec = self._row.spec
        if spec is not None and not spec.config:
            return Input(placeholder="no changes: its command is in profiles.yaml", id="overrides", disabled=True)
        return Input(placeholder="changes, for example  learning_rate=0.0003", id="overrides")

    def _about(self) -> list[Line]:
        row, spec = self._row, self._row.spec
        lines: list[Line] = [[("repeats ", "dim"), (row.run, ""), ("  ", ""), *state_and_age(row, self._now)]]
        if spec is None:
            return lines
        asked = " ".join((spec.config, *spec.overrides)) if spec.config else " ".join(spec.command)
        label = "config" if spec.config else "command"
        for piece in wrapped(asked, TEXT_WIDTH, 3):
            lines.append([(label, "dim"), (" " * (8 - len(label)), ""), (piece, "")])
            label = ""
        lines.append([("then    ", "dim"), (spec.commit[:7], ""), (f"  {spec.subject}", "dim")])
        for index, line in enumerate(self._commits.get(row.worker, [])):
            lines.append([("        " if index else "now     ", "dim"), *line])
        return [cut_line(line, TEXT_WIDTH + 8) for line in lines]

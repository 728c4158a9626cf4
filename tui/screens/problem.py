"""The app cannot begin: what happened, where, and what to do next."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.format import Line
from tui.messages import FleetFailed
from tui.screens.dialog import Dialog


class ProblemScreen(Dialog[None]):
    """Shown instead of workers; the only way on is out."""

    def __init__(self, failed: FleetFailed) -> None:
        super().__init__(classes="danger")
        self._failed = failed

    def compose(self) -> ComposeResult:
        with self.box():
            yield self.text(self._lines())
            yield Static("any of  q  esc  enter  leaves", markup=False, classes="quiet")

    def _lines(self) -> list[Line]:
        lines: list[Line] = [[(self._failed.title, "bold bad")], [], [(self._failed.message, "")]]
        return [*lines, [], [("→ ", "info"), (self._failed.hint, "")]] if self._failed.hint else lines

    def key_q(self) -> None:
        self.action_cancel()

    def key_enter(self) -> None:
        self.action_cancel()

    def action_cancel(self) -> None:
        """Leave; what was wrong stays on the terminal."""
        said = self.app.palette.text(self._lines())  # type: ignore[attr-defined]
        self.app.exit(self._failed.exit_code, return_code=self._failed.exit_code, message=said)

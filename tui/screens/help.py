"""Every key, from the one table."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.format import Line
from tui.keymap import APP
from tui.keys import shown
from tui.tables import TABLES
from tui.theme import Palette
from tui.words import STATES, UNCONFIRMED
from wire.state import State

MEANING = {
    State.NOT_STARTED: "never launched",
    State.PREPARING: "code and environment are made ready on the host",
    State.QUEUED: "waits on the host for a free slot",
    State.STARTING: "its process is about to begin",
    State.RUNNING: "its processes are proved to be alive",
    State.STOPPING: "asked to end; not gone yet",
    State.HELD: "ended at its gate and waits for a person: "
    f"{shown('release')}, {shown('retire')} or {shown('relaunch')}",
    State.COMPLETED: "ended by itself with exit code 0",
    State.FAILED: "ended with another exit code",
    State.STOPPED: "ended on request, or retired at its gate; its processes are gone",
    State.LOST: "gone without an exit record (killed, rebooted)",
}


class HelpScreen(ModalScreen[None]):
    """Closes with escape, ? or q."""

    BINDINGS: ClassVar = [Binding("escape,question_mark,q,enter,f1", "dismiss", "close", show=False)]

    def __init__(self, palette: Palette, first: str, *, read_only: bool) -> None:
        """`first` is the table whose keys go before all others where the person is."""
        super().__init__()
        self._palette, self._first, self._read_only = palette, first, read_only

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(self._palette.text(help_text(self._first, read_only=self._read_only)), markup=False)

    def on_mount(self) -> None:
        self.query_one("#help").focus()


def help_text(first: str = APP, *, read_only: bool) -> list[Line]:
    """The whole page, one table's keys before the others'."""
    out: list[Line] = [[("Keys", "bold accent"), ("   esc closes this page", "dim")]]
    for table in (TABLES[first], *(table for name, table in TABLES.items() if name != first)):
        group = ""
        for key in table:
            if read_only and key.mutates:
                continue
            if key.group != group:
                group = key.group
                out += [[], [(group, "bold")]]
            out.append([(f"  {key.shown:<11}", "bold info"), (key.help, "")])
    out += [[], [("States", "bold")]]
    for state, (glyph, role) in STATES.items():
        out.append([(f"  {glyph} {state.value:<13}", role), (MEANING[state], "dim")])
    out.append([(f"  {UNCONFIRMED} was ...      ", "dim"), ("last known; no live connection confirms it", "dim")])
    out.append([("  ▲              ", "warn"), ("stalled: runs without progress; silent: no heartbeat comes", "dim")])
    return out

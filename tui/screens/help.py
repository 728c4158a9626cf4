"""Every key, from the one table."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.format import Line
from tui.keys import KEYS, LOG_KEYS, Key
from tui.theme import Palette
from tui.words import STATES, UNCONFIRMED


class HelpScreen(ModalScreen[None]):
    """Closes with escape, ? or q."""

    BINDINGS = [Binding("escape,question_mark,q,enter,f1", "dismiss", "close", show=False)]

    def __init__(self, palette: Palette, *, read_only: bool) -> None:
        super().__init__()
        self._palette, self._read_only = palette, read_only

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(self._palette.text(help_text(read_only=self._read_only)), markup=False)

    def on_mount(self) -> None:
        self.query_one("#help").focus()


def help_text(*, read_only: bool) -> Line:
    """The whole page as one line of spans with line ends inside."""
    out: Line = [("Keys", "bold accent"), ("   esc closes this page\n", "dim")]
    for table in (KEYS, LOG_KEYS):
        group = ""
        for key in table:
            if read_only and key.mutates:
                continue
            if key.group != group:
                group = key.group
                out.append((f"\n{group}\n", "bold"))
            out += _entry(key)
    out.append(("\nStates\n", "bold"))
    for state, (glyph, role) in STATES.items():
        out += [(f"  {glyph} {state.value}", role), ("\n", "")]
    out += [(f"  {UNCONFIRMED} was ...", "dim"), ("      last known; no live connection confirms it\n", "dim")]
    out += [("  ▲ stalled, silent", "warn"), ("  running, but no progress or no heartbeat\n", "dim")]
    return out


def _entry(key: Key) -> Line:
    return [(f"  {key.shown:<10}", "bold info"), (key.help + "\n", "")]

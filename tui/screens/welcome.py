"""No profile yet: write one for this project, with the hosts that ssh knows, or look at the demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from remote.ssh_hosts import SshHost
from tui.format import Line, safe
from tui.screens.dialog import Dialog

HERE, DEMO, LEAVE = "here", "demo", "leave"
SHOWN = 6


class WelcomeScreen(Dialog[str]):
    """Dismisses with `here`, `demo` or `host:<alias>`; None leaves the app."""

    BINDINGS: ClassVar = [Binding("q", "cancel", "leave", show=False)]

    def __init__(self, folder: Path, hosts: Sequence[SshHost], *, read_only: bool = False) -> None:
        super().__init__()
        self._folder, self._hosts, self._read_only = folder, hosts, read_only

    def compose(self) -> ComposeResult:
        lines: list[Line] = [
            [("Welcome to trajvid-tui", "bold accent")],
            [],
            [("There is no profiles.yaml in ", ""), (safe(str(self._folder)), "bold"), (" or above it.", "")],
            [("It names your workers, a branch each, and the hosts that they run on;", "dim")],
            [("hosts come from ~/.ssh/config, and none of them is touched by this.", "dim")],
        ]
        if self._read_only:
            lines += [[], [("--read-only writes none: trajvid-tui init does.", "warn")]]
        with self.box():
            yield self.text(lines)
            yield OptionList(*self._options(), id="choices", markup=False)

    def _options(self) -> list[Option]:
        write = "Write one here, its first worker on "
        named = [(f"{write}this machine", HERE)]
        named += [(write + self._named(host), f"host:{host.alias}") for host in self._hosts[:SHOWN]]
        named.append(("Start the demo: branches train here, in a folder of its own", DEMO))
        changing = [Option(Content(text), id=key, disabled=self._read_only) for text, key in named]
        return [*changing, Option(Content("Leave"), id=LEAVE)]

    def _named(self, host: SshHost) -> str:
        user = f"{host.user}@" if host.user and host.address else ""
        return safe(f"{host.alias} ({user}{host.address})" if host.address else host.alias)

    def on_mount(self) -> None:
        choices = self.query_one(OptionList)
        choices.highlighted = len(choices.options) - 1 if self._read_only else 0
        choices.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(None if event.option_id == LEAVE else event.option_id)

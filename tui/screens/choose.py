"""One of a few things to choose from."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.format import safe
from tui.screens.dialog import Dialog


class Choose(Dialog[str]):
    """Dismisses with the key of the choice; None when it is left."""

    def __init__(self, title: str, choices: Mapping[str, str]) -> None:
        super().__init__()
        self._title, self._choices = title, choices

    def compose(self) -> ComposeResult:
        with self.box():
            yield self.text([[(self._title, "bold"), ("   enter chooses, esc leaves", "dim")]])
            yield OptionList(*(Option(Content(safe(text)), id=key) for key, text in self._choices.items()))

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

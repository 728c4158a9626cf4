"""A question in the middle of the screen: Escape and the focused Cancel are always the harmless answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tui.format import Line, safe
from tui.theme import Palette

T = TypeVar("T")
LOW = 28


class Dialog(ModalScreen[T | None], Generic[T]):
    """Base of the questions; dismisses with None when it is left."""

    BINDINGS: ClassVar = [
        Binding("escape", "cancel", "cancel", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    def action_cancel(self) -> None:
        self.dismiss(None)

    def on_resize(self, event: Resize) -> None:
        """On a low terminal the air between the parts goes first: the buttons must be seen."""
        self.set_class(event.size.height < LOW, "low")

    def text(self, lines: Sequence[Line], *, id: str | None = None) -> Static:
        """Lines of spans as a widget, without markup."""
        palette = cast(Palette, self.app.palette)  # type: ignore[attr-defined]
        return Static(palette.text(lines), markup=False, classes="text", id=id)

    def box(self) -> Vertical:
        """The frame that holds everything."""
        return Vertical(id="box")

    def buttons(self, yes: str, *, danger: bool = False, disabled: bool = False) -> Horizontal:
        """Cancel and the other one, in that order."""
        return Horizontal(
            Button("Cancel", id="cancel", compact=False),
            Button(Content(safe(yes)), id="yes", variant="error" if danger else "primary", disabled=disabled),
            classes="buttons",
        )

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self.accept()
        else:
            self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Textual calls this handler of *every* class that defines it: subclasses override `submitted`."""
        event.stop()
        self.submitted(event.input)

    def submitted(self, field: Input) -> None:
        """Enter was pressed in a field."""
        self.accept()

    def accept(self) -> None:
        """The person agreed."""
        raise NotImplementedError


class Confirm(Dialog[bool]):
    """Yes or no, with Cancel focused. With `typed`, yes only after that text has been typed."""

    def __init__(self, title: str, lines: Sequence[Line], yes: str, *, danger: bool = True, typed: str = "") -> None:
        super().__init__(classes="danger" if danger else "")
        self._title, self._lines, self._yes, self._typed, self._danger = title, lines, yes, typed, danger

    def compose(self) -> ComposeResult:
        with self.box():
            yield self.text([[(self._title, "bold bad" if self._danger else "bold")], [], *self._lines])
            if self._typed:
                yield Input(placeholder=f"type {safe(self._typed)} to go on", id="typed")
            yield self.buttons(self._yes, danger=self._danger, disabled=bool(self._typed))

    def on_mount(self) -> None:
        self.query_one("#typed" if self._typed else "#cancel").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.strip() != self._typed

    def accept(self) -> None:
        if not self.query_one("#yes", Button).disabled:
            self.dismiss(True)

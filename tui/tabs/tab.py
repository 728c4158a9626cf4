"""The base of the tabs: a widget that draws the selected worker while it is the one that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.containers import Vertical

from remote.snapshot import RunSnapshot
from tui.keys import Key

if TYPE_CHECKING:
    from tui.app import TrajvidApp


def tab_bindings(table: tuple[Key, ...]) -> list[BindingType]:
    """A tab's keys as bindings to its own actions; while it has the focus they go before those of the screen."""
    return [Binding(key.keys, key.action, key.help, show=False) for key in table]


class Tab(Vertical, can_focus=True):
    """`redraw` is called while the tab is shown: when its worker changed, each second, and when it comes up."""

    NAME: ClassVar[str]
    KEYS: ClassVar[tuple[Key, ...]] = ()

    @property
    def tv(self) -> TrajvidApp:
        """The app, with its own type."""
        return cast("TrajvidApp", self.app)

    def redraw(self, row: RunSnapshot) -> None:
        """Draw what is known of the worker now."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """The tab comes up: focus what its keys act on."""
        self.focus()

"""What home and the single worker's screen share: title bar, footer, keys, and how they are redrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual._styles_cache import StylesCache
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.format import Line
from tui.keymap import APP
from tui.keys import KEYS, Key, footer_line, offered
from tui.widgets.lines import Lines
from tui.widgets.title import title_line

if TYPE_CHECKING:
    from tui.app import TrajvidApp


def app_bindings(table: tuple[Key, ...]) -> list[BindingType]:
    """The table's rows as bindings to the app's actions."""
    return [Binding(key.keys, f"app.{key.action}", key.help, show=False) for key in table]


def screen_bindings(table: tuple[Key, ...]) -> list[BindingType]:
    """The keys of a screen that is not about one worker: its own, and those of the app beside them."""
    own = {name for row in table for name in row.keys.split(",")}
    beside = [key for key in KEYS if not (key.verb or key.group == "Move" or own & {*key.keys.split(",")})]
    return [*app_bindings(tuple(beside)), *(Binding(key.keys, key.action, key.help, show=False) for key in table)]


class MainScreen(Screen[None]):
    """A screen that shows the store; `redraw` is called by the app's flush."""

    BINDINGS: ClassVar[list[BindingType]] = app_bindings(KEYS)
    FOOTER: ClassVar[tuple[Key, ...]] = KEYS
    AUTO_FOCUS = ""

    @property
    def table(self) -> str:
        """The name of the table whose keys go before the app's here."""
        return APP

    @property
    def tv(self) -> TrajvidApp:
        """The app, with its own type."""
        return cast("TrajvidApp", self.app)

    def __init__(self) -> None:
        """Widgets are kept here, not looked up: a flush may come while the screen is being taken down."""
        super().__init__()
        self.title_bar = Lines(self._title_lines, lambda: self.tv.palette, id="title")
        self.footer = Lines(self._footer_lines, lambda: self.tv.palette, id="footer")

    def on_screen_resume(self) -> None:
        """Let go of what stood above: Textual 8 keeps the drawn lines of up to 1,024 widgets that are gone."""
        StylesCache.get_inner_outer.cache_clear()

    def _title_lines(self, width: int, height: int) -> list[Line]:
        return [title_line(self.tv.store, self.tv.project, width, opening=self.tv.fleet is None and not self.tv.failed)]

    def _footer_lines(self, width: int, height: int) -> list[Line]:
        store = self.tv.store
        rows = store.chosen() if store.marked else [store.current()]
        keys = offered(self.FOOTER, *rows, read_only=self.tv.read_only) if not self.tv.failed else []
        return [footer_line(keys, width)]

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        """Draw what changed; `tick` says that a second has passed, so ages did too."""
        if dirty or tick:
            self.title_bar.redraw()
        if self.touched(dirty, tick=tick):
            self.footer.redraw()

    def touched(self, dirty: set[str], *, tick: bool) -> bool:
        """True if what is shown of the selected worker may have changed."""
        row = self.tv.store.current()
        return tick or row is None or row.worker in dirty

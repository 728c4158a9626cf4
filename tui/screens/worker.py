"""One worker on the whole screen, in tabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import ContentSwitcher

from tui.format import Line, cut, joined, line_width, spread, while_it_fits
from tui.keys import KEYS, WORKER_KEYS, footer_line, offered
from tui.screens.main import MainScreen, app_bindings
from tui.tabs.artifacts import ArtifactsTab
from tui.tabs.charts import ChartsTab
from tui.tabs.config import ConfigTab
from tui.tabs.evidence import EvidenceTab
from tui.tabs.log import LogTab
from tui.tabs.overview import OverviewTab
from tui.tabs.tab import Tab
from tui.widgets.lines import Lines
from tui.words import notice, state_words

TABS: tuple[type[Tab], ...] = (OverviewTab, ChartsTab, LogTab, ArtifactsTab, EvidenceTab, ConfigTab)
OWN = {key for row in WORKER_KEYS for key in row.keys.split(",")}


class WorkerScreen(MainScreen, inherit_bindings=False):
    """The selected worker; tabs by number or tab, other workers by J and K."""

    BINDINGS: ClassVar = [
        *app_bindings(tuple(key for key in KEYS if key.group != "Move" and not OWN & set(key.keys.split(",")))),
        *(Binding(key.keys, key.action, key.help, show=False) for key in WORKER_KEYS),
    ]

    def __init__(self, tab: str = OverviewTab.NAME) -> None:
        super().__init__()
        self.strip = Lines(self._strip, lambda: self.tv.palette, id="tabs")
        self.tabs = [kind() for kind in TABS]
        for one in self.tabs:
            one.id = f"tab-{one.NAME}"
        self.shown = next(one for one in self.tabs if tab == one.NAME)

    @property
    def table(self) -> str:
        return self.shown.NAME if self.shown.KEYS else "worker"

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.strip
        with ContentSwitcher(initial=self.shown.id):
            yield from self.tabs
        yield self.footer

    def on_mount(self) -> None:
        self.shown.take_focus()
        self.redraw(set(), tick=True)

    def _strip(self, width: int, height: int) -> list[Line]:
        """The worker and its state, the tabs with their numbers, a rule."""
        store = self.tv.store
        row = store.current()
        if row is None:
            return [[]]
        now = store.now()
        noted = notice(row, now)
        who: Line = [(cut(row.worker, max(8, width // 3)), f"bold {store.colour(row.worker)}")]
        head = joined([who, [state_words(row, now)], [noted or ("", "")]])
        tabs = self._names(self.tabs, width)
        if line_width(head) + line_width(tabs) + 4 > width:
            tabs = self._names([self.shown], width)
        return [spread([(" ", ""), *head], [*tabs, (" ", "")], width), [("─" * width, "faint")]]

    def _names(self, named: Sequence[Tab], width: int) -> Line:
        """The numbers of the tabs, those of `named` with their names."""
        parts: list[Line] = []
        for number, one in enumerate(self.tabs, 1):
            name: Line = [(" ", ""), (one.NAME, "bold reverse" if one is self.shown else "")]
            parts.append([(str(number), "bold info"), *(name if one in named else [])])
        return while_it_fits(parts, width - 12)

    def _footer_lines(self, width: int, height: int) -> list[Line]:
        """The tab's keys that mean something now, then those of the screen that it leaves."""
        own = [key for key in self.shown.KEYS if self.shown.check_action(key.action.partition("(")[0], ())]
        taken = {name for key in own for name in key.keys.split(",")}
        here = f"open('{self.shown.NAME}')"
        others = [key for key in (*KEYS, *WORKER_KEYS) if (key.verb and key.action != here) or key in WORKER_KEYS]
        table = (*own, *(key for key in others if key.keys.split(",")[0] not in taken))
        return [footer_line(offered(table, self.tv.store.current(), read_only=self.tv.read_only), width)]

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        super().redraw(dirty, tick=tick)
        row = self.tv.store.current()
        if row is not None and self.touched(dirty, tick=tick):
            self.strip.redraw()
            self.shown.redraw(row)

    def show(self, name: str) -> None:
        """Bring up a tab by its name."""
        self.shown = next(one for one in self.tabs if name == one.NAME)
        self.query_one(ContentSwitcher).current = self.shown.id
        self.shown.take_focus()
        self.redraw(set(), tick=True)

    def action_show(self, number: int) -> None:
        if number <= len(self.tabs):
            self.show(self.tabs[number - 1].NAME)

    def action_tab(self, by: int) -> None:
        at = self.tabs.index(self.shown)
        self.show(self.tabs[(at + by) % len(self.tabs)].NAME)

    def action_worker(self, by: int) -> None:
        self.tv.action_next(by)

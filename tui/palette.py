"""The command palette: every action of the key table, every worker, every theme, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.format import safe
from tui.keys import KEYS
from tui.theme import COLOURS
from tui.words import link_words, state_words

if TYPE_CHECKING:
    from tui.app import TrajvidApp


class Commands(Provider):
    """Offers what can be done now; text is never read as markup.

    Textual reads `help` as markup, and so does its `Matcher.highlight`: help is our own text, highlight not used.
    """

    def _entries(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        app = cast("TrajvidApp", self.app)
        row = app.store.current()
        for key in KEYS:
            if key.group == "Move" or key.action in ("back", "palette") or (app.read_only and key.mutates):
                continue
            if key.verb and (row is None or not key.applies(row)):
                continue
            about = f" {safe(row.worker)}" if key.verb and row is not None else ""
            yield f"{key.label}{about}", key.help, lambda key=key: app.do(key.action)  # type: ignore[misc]
        for worker in app.store.all():
            name = worker.worker
            state = state_words(worker, app.store.now())[0]
            yield f"go to {safe(name)} on {safe(worker.host)}", state, lambda name=name: app.pick(name)  # type: ignore[misc]
        for host in app.fleet.hosts() if app.fleet is not None else ():
            link = link_words(host.link, app.store.now())[0]
            yield f"host {safe(host.name)}", link, lambda name=host.name: app.show_host(name)  # type: ignore[misc]
        for theme in COLOURS:
            yield f"theme {theme}", "colours", lambda theme=theme: app.use_theme(theme)  # type: ignore[misc]

    async def discover(self) -> Hits:
        for name, about, call in self._entries():
            yield DiscoveryHit(Content(name), call, text=name, help=about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, about, call in self._entries():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, Content(name), call, text=name, help=about)

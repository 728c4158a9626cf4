"""The base of these screens: they ask the connected hosts when they open and on request, and say who did not answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from remote.errors import RemoteError, Unreachable
from remote.snapshot import Link
from tui.format import Line, age, cut, cut_line, joined, wrapped
from tui.keys import Key, footer_line
from tui.screens.main import MainScreen
from tui.widgets.frame import box
from tui.widgets.lines import Lines

AGAIN_S = 5.0
"""A host that has come back is asked by itself, but the hosts are not asked more often than this."""
PANE_LEAST, PANE_MOST = 5, 12


class AskingScreen(MainScreen, inherit_bindings=False):
    """`look` asks; everything that it finds out stays on the screen with its age until it is asked again."""

    KEYS: ClassVar[tuple[Key, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.failed: dict[str, RemoteError] = {}
        """Hosts that did not tell, and why."""
        self.problem = ""
        self.asking: list[str] = []
        """Hosts that are asked now."""
        self.told_at: float | None = None
        self._asked_at = float("-inf")
        self._asked: set[str] = set()
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")

    @property
    def doing(self) -> str:
        """What changes right now on the hosts, '' if nothing does; they are asked at its end."""
        return ""

    @property
    def busy(self) -> str:
        """What happens right now, '' if nothing does."""
        return self.doing or (f"asking {', '.join(self.asking)}" if self.asking else "")

    @property
    def known(self) -> bool:
        """True once some host has told; of the others nothing is known."""
        return self.told_at is not None and not (self.failed and len(self.failed) == len(self.hosts()))

    async def look(self, hosts: Collection[str]) -> dict[str, RemoteError]:
        """Ask these hosts and keep what they tell; returns why some did not. Raises `RemoteError`."""
        raise NotImplementedError

    def title_words(self) -> Line:
        """What the page shows, in one line."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw anew what is shown."""
        self.head.redraw()

    def on_mount(self) -> None:
        self.ask()

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        super().redraw(dirty, tick=tick)
        if tick:
            if self._somebody_new():
                self.ask()
            self.draw()

    # ------------------------------------------------------------------ asking

    def hosts(self) -> dict[str, Link]:
        """The hosts that workers use, each with its connection."""
        used = {row.host for row in self.tv.store.all()}
        fleet = self.tv.fleet
        return {host.name: host.link.link for host in fleet.hosts() if host.name in used} if fleet is not None else {}

    def _somebody_new(self) -> bool:
        """True if a host can be asked that could not be asked so far."""
        store = self.tv.store
        if self.asking or store.frozen_at is not None or store.clock() - self._asked_at < AGAIN_S:
            return False
        return any(link is Link.LIVE and name not in self._asked for name, link in self.hosts().items())

    def ask(self) -> None:
        """Ask in the background; a newer question takes the place of the one before."""
        if self.tv.verbs is not None and not self.doing:
            self._asked_at = self.tv.store.clock()
            self.run_worker(self._ask, group="ask", exclusive=True, exit_on_error=False)  # type: ignore[arg-type]

    async def _ask(self) -> None:
        links = self.hosts()
        self.asking = live = [name for name, link in links.items() if link is Link.LIVE]
        self._asked |= set(live)
        self.draw()
        try:
            self.failed = {name: Unreachable("not connected") for name in links if name not in live}
            self.failed |= await self.look(live)
            self.problem, self.told_at = "", self.tv.store.clock()
        except RemoteError as exc:
            self.problem = exc.message
        except Exception as exc:
            self.problem = f"{type(exc).__name__}: {exc}"
        self.asking = []
        self.draw()

    # ------------------------------------------------------------------ what is shown

    def _head(self, width: int, height: int) -> list[Line]:
        return [cut_line([(" ", ""), *self.title_words()], width), cut_line([(" ", ""), *self._source()], width)]

    def _source(self) -> Line:
        """What happens now, what went wrong, how old what is shown is, and which hosts are not in it."""
        if self.busy:
            return [(f"◌ {self.busy} …", "info")]
        if self.problem:
            return [(f"▲ {self.problem}", "warn")]
        if self.told_at is None:
            return []
        parts: list[Line] = [[(f"looked {age(self.tv.store.now() - self.told_at)} ago", "dim")]]
        for host, error in self.failed.items():
            message = error.message.removeprefix(f"{host}: ")
            parts.append([(f"▲ without {host}: {cut(message, 60)}", "warn")])
        return joined(parts)

    def nothing(self, what: str) -> list[Line]:
        """Why there is nothing to show yet, or at all."""
        if self.tv.fleet is None:
            return [[], [("  Opening the profile …", "dim")]]
        if self.doing:
            return [[], [("  The hosts are asked once this has ended.", "dim")]]
        if self.told_at is None:
            return [[], [(f"  {self.problem or 'Asking the hosts …'}", "warn" if self.problem else "dim")]]
        if not self.known:
            reconnect: Line = [("  ctrl+r", "bold info"), (" among the hosts tries again, ", "dim")]
            again: Line = [("u", "bold info"), (" looks again.", "dim")]
            return [[], [("  No host has answered, so nothing is known.", "")], [*reconnect, *again]]
        return [[], [(f"  {what}", "")], [("  u", "bold info"), (" looks again.", "dim")]]

    def _footer_lines(self, width: int, height: int) -> list[Line]:
        keys = [key for key in self.KEYS if key.rank and not (self.tv.read_only and key.mutates)]
        return [footer_line(sorted(keys, key=lambda key: key.rank), width)]

    def action_ask(self) -> None:
        self.ask()


class ListScreen(AskingScreen, inherit_bindings=False):
    """A list that scrolls, and what is selected of it in full below."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0
        self.list = Lines(self._list, lambda: self.tv.palette, id="list")
        self.pane = Lines(self._pane, lambda: self.tv.palette, id="pane")

    def compose(self) -> Any:
        yield self.title_bar
        yield self.head
        yield self.list
        yield self.pane
        yield self.footer

    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def row(self, index: int, width: int) -> Line:
        """One row, without the mark of the cursor."""
        raise NotImplementedError

    def about(self, index: int, width: int) -> list[Line]:
        """Everything about one row."""
        raise NotImplementedError

    def empty(self) -> str:
        """What is said if there is no row."""
        raise NotImplementedError

    def draw(self) -> None:
        super().draw()
        self.at = max(0, min(self.at, self.count() - 1))
        self.list.redraw()
        self.pane.redraw()

    def on_resize(self) -> None:
        self.pane.styles.height = max(PANE_LEAST, min(PANE_MOST, self.size.height // 3))

    def _list(self, width: int, height: int) -> list[Line]:
        count = self.count()
        if not count:
            return self.nothing(self.empty())
        first = max(0, min(self.at - height // 2, count - height))
        return [
            cut_line([("▌" if index == self.at else " ", "bold accent"), *self.row(index, width - 2)], width)
            for index in range(first, min(count, first + height))
        ]

    def _pane(self, width: int, height: int) -> list[Line]:
        if not self.count() or width < 24 or height < 3:
            return []
        lines = self.about(self.at, width - 4)
        if len(lines) > height - 2:
            lines = [*lines[: height - 3], [(f"… and {len(lines) - height + 3} more lines", "dim")]]
        count, hidden = self.count(), self.count() > self.list.size.height
        foot: Line = [(f"{self.at + 1} of {count}", "dim")] if hidden else []
        return box(lines, width, height, title=[], end=[], foot=foot, focus=False, role="accent")

    def action_select(self, by: int) -> None:
        self.at += by
        self.draw()


def headed(head: str, text: str, width: int) -> list[Line]:
    """A text of any length behind its head, in lines of `width` cells."""
    pieces = wrapped(text, width - len(head))
    return [[(head if index == 0 else " " * len(head), "bold"), (piece, "")] for index, piece in enumerate(pieces)]

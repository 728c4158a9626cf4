"""The files of the run: a tree of what is here and what is on the host, and one of them in view."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Resize
from textual.timer import Timer
from textual.widgets import Input

from remote.snapshot import RunSnapshot
from tui.copying import copy
from tui.format import Line
from tui.keys import DOWN, FIRST, LAST, PAGE_UP, UP, Key, shown, table
from tui.listings import Listings
from tui.local_open import open_locally
from tui.run_files import Item, about
from tui.tabs.tab import Tab, tab_bindings
from tui.widgets.lines import Lines
from tui.widgets.tree import ItemOpened, TreeView
from tui.widgets.viewer import Viewer

WIDE = 100
PREVIEW_AFTER_S = 0.12
"""So long the cursor must rest on a file before it is read."""
FOLDED = ("attempts", "artifacts/data")
"""Folders that are folded at first."""

ARTIFACT_KEYS = table(
    "artifacts",
    Key("open", "enter", "enter", "open", "open the file, fold or unfold the folder", "Artifacts", 1),
    Key("program", "o", "o", "local program", "open the file with this laptop's own program for it", "Artifacts", 2),
    Key("copy", "y", "y", "copy path", "copy the path of the file", "Artifacts", 3),
    Key("zoom(1)", "plus,equals_sign", "+", "larger", "a picture larger; the arrows move it", "Artifacts", 4),
    Key("zoom(-1)", "minus", "-", "smaller", "a picture smaller", "Artifacts"),
    Key("refresh", "u", "u", "look again", "look again at what is here and on the host", "Artifacts", 5),
    Key("find", "slash", "/", "search", "search in the open file", "Artifacts"),
    Key("again(1)", "n", "n", "next", "next match in the open file", "Artifacts"),
    Key("again(-1)", "N", "N", "previous", "previous match in the open file", "Artifacts"),
    Key("wrap", "w", "w", "wrap", "wrap long lines of the open file, or cut them; the arrows move it", "Artifacts"),
    Key("slide(-8)", "left", "←", "left", "move a larger picture or cut lines", "Artifacts"),
    Key("slide(8)", "right", "→", "right", "move a larger picture or cut lines", "Artifacts"),
    Key("move(-1)", *UP, "previous file; in an open one a line up", "Artifacts"),
    Key("move(1)", *DOWN, "next file; in an open one a line down", "Artifacts"),
    Key("move(-20)", *PAGE_UP, "a page up", "Artifacts"),
    Key("move(20)", "pagedown,ctrl+d,space", "pgdn", "page down", "a page down", "Artifacts"),
    Key("move(-999999)", *FIRST, "first file or line", "Artifacts"),
    Key("move(999999)", *LAST, "last file or line", "Artifacts"),
    Key("leave", "escape", "esc", "back", "close the file, or back to the workers", "Artifacts", 6),
)
IN_A_FILE = ("find", "again", "wrap")
"""Actions that mean something while a file is open; until then the keys are those of the screen."""


class ArtifactsTab(Tab):
    """Lists in the background, shows what the cursor rests on, opens a file on the whole tab."""

    NAME = "artifacts"
    KEYS = ARTIFACT_KEYS
    BINDINGS = tab_bindings(ARTIFACT_KEYS)
    DEFAULT_CSS: ClassVar[str] = """
    ArtifactsTab > #head { height: 1; }
    ArtifactsTab > #files { height: 1fr; width: 100%; layout: horizontal; }
    ArtifactsTab #tree { width: 11fr; height: 100%; }
    ArtifactsTab Viewer { display: none; width: 9fr; background: $background; }
    ArtifactsTab.wide Viewer { display: block; border-left: solid $faint; }
    ArtifactsTab.opened #tree { display: none; }
    ArtifactsTab.opened Viewer { display: block; border-left: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")
        self.listings = Listings(lambda: self.tv.store.clock(), self._refresh)
        self.tree_view = TreeView(
            lambda: self.tv.palette, lambda: self.listings.empty(self.tv.store.current()), self._moved
        )
        self.viewer = Viewer(lambda: self.tv.palette)
        self.box = Input(placeholder="search the file; enter finds, esc closes", id="find")
        self._folded = set(FOLDED)
        self._timer: Timer | None = None
        self._drawn: tuple[object, ...] = ()
        self._looked_at: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.head
        yield Container(self.tree_view, self.viewer, id="files")
        yield self.box

    def on_mount(self) -> None:
        self.box.display = False

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")
        self._rest()

    def take_focus(self) -> None:
        self.focus()

    def redraw(self, row: RunSnapshot) -> None:
        if not self.listings.about(row):
            self.listings.forget(row.worker, row.run)
            self.viewer.say("", ())
            self.remove_class("opened")
        if self.tv.store.frozen_at is None and self.listings.due(row):
            asking = self.listings.ask(row, self.tv.fleet, self.tv.verbs)
            self.run_worker(asking, group="files", exclusive=True, exit_on_error=False)
        self._show(row)

    def _refresh(self) -> None:
        """Draw anew outside the flush, when news has come."""
        row = self.tv.store.current()
        if row is not None and self.listings.about(row) and self.is_attached:
            self._show(row)

    def _show(self, row: RunSnapshot) -> None:
        store, known = self.tv.store, self.listings
        news = (row.worker, row.run, row.sync.phase, known.here, known.there, known.asking, known.trouble)
        drawn = (*news, frozenset(self._folded), int(store.now()))
        if drawn != self._drawn:
            self._drawn = drawn
            self.tree_view.show(known.files(row, store.now(), store.wall()).items(self._folded))
        self.head.redraw()
        self._preview()

    def _head(self, width: int, height: int) -> list[Line]:
        row = self.tv.store.current()
        return [self.listings.head(row, self.tv.store.now(), width) if row is not None and row.run else []]

    @property
    def opened(self) -> bool:
        """True while a file has the whole tab."""
        return self.has_class("opened")

    def _moved(self) -> None:
        """The cursor went on: read what it rests on, once it rests."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PREVIEW_AFTER_S, self._rest)

    def _rest(self) -> None:
        self._timer = None
        self._preview()

    def _preview(self) -> None:
        """Show the selected file in the viewer, if that is seen and anything about the file has changed."""
        item, row = self.tree_view.item, self.tv.store.current()
        if item is None or row is None or self._timer is not None or not (self.opened or self.has_class("wide")):
            return
        here = self.listings.here
        entry = next((entry for entry in here.entries if entry.path == item.path), None) if here else None
        facts = (item.path, item.state, item.kind, item.count, entry)
        if facts == self._looked_at:
            return
        self._looked_at = facts
        if item.here:
            self.viewer.look(self._path(row, item))
        else:
            self.viewer.say(item.name + ("/" if item.kind == "folder" else ""), about(item, row.worker, row.host))

    @staticmethod
    def _path(row: RunSnapshot, item: Item) -> Path:
        return Path(row.sync.folder) / item.path

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing here now are left to the screen."""
        if action in IN_A_FILE:
            return self.opened and not self.viewer.shows_picture
        if action == "slide":
            return self.opened and self.viewer.slides
        return True

    def action_open(self) -> None:
        item = self.tree_view.item
        if item is None or self.opened:
            return
        if item.kind == "folder":
            self._folded ^= {item.path}
            self._refresh()
            return
        self.add_class("opened")
        self._moved()

    def on_item_opened(self, message: ItemOpened) -> None:
        self.action_open()

    def action_program(self) -> None:
        item, row = self.tree_view.item, self.tv.store.current()
        if item is None or row is None or item.kind == "folder":
            return
        if not item.here:
            self.tv.toast(f"{item.name} is not on this laptop: {shown('sync')} brings the results", "warning")
            return
        self.run_worker(self._program(self._path(row, item)), exit_on_error=False)

    async def _program(self, path: Path) -> None:
        told = await asyncio.to_thread(open_locally, path)
        self.tv.toast(told or f"opened {path.name}", "warning" if told else "information")

    def action_copy(self) -> None:
        item, row = self.tree_view.item, self.tv.store.current()
        if item is None or row is None:
            return
        if item.here or not self.tv.verbs:
            copy(self.tv, [str(self._path(row, item).absolute())], "the path here")
        else:
            copy(self.tv, [f"{self.tv.verbs.run_place(self.tv.fleet, row.worker)}/{item.path}"], "the path on the host")

    def action_refresh(self) -> None:
        self.listings.soon()
        self._looked_at = ()
        row = self.tv.store.current()
        if row is not None:
            self.redraw(row)

    def action_zoom(self, step: int) -> None:
        if self.viewer.shows_picture and (self.opened or self.has_class("wide")):
            self.viewer.zoom_by(step)

    def action_move(self, by: int) -> None:
        if self.opened:
            self.viewer.move(by)
        else:
            self.tree_view.move(by)

    def action_slide(self, by: int) -> None:
        self.viewer.slide(by)

    def action_wrap(self) -> None:
        self.viewer.text.wrap()

    def action_find(self) -> None:
        self.box.display = True
        self.box.focus()

    def action_again(self, step: int) -> None:
        text = self.viewer.text
        if not text.search(step):
            self.tv.toast(f"{text.needle} is not in what is shown" if text.needle else "/ searches first", "warning")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.viewer.text.needle, self.viewer.text.at = event.value, -1
        self._close_find()
        self.action_again(1)

    def _close_find(self) -> None:
        self.box.display = False
        self.focus()

    async def action_leave(self) -> None:
        """Close the search, the file, or the screen."""
        if self.box.display:
            self._close_find()
        elif self.opened:
            self.remove_class("opened")
        else:
            await self.tv.action_back()

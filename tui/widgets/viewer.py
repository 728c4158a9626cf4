"""One file on the screen: text, Markdown, JSON, a picture, or the facts about anything else.

viewer = Viewer(lambda: self.tv.palette)       a widget; put it where it belongs
viewer.look(path)                              reads in a thread, then shows
viewer.say(title, lines)                       text in place of a file
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.cells import chop_cells
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from tui.file_view import FileView, read_view
from tui.format import Line, cut, joined, size, spread
from tui.theme import Palette
from tui.widgets.lines import Lines
from tui.widgets.picture import Picture, native
from tui.widgets.text import Colour, TextView, by_words, plain

_MEMBER = re.compile(r'(\s*)("(?:[^"\\]|\\.)*"):')


class Viewer(Vertical):
    """Shows one file at a time; its keys are those of the tab that holds it."""

    DEFAULT_CSS = """
    Viewer { height: 1fr; }
    Viewer > #file { height: 1; }
    Viewer > #text, Viewer > #picture, Viewer > .native { height: 1fr; padding: 0 1; }
    Viewer > .native { width: auto; height: auto; max-height: 1fr; }
    """

    def __init__(self, palette: Callable[[], Palette]) -> None:
        super().__init__()
        self.view = FileView("")
        self.head = Lines(self._head, palette, id="file")
        self.text = TextView(palette, id="text")
        self.picture = Picture(palette, id="picture")
        self._native: Widget | None = None

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.text
        yield self.picture

    def on_mount(self) -> None:
        self.picture.display = False

    def look(self, path: Path) -> None:
        """Read a file in the background and show it; of two in quick succession, the last."""
        self.run_worker(self._look(path), group="look", exclusive=True, exit_on_error=False)

    async def _look(self, path: Path) -> None:
        self.show(await asyncio.to_thread(read_view, path))

    def say(self, title: str, lines: Sequence[str], *, note: str = "") -> None:
        """Show these lines in place of a file."""
        self.workers.cancel_node(self)
        self.show(FileView(title, kind="facts", lines=tuple(lines), note=note))

    def show(self, view: FileView) -> None:
        """Show what was read."""
        same = view.name == self.view.name
        self.view = view
        self.text.colour = COLOURED.get(view.kind, plain)
        self.text.broken = by_words if view.kind == "markdown" else chop_cells
        self.text.needle, self.text.at = ("", -1) if not same else (self.text.needle, self.text.at)
        self.text.show(view.lines)
        if not same:
            self.text.scroll_home(animate=False, immediate=True)
        self._show_picture(view)
        self.head.redraw()

    def _show_picture(self, view: FileView) -> None:
        if self._native is not None:
            self._native.remove()
        image = view.picture
        self._native = native(image) if image is not None else None
        self.text.display = image is None
        self.picture.display = image is not None and self._native is None
        self.picture.show(image if self._native is None else None)
        if self._native is not None:
            self._native.add_class("native")
            self.mount(self._native)

    @property
    def shows_picture(self) -> bool:
        """True if keys move a picture, not text."""
        return self.view.picture is not None

    @property
    def slides(self) -> bool:
        """True if there is something to move sideways."""
        return (self.shows_picture and self.picture.zoom > 1) or (not self.shows_picture and not self.text.wrapping)

    def move(self, by: int) -> None:
        """Up or down by rows."""
        if self.shows_picture:
            self.picture.pan(0, by)
        else:
            self.text.move(by)

    def zoom_by(self, step: int) -> None:
        """A picture of half blocks larger or smaller; one of real pixels fits as it is."""
        if self._native is None:
            self.picture.zoom_by(step)
            self.head.redraw()

    def slide(self, by: int) -> None:
        """Sideways by columns."""
        if self.shows_picture:
            self.picture.pan(by, 0)
        else:
            self.text.slide(by)

    def _head(self, width: int, height: int) -> list[Line]:
        view = self.view
        if not view.name:
            return [[]]
        note: Line = [(("▲ " if view.trouble else "") + view.note, "warn" if view.trouble else "dim")]
        zoom: Line = [(f"{self.picture.zoom}x", "dim")] if self.shows_picture and self.picture.zoom > 1 else []
        end = joined([zoom, note if view.note else [], [(size(view.size), "dim")] if view.size else []])
        return [spread([(" ", ""), (cut(view.name, max(8, width // 2)), "bold")], [*end, (" ", "")], width)]


def json_line(text: str) -> Line:
    """A row of indented JSON, its member's name told apart."""
    found = _MEMBER.match(text)
    if found is None:
        return plain(text)
    end = found.end(2)
    return [(found[1], ""), (found[2], "info"), (text[end:], "")]


def markdown_line(text: str) -> Line:
    """A row of Markdown as it is written, headings in bold."""
    return [(text, "bold accent")] if text.startswith("#") else plain(text)


def facts_line(text: str) -> Line:
    """A name and its value."""
    name, gap, value = text.partition("  ")
    return [(name, "dim"), (gap, ""), (value, "")] if gap and not name.startswith(" ") else plain(text)


COLOURED: dict[str, Colour] = {"json": json_line, "markdown": markdown_line, "facts": facts_line}

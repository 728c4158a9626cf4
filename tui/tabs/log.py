"""The log: follow, scroll, search, filter, errors, earlier attempts and runs, copy."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from remote.clean import MAX_CHARS
from remote.snapshot import RunSnapshot
from tui.copying import copy
from tui.earlier import Earlier
from tui.format import ELLIPSIS, Line, joined, size, spread
from tui.keys import DOWN, PAGE_UP, UP, Key, shown, table
from tui.tabs.tab import Tab, tab_bindings
from tui.widgets.lines import Lines
from tui.widgets.log import LogView
from tui.words import age_words

LOG_KEYS = table(
    "log",
    Key("follow", "f", "f", "follow", "stay at the newest line", "Log", 1),
    Key("find", "slash", "/", "search", "search in the log", "Log", 2),
    Key("again(1)", "n", "n", "next", "next match", "Log"),
    Key("again(-1)", "N", "N", "previous", "previous match", "Log"),
    Key("narrow", "ampersand", "&", "filter", "show only lines with a text in them; none shows all", "Log", 3),
    Key("error", "exclamation_mark", "!", "error", "next line that looks like an error, round and round", "Log", 4),
    Key("older", "comma", ",", "earlier", "the attempt before, or the run before", "Log", 5),
    Key("newer", "full_stop", ".", "later", "back towards the newest lines", "Log"),
    Key("wrap", "w", "w", "wrap", "wrap long lines, or cut them; the arrows move cut ones", "Log", 7),
    Key("copy", "y", "y", "copy", "copy the line that was found, else the lines on the screen", "Log", 6),
    Key("copy_all", "Y", "Y", "copy all", "copy every line that is shown, beyond the screen too", "Log"),
    Key("slide(-8)", "left", "←", "left", "move cut lines to the right", "Log"),
    Key("slide(8)", "right", "→", "right", "move cut lines to the left", "Log"),
    Key("scroll(-1)", *UP, "one line up", "Log"),
    Key("scroll(1)", *DOWN, "one line down", "Log"),
    Key("scroll(-20)", *PAGE_UP, "a page up", "Log"),
    Key("scroll(20)", "pagedown,ctrl+d,space", "pgdn", "page down", "a page down", "Log"),
    Key("top", "g,home", "g", "top", "oldest line", "Log", 8),
    Key("end", "G,end", "G", "end", "newest line, and follow", "Log", 9),
    Key("leave", "escape", "esc", "back", "close what was typed, clear the search, the filter, or back", "Log", 10),
)
SEARCH, FILTER = "search the log; enter finds, esc closes", "show only lines with this in them; empty shows all"


class LogTab(Tab):
    """Reads the stream that the fleet keeps for the selected worker; the way back is asked for."""

    NAME = "log"
    KEYS = LOG_KEYS
    BINDINGS = tab_bindings(LOG_KEYS)

    def __init__(self) -> None:
        super().__init__()
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")
        self.view = LogView(lambda: self.tv.palette)
        self.box = Input(placeholder=SEARCH, id="find")
        self.earlier = Earlier()

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.view
        yield self.box

    def on_mount(self) -> None:
        self.box.display = False

    def take_focus(self) -> None:
        self.view.focus()

    def _head(self, width: int, height: int) -> list[Line]:
        row, chapter = self.tv.store.current(), self.earlier.chapter
        if row is None:
            return [[]]
        left: Line = [(chapter.title, "info")] if chapter else []
        if self.earlier.asking:
            left = [(f"◌ asking {row.host} for earlier logs", "info")]
        elif self.earlier.trouble:
            left = [(f"▲ {self.earlier.trouble}", "warn")]
        skipped = chapter.skipped_bytes if chapter else row.log_skipped_bytes
        before: Line = [(f"{size(skipped)} before not shown", "dim")] if skipped else []
        end = [self._counted(), self._followed(row) if chapter is None else [(". goes on", "dim")]]
        return [spread([(" ", ""), *joined([left, before])], [*joined(end), (" ", "")], width)]

    def _counted(self) -> Line:
        """What the filter shows, what the search finds, and what was cut."""
        view, parts = self.view, []
        if view.pattern:
            shown, total = view.counts
            parts.append([(f"{shown:,} of {total:,} lines with {view.pattern}", "warn" if shown else "bad")])
        if view.needle:
            count = len(view.matches())
            found = "1 row matches" if count == 1 else f"{count:,} rows match"
            parts.append([(f"{found} {view.needle}", "warn" if count else "bad")])
        cut = view.cut(MAX_CHARS, ELLIPSIS)
        if cut:
            parts.append([(f"{cut} cut at {MAX_CHARS:,} characters", "warn")])
        return joined(parts)

    def _followed(self, row: RunSnapshot) -> Line:
        follow: Line = [("▼ following", "ok")] if self.view.following else [("‖ not following: f", "warn")]
        return joined([follow, [age_words(row, self.tv.store.now())]])

    def redraw(self, row: RunSnapshot) -> None:
        if (row.worker, row.run) != (self.earlier.worker, self.earlier.run):
            self.earlier.forget(row.worker, row.run)
        chapter = self.earlier.chapter
        nothing = "It printed nothing." if chapter else "The run has printed nothing yet."
        nothing = nothing if row.run else f"Never launched: {shown('launch')} launches it."
        self.view.empty = [(f" {nothing if not self.view.pattern else 'No line is left by the filter: esc'}", "dim")]
        self.view.show(chapter.lines if chapter else row.log_tail)
        self.head.redraw()

    def _refresh(self) -> None:
        """Draw anew outside the flush."""
        row = self.tv.store.current()
        if row is not None and self.is_attached:
            self.redraw(row)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The arrows are the screen's while there is nothing to move sideways."""
        return not self.view.wrapping if action == "slide" else True

    def action_scroll(self, by: int) -> None:
        self.view.move(by)
        self.head.redraw()

    def action_top(self) -> None:
        self.action_scroll(-(10**9))

    def action_end(self) -> None:
        self.view.follow()
        self.head.redraw()

    def action_follow(self) -> None:
        if self.view.following:
            self.action_scroll(-1)
        else:
            while self.earlier.newer():
                pass
            self.action_end()
            self._refresh()

    def action_slide(self, by: int) -> None:
        self.view.slide(by)

    def action_wrap(self) -> None:
        self.view.wrap()

    def action_error(self) -> None:
        if not self.view.next_error():
            self.tv.toast("nothing that is shown looks like an error")
        self.head.redraw()

    def action_older(self) -> None:
        if row := self.tv.store.current():
            self.run_worker(self._older(row), group="earlier", exit_on_error=False)

    async def _older(self, row: RunSnapshot) -> None:
        if not row.run or self.earlier.asking:
            return
        self.call_later(self._refresh)
        if await self.earlier.older(row, self.tv.fleet, self.tv.verbs):
            self.view.following = False
            self._refresh()
            self.view.scroll_end(animate=False, immediate=True, x_axis=False)
        elif not self.earlier.trouble:
            self.tv.toast(f"no earlier log of {row.worker} is known")
        self._refresh()

    def action_newer(self) -> None:
        if self.earlier.newer():
            self.view.following = self.earlier.chapter is None
            self._refresh()
            self.view.scroll_end(animate=False, immediate=True, x_axis=False)

    def action_copy(self) -> None:
        lines = self.view.copied()
        if lines:
            copy(self.tv, lines, "the line" if len(lines) == 1 else f"{len(lines)} lines")

    def action_copy_all(self) -> None:
        lines = self.view.everything()
        copy(self.tv, lines, f"{len(lines):,} lines")

    def action_find(self) -> None:
        self._ask(SEARCH, self.view.needle)

    def action_narrow(self) -> None:
        self._ask(FILTER, self.view.pattern)

    def _ask(self, what: str, value: str) -> None:
        self.box.placeholder, self.box.value = what, value
        self.box.display = True
        self.box.focus()

    def action_again(self, step: int) -> None:
        if not self.view.search(step):
            needle = self.view.needle
            self.tv.toast(f"{needle} is not in what is shown" if needle else "/ searches first", "warning")
        self.head.redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_box()
        if self.box.placeholder == FILTER:
            self.view.narrow(event.value)
            self._refresh()
        else:
            self.view.needle, self.view.at = event.value, -1
            self.action_again(-1)

    def _close_box(self) -> None:
        self.box.display = False
        self.view.focus()

    async def action_leave(self) -> None:
        """Close what is typed, then the search, then the filter, then the screen."""
        if self.box.display:
            self._close_box()
        elif self.view.needle:
            self.view.needle, self.view.at = "", -1
            self.view.refresh()
            self.head.redraw()
        elif self.view.pattern:
            self.view.narrow("")
            self._refresh()
        else:
            await self.tv.action_back()

"""The log of one worker: follows the newest line until one scrolls away; filtered, and its errors found."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from textual.events import MouseScrollDown, MouseScrollUp

from tui.format import Line
from tui.theme import Palette
from tui.widgets.text import END, TextView

ERROR = re.compile(
    r"Traceback \(most recent call last\)|\b\w*(?:Error|Exception)\b|\berror:|\b(?:ERROR|FATAL|CRITICAL)\b"
    r"|CUDA out of memory|[Oo]ut of memory|\bKilled\b|[Ss]egmentation fault|core dumped"
    r"|\b[Ee]xit(?:ed)?(?: with)?(?: code| status)? -?[1-9]\d*\b|non-zero exit|(?<![\w.])[Nn][Aa][Nn](?!\w)"
)
"""What looks like an error: the word is marked, and `!` goes from one to the next."""
HINTS = ("error", "exception", "traceback", "memory", "killed", "fault", "dumped", "exit", "fatal", "critical", "nan")
"""One of these is in every line that looks like an error: asked first, that is ten times as fast."""
WARNING = re.compile(r"\bWARN(?:ING)?\b|\b\w*Warning\b|\bwarning\b")


class LogView(TextView):
    """Follows its lines as they grow; `pattern` leaves out every line that does not contain it."""

    def __init__(self, palette: Callable[[], Palette]) -> None:
        super().__init__(palette, id="log")
        self.colour = log_line
        self.following = True
        self.pattern = ""

    def chosen(self) -> list[int]:
        """Numbers of the lines that the filter shows."""
        want = self.pattern.lower()
        return [index for index, line in enumerate(self._lines) if want in line.lower()]

    @property
    def counts(self) -> tuple[int, int]:
        """Lines that are shown, and lines that there are."""
        return len(self.chosen()) if self.pattern else len(self._lines), len(self._lines)

    def narrow(self, pattern: str) -> None:
        """Show only lines with this in them, whatever its case; '' shows all."""
        self.pattern, self.at = pattern, -1
        self.lay_out()

    def lay_out(self) -> None:
        super().lay_out()
        if self.following:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self.following = False

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self.following = self.scroll_offset.y >= self.max_scroll_y - 3

    def move(self, by: int) -> None:
        """Scroll by rows; upwards ends following, the last row begins it again."""
        self.following = by > 0 and self.scroll_offset.y + by >= self.max_scroll_y
        super().move(by)

    def follow(self) -> None:
        """Go to the newest line and stay there."""
        self.at = -1
        self.move(END)

    def next_error(self) -> bool:
        """Go to the next row that looks like an error, round and round; False if there is none."""
        return self.go_to([row for row, (_, text) in enumerate(self._rows) if is_error(text)], 1)

    def go_to(self, rows: Sequence[int], step: int) -> bool:
        self.following = self.following and not rows
        return super().go_to(rows, step)


def is_error(text: str) -> bool:
    """True if a row looks like an error."""
    low = text.lower()
    return any(hint in low for hint in HINTS) and ERROR.search(text) is not None


def log_line(text: str) -> Line:
    """A row with the words that tell of errors and warnings in bold colour; the rest is as it is."""
    marks = [(found.span(), "bold bad") for found in ERROR.finditer(text)]
    marks += [(found.span(), "bold warn") for found in WARNING.finditer(text)]
    out: Line = []
    start = 0
    for (begin, end), role in sorted(marks):
        if begin >= start:
            out += [(text[start:begin], ""), (text[begin:end], role)]
            start = end
    return [*out, (text[start:], "")]

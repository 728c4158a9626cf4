"""Colours: dark, light and Okabe-Ito, and the palette that turns a role into a terminal style.

Parts of the screen are told apart by borders, never by a tint of the background (dark tints collapse in 256
colours), and every status has a glyph and a word besides its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.theme import Theme

from tui.format import Line, safe


@dataclass(frozen=True)
class Colours:
    """One set of colours; the names are the roles of `tui.format`."""

    dark: bool
    background: str
    text: str
    dim: str
    faint: str
    ok: str
    info: str
    warn: str
    bad: str
    accent: str
    workers: tuple[str, ...]


COLOURS: dict[str, Colours] = {
    "trajvid-dark": Colours(
        True, "#0d1117", "#d7dee8", "#8e9bac", "#465264", "#5fd38d", "#6cb6ff", "#f2c14e", "#ff7b72", "#c297ff",
        ("#6cb6ff", "#f2a65a", "#5fd38d", "#e58fd3", "#e8d35e", "#6fd6d6", "#c297ff", "#ff9d94"),
    ),
    "trajvid-light": Colours(
        False, "#fbfbf8", "#1e2430", "#586372", "#aab3bf", "#1a7f37", "#0b63c5", "#8f5b00", "#c42b2b", "#7a3fd0",
        ("#0b63c5", "#b3541e", "#1a7f37", "#a8328a", "#776700", "#0b7a7a", "#7a3fd0", "#c42b2b"),
    ),
    "okabe-ito": Colours(
        True, "#101418", "#eeeeee", "#a3adb8", "#4c5866", "#2bbf95", "#56b4e9", "#e69f00", "#f07a2a", "#cc79a7",
        ("#56b4e9", "#e69f00", "#2bbf95", "#f0e442", "#cc79a7", "#4a9ae0", "#f07a2a", "#cccccc"),
    ),
}  # fmt: skip
DEFAULT_THEME = "trajvid-dark"


def themes() -> list[Theme]:
    """The same colours as Textual themes, for the widgets that are Textual's own (inputs, toasts, palette)."""
    return [
        Theme(
            name=name, primary=c.info, secondary=c.accent, accent=c.accent, success=c.ok, warning=c.warn, error=c.bad,
            foreground=c.text, background=c.background, surface=c.background, panel=c.background, dark=c.dark,
            variables={
                "border": c.faint, "footer-key-foreground": c.info, "block-cursor-background": c.info,
                "block-cursor-foreground": c.background, "faint": c.faint, "quiet": c.dim,
            },
        )
        for name, c in COLOURS.items()
    ]  # fmt: skip


class Palette:
    """Roles to styles, for one theme. With `colour` False only bold, underline and reverse remain."""

    def __init__(self, theme: str, *, colour: bool = True) -> None:
        self.colours = COLOURS.get(theme, COLOURS[DEFAULT_THEME])
        self.colour = colour
        self._styles: dict[str, Style] = {"": Style()}

    def style(self, role: str) -> Style:
        """Style of a role such as `ok`, `bold w3`, `reverse warn`. An unknown word is plain text."""
        found = self._styles.get(role)
        if found is None:
            found = Style.combine([self._word(word) for word in role.split()])
            self._styles[role] = found
        return found

    def _word(self, word: str) -> Style:
        if word in ("bold", "reverse", "underline", "italic"):
            return Style.parse(word)
        if not self.colour:
            return Style()
        if word[:1] == "w" and word[1:].isdigit():
            return Style(color=self.colours.workers[int(word[1:]) % len(self.colours.workers)])
        value = getattr(self.colours, word, None)
        return Style(color=value) if isinstance(value, str) else Style()

    def strip(self, line: Line, width: int, base: Style) -> Strip:
        """Draw a line in exactly `width` cells. Nothing reaches the terminal but through `safe`."""
        segments = [Segment(safe(text), base + self.style(role)) for text, role in line if text]
        return Strip(segments).adjust_cell_length(width, base)

    def text(self, lines: Sequence[Line]) -> Text:
        """Lines for a widget or a print that takes rich text (never markup)."""
        out = Text()
        for index, line in enumerate(lines):
            out.append("\n" if index else "")
            for text, role in line:
                out.append(safe(text), self.style(role))
        return out

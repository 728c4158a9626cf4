"""Colours: dark, light, Okabe-Ito and the terminal's own, and the palette that turns a role into a terminal style.

Parts of the screen are told apart by borders, never by a tint of the background (dark tints collapse in 256
colours), and every status has a glyph and a word besides its colour.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.theme import Theme

from remote.errors import ConfigError
from tui.format import Line, safe
from tui.settings import Settings


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
    ansi: bool = False
    """True for the terminal's own sixteen colours, by their names."""


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
    "ansi": Colours(
        True, "ansi_default", "ansi_default", "ansi_bright_black", "ansi_bright_black", "ansi_green",
        "ansi_bright_blue", "ansi_yellow", "ansi_bright_red", "ansi_magenta",
        ("ansi_bright_blue", "ansi_yellow", "ansi_green", "ansi_magenta", "ansi_cyan", "ansi_bright_magenta",
         "ansi_red", "ansi_bright_cyan"), ansi=True,
    ),
}  # fmt: skip
DEFAULT_THEME = "trajvid-dark"


def themes() -> list[Theme]:
    """The same colours as Textual themes, for the widgets that are Textual's own (inputs, toasts, palette)."""
    return [
        Theme(
            name=name, primary=c.info, secondary=c.accent, accent=c.accent, success=c.ok, warning=c.warn, error=c.bad,
            foreground=c.text, background=c.background, surface=c.background, panel=c.background, dark=c.dark,
            ansi=c.ansi,
            variables={
                "border": c.faint, "footer-key-foreground": c.info, "block-cursor-background": c.info,
                "block-cursor-foreground": "ansi_black" if c.ansi else c.background, "faint": c.faint, "quiet": c.dim,
                # Textual's own style sheets want these two of a theme of the terminal's colours.
                **({"ansi-background": c.background, "ansi-foreground": c.text} if c.ansi else {}),
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
            return Style(color=_rich(self.colours.workers[int(word[1:]) % len(self.colours.workers)]))
        value = getattr(self.colours, word, None)
        return Style(color=_rich(value)) if isinstance(value, str) else Style()

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


def _rich(colour: str) -> str:
    """A colour as Rich names it."""
    return colour.removeprefix("ansi_")


def chosen_theme(options: Settings, remembered: str) -> str:
    """The theme that the environment, the settings or the last session names, in that order. Raises `ConfigError`."""
    for name, place in (
        (os.environ.get("TRAJVID_THEME", ""), "TRAJVID_THEME"),
        (options.theme, options.places.get("theme", "")),
    ):
        if name and name not in COLOURS:
            raise ConfigError(f"{place}: no theme {name!r}", hint=f"themes: {', '.join(COLOURS)}")
        if name:
            return name
    return remembered if remembered in COLOURS else DEFAULT_THEME

"""Text and numbers for people: pure functions that build lines of (text, role) spans.

A *role* is a word such as `ok`, `dim` or `w3`, several joined by a space; `tui.theme` turns it into a colour. A line
therefore says what it means and not how it looks, and tests read it as text. Nothing here knows Textual.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from remote.clean import clean

Span = tuple[str, str]
Line = list[Span]

BLOCKS = "▁▂▃▄▅▆▇"
"""Without the full block: curves one below the other stay apart."""
ELLIPSIS = "…"


def safe(text: str) -> str:
    """Return `text` without anything that a terminal could obey. The last gate before the screen.

    Remote text was cleaned where it came in; this holds even if some way in forgot to.
    """
    return text if text.isprintable() else " ".join(clean(text).split("\n"))


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` cells, with an ellipsis where something was cut."""
    text = safe(text)
    if cell_len(text) <= width:
        return text
    return "" if width <= 0 else set_cell_size(text, width - 1).rstrip() + ELLIPSIS


def fitted(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells: cut, or padded on the right."""
    return set_cell_size(cut(text, width), max(0, width))


def line_width(line: Iterable[Span]) -> int:
    """Width of a line in cells."""
    return sum(cell_len(text) for text, _ in line)


def cut_line(line: Iterable[Span], width: int) -> Line:
    """Return the line in at most `width` cells."""
    out: Line = []
    left = width
    for text, role in line:
        text = safe(text)
        size = cell_len(text)
        if size > left:
            short = cut(text, left)
            return [*out, (short, role)] if short else _with_ellipsis(out)
        out.append((text, role))
        left -= size
    return out


def _with_ellipsis(line: Line) -> Line:
    """Mark a line that was cut exactly between two spans."""
    while line and not line[-1][0].strip():
        line.pop()
    if line:
        text, role = line[-1]
        line[-1] = (set_cell_size(text, cell_len(text) - 1) + ELLIPSIS, role)
    return line


def wrapped(text: str, width: int, at_most: int = 1000) -> list[str]:
    """`text` in pieces of at most `width` cells, broken between words where that wastes little; [] for no text.

    What does not fit into `at_most` pieces is marked by an ellipsis.
    """
    pieces: list[str] = []
    rest = safe(text)
    while rest and width > 0:
        piece = rest
        if len(pieces) == at_most - 1:
            return [*pieces, cut(rest, width)]
        if cell_len(rest) > width:
            piece = set_cell_size(rest, width)
            space = piece.rfind(" ")
            whole = rest[len(piece) : len(piece) + 1] == " "
            piece = (piece if whole or space < len(piece) * 0.6 else piece[:space]).rstrip()
        pieces.append(piece)
        rest = rest[len(piece) or 1 :].lstrip()
    return pieces


def pad_line(line: Iterable[Span], width: int) -> Line:
    """Return the line in exactly `width` cells."""
    out = cut_line(line, width)
    rest = width - line_width(out)
    return [*out, (" " * rest, "")] if rest > 0 else out


def spread(left: Sequence[Span], right: Sequence[Span], width: int) -> Line:
    """Put `left` and `right` at the two ends of `width` cells; `left` gives way."""
    end = cut_line(right, width)
    room = width - line_width(end)
    if not end:
        return pad_line(left, width)
    return [*pad_line(left, max(0, room - 1)), (" " if room > 0 else "", ""), *end]


def joined(parts: Iterable[Sequence[Span]], by: str = " · ") -> Line:
    """Join the parts that are not empty with a dim separator."""
    out: Line = []
    for part in parts:
        if part and any(text for text, _ in part):
            out += [(by, "faint"), *part] if out else list(part)
    return out


def while_it_fits(parts: Sequence[Sequence[Span]], width: int, by: str = "  ") -> Line:
    """Join leading parts as long as they fit whole: nothing is ever cut in its middle."""
    out: Line = []
    for part in parts:
        if not line_width(part):
            continue
        longer = [*out, (by, "faint"), *part] if out else list(part)
        if line_width(longer) > width:
            break
        out = longer
    return out


def duration(seconds: float) -> str:
    """`7 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    for big, small, size, unit in (("min", "s", 60, 3600), ("h", "min", 3600, 86400)):
        if total < unit:
            whole, rest = divmod(total, size)
            rest = rest if size == 60 else rest // 60
            return f"{whole} {big} {rest} {small}" if rest else f"{whole} {big}"
    days, rest = divmod(total, 86400)
    return f"{days} d {rest // 3600} h" if rest >= 3600 else f"{days} d"


def age(seconds: float) -> str:
    """A duration with one unit, for places that change all the time: `7 s`, `2 min`, `3 h`, `2 d`."""
    total = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if total >= size:
            return f"{total // size} {unit}"
    return f"{total} s"


def size(count: float) -> str:
    """`512 B`, `3.2 MiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def number(value: float | None) -> str:
    """Three to four digits that say enough: `0.912`, `12.4`, `1.0e-05`; a missing value is `n/a`."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 10):
        return f"{int(value):,}"
    magnitude = abs(value)
    if 0 < magnitude < 1e-3 or magnitude >= 1e6:
        return f"{value:.1e}"
    return f"{value:.3f}" if magnitude < 10 else f"{value:.1f}"


def bar(share: float | None, width: int, role: str) -> Line:
    """A progress bar of `width` cells; `share` is 0..1, None draws an empty track."""
    if width <= 0:
        return []
    halves = 0 if share is None or not math.isfinite(share) else round(min(1.0, max(0.0, share)) * width * 2)
    full, half = divmod(halves, 2)
    return [("━" * full + "╸" * half, role), ("─" * (width - full - half), "faint")]


def spark(values: Sequence[float | None], width: int) -> str:
    """The whole history in `width` blocks, right-aligned; a missing value is a gap."""
    shown = _thinned(values, width)
    known = [value for value in shown if value is not None and math.isfinite(value)]
    if not known:
        return " " * max(0, width)
    low, high = min(known), max(known)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    marks = [
        " " if value is None or not math.isfinite(value) else BLOCKS[round((value - low) * scale)] for value in shown
    ]
    return "".join(marks).rjust(width)


def _thinned(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most `width` values: the last one of each equal share, so that the shape of the whole stays."""
    count = len(values)
    if count <= width:
        return list(values)
    return [values[(index + 1) * count // width - 1] for index in range(width)]

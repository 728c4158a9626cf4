"""A file of any kind as something to look at: read within bounds, never through a link, never run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from remote.clean import MAX_CHARS, clean
from tui.format import size
from tui.markdown_tables import aligned

if TYPE_CHECKING:
    from PIL.Image import Image

TEXT_BYTES = 1024**2
JSON_BYTES = 2 * 1024**2
PICTURE_BYTES = 32 * 1024**2
PICTURE_PIXELS = 40_000_000
KEPT_PIXELS = (2400, 1800)
"""A decoded picture is made smaller than this: no terminal shows more."""
DIGEST_BYTES = 64 * 1024**2
LINES_MAX = 20_000
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
LINK = "a symbolic link: it is shown, and never followed"


@dataclass(frozen=True)
class FileView:
    """What is shown of one file."""

    name: str
    size: int = 0
    written_s: float = 0.0
    """Epoch seconds of its last change, by the clock of who wrote it."""
    kind: str = "text"
    """`text`, `markdown`, `json`, `picture` or `facts`."""
    lines: tuple[str, ...] = ()
    """Cleaned."""
    note: str = ""
    """What it is and what is left out of it."""
    trouble: bool = False
    """True if it is not shown as what its name promises."""
    picture: Image | None = field(default=None, compare=False)


def read_view(path: Path) -> FileView:
    """Read a file for the screen: at most a few MiB of it, whatever its size. Never raises for what a file may be."""
    name = clean(path.name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        note = LINK if path.is_symlink() else f"cannot be read: {clean(exc.strerror or str(exc))}"
        return FileView(name, kind="facts", note=note, trouble=True)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return FileView(name, kind="facts", note="no regular file: it is not opened", trouble=True)
        read = FileView(name, status.st_size, status.st_mtime)
        try:
            return _content(file, read, path.suffix.lower())
        except OSError as exc:
            return _facts(file, read, f"cannot be read: {clean(exc.strerror or str(exc))}", trouble=True)


def _content(file: io.BufferedReader, read: FileView, suffix: str) -> FileView:
    if suffix == ".png":
        return _picture(file, read)
    data = file.read(TEXT_BYTES if suffix != ".json" else JSON_BYTES)
    if b"\0" in data[:8192]:
        return _facts(file, read, "binary" if data[:8] != PNG_MAGIC else "a PNG picture under another name")
    if suffix == ".json":
        return _json(data, read)
    return _text(data, read, "markdown" if suffix == ".md" else "text")


def _text(data: bytes, read: FileView, kind: str, *, why: str = "") -> FileView:
    if len(data) < read.size:
        data = data[: data.rfind(b"\n") + 1 or len(data)]
    raw = data.decode("utf-8", "replace").removesuffix("\n").split("\n") if data else []
    lines = tuple(clean(line) for line in raw[:LINES_MAX])
    cut = sum(1 for line in lines if len(line) == MAX_CHARS and line.endswith("…"))
    notes = [
        why,
        "" if read.size else "empty",
        f"the first {size(len(data))} of {size(read.size)}" if len(data) < read.size else "",
        f"the first {LINES_MAX:,} of {len(raw):,} lines" if len(raw) > LINES_MAX else "",
        f"{cut} {'line' if cut == 1 else 'lines'} cut at {MAX_CHARS:,} characters" if cut else "",
    ]
    note = " · ".join(filter(None, notes))
    shown = aligned(lines) if kind == "markdown" else lines
    return replace(read, kind=kind, lines=shown, note=note, trouble=bool(why))


def _json(data: bytes, read: FileView) -> FileView:
    """Indented, or as it is where it is too large or no JSON."""
    if read.size > len(data):
        return _text(data[:TEXT_BYTES], read, "text", why=f"over {size(JSON_BYTES)}: not indented")
    try:
        text = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError) as exc:
        return _text(data[:TEXT_BYTES], read, "text", why=f"no JSON: {clean(str(exc))}")
    lines = text.split("\n")
    note = f"the first {LINES_MAX:,} of {len(lines):,} lines" if len(lines) > LINES_MAX else ""
    return replace(read, kind="json", lines=tuple(clean(line) for line in lines[:LINES_MAX]), note=note)


def _picture(file: io.BufferedReader, read: FileView) -> FileView:
    """Decode a PNG of sane size; anything else is facts that say why."""
    head = file.read(24)
    if len(head) < 24 or head[:8] != PNG_MAGIC:
        return _facts(file, read, "not a PNG, whatever its name says", trouble=True)
    width, height = struct.unpack(">II", head[16:24])
    shape = f"{width:,} x {height:,} pixels"
    if read.size > PICTURE_BYTES or width * height > PICTURE_PIXELS:
        limit = f"{size(PICTURE_BYTES)} or {PICTURE_PIXELS // 1_000_000} million pixels"
        return _facts(file, read, f"{shape}: over {limit}, so it is not decoded; o opens it", trouble=True)
    try:
        picture = _decoded(head + file.read(PICTURE_BYTES))
    except Exception as exc:  # a decoder that reads hostile bytes raises anything
        return _facts(file, read, f"damaged: {clean(str(exc)) or type(exc).__name__}", trouble=True)
    return replace(read, kind="picture", note=shape, picture=picture)


def _decoded(data: bytes) -> Image:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        image.load()
        shown = image.convert("RGBA")
    shown.thumbnail(KEPT_PIXELS)
    white = Image.new("RGBA", shown.size, "white")  # plots are drawn for paper
    return Image.alpha_composite(white, shown).convert("RGB")


def _facts(file: io.BufferedReader, read: FileView, note: str, *, trouble: bool = False) -> FileView:
    """Size and digest of what cannot be shown."""
    digest = f"not computed: over {size(DIGEST_BYTES)}"
    if read.size <= DIGEST_BYTES:
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    lines = (f"size    {read.size:,} bytes", f"sha256  {digest}")
    return replace(read, kind="facts", lines=lines, note=note, trouble=trouble)

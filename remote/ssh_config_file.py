"""The lines of an OpenSSH client configuration, and the files that it includes. What they mean is remote.ssh_config's.

ssh_config(5): `keyword value`, `keyword=value`, arguments in quotes, a comment behind them; `Include` globs relative
to the folder of the file that was begun with. Arguments are split as OpenSSH's `argv_split` does.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import grp
import os
import pwd
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r'\s*"?([A-Za-z][A-Za-z0-9]*)"?(?:\s*=\s*|\s+|$)(.*)')
MAX_FILES = 100
MAX_DEPTH = 16
"""So deep may files include others, as in OpenSSH."""
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class ConfigLine:
    """One line that is neither empty nor a comment."""

    keyword: str
    """In small letters; '' for a line that has none."""
    name: str
    """As it is written there; the whole line if it has none."""
    text: str
    """All that stands behind the keyword."""
    words: tuple[str, ...]
    """Its arguments without quotes and without the comment behind them."""
    file: Path
    number: int
    closed: bool = True
    """False if a quote is not closed."""

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.number}"


def config_path() -> Path:
    """The person's own configuration, there or not."""
    return Path("~/.ssh/config").expanduser()


def system_path() -> Path:
    """The administrator's configuration for everybody on this laptop, there or not."""
    return Path("/etc/ssh/ssh_config")


def config_paths() -> tuple[Path, Path]:
    """Both, in their order: what the person's own says counts before the administrator's."""
    return config_path(), system_path()


def read_lines(path: Path, check: Callable[[Path, os.stat_result], None] | None = None) -> list[ConfigLine]:
    """Every line of one file that `check` lets pass. Raises `OSError`, also for one of over `MAX_BYTES`."""
    with path.open("rb") as file:
        if check is not None:
            check(path, os.fstat(file.fileno()))
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    lines = []
    for number, line in enumerate(content.decode("utf-8-sig", "replace").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.match(line)
        name, rest = (found[1], found[2].strip()) if found else ("", line.strip())
        words, closed = split_words(rest)
        lines.append(ConfigLine(name.lower(), name or rest, rest, words, path, number, closed))
    return lines


def split_words(text: str) -> tuple[tuple[str, ...], bool]:
    """The arguments up to a comment, and whether every quote is closed."""
    words: list[str] = []
    word, quote, inside, escaped = "", "", False, False
    for char, following in zip(text, [*text[1:], ""], strict=False):
        if escaped:
            word, escaped = word + char, False
        elif char == "\\" and (following in ("'", '"', "\\") or (following == " " and not quote)):
            inside = escaped = True
        elif quote:
            if char == quote:
                quote = ""
            else:
                word += char
        elif char in " \t\r":
            if inside:
                words.append(word)
            word, inside = "", False
        elif char == "#" and not inside:
            break
        elif char in "\"'":
            quote, inside = char, True
        else:
            word, inside = word + char, True
    if inside and not quote:
        words.append(word)
    return tuple(words), not quote


def included(line: ConfigLine, folder: Path) -> list[Path]:
    """The files of an `Include`; a relative pattern is below `folder`. As glob(3) has it, `*` is no hidden file."""
    found: list[Path] = []
    for pattern in line.words:
        with contextlib.suppress(ValueError, RuntimeError):
            names = glob.glob(str(Path(pattern).expanduser()), root_dir=folder)  # noqa: PTH207 (it takes hidden ones)
            found += (path for path in (folder / name for name in sorted(names)) if not path.is_dir())
    return found


def all_lines(path: Path, seen: set[Path], folder: Path | None = None) -> Iterator[ConfigLine]:
    """All lines, included files in their place, each once; `seen` gets the files. Never raises."""
    if path in seen or len(seen) >= MAX_FILES:
        return
    seen.add(path)
    try:
        lines = read_lines(path)
    except OSError:
        return
    for line in lines:
        if line.keyword == "include":
            for one in included(line, folder or path.parent):
                yield from all_lines(one, seen, folder or path.parent)
        else:
            yield line


def others_may_write(status: os.stat_result) -> bool:
    """Whether anybody else may; many systems give each user a group of the user's own, which is nobody else."""
    return bool(status.st_mode & 0o002) or (bool(status.st_mode & 0o020) and not _own_group(status.st_gid))


def _own_group(gid: int) -> bool:
    try:
        group, me = grp.getgrgid(gid), pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return False
    return group.gr_name == me and not set(group.gr_mem) - {me}

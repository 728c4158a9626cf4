"""`redact`: a filter between the work and its log that hides secrets which the work prints.

    work --(pipe)--> redact --> training.log

Only runs with secrets have one. A value is hidden as it is, each of its lines, and as it looks in base64, in an
address, in JSON. Short values (under `SHORTEST` characters) are left: they would be found in everything.
It ends when nobody can write to the pipe any more; TERM, INT and HUP do not hurt it.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import signal
from typing import Dict, Iterator, List
from urllib.parse import quote, quote_plus

from wire.codec import decode

SHORTEST = 8
"""A value, or a line of one, of fewer characters is not looked for."""

QUIET_S = 0.2
"""After this long without output what may be the begin of a value is written, if it tells next to nothing of it."""

TELLS_NOTHING = 3
"""So many bytes of a value may be written before it is clear whether the rest follows."""


def redact(argv: List[str]) -> int:
    """Copy standard input to standard output until its end; the secrets come as one line on descriptor `argv[0]`."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(int(argv[0]), "rb") as pipe:
        hiding = Hiding(decode(pipe.read()))
    while True:
        waits = 0 < len(hiding.held) <= TELLS_NOTHING
        if waits and not select.select([0], [], [], QUIET_S)[0]:
            _write(hiding.rest())
            continue
        data = os.read(0, 64 * 1024)
        _write(hiding.feed(data) if data else hiding.rest())
        if not data:
            return 0


def _write(data: bytes) -> None:
    """Write what can be written; a full disk loses the log, and never stops the work."""
    while data:
        try:
            data = data[os.write(1, data) :]
        except OSError:
            return


def needed(secrets: Dict[str, str]) -> bool:
    """True if there is anything to hide."""
    return any(len(value) >= SHORTEST for value in secrets.values())


class Hiding:
    """Replaces the values of secrets in a stream, also where they are cut into pieces."""

    def __init__(self, secrets: Dict[str, str]) -> None:
        self._names: Dict[bytes, bytes] = {}
        for name, value in secrets.items():
            for form in forms(value):
                self._names.setdefault(form, f"[{name} hidden]".encode("utf-8", "replace"))
        # The longest first: a value may be the begin of another one.
        ordered = sorted(self._names, key=len, reverse=True)
        self._any = re.compile(b"|".join(map(re.escape, ordered)) or rb"(?!)")
        self.held = b""
        """The end of what came, as far as it may be the begin of a value."""

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the stream and return what can be written."""
        whole = self.held + data
        out, at = [], 0
        for found in self._any.finditer(whole):
            out += [whole[at : found.start()], self._names[found[0]]]
            at = found.end()
        left = whole[at:]
        begin = len(left) - max((_overlap(left, form) for form in self._names), default=0)
        self.held = left[begin:]
        return b"".join([*out, left[:begin]])

    def rest(self) -> bytes:
        """Return what was held back: nothing followed."""
        held, self.held = self.held, b""
        return held


def _overlap(text: bytes, form: bytes) -> int:
    """Return how many bytes at the end of `text` are the begin, and not the whole, of `form`."""
    for begin in range(max(0, len(text) - len(form) + 1), len(text)):
        if form.startswith(text[begin:]):
            return len(text) - begin
    return 0


def forms(value: str) -> Iterator[bytes]:
    """Yield the ways in which a value appears in texts."""
    for part in dict.fromkeys([value, *value.splitlines()]):
        if len(part) < SHORTEST:
            continue
        raw = part.encode("utf-8", "surrogateescape")
        yield raw
        yield json.dumps(part)[1:-1].encode()
        yield json.dumps(part, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape")
        for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
            yield quoted.encode()
            yield re.sub("%..", lambda found: found[0].lower(), quoted).encode()
        for encoded in _base64(raw):
            yield encoded
            yield encoded.replace(b"+", b"-").replace(b"/", b"_")


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield the characters that stand for `raw` inside the base64 of anything that holds it: one for each offset."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        first = (offset * 8 + 5) // 6
        last = (offset + len(raw)) * 8 // 6
        yield encoded[first:last]

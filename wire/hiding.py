"""Hides the values of secrets in a stream of bytes: as they are, each of their lines, and as they look in base64, in an
address, in JSON. Short values (under `SHORTEST` characters) are left: they would be found in everything.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Dict, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""A value, or a line of one, of fewer characters is not looked for."""

TELLS_NOTHING = 3
"""So many bytes of a value may be written before it is clear whether the rest follows."""

_ANCHOR = 4
"""Fewer than the shortest form has: what is looked for first, as it is found fast."""


def needed(secrets: Dict[str, str]) -> bool:
    """True if there is anything to hide."""
    return any(len(value) >= SHORTEST for value in secrets.values())


class Hiding:
    """Replaces the values of secrets in a stream: the same, however the stream is cut into pieces."""

    def __init__(self, secrets: Dict[str, str]) -> None:
        names: Dict[bytes, bytes] = {}
        for name, value in secrets.items():
            for form in forms(value):
                names.setdefault(form, f"[{name} hidden]".encode("utf-8", "replace"))
        # The longest first: a value may be the begin of another one.
        self._names = dict(sorted(names.items(), key=lambda item: -len(item[0])))
        self._held = b""
        """The end of what came, as far as it may be the begin of a value."""
        self._told = 0
        """So many bytes of it are written already."""

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the stream and return what can be written."""
        return self._pass(self._held + data, ended=False)

    def rest(self) -> bytes:
        """Return what was held back: nothing follows."""
        return self._pass(self._held, ended=True)

    @property
    def waits(self) -> bool:
        """True if something is held back that tells next to nothing."""
        return self._told < len(self._held) <= TELLS_NOTHING

    def told(self) -> bytes:
        """Return what is held back, as nothing followed so far. It stays in mind: the rest of a value may follow."""
        told, self._told = self._told, len(self._held)
        return self._held[told:]

    def _pass(self, whole: bytes, ended: bool) -> bytes:
        # One look for each form is far faster than one expression of all: a key of many lines has hundreds of forms.
        present = re.compile(b"|".join(re.escape(form) for form in self._names if form in whole) or rb"(?!)")
        out, at = [], 0
        begin = len(whole) if ended else self._begin(whole, at)
        while True:
            found = present.search(whole, at)
            # A longer value may begin where the held part does.
            if found is None or found.start() >= begin:
                break
            out += [whole[max(at, self._told) : found.start()], self._names[found[0]]]
            at = found.end()
            if begin < at:
                begin = self._begin(whole, at)
        out.append(whole[max(at, self._told) : begin])
        self._held, self._told = whole[begin:], max(0, self._told - begin)
        return b"".join(out)

    def _begin(self, text: bytes, at: int) -> int:
        """Return where, from `at` on, the end of `text` is the begin, and not the whole, of a form."""
        return min((_overlap(text, at, form) for form in self._names), default=len(text))


def _overlap(text: bytes, at: int, form: bytes) -> int:
    """Return where the end of `text` begins that is the begin, and not the whole, of `form`."""
    begin = max(at, len(text) - len(form) + 1)
    while True:
        found = text.find(form[:_ANCHOR], begin)
        if found < 0:
            break
        if form.startswith(text[found:]):
            return found
        begin = found + 1
    last = range(max(begin, len(text) - _ANCHOR + 1), len(text))
    return next((place for place in last if form.startswith(text[place:])), len(text))


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

"""Names that reach a shell, an argument list or a folder, and which of them are refused.

Host and user names follow OpenSSH's own rules (ssh.c, valid_hostname and valid_ruser), the stricter of the two for
both: they reach `ProxyCommand %h %r`, which is a shell.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from remote.errors import UsageError

_FORBIDDEN = frozenset("'`\"$\\;&<>|(){},")
MAX_NAME_CHARS = 64
MAX_HOST_CHARS = 255
_SLUG_CHARS = 40
_SAFE = re.compile(r"[a-z0-9][a-z0-9._+-]*\Z")


def check_host_name(name: str, where: str) -> None:
    """Refuse an address or alias that OpenSSH would refuse. `where` names the entry in the profile."""
    _check(name, where, "address", MAX_HOST_CHARS)


def check_user_name(name: str, where: str) -> None:
    """Refuse an account name that OpenSSH would refuse."""
    _check(name, where, "user", MAX_NAME_CHARS)


def _check(name: str, where: str, what: str, limit: int) -> None:
    if not name:
        raise UsageError(f"{where}: the {what} is empty")
    if len(name) > limit:
        raise UsageError(f"{where}: the {what} is longer than {limit} characters")
    if name.startswith("-"):
        raise UsageError(f"{where}: the {what} {name!a} starts with '-', which ssh would take for an option")
    bad = next((char for char in name if char in _FORBIDDEN or char.isspace() or not char.isprintable()), None)
    if bad is not None:
        raise UsageError(f"{where}: the {what} {name!a} contains {bad!a}, which no host or user name may contain")


def check_name(name: str, what: str = "worker name") -> None:
    """Refuse a name of a worker, host entry or project that cannot be typed, shown and stored safely."""
    if not name:
        raise UsageError(f"a {what} is empty")
    problem = _problem(name)
    if problem:
        raise UsageError(
            f"{what} {name!a} {problem}",
            hint=f"use letters, digits, '.', '_', '+' and '-', starting with a letter or digit, e.g. {slug(name)}",
        )


def _problem(name: str) -> str:
    if len(name) > MAX_NAME_CHARS:
        return f"is longer than {MAX_NAME_CHARS} characters"
    if "/" in name or "\\" in name:
        return "contains a slash, so it could leave its folder"
    for char in name:
        if char.isspace():
            return "contains a space"
        if not char.isprintable():
            return f"contains the control character U+{ord(char):04X}"
        if not (char.isalnum() or char in "._+-" or unicodedata.category(char).startswith("M")):
            return f"contains {char!a}"
    if not name[0].isalnum():
        return f"starts with {name[0]!a}"
    return ""


def fold(name: str) -> str:
    """What two names share if a file system or a reader may take one for the other."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def slug(name: str) -> str:
    """A folder name for `name`: itself if that is safe everywhere, else its safe part and a short hash."""
    if _SAFE.match(name) and len(name) <= _SLUG_CHARS and not name.endswith((".", ".lock", ".git")):
        return name
    return hashed_slug(name)


def hashed_slug(name: str) -> str:
    """The safe part of `name` with a short hash of all of it: never one folder for two different names."""
    ascii_part = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").casefold()
    safe = re.sub(r"[^a-z0-9]+", "-", ascii_part).strip("-")[: _SLUG_CHARS - 8].strip("-")
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{safe or 'x'}-{digest}"


def unique_slugs(names: list[str], what: str = "worker") -> dict[str, str]:
    """One folder name each. Names that differ only by case or by Unicode form are refused."""
    taken: dict[str, str] = {}
    slugs: dict[str, str] = {}
    for name in names:
        for key in (fold(name), slug(name)):
            other = taken.setdefault(key, name)
            if other != name:
                raise UsageError(
                    f"{what}s {other!r} and {name!r} would share a folder on some systems",
                    hint="give them names that differ by more than case or accents' encoding",
                )
        slugs[name] = slug(name)
    return slugs

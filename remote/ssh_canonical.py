"""`CanonicalizeHostname` (ssh_config(5)): the full name of a host that is called by a short one."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable

from remote.clean import clean
from remote.errors import Unreachable
from remote.ssh_config_file import ConfigLine
from remote.ssh_match import one_of

First = Callable[[str], ConfigLine | None]
"""The line of a keyword that counts."""
_ON = ("yes", "true", "always")


def asks_for(first: First) -> bool:
    """Whether names are made full: then the configuration is read once more, for the full one."""
    return _word(first, "canonicalizehostname") in _ON


def full_name(name: str, first: First) -> str:
    """What `name` is called in full, itself if nothing else; blocking, it asks the name service.

    Raises `Unreachable` where no domain knows it and `CanonicalizeFallbackLocal no` forbids to go on.
    """
    name = name.lower()
    if _is_address(name) or not (_word(first, "canonicalizehostname") == "always" or _is_direct(first)):
        return name
    found = _in_domains(name, first)
    if not found and _word(first, "canonicalizefallbacklocal") in ("no", "false"):
        line = first("canonicalizefallbacklocal")
        raise Unreachable(
            f"{clean(name)} is in none of its CanonicalDomains, as the name service answers now",
            hint=f"is a VPN down? {line.place if line else ''} forbids the short name",
        )
    return found or _alias(name, name, first)


def _in_domains(name: str, first: First) -> str:
    """The name in the first domain that knows it; '' if none does, or if it has dots enough not to need any."""
    if name.endswith("."):
        return _alias(name, name.rstrip("."), first, known_only=True)
    dots = _word(first, "canonicalizemaxdots")
    if name.count(".") > (int(dots) if dots.isdigit() else 1):
        return name
    domains = first("canonicaldomains")
    tried = (_alias(f"{name}.{domain}.", f"{name}.{domain}".lower(), first, known_only=True)
             for domain in (domains.words if domains else ()) if domain.lower() != "none")  # fmt: skip
    return next(filter(None, tried), "")


def _alias(asked: str, name: str, first: First, *, known_only: bool = False) -> str:
    """`name`, or what the name service has it stand for, if `CanonicalizePermittedCNAMEs` lets it."""
    permitted = first("canonicalizepermittedcnames")
    rules = [word.split(":") for word in permitted.words if word.count(":") == 1] if permitted else []
    if not rules and not known_only:
        return name
    try:
        stands_for = socket.getaddrinfo(asked, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)[0][3]
    except (OSError, UnicodeError):
        return "" if known_only else name
    stands_for = stands_for.rstrip(".").lower()
    allowed = any(one_of(source.split(","), name) and one_of(target.split(","), stands_for) for source, target in rules)
    return stands_for if stands_for and allowed else name


def _is_direct(first: First) -> bool:
    """Whether it is this laptop that asks for the address, and no proxy."""
    return all(_word(first, keyword) in ("", "none") for keyword in ("proxycommand", "proxyjump"))


def _is_address(name: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False


def _word(first: First, keyword: str) -> str:
    line = first(keyword)
    return line.words[0].lower() if line and line.words else ""

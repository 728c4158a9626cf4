"""What `Match localnetwork` and `Match version` ask of this laptop: programs that every system has know it."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess

ASK_TIMEOUT_S = 5.0
_ADDRESS = re.compile(r"\binet6? (?:addr: ?)?([0-9A-Fa-f:.]+)")
_PROGRAMS = (("ip", "-o", "addr", "show", "up"), ("ifconfig", "-u"), ("ifconfig",))
"""iproute2; the BSDs and macOS; an old Linux. All of them print `inet ADDRESS`."""


def in_networks(networks: str) -> bool | None:
    """Whether an address of this laptop is in one of the networks (CIDR, by commas); None if its own are not known.

    Raises ValueError for what is no network.
    """
    nets = [ipaddress.ip_network(word) for word in networks.split(",")]
    addresses = own_addresses()
    return any(address in net for address in addresses for net in nets) if addresses else None


def own_addresses() -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses of all interfaces that are up."""
    for command in _PROGRAMS:
        if found := _ADDRESS.findall(_said(*command)):
            return [ipaddress.ip_address(text) for text in found]
    return []


def ssh_version() -> str:
    """What ssh(1) calls itself, as `OpenSSH_10.0p2 Debian-7`; '' where there is none."""
    return _said("ssh", "-V").partition(",")[0].strip()


def _said(name: str, *arguments: str) -> str:
    """What a program says, '' if it is not there, fails or takes too long."""
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))
    if path is None:
        return ""
    try:
        done = subprocess.run(
            [path, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=ASK_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""

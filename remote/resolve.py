"""From a host's entry to where it leads: ~/.ssh/config read, names checked, keys found, the way to it known."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import asyncssh

from remote import ssh_config
from remote.clean import clean
from remote.ec2_address import located
from remote.errors import ConfigError
from remote.identities import Identities, agent_path, of_config, of_profile
from remote.names import check_host_name, check_user_name
from remote.profiles import Host
from remote.ssh_config import Config
from remote.ssh_match import Facts
from remote.ssh_options import CONNECT_TIMEOUT_S
from remote.target import Jump, Target

HOPS_MAX = 8
_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?P<name>\[[^\]]+\]|[^:\[\]]+)(?::(?P<port>\d{1,5}))?/?")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


async def resolve(host: Host) -> Target:
    """Where the entry leads to. Raises `UsageError` (a name), `ConfigError` or `AuthenticationFailed` (a key file).

    Of an EC2 host also what `remote.ec2_address.located` raises.
    """
    return await asyncio.to_thread(_resolve, await located(host))


async def route_to(host: Host) -> tuple[Target, ...]:
    """Every host on the way, the host itself last. Of hosts on the way only the first one's own ProxyJump counts."""
    route = [await resolve(host)]
    while route[0].jumps:
        ahead = [await resolve(_entry(jump)) for jump in route[0].jumps]
        names = [target.host.name for target in (*ahead, *route)]
        if len(set(names)) < len(names) or len(ahead) + len(route) > HOPS_MAX + 1:
            line = route[0].config.first("proxyjump")
            what = "goes round" if len(set(names)) < len(names) else f"has over {HOPS_MAX} hosts"
            raise ConfigError(
                f"the way to {host.name} {what}: {clean(' -> '.join(names))}",
                file=str(line.file) if line else "", line=line.number if line else 0,
                hint="give the hosts on the way `ProxyJump none`",
            )  # fmt: skip
        route[:0] = ahead
    return tuple(route)


def address_of(host: Host) -> dict[str, object]:
    """The keyword arguments of asyncssh that say which host and whose account."""
    place: dict[str, object] = {"host": host.alias or host.address}
    if host.port:
        place["port"] = host.port
    if host.user:
        place["username"] = host.user
    return place


def _entry(jump: Jump) -> Host:
    return Host(name=jump.name, alias=jump.name, user=jump.user, port=jump.port)


def _resolve(host: Host) -> Target:
    name = host.alias or host.address
    check_host_name(name, host.name)
    if host.user:
        check_user_name(host.user, host.name)
    config = ssh_config.read(name, host.user, host.port)
    with config.handed_on() as files:
        try:
            options = asyncssh.SSHClientConnectionOptions(
                **address_of(host), config=files, client_keys=None, agent_path=None, known_hosts=None
            )
        except (ValueError, OSError) as exc:
            raise config.error(host.name, exc) from exc
    address, port, user = str(options.host), int(options.port), str(options.username)
    check_host_name(address, host.name)
    proxy = config.first("proxyjump", "proxycommand")
    return Target(
        host=host,
        address=address,
        port=port,
        user=user,
        record_name=str(host.key_name or options.host_key_alias or address),
        identities=_identities(host, options.config),
        config=config,
        jumps=_jumps(config, name) if proxy and proxy.keyword == "proxyjump" else (),
        proxy_command=_command(config, Facts(name, user, port, address), host) if proxy else "",
        timeout_s=_timeout(config),
    )


def _identities(host: Host, options: Any) -> Identities:
    """`options`: asyncssh's reading of the configuration, tokens expanded."""
    agent = agent_path(options.get("IdentityAgent", ""))
    if host.identity:
        return of_profile(Path(host.identity).expanduser(), host.name, agent)
    named, certificates = options.get("IdentityFile", []), options.get("CertificateFile", [])
    return of_config(named, certificates, agent, only=bool(options.get("IdentitiesOnly")))


def _jumps(config: Config, name: str) -> tuple[Jump, ...]:
    """`[user@]host[:port]`, several by commas. A host does not jump over itself: `Host *` names it for all others."""
    line = config.first("proxyjump")
    if line is None or line.words[0].lower() == "none":
        return ()
    jumps = []
    for word in line.words[0].split(","):
        found = _JUMP.fullmatch(word.strip())
        if found is None:
            raise ConfigError(f"ProxyJump names {clean(word)!r}, which is no [user@]host[:port]",
                              file=str(line.file), line=line.number)  # fmt: skip
        jump = Jump(found["name"].strip("[]"), found["user"] or "", int(found["port"] or 0))
        check_host_name(jump.name, line.place)
        if jump.user:
            check_user_name(jump.user, line.place)
        jumps.append(jump)
    return () if [jump.name for jump in jumps] == [name] else tuple(jumps)


def _command(config: Config, facts: Facts, host: Host) -> str:
    line = config.first("proxycommand", "proxyjump")
    if line is None or line.keyword != "proxycommand" or line.text.lower() == "none":
        return ""
    if "%r" in line.text:
        check_user_name(facts.user, host.name)  # it reaches a shell
    return facts.expanded(line.text)


def _timeout(config: Config) -> float:
    """`ConnectTimeout`, as seconds or with a unit."""
    line = config.first("connecttimeout")
    found = re.fullmatch(r"(\d{1,5})([smhSMH]?)", line.words[0]) if line else None
    seconds = int(found[1]) * _SECONDS[found[2].lower()] if found else 0
    return float(seconds or CONNECT_TIMEOUT_S)

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
from remote.ssh_config import Config, wrong
from remote.ssh_config_file import ConfigLine
from remote.ssh_match import Facts
from remote.ssh_options import CONNECT_TIMEOUT_S
from remote.target import Jump, Target

HOPS_MAX = 8
_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?P<name>\[[^\]]+\]|[^:\[\]]+)(?::(?P<port>\d{1,5}))?/?")
_TIME = re.compile(r"(?:\d{1,7}[smhdw])*\d{0,7}", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


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
    config = ssh_config.read(name, host.user, host.port)
    try:
        options = _options(host, config)
    except (ValueError, OSError) as exc:
        raise _refused(host, config) from exc
    address, port, user = str(options.host).lower(), int(options.port), str(options.username)
    check_host_name(address, line.place if (line := config.first("hostname")) else host.name)
    if (line := config.first("port")) and not 0 < port <= 65535:
        raise wrong(line, f"{host.name}: {port} is not a port")
    proxy, facts = _proxy(config), Facts(name, user, port, address)
    return Target(
        host=host,
        address=address,
        port=port,
        user=user,
        record_name=str(host.key_name or options.host_key_alias or address).lower(),
        identities=_identities(host, options.config),
        config=config,
        jumps=_jumps(proxy, facts) if proxy and proxy.keyword == "proxyjump" else (),
        proxy_command=_command(proxy, facts) if proxy and proxy.keyword == "proxycommand" else "",
        timeout_s=_timeout(config),
    )


def _options(host: Host, config: Config) -> asyncssh.SSHClientConnectionOptions:
    """asyncssh's reading of the configuration; it raises ValueError and OSError."""
    with config.handed_on() as files:
        return asyncssh.SSHClientConnectionOptions(
            **address_of(host), config=files, client_keys=None, agent_path=None, known_hosts=None
        )


def _refused(host: Host, config: Config) -> ConfigError:
    """asyncssh seldom says which line it cannot take: it is one that it does not take alone either."""
    for line in (None, *config.lines):
        try:
            _options(host, Config((line,) if line else ()))
        except (ValueError, OSError) as exc:
            why = f"{host.name}: {clean(str(exc).rpartition(' line 1: ')[2])}"
            return wrong(line, why) if line else ConfigError(why)
    return ConfigError(f"{host.name}: its lines of ~/.ssh/config contradict each other", hint="compare with `ssh -G`")


def _identities(host: Host, options: Any) -> Identities:
    """`options`: asyncssh's reading of the configuration, tokens expanded."""
    agent = agent_path(options.get("IdentityAgent", ""))
    if host.identity:
        return of_profile(Path(host.identity).expanduser(), host.name, agent)
    named, certificates = options.get("IdentityFile"), options.get("CertificateFile", [])
    return of_config(named, certificates, agent, only=bool(options.get("IdentitiesOnly")))


def _proxy(config: Config) -> ConfigLine | None:
    """The line that leads to the host by a way, None if it is dialled straight on. Behind `ProxyJump none` a
    ProxyCommand counts, as in ssh, but not the other way round."""
    line = config.first("proxyjump", "proxycommand")
    if line is not None and line.keyword == "proxyjump" and line.words[0].lower() == "none":
        line = config.first("proxycommand")
    return None if line is None or line.text.lower() == "none" else line


def _jumps(line: ConfigLine, facts: Facts) -> tuple[Jump, ...]:
    """`[user@]host[:port]`, several by commas. A host does not jump over itself: `Host *` names it for all others."""
    jumps = []
    for word in facts.expanded(line.words[0]).split(","):
        found = _JUMP.fullmatch(word.strip())
        port = int(found["port"] or 0) if found else 0
        if found is None or port > 65535:
            raise wrong(line, f"ProxyJump names {clean(word)!r}, which is no [user@]host[:port]")
        jump = Jump(found["name"].strip("[]"), found["user"] or "", port)
        check_host_name(jump.name, line.place)
        if jump.user:
            check_user_name(jump.user, line.place)
        jumps.append(jump)
    return () if [jump.name for jump in jumps] == [facts.original] else tuple(jumps)


def _command(line: ConfigLine, facts: Facts) -> str:
    if "%r" in line.text:
        check_user_name(facts.user, line.place)  # it reaches a shell
    return facts.expanded(line.text)


def _timeout(config: Config) -> float:
    """`ConnectTimeout` as ssh takes it: `90`, `2m`, `1m30s`; as long as ours where it says `none` or nothing."""
    line = config.first("connecttimeout")
    if line is None or line.words[0].lower() == "none":
        return CONNECT_TIMEOUT_S
    if not _TIME.fullmatch(line.words[0]):
        raise wrong(line, f"{clean(line.words[0])!r} is no time; `30`, `2m` and `1m30s` are")
    seconds = sum(int(number) * _SECONDS[unit.lower()] for number, unit in re.findall(r"(\d+)(\D?)", line.words[0]))
    return float(seconds or CONNECT_TIMEOUT_S)

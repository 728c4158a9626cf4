"""The user's own hosts.yaml: machines that belong to a person, not to a project's repository."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from remote.errors import ConfigError, UsageError
from remote.folders import config_folder, open_private, private_folder
from remote.names import check_host_name, check_name, check_user_name
from remote.private_keys import check_identity

_TARGET = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<address>\[[^\]]*\]|[^:@]+)(?::(?P<port>[0-9]{1,5}))?\Z")


def hosts_file() -> Path:
    """Where it is; it need not exist."""
    return config_folder() / "hosts.yaml"


def parse_target(text: str) -> tuple[str, str, int]:
    """`user@address:port` (IPv6 in brackets) as (user, address, port); '' and 0 for what is not said."""
    match = _TARGET.match(text)
    if match is None and text.count(":") > 1 and "@" not in text:
        return "", text, 0
    if match is None:
        raise UsageError(f"{text!a} is not user@address[:port]", hint="for example ubuntu@203.0.113.7")
    port = int(match["port"] or 0)
    _check_port(port)
    return match["user"] or "", match["address"].strip("[]"), port


def add_host(name: str, address: str, user: str = "", port: int = 0, identity: str = "") -> Path:
    """Write or replace one host in the user's file, and return the file. Everything else in it stays, comments too.

    Raises `UsageError` for a bad name, address, user or key file, and `ConfigError` for a file that cannot be read.
    """
    check_name(name, "host name")
    check_host_name(address, name)
    if user:
        check_user_name(user, name)
    _check_port(port)
    if identity:
        identity = str(Path(identity).expanduser().absolute())
        if not identity.isprintable():
            raise UsageError(f"{name}: the path of the key {identity!a} has characters that no screen shows")
        check_identity(Path(identity), name)
    fields: dict[str, str | int] = {"address": address, "user": user, "port": port, "identity": identity}
    entry = ", ".join(f"{key}: {_quoted(value)}" for key, value in fields.items() if value)
    _check_readable()
    text = _with_entry(_present(), name, f"  {_quoted(name)}: {{{entry}}}\n")
    _replace(hosts_file(), text)
    return hosts_file()


def _check_port(port: int) -> None:
    if not 0 <= port <= 65535:
        raise UsageError(f"{port} is not a port", hint="ports go from 1 to 65535")


def _quoted(value: str | int) -> str:
    """A scalar that is this text in YAML, whatever it contains."""
    if isinstance(value, int) or re.fullmatch(r"[A-Za-z/~_][A-Za-z0-9./_~@+-]*", value):
        plain = str(value)
        return plain if plain.lower() not in ("true", "false", "null", "~") else f'"{plain}"'
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _present() -> str:
    try:
        return hosts_file().read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _check_readable() -> None:
    from remote.profile_reader import read_user_hosts

    read_user_hosts()


def _with_entry(text: str, name: str, entry: str) -> str:
    """`text` with the entry under `hosts:`, in place of one of that name."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    top = next((number for number, line in enumerate(lines) if re.match(r"hosts:\s*(#.*)?$", line.rstrip())), None)
    if top is None:
        if any(line.strip() and not line.lstrip().startswith("#") for line in lines):
            raise ConfigError(
                "`hosts:` is not written as a block", file=str(hosts_file()), hint="add the host to it by hand"
            )
        return "".join(lines) + "hosts:\n" + entry
    start, end = _block(lines, top, name)
    return "".join([*lines[:start], entry, *lines[end:]])


def _block(lines: list[str], top: int, name: str) -> tuple[int, int]:
    """First line and end of a host's present entry; an empty range after `hosts:` if there is none."""
    key = re.compile(rf"  (?:{re.escape(name)}|{re.escape(_quoted(name))}|'{re.escape(name)}')\s*:")
    for number in range(top + 1, len(lines)):
        if key.match(lines[number]):
            end = number + 1
            while end < len(lines) and (lines[end].startswith("   ") and lines[end].strip()):
                end += 1
            return number, end
    return top + 1, top + 1


def _replace(path: Path, text: str) -> None:
    private_folder(path.parent)
    temporary = path.with_name(f".tmp-{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    with os.fdopen(open_private(temporary, os.O_WRONLY | os.O_EXCL), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)

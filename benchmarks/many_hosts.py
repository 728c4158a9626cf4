"""Many hosts on this machine: SSH servers in a process of their own, each with a tree of runs that beat."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import asyncssh

from benchmarks.beating_host import BeatingHost
from benchmarks.wire_tap import WireTap
from remote.hostkeys import KnownHosts
from remote.profiles import Host, Profile, load_profile
from tests.fixtures.ssh import local_environment

USER = "local"


@dataclass(frozen=True)
class Farm:
    """All hosts, what is known of each, and the counter of what passes."""

    profile: Profile
    taps: tuple[WireTap, ...]
    identity: Path
    known: Path
    server_pid: int

    @property
    def hosts(self) -> dict[str, Host]:
        """The profile's, without this machine itself."""
        return {name: host for name, host in self.profile.hosts.items() if host.kind != "embedded"}

    @property
    def bytes_passed(self) -> int:
        return sum(tap.bytes_passed for tap in self.taps)


def _serve(folder: Path, count: int, pipe: Pipe) -> None:
    """Serve `count` hosts until killed; send their ports and public host keys, and the private key that opens them."""
    from remote.embedded import EmbeddedServer

    async def serve() -> None:
        servers = [EmbeddedServer(local_environment(folder)) for _ in range(count)]
        for server in servers:
            server.client_key = servers[0].client_key
        ports = [await server.listen() for server in servers]
        keys = [server.host_key.export_public_key("openssh").decode() for server in servers]
        pipe.send((ports, keys, servers[0].client_key.export_private_key("openssh").decode()))
        await asyncio.Event().wait()

    asyncio.run(serve())


def profile_of(folder: Path, ports: list[int], identity: Path, workers: int, **more: object) -> Profile:
    """`workers` in turn on hosts h00, h01, ...; `more` of a profile."""
    hosts = {
        f"h{number:02d}": {
            "address": "127.0.0.1", "port": port, "user": USER, "identity": str(identity),
            "root": str(folder / f"far{number:02d}"), "python": sys.executable,
        }
        for number, port in enumerate(ports)
    }  # fmt: skip
    names = list(hosts)
    data = {
        **more,
        "project": "bench",
        "hosts": hosts,
        "workers": {
            f"w{number:03d}": {"branch": f"exp/{number}", "command": ["true"], "host": names[number % len(names)]}
            for number in range(workers)
        },
    }
    path = folder / "profiles.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return load_profile(path)


@contextlib.contextmanager
def farm(folder: Path, hosts: int, workers: int, interval_s: float, *, works: bool = False) -> Iterator[Farm]:
    """Hosts with beating runs, behind taps that count bytes; HOME of this process moves into `folder`.

    Results of runs that work are only due at a checkpoint: time that is played faster says nothing of an interval.
    """
    os.environ["HOME"], os.environ["TRAJVID_CONFIG_DIR"] = str(folder), str(folder / "config")
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, hosts, theirs), daemon=True)
    process.start()
    ports, keys, private = mine.recv()
    identity, known = folder / "key", folder / "known"
    identity.touch(mode=0o600)
    identity.write_text(private, encoding="ascii")
    taps = tuple(WireTap(port) for port in ports)
    more = {"sync": {"interval_s": 24 * 3600}} if works else {}
    profile = profile_of(folder, [tap.port for tap in taps], identity, workers, **more)
    for tap, key in zip(taps, keys, strict=True):
        KnownHosts.default().add("127.0.0.1", tap.port, asyncssh.import_public_key(key))
    known.write_text("".join(f"[127.0.0.1]:{tap.port} {key}" for tap, key in zip(taps, keys, strict=True)))
    workers_of = {name: [one.slug for one in profile.workers.values() if one.host == name] for name in profile.hosts}
    beating = [
        BeatingHost(Path(profile.hosts[name].root), profile.project_id, slugs, interval_s, works=works)
        for name, slugs in workers_of.items()
        if slugs
    ]
    try:
        yield Farm(profile, taps, identity, known, process.pid or 0)
    finally:
        for one in beating:
            one.close()
        for tap in taps:
            tap.close()
        process.terminate()
        process.join()

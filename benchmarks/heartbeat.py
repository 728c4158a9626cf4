"""From a beat on the host to the row on the laptop: latency, CPU and bytes, against a ControlMaster loop.

Theirs is what people do today: one OpenSSH master connection and, every two seconds, `ssh ... cat` of each worker's
heartbeat. A second baseline is kinder than anything that we saw in use: one `ssh` that cats all of them at once. Ours
is the fleet with its follower. All watch the same beating runs on the same real sshd in the same run, one after the
other; bytes are counted on the TCP connection, both directions, encryption included. CPU is that of the laptop's
processes once connected (start-up is another benchmark).
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.beating_host import BeatingHost
from benchmarks.report import Row, arguments, lower_is_better, percentile, show
from benchmarks.wire_tap import WireTap
from remote.fleet import Fleet
from remote.profiles import Profile, load_profile
from remote.snapshot import Link, RunSnapshot
from tests.fixtures.ssh import Sshd, sshd_running, trust

LOOP_S = 2.0


@dataclass(frozen=True)
class Seen:
    """What one way of watching cost."""

    latencies_s: Sequence[float]
    cpu_s: float
    bytes: int


def profile_of(folder: Path, server: Sshd, port: int, workers: int) -> Profile:
    host = {"address": "127.0.0.1", "port": port, "user": server.host.user, "identity": server.host.identity}
    data = {
        "project": "bench",
        "hosts": {"far": {**host, "root": str(folder / "far"), "python": sys.executable}},
        "defaults": {"host": "far"},
        "workers": {f"w{number:03d}": {"branch": f"exp/{number}", "command": ["true"]} for number in range(workers)},
    }
    path = folder / "profiles.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return load_profile(path)


async def ours(profile: Profile, hosts: Collection[str], bytes_passed: Callable[[], int], seconds: float) -> Seen:
    """The fleet on these hosts of a profile, from two seconds after all are live on."""
    latencies: list[float] = []
    newest: dict[str, int] = {}

    def changed(snapshot: RunSnapshot) -> None:
        beat = snapshot.beat
        if beat is not None and newest.get(snapshot.worker) != beat.seq:
            newest[snapshot.worker] = beat.seq
            latencies.append(time.time() - beat.at_s)

    fleet = Fleet(profile)
    fleet.subscribe(changed)
    await fleet.start(sync=False)
    await fleet.settled(hosts)
    assert {link.link for link in fleet.links().values()} == {Link.LIVE}, fleet.links()
    await asyncio.sleep(2)
    latencies.clear()
    cpu, passed = time.process_time(), bytes_passed()
    await asyncio.sleep(seconds)
    seen = Seen(tuple(latencies), time.process_time() - cpu, bytes_passed() - passed)
    await fleet.close()
    return seen


def cpu_of(pid: int) -> float:
    """User and system seconds of a process so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def theirs(folder: Path, server: Sshd, tap: WireTap, commands: list[str], seconds: float) -> Seen:
    """Run every command by `ssh` over one master connection, then wait two seconds, again and again."""
    options = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder / 'known'}"]
    options += ["-o", f"ControlPath={folder / 'master'}", "-o", "LogLevel=ERROR", "-i", server.host.identity]
    target = ["-p", str(tap.port), f"{server.host.user}@127.0.0.1"]
    master = subprocess.Popen(["ssh", "-M", "-N", *options, *target])
    while not (folder / "master").exists():
        time.sleep(0.05)
    latencies: list[float] = []
    newest: dict[str, int] = {}

    def children() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def look() -> None:
        for command in commands:
            out = subprocess.run(["ssh", *options, *target, command], check=True, capture_output=True).stdout
            now = time.time()
            for number, line in enumerate(out.splitlines()):
                beat, key = json.loads(line), f"{command} {number}"
                if newest.get(key) != beat["seq"]:
                    newest[key] = beat["seq"]
                    latencies.append(now - beat["at_s"])

    look()
    latencies.clear()
    cpu, passed = children() + cpu_of(master.pid) + time.process_time(), tap.bytes_passed
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(LOOP_S)
        look()
    cost = children() + cpu_of(master.pid) + time.process_time() - cpu
    seen = Seen(tuple(latencies), cost, tap.bytes_passed - passed)
    master.terminate()
    master.wait()
    (folder / "master").unlink(missing_ok=True)
    return seen


def rows_of(name: str, us: Seen, them: Seen, seconds: float, targets: tuple[float, float, float]) -> list[Row]:
    """Latency, CPU and bytes of one comparison."""
    ours_ms, theirs_ms = (percentile(seen.latencies_s, 0.5) * 1e3 for seen in (us, them))
    ours_cpu, theirs_cpu = (seen.cpu_s / seconds * 100 for seen in (us, them))
    ours_bytes, theirs_bytes = (seen.bytes / seconds for seen in (us, them))
    return [
        lower_is_better(f"{name}: beat to row, p50", ours_ms, theirs_ms, target=targets[0], unit="ms"),
        lower_is_better(f"{name}: laptop CPU", ours_cpu, theirs_cpu, target=targets[1], unit="% of a core"),
        lower_is_better(f"{name}: bytes on the wire", ours_bytes, theirs_bytes, target=targets[2], unit="B/s"),
    ]


def compare(workers: int, seconds: float, interval_s: float) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="tv-") as name:
        folder = Path(name)
        os.environ["HOME"], os.environ["TRAJVID_CONFIG_DIR"] = name, str(folder / "config")
        with sshd_running(folder / "sshd", folder) as server:
            tap = WireTap(server.host.port)
            profile = profile_of(folder, server, tap.port, workers)
            slugs = [worker.slug for worker in profile.workers.values()]
            host = BeatingHost(folder / "far", profile.project_id, slugs, interval_s)
            trust(replace(server.host, port=tap.port), folder / "sshd" / "host_key.pub")
            one_each = [f"cat {folder}/heartbeat.json" for folder in host.folders]
            try:
                us = asyncio.run(ours(profile, ["far"], lambda: tap.bytes_passed, seconds))
                them = theirs(folder, server, tap, one_each, seconds)
                kind = theirs(folder, server, tap, [f"cat {host.root.path}/runs/*/*/*/heartbeat.json"], seconds)
            finally:
                host.close()
                tap.close()
    many = workers >= 50
    return [
        *rows_of(f"{workers} workers, an ssh each", us, them, seconds, (20, 30, 12) if many else (20, 6, 3)),
        *rows_of(f"{workers} workers, one ssh for all", us, kind, seconds, (20, 1, 1)),
    ]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each measurement")
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between the beats of one worker")
    chosen = parser.parse_args()
    rows = [row for workers in chosen.workers for row in compare(workers, chosen.seconds, chosen.interval)]
    show("Heartbeat on the host to the row on the laptop", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

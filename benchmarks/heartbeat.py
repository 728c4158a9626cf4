"""From a beat on the host to the row on the laptop: latency, CPU and bytes, against a ControlMaster loop.

Theirs is what people do today: one OpenSSH master connection and, every two seconds, `ssh ... cat` of each worker's
heartbeat. A second baseline is kinder than anything that we saw in use: one `ssh` that cats all of them at once. Ours
is the fleet with its follower. All watch the same beating runs on the same real sshd in the same run, one after the
other; bytes are counted on the TCP connection, both directions, encryption included. CPU and wake-ups (how often a
process that slept went on) are those of the laptop's processes once connected (start-up is another benchmark).

What a wake-up costs is the machine's affair: on a processor that nobody else uses caches are cold and clocks are low.
`--busy` has every processor used by somebody else meanwhile, with the lowest priority, as on a laptop in use.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.beating_host import BeatingHost
from benchmarks.busy import busy
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
    cost: Cost
    bytes: int


@dataclass(frozen=True)
class Cost:
    """What processes used of the machine."""

    cpu_s: float
    wakes: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.cpu_s - other.cpu_s, self.wakes - other.wakes)

    def __mul__(self, factor: float) -> Cost:
        return Cost(self.cpu_s * factor, self.wakes * factor)


def cost_so_far(pids: Iterable[int] = ()) -> Cost:
    """Of this process, of its children that ended, and of the processes named (proc(5), fields 14 and 15; status)."""
    cpu_s, wakes = 0.0, 0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        cpu_s, wakes = cpu_s + usage.ru_utime + usage.ru_stime, wakes + usage.ru_nvcsw
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu_s += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        wakes += next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
    return Cost(cpu_s, wakes)


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
    before, passed = cost_so_far(), bytes_passed()
    await asyncio.sleep(seconds)
    seen = Seen(tuple(latencies), cost_so_far() - before, bytes_passed() - passed)
    await fleet.close()
    return seen


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
    before, passed = cost_so_far([master.pid]), tap.bytes_passed
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(LOOP_S)
        look()
    seen = Seen(tuple(latencies), cost_so_far([master.pid]) - before, tap.bytes_passed - passed)
    master.kill()  # TERM may come while it is at work, and is forgotten then
    master.wait()
    (folder / "master").unlink(missing_ok=True)
    return seen


def rows_of(name: str, us: Seen, them: Seen, seconds: float, targets: tuple[float, float, float, float]) -> list[Row]:
    """Latency, CPU, bytes and wake-ups of one comparison, with the target of each."""
    ours_ms, theirs_ms = (percentile(seen.latencies_s, 0.5) * 1e3 for seen in (us, them))
    ours_cpu, theirs_cpu = (seen.cost.cpu_s / seconds * 100 for seen in (us, them))
    ours_wakes, theirs_wakes = (seen.cost.wakes / seconds for seen in (us, them))
    ours_bytes, theirs_bytes = (seen.bytes / seconds for seen in (us, them))
    return [
        lower_is_better(f"{name}: beat to row, p50", ours_ms, theirs_ms, target=targets[0], unit="ms"),
        lower_is_better(f"{name}: laptop CPU", ours_cpu, theirs_cpu, target=targets[1], unit="% of a core"),
        lower_is_better(f"{name}: bytes on the wire", ours_bytes, theirs_bytes, target=targets[2], unit="B/s"),
        lower_is_better(f"{name}: wake-ups", ours_wakes, theirs_wakes, target=targets[3], unit="/s"),
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
        *rows_of(f"{workers} workers, an ssh each", us, them, seconds, (20, 30, 12, 10) if many else (20, 6, 3, 6)),
        *rows_of(f"{workers} workers, one ssh for all", us, kind, seconds, (20, 1, 1, 1)),
    ]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each measurement")
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between the beats of one worker")
    parser.add_argument("--busy", action="store_true", help="with processors that others use, too")
    chosen = parser.parse_args()
    with busy() if chosen.busy else contextlib.nullcontext():
        rows = [row for workers in chosen.workers for row in compare(workers, chosen.seconds, chosen.interval)]
    show("Heartbeat on the host to the row on the laptop", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

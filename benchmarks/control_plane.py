"""The control plane at its sizes: workers x hosts, from a beat to the row, against what people do today, in one run.

Theirs is (a) one OpenSSH master connection a host and, every two seconds, `ssh ... cat` of each worker's heartbeat,
and (b) every two seconds a plain `rsync -a -e ssh` of each host's heartbeats, which logs in each time. Ours is the
fleet, one follower a host. All watch the same beating runs, one after the other, on SSH servers of the embedded kind in
a process of their own; bytes are counted on the TCP connections, both ways; CPU and wake-ups are those of the laptop's
processes once connected (`benchmarks.heartbeat` says what `--busy` is for).

Then: how soon a host that fell silent is noticed, with and without a wake of the laptop; and whether the app stays as
it is over an hour that is played faster (`benchmarks.hour`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks import hour
from benchmarks.beating_host import BEAT_S
from benchmarks.busy import busy
from benchmarks.heartbeat import LOOP_S, Seen, cost_so_far, ours, rows_of
from benchmarks.many_hosts import USER, Farm, farm
from benchmarks.report import Row, arguments, lower_is_better, show
from remote.fleet import Fleet
from remote.snapshot import Link
from wire.run_dir import Root

NOTICED_S, WOKEN_S = 15.0, 4.0
"""How soon a dead host must be noticed, and after a wake."""


@dataclass(frozen=True)
class Look:
    """One command of a loop, and the heartbeats that it brought."""

    argv: Sequence[str]
    beats: Callable[[bytes], Sequence[bytes]]


def ssh(beats: Farm, folder: Path, host: str) -> list[str]:
    """`ssh` to a host, over its master if there is one."""
    found = beats.hosts[host]
    options = ["-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={beats.known}"]
    options += ["-o", f"ControlPath={folder / host}", "-o", "IdentitiesOnly=yes", "-i", str(beats.identity)]
    return ["ssh", *options, "-o", "LogLevel=ERROR", "-p", str(found.port), "-l", USER]


def cats(beats: Farm, folder: Path) -> list[Look]:
    project = beats.profile.project_id
    looks = []
    for worker in beats.profile.workers.values():
        root = Root(beats.hosts[worker.host].root)
        command = f"cat {root.worker(project, worker.slug)}/*/heartbeat.json"
        looks.append(Look([*ssh(beats, folder, worker.host), "127.0.0.1", command], bytes.splitlines))
    return looks


def rsyncs(beats: Farm, folder: Path) -> list[Look]:
    """Without a master: another folder, in which there is none."""
    looks = []
    for name, host in beats.hosts.items():
        local = folder / "rsync" / name
        local.mkdir(parents=True)

        def read(out: bytes, local: Path = local) -> list[bytes]:
            return [path.read_bytes() for path in sorted(local.rglob("heartbeat.json"))]

        shell = shlex.join(ssh(beats, folder / "none", name))
        only = ["--include=*/", "--include=heartbeat.json", "--exclude=*"]
        looks.append(Look(["rsync", "-a", "-e", shell, *only, f"127.0.0.1:{host.root}/runs/", f"{local}/"], read))
    return looks


def theirs(beats: Farm, looks: Sequence[Look], masters: Sequence[subprocess.Popen[bytes]], seconds: float) -> Seen:
    """Run every look, then wait two seconds, again and again; at least twice."""
    latencies: list[float] = []
    newest: dict[str, float] = {}

    def look() -> None:
        for number, one in enumerate(looks):
            out = subprocess.run(one.argv, check=True, capture_output=True).stdout
            now = time.time()
            for line, beat in enumerate(map(json.loads, one.beats(out))):
                if newest.get(f"{number} {line}") != beat["at_s"]:
                    newest[f"{number} {line}"] = beat["at_s"]
                    latencies.append(now - beat["at_s"])

    look()
    latencies.clear()
    pids = [master.pid for master in masters]
    before, passed, begun, turns = cost_so_far(pids), beats.bytes_passed, time.monotonic(), 0
    while turns < 2 or time.monotonic() - begun < seconds:
        time.sleep(LOOP_S)
        look()
        turns += 1
    took = time.monotonic() - begun
    # Where a turn takes longer than the window, its cost is spread over what it took: kind to them.
    share = seconds / took
    return Seen(tuple(latencies), (cost_so_far(pids) - before) * share, int((beats.bytes_passed - passed) * share))


def compare(workers: int, hosts: int, seconds: float, interval_s: float) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="tv-") as name, farm(Path(name), hosts, workers, interval_s) as beats:
        folder = Path(name) / "masters"
        folder.mkdir()
        us = asyncio.run(ours(beats.profile, beats.hosts, lambda: beats.bytes_passed, seconds))
        opened = [[*ssh(beats, folder, host), "-M", "-N", "127.0.0.1"] for host in beats.hosts]
        masters = [subprocess.Popen(argv) for argv in opened]
        while len(list(folder.iterdir())) < len(masters):
            assert all(master.poll() is None for master in masters), "a master of ssh ended"
            time.sleep(0.05)
        them = theirs(beats, cats(beats, folder), masters, seconds)
        for master in masters:
            master.kill()  # TERM may come while it is at work, and is forgotten then
            master.wait()
        copies = theirs(beats, rsyncs(beats, folder), (), seconds)
    size = f"{workers} workers, {hosts} hosts" if hosts > 1 else f"{workers} workers, 1 host"
    targets = (20, 6, 3, 6) if workers < 50 else (20, 30, 12, 10) if workers < 200 else (20, 40, 15, 10)
    return [
        *rows_of(f"{size}, ssh cat", us, them, seconds, targets),
        *rows_of(f"{size}, rsync -e ssh", us, copies, seconds, (20, 1, 1, 1)),
    ]


async def until_lost(fleet: Fleet, host: str) -> float:
    begun = time.monotonic()
    while fleet.links()[host].link is not Link.OFFLINE:
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


async def silence(beats: Farm) -> list[Row]:
    """The servers stop in the middle of everything, as machines do that lose their power: nobody says goodbye."""
    (host,) = beats.hosts
    seconds = []
    for woke in (False, True):
        fleet = Fleet(beats.profile)
        await fleet.start(sync=False)
        await fleet.settled([host])
        os.kill(beats.server_pid, signal.SIGSTOP)
        if woke:
            fleet.woke()
        seconds.append(await until_lost(fleet, host))
        os.kill(beats.server_pid, signal.SIGCONT)
        await fleet.close()
    return [
        lower_is_better("silent host noticed", seconds[0], NOTICED_S, target=1, unit="s"),
        lower_is_better("silent host noticed after a wake", seconds[1], WOKEN_S, target=1, unit="s"),
    ]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each measurement")
    parser.add_argument("--interval", type=float, default=BEAT_S, help="seconds between the beats of one worker")
    parser.add_argument("--hour", type=float, default=60.0, help="seconds in which an hour is played; 0 leaves it out")
    parser.add_argument("--busy", action="store_true", help="the sizes with processors that others use, too")
    chosen = parser.parse_args()
    rows: list[Row] = []
    with busy() if chosen.busy else contextlib.nullcontext():
        for workers, hosts in product(chosen.workers, chosen.hosts):
            if hosts <= workers:
                print(f"{workers} workers on {hosts} hosts", file=sys.stderr)
                rows += compare(workers, hosts, chosen.seconds, chosen.interval)
    with tempfile.TemporaryDirectory(prefix="tv-") as name, farm(Path(name), 1, 1, chosen.interval) as beats:
        rows += asyncio.run(silence(beats))
    if chosen.hour:
        rows += hour.compare(seconds=chosen.hour)
    show("The control plane, by workers and hosts", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

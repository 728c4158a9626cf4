"""Past what one person runs: hundreds and thousands of beating runs on up to 100 hosts, watched by one process.

The hosts are SSH servers of the embedded kind on this machine, each with a follower of its own, so the machine carries
both sides; CPU, memory and descriptors are those of the watching process alone, which is the app without its screen.
`theirs` is a limit: what a person would call too slow, or what a laptop allows. `--sync` fetches results too, as the
app does, and says what that costs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.lag import loop_lag
from benchmarks.many_hosts import Farm, farm
from benchmarks.report import Row, arguments, lower_is_better, percentile, show
from benchmarks.weight import weigh
from remote.fleet import Fleet
from remote.snapshot import Link, RunSnapshot

LIVE_S, LAG_MS, CPU_PERCENT, RESIDENT_MIB, LATE_MS = 60.0, 15.0, 50.0, 500.0, 1000.0
DESCRIPTORS = 1024
"""What most systems let a process open (`ulimit -n`)."""


@dataclass
class Latencies:
    """Seconds from each beat to its row."""

    seconds: list[float]
    newest: dict[str, int]

    def changed(self, row: RunSnapshot) -> None:
        if row.beat is not None and self.newest.get(row.worker) != row.beat.seq:
            self.newest[row.worker] = row.beat.seq
            self.seconds.append(time.time() - row.beat.at_s)


async def watch(beats: Farm, seconds: float, sync: bool) -> list[tuple[str, float, float, str]]:
    """What it takes to have all rows, and to keep them for some seconds: (name, ours, limit, unit)."""
    late = Latencies([], {})
    fleet = Fleet(beats.profile)
    fleet.subscribe(late.changed)
    cpu, begun = time.process_time(), time.monotonic()
    await fleet.start(sync=sync)
    await fleet.settled(beats.hosts)
    live_s, start_cpu_s = time.monotonic() - begun, time.process_time() - cpu
    links = [link.link for link in fleet.links().values()]
    assert set(links) == {Link.LIVE}, {link: links.count(link) for link in set(links)}
    assert len(late.newest) == len(beats.profile.workers)
    await asyncio.sleep(2)
    late.seconds.clear()
    before, passed = weigh(), beats.bytes_passed
    async with loop_lag() as lags:
        await asyncio.sleep(seconds)
    after = weigh()
    await fleet.close()
    return [
        ("all rows there", live_s, LIVE_S, "s"),
        ("all rows there, CPU", start_cpu_s, LIVE_S, "s"),
        ("CPU", (after.cpu_s - before.cpu_s) / seconds * 100, CPU_PERCENT, "% of a core"),
        ("beat to row, p99", percentile(late.seconds, 0.99) * 1e3, LATE_MS, "ms"),
        ("loop lag, p99", percentile(lags.own_ms, 0.99), LAG_MS, "ms"),
        ("resident", after.resident_mib, RESIDENT_MIB, "MiB"),
        ("descriptors", after.descriptors, DESCRIPTORS, ""),
        ("on the wire", (beats.bytes_passed - passed) / seconds / 1024, 1024, "KiB/s"),
    ]


def measure(workers: int, hosts: int, chosen_seconds: float, interval_s: float, sync: bool) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="tv-") as name, farm(Path(name), hosts, workers, interval_s) as beats:
        beats = replace(beats, profile=replace(beats.profile, results=Path(name) / "results"))
        figures = asyncio.run(watch(beats, chosen_seconds, sync))
    size = f"{workers} runs on {hosts} hosts" + (", with results" if sync else "")
    return [lower_is_better(f"{size}: {what}", ours, limit, target=1, unit=unit) for what, ours, limit, unit in figures]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--sizes", nargs="+", default=["50x5", "200x20", "1000x20", "1000x100"], metavar="RUNSxHOSTS", help="sizes"
    )
    parser.add_argument("--sync", nargs="*", default=["50x5", "200x20"], metavar="RUNSxHOSTS", help="also with results")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each measurement")
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between the beats of one run")
    chosen = parser.parse_args()
    rows: list[Row] = []
    for sync, sizes in ((False, chosen.sizes), (True, chosen.sync)):
        for size in sizes:
            workers, hosts = map(int, size.split("x"))
            print(f"{workers} runs on {hosts} hosts{', with results' * sync}", file=sys.stderr)
            rows += measure(workers, hosts, chosen.seconds, chosen.interval, sync)
    show(f"Many runs and hosts, {os.cpu_count()} cores for both sides", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

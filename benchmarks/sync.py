"""Results on their way to the laptop: our sync over the live connection, against plain `rsync -a -e ssh`.

Both bring the same folders from the same real sshd with the same filters, in turn, in one run; a figure is the median
of its repetitions. Theirs logs in every time, as a sync from cron or a shell does. A full transfer begins with an empty
folder. Meanwhile ours runs on an event loop that must stay free for the app: its lag is how much later than asked a
timer of 5 ms fires.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lag import lag_row, loop_lag
from benchmarks.report import Row, arguments, lower_is_better, show
from remote.connection import Connection
from remote.farside import FarSide
from remote.selection import CHECKPOINTS, KEPT_CHECKPOINTS, NEVER
from remote.transfer import sync_run
from tests.fixtures.ssh import Sshd, sshd_running, trust

LAG_LIMIT_MS = 10.0
"""What the app's loop may lag, as the 99th percentile."""
FILE_BYTES = 4096
FOLDER_FILES = 100
MIB = 2**20


def make_files(folder: Path, count: int) -> None:
    """A run's folder with `count` files that do not compress."""
    for number in range(count):
        path = folder / "artifacts" / f"{number // FOLDER_FILES:03d}" / f"{number:05d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(FILE_BYTES))


def make_big(folder: Path, mebibytes: int) -> None:
    """A run's folder with one file of that size."""
    (folder / "checkpoints").mkdir(parents=True)
    with open(folder / "checkpoints" / "best.pt", "wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(MIB))


@dataclass(frozen=True)
class Way:
    """One way to bring a folder of the host into a local one."""

    name: str
    bring: Callable[[Path, Path], Awaitable[None]]


def our_way(connection: Connection) -> Way:
    far = FarSide(connection, connection.host)

    async def bring(source: Path, local: Path) -> None:
        result = await sync_run(connection, far, str(source), local)
        assert result.method == "rsync", "rsync is missing"

    return Way("ours", bring)


def their_way(server: Sshd, folder: Path) -> Way:
    """`rsync -a -e ssh`, which checks the host key as ours does."""
    known = folder / "known"
    key = (server.folder / "host_key.pub").read_text(encoding="utf-8")
    known.write_text(f"[127.0.0.1]:{server.host.port} {key}", encoding="utf-8")
    ssh = ["ssh", "-F", "none", "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known}", "-o", "LogLevel=ERROR"]
    ssh += ["-o", "StrictHostKeyChecking=yes", "-i", server.host.identity, "-p", str(server.host.port)]
    filters = [f"--exclude={pattern}" for pattern in NEVER]
    filters += [f"--include=/{CHECKPOINTS}/{name}" for name in KEPT_CHECKPOINTS] + [f"--exclude=/{CHECKPOINTS}/*"]

    async def bring(source: Path, local: Path) -> None:
        place = f"{server.host.user}@127.0.0.1:{source}/"
        argv = ["rsync", "-a", "-e", shlex.join(ssh), *filters, place, f"{local}/"]
        process = await asyncio.create_subprocess_exec(*argv)
        assert await process.wait() == 0, shlex.join(argv)

    return Way("theirs", bring)


@dataclass
class Measured:
    """Seconds of each way, and the lags of the loop while ours was at work."""

    ours: list[float]
    theirs: list[float]
    lags: list[float]

    def row(self, name: str, target: float) -> Row:
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        return lower_is_better(name, ours, theirs, target=target, unit="s")


async def measure(us: Way, them: Way, source: Path, folder: Path, repeat: int, *, full: bool) -> Measured:
    """Each way `repeat` times, in turn; `full` empties the local folder first, else it is already complete."""
    measured = Measured([], [], [])
    for _ in range(repeat):
        for way, seconds in ((us, measured.ours), (them, measured.theirs)):
            local = folder / f"{source.name}-{way.name}"
            if full:
                shutil.rmtree(local, ignore_errors=True)
                # Writing back what an earlier turn left in memory is not this turn's work.
                await asyncio.to_thread(os.sync)
            async with loop_lag() as lags:
                begun = time.perf_counter()
                await way.bring(source, local)
                seconds.append(time.perf_counter() - begun)
            if way is us:
                measured.lags += lags.clock_ms
    return measured


async def compare(folder: Path, server: Sshd, files: int, mebibytes: int, repeat: int) -> list[Row]:
    many, big = folder / "many", folder / "big"
    make_files(many, files)
    make_big(big, mebibytes)
    trust(server.host, server.folder / "host_key.pub")
    connection = Connection(server.host)
    us, them = our_way(connection), their_way(server, folder)
    try:
        await connection.run("true")
        await FarSide(connection, server.host).ready()
        big_full = await measure(us, them, big, folder, min(3, repeat), full=True)
        many_full = await measure(us, them, many, folder, min(3, repeat), full=True)
        many_same = await measure(us, them, many, folder, repeat, full=False)
        big_same = await measure(us, them, big, folder, repeat, full=False)
    finally:
        await connection.close()
    files_name, big_name = f"{files:,} files", f"one file of {mebibytes:,} MiB"
    return [
        many_same.row(f"no-change sync of {files_name}", 3),
        big_same.row(f"no-change sync of {big_name}", 3),
        many_full.row(f"full transfer of {files_name}", 1.1),
        big_full.row(f"full transfer of {big_name}", 1.1),
        lag_row("app loop lag p99 in a no-change sync", many_same.lags + big_same.lags, LAG_LIMIT_MS),
        lag_row("app loop lag p99 in a full transfer", many_full.lags + big_full.lags, LAG_LIMIT_MS),
    ]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=5000, help="files of 4 KiB")
    parser.add_argument("--mebibytes", type=int, default=1024, help="size of the one big file")
    parser.add_argument("--repeat", type=int, default=9, help="repetitions (a full transfer: at most 3)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tv-") as name:
        folder = Path(name)
        os.environ["HOME"], os.environ["TRAJVID_CONFIG_DIR"] = name, str(folder / "config")
        with sshd_running(folder / "sshd", folder) as server:
            rows = asyncio.run(compare(folder, server, chosen.files, chosen.mebibytes, chosen.repeat))
    show("Sync over the live connection", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

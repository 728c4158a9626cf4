"""Which learning rate is best? Launch every worker of the profile, wait for all, fetch and read what they wrote."""

import asyncio
from pathlib import Path

from remote import runs
from remote.opening import fleet_of
from remote.run_folders import read_candidate


async def main(profile: Path = Path(__file__).with_name("profiles.yaml")) -> None:
    async with fleet_of(profile) as fleet:
        workers = list(fleet.profile.workers)
        launched = {worker: await runs.launch(fleet, worker) for worker in workers}
        for row in await runs.wait(fleet, workers, runs=launched):
            await runs.sync(fleet, row.worker)
            last = read_candidate(Path(fleet.snapshot(row.worker).sync.folder)).row.metrics[-1].values
            print(f"{row.worker:8}{row.state.value:12}loss {last['val_loss']:<10.3g}slope {last['slope']:.3g}")


if __name__ == "__main__":
    asyncio.run(main())

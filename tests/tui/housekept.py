"""What invented hosts keep and what ran there: for the screens that look after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from remote.errors import FarSideError, RemoteError
from remote.host_inventory import Thing, Worktree
from remote.pruning_plan import Cure, Item, Kept, Kind, Plan, Policy
from remote.removing import Done
from remote.report import HOUR_S, HostShare, PastRun, Report
from remote.worktree_inventory import Found
from tests.tui.worlds import GIB, WALL
from wire.state import State

DAY_S = 86400.0
OLD, OLDER, NEWER = (f"202511{day}T081500-3f2a91c-9b1e" for day in ("02", "01", "28"))


def plan(*, here: bool = False) -> Plan:
    """Something of each kind that may go, and runs that stay for three reasons."""
    run = Item(Kind.RUN, "gpu-1", Thing(OLDER, 3 * GIB, 60 * DAY_S, 7), "i3d-a", OLDER, 1)
    if here:
        return Plan((Item(Kind.COPY, "gpu-1", Thing(OLDER, GIB, 60 * DAY_S), "i3d-a", OLDER, 1),))
    return Plan(
        (
            run,
            Item(Kind.RUN, "local", Thing(OLD, 700 * 1024**2, 45 * DAY_S, 8), "keypoint-a", OLD, 2),
            Item(Kind.CHECKPOINT, "gpu-1", Thing("epoch_3.pt", 13_631_488, 41 * DAY_S, 9), "i3d-a", OLD, 1),
            Item(Kind.WORKTREE, "gpu-1", Thing("gone", 90 * 1024**2, 80 * DAY_S, 10), "gone"),
            Item(Kind.BUNDLE, "local", Thing("9f86d081884c7d659a2feaa0", 400 * 1024, 93 * DAY_S, 11)),
        ),
        (
            Kept("gpu-1", "magvit-a", OLD, 2 * GIB, "has 4 checkpoints not here", Cure.EVERYTHING),
            Kept("local", "keypoint-a", NEWER, 900 * 1024**2, "is the newest of its worker"),
            Kept("gpu-1", "i3d-a", NEWER, 800 * 1024**2, "is held"),
        ),
    )


def trees() -> list[Found]:
    """One worktree that is clean, one that is not, one in which something runs."""

    def tree(slug: str, megabytes: int, days: float, **more: Any) -> Worktree:
        place = f"/home/ada/.trajvid/worktrees/demo-1a2b3c4d/{slug}"
        thing = Thing(slug, megabytes * 1024**2, days * DAY_S, 5)
        return Worktree(thing, slug, place, "3f2a91c" + "0" * 33, f"idea/{slug}", "Try a longer memory", **more)

    own = ("train.py", "notes/[draft].md")
    return [
        Found("local", "keypoint-a", tree("keypoint-a", 41, 0.01, running=NEWER)),
        Found("gpu-1", "i3d-a", tree("i3d-a", 2300, 3, own=own, own_count=12, ignored=("data/cache",))),
        Found("gpu-1", "slowfast-a", tree("slowfast-a", 38, 12)),
    ]


def past(failed: Mapping[str, RemoteError] | None = None) -> Report:
    """A day on two hosts."""

    def run(worker: str, state: State, began_h: float, ended_h: float, **more: Any) -> PastRun:
        spans = ((began_h * HOUR_S, ended_h * HOUR_S),)
        return PastRun(worker, "gpu-1", NEWER, state, commit="3f2a91c" + "0" * 33, subject="Try a longer memory",
                       by="ada@laptop", spans=spans, gpu_s=(began_h - ended_h) * HOUR_S, **more)  # fmt: skip

    runs = (
        run("magvit-a", State.RUNNING, 6, 0),
        run("i3d-a", State.HELD, 9, 2, reason="gate: val_accuracy 0.61 < 0.70"),
        run("i3d-b", State.FAILED, 11, 10.5, reason="exit code 1: CUDA out of memory"),
        run("slowfast-a", State.COMPLETED, 23, 12, passed_gate=True),
    )
    told = tuple(HostShare(host, 23 * HOUR_S, 4.1 * 23, (failed or {})[host].message if host in (failed or {}) else "")
                 for host in ("gpu-1", "local"))  # fmt: skip
    return Report("demo", WALL - DAY_S, WALL, runs, told)


class Housekeeping:
    """Answers as the hosts would; `asked` tells what was asked, `removed` what was to go."""

    def __init__(self, state: str = "normal") -> None:
        self.state = state
        self.asked: list[Any] = []
        self.removed: list[Any] = []
        self.plan: Plan | None = None
        """Told instead of the usual one."""

    def _fail(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.state == "error":
            raise FarSideError("local: system_error: I/O error")

    async def survey(self, fleet: object, hosts: Sequence[str], policy: Policy, *, here: bool = False) -> Any:
        self._fail("survey", tuple(hosts), policy, here)
        usual = plan(here=here) if hosts and self.state != "empty" else Plan()
        return self.plan or usual, {}

    async def carry_out(
        self, fleet: object, items: Sequence[Item], policy: Policy, on_step: Callable[[str], None]
    ) -> Any:
        on_step("gpu-1: removing 1 to 2 of 2")
        self.removed += items
        done = [Done(item, item.thing.bytes) for item in items]
        return [Done(items[0], skipped="went on meanwhile"), *done[1:]], {}

    async def look_at_worktrees(self, fleet: object, hosts: Collection[str]) -> Any:
        self._fail("worktrees", tuple(hosts))
        return trees() if hosts and self.state != "empty" else [], {}

    async def remove_worktrees(self, fleet: object, chosen: Sequence[Found]) -> Any:
        self.removed += chosen
        return [
            (one, Done(Item(Kind.WORKTREE, one.host, one.tree.thing), 5, kept="refs/trajvid/wip/x")) for one in chosen
        ]

    async def report(self, fleet: object, hosts: Any, since_s: float, failed: Mapping[str, RemoteError]) -> Report:
        self._fail("report", tuple(hosts), since_s)
        return past(failed)

"""Every screen over one invented project, in each of its states: for the snapshots and for the pictures of the docs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw
from textual.pilot import Pilot

from remote.activity import Activity, Source
from remote.errors import RemoteError
from remote.git import Commit
from remote.listing import Entry, Listing, files_here
from remote.snapshot import HostFacts, Link, LinkStatus, RunSnapshot, SyncPhase, SyncStatus
from tests.tui import test_activity, test_config_tab, test_evidence_tab, test_hosts, test_log_tab
from tests.tui.desk import NoVerbs, settle
from tests.tui.housekept import Housekeeping
from tests.tui.worlds import NOW, WALL, blank, ended, held, offline, on_gpus, result, running
from tui.app import TrajvidApp
from wire.state import State

STATES = ("normal", "stale", "offline", "empty", "error")
PREVIEW_S = 0.001
"""How long the cursor rests on a file before it is shown; see `tui.tabs.artifacts`."""
BEFORE = "20251231T000000-aaaaaaa-77aa"
"""An earlier run of the first worker."""


@dataclass(frozen=True)
class Scene:
    """A screen, reached from home by keys."""

    name: str
    keys: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """States at 80x24, `120x40` and `light` whose snapshots the screen's own test keeps."""


SAME = ("stale", "offline", "empty", "error")
"""States that change nothing on a screen, or nothing that another screen does not show as well."""
SCENES = (
    Scene("home", (), ("120x40",)),
    Scene("board", ("V",), ("normal",)),
    Scene("overview", ("enter",)),
    Scene("charts", ("enter", "2"), ("normal", "120x40", "light")),
    Scene("chart", ("enter", "2", "enter", "down", "s", "left", "left"), (*SAME, "light")),
    Scene("log", ("enter", "3"), ("normal", "offline", "empty", "light")),
    Scene("artifacts", ("enter", "4", "down"), ("normal", "offline", "empty", "error", "light")),
    Scene("evidence", ("enter", "5"), ("normal",)),
    Scene("config", ("enter", "6"), ("normal", "120x40")),
    Scene("config-against", ("enter", "6", "w"), (*SAME, "normal", "light")),
    Scene("compare", ("c",), ("normal", "offline", "empty", "error", "120x40", "light")),
    Scene("hosts", ("h", "j"), ("normal", "offline", "empty", "120x40", "light")),
    Scene("activity", ("A",), ("normal", "empty", "error", "120x40", "light")),
    Scene("prune", ("P", "j"), ("stale", "error", "light")),
    Scene("worktrees", ("W", "j"), ("stale", "empty", "error")),
    Scene("report", ("T",), ("stale", "empty", "error", "light")),
    Scene("launch", ("n",)),
    Scene("relaunch", ("j", "j", "a"), (*SAME, "light")),
    Scene("stop", ("x",), ("empty", "error")),
    Scene("kill", ("X",), (*SAME, "light")),
    Scene("help", ("question_mark",), SAME),
    Scene("palette", ("colon", *"key"), SAME),
)


def world(state: str) -> list[RunSnapshot]:
    """The project's workers in one state; what came of their results is in ./results (see `bring_home`)."""
    if state == "empty":
        return [blank("keypoint-a")]
    if state == "stale":
        link = LinkStatus(Link.CONNECTING, since=NOW - 1)
        return [replace(row, link=link, seen_at=None, cached_age_s=7300.0) for row in everyday()]
    if state == "offline":
        return [replace(row, link=offline(), seen_at=NOW - 42) for row in everyday()]
    if state == "error":
        reason = "exit code 1: CUDA out of memory. Tried to allocate 2.00 GiB"
        failed = ended("keypoint-a", State.FAILED, 1, reason, metrics=())
        sync = SyncStatus(SyncPhase.FAILED, NOW - 600, error="no space left on this laptop")
        return [replace(failed, log_tail=(*failed.log_tail[:8], *test_log_tab.CRASH), sync=sync), blank("smoke")]
    return everyday()


def everyday() -> list[RunSnapshot]:
    """Five workers on two hosts: one trains, one is at its gate, one is done, one trains elsewhere, one never ran."""
    facts = test_hosts.BUSY
    at_gate = learning(held("i3d-a", host="gpu-1", facts=facts), 0.62, 1.6)
    assert at_gate.spec is not None
    spec = replace(at_gate.spec, config="i3d", overrides=("epochs=10", "width=2"))
    done = learning(result(ended("slowfast-a", State.COMPLETED, 0, "", done=40, host="gpu-1", facts=facts)), 1.0, 0.8)
    rows = [
        running("keypoint-a"),
        replace(at_gate, spec=spec),
        done,
        learning(on_gpus(running("magvit-a", done=22, host="gpu-1", facts=facts), 0), 0.9, 1.25),
    ]
    return [*map(synced, rows), blank("smoke", facts=HostFacts())]


def learning(row: RunSnapshot, accuracy: float, loss: float) -> RunSnapshot:
    """The row with figures that are this much of what everybody's are."""
    parts = {"val_accuracy": accuracy}
    points = tuple(
        replace(point, values={name: round(value * parts.get(name, loss), 4) for name, value in point.values.items()})
        for point in row.metrics
    )
    assert row.progress is not None
    return replace(row, metrics=points, progress=replace(row.progress, metrics=dict(points[-1].values)))


def synced(row: RunSnapshot) -> RunSnapshot:
    """The row with its results in ./results."""
    return replace(row, sync=replace(row.sync, folder=f"results/{row.worker}/{row.run}"))


def bring_home() -> None:
    """Write what a sync brings of two workers, and of the first one's run before, below the current folder."""
    first, second = everyday()[:2]
    assert first.spec is not None
    before = replace(first, run=BEFORE, spec=replace(first.spec, run=BEFORE, overrides=("epochs=4",)))
    for row, changed in ((first, {}), (second, {"extractor": "i3d", "width": 2.0}), (synced(before), {"epochs": 4})):
        assert row.spec is not None
        results = {"config": {**test_config_tab.CONFIG, **changed}, "history": []}
        files = {
            "spec.json": row.spec.to_line(),
            "training.log": "\n".join(row.log_tail).encode() + b"\n",
            "artifacts/training_results.json": json.dumps(results).encode(),
            "artifacts/report.md": b"# Report\n\nThe loss fell.\n",
            **{f"artifacts/{name}": text.encode() for name, text in test_evidence_tab.FILES.items()},
        }
        for name, data in files.items():
            path = Path(row.sync.folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    tracks().save(Path(first.sync.folder) / "artifacts" / "clip_tracks.png")
    for path in Path("results").rglob("*"):
        os.utime(path, (WALL - 40, WALL - 40))


def tracks() -> Image.Image:
    """Two dots that cross, with the way behind them: the kind of picture that a run leaves."""
    image = Image.new("RGB", (320, 320), "#20262e")
    draw = ImageDraw.Draw(image)
    for at in range(24):
        x, size = 24 + at * 12, 3 + at // 3
        for y, colour in ((40 + at * 9, (40, 90 + at * 5, 220)), (290 - at * at * 0.45, (220, 110 + at * 4, 60))):
            draw.ellipse((x - size, y - size, x + size, y + size), colour)
    return image


class Answers(Housekeeping, NoVerbs):
    """What the hosts answer in a state."""

    async def files(self, fleet: object, worker: str, run: str = "") -> Listing:
        self._fail()
        here = files_here(Path("results") / worker / run).entries
        names = ("checkpoints/best.pt", "checkpoints/last.pt")
        far = [Entry(name, "file", 13_631_488, int((WALL - 41) * 1e9)) for name in names]
        return Listing(run, (*here, Entry("checkpoints", "folder"), *far), 0, WALL)

    async def commit_of(self, fleet: object, worker: str, consent: object = None) -> Commit:
        if self.state == "error":
            raise RemoteError(f"there is no branch idea/{worker} in this repository", hint=f"git branch idea/{worker}")
        return await super().commit_of(fleet, worker, consent)

    async def activity(self, fleet: object, *, before: object = None) -> Activity:
        self._fail()
        away = Source(None, "not connected")
        sources = {"local": Source(NOW - 3) if self.state == "normal" else away, "gpu-2": away}
        return Activity(() if self.state == "empty" else test_activity.deeds(), sources)


async def at_rest(app: TrajvidApp, pilot: Pilot[int]) -> None:
    """Until everything that a screen asked for was read and drawn; a verb may still wait for its question's answer."""
    await asyncio.sleep(2 * PREVIEW_S)
    while asked := [worker for worker in app.workers if worker.node is not app]:
        await app.workers.wait_for_complete(asked)
        await asyncio.sleep(2 * PREVIEW_S)
    await settle(app, pilot)


async def walk(app: TrajvidApp, pilot: Pilot[int], scenes: Sequence[Scene], look: Callable[[Scene], None]) -> None:
    """Go to one screen after the other, each from home and with the first worker selected, and look at it.

    The worker's screen stays open from one tab to the next: opening it is what costs most.
    """
    home = app.screen
    for scene, after in zip(scenes, [*scenes[1:], Scene("home")], strict=True):
        await pilot.press(*(scene.keys if app.screen is home else scene.keys[1:]))
        await at_rest(app, pilot)
        look(scene)
        if scene.keys[:1] == after.keys[:1] == ("enter",):
            continue
        app.clear_notifications()
        while app.screen is not home:
            await pilot.press("escape")
        await pilot.press("g", *(key for key in scene.keys if key == "V"))

"""Snapshots of invented workers for the screens: one of every state, with histories, on a clock that stands still."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from remote.hosts import HostSnapshot, HostWarning
from remote.snapshot import HostFacts, Link, LinkStatus, RunSnapshot, SyncPhase, SyncStatus
from tests.fixtures import gated
from tui.store import Store
from wire.records import ExitRecord, GateDecision, Heartbeat, MetricPoint, Progress, RunSpec, RunSummary
from wire.state import State

NOW = 10_000.0
WALL = 1_767_225_600.0
GIB = 1024**3
LIVE = LinkStatus(Link.LIVE, since=NOW - 300, round_trip_s=0.02)
FACTS = HostFacts(NOW - 3, 8, 3.2, 16 * GIB, 11 * GIB, 212 * GIB, 0.1)


def points(count: int, *, shift: float = 0.0, attempt: str = "") -> tuple[MetricPoint, ...]:
    """A history that looks like learning: losses fall, accuracy rises, both with a little noise."""
    out = []
    for index in range(count):
        epoch = (index + 1) / 4
        noise = 0.04 * math.sin(index * 1.7 + shift)
        values = {
            "val_accuracy": round(0.97 - 0.72 * math.exp(-epoch / 2.2) + noise / 2, 4),
            "val_loss": round(1.5 * math.exp(-epoch / 2.5) + 0.16 + noise, 4),
            "train_loss": round(1.4 * math.exp(-epoch / 2.0) + 0.08 + noise / 2, 4),
            "pred_mse": round(0.2 * math.exp(-epoch / 3) + 0.018, 5),
        }
        out.append(MetricPoint(index * 30, epoch, WALL, values, attempt))
    return tuple(out)


def running(worker: str, *, host: str = "local", done: int = 14, **more: Any) -> RunSnapshot:
    """A healthy run in the middle of its training."""
    run = "20260101T000000-3f2a91c-9b1e"
    history = points(done, shift=len(worker))
    epoch, part = divmod(done / 4, 1)
    spec = RunSpec(
        run, "demo-1a2b3c4d", worker, "n1", ("{python}", "-m", "trainer", "run", "--config", "keypoint", "epochs=10"),
        "/home/ada/.trajvid/worktrees/demo/" + worker, branch=f"idea/{worker}", commit="3f2a91c" + "0" * 33,
        subject="Give the decoder a longer memory", by="ada@laptop", config="keypoint", overrides=("epochs=10",),
        created_s=WALL - 125,
    )  # fmt: skip
    progress = Progress(
        f"{run}.1", 40, WALL, "train", done * 30, 1200, int(epoch), 10, part, 132.0,
        metrics=dict(history[-1].values), checkpoint="last.pt",
        message=f"train epoch {int(epoch) + 1}/10 step {done * 30}/1200 2 min 12 s left",
    )  # fmt: skip
    log = tuple(f"12:0{i // 6}:{i % 6}0 step {i * 30:4d} loss {1.4 / (1 + i / 3):.3f} lr 1.0e-03" for i in range(24))
    base = RunSnapshot(
        host, "demo", worker, f"idea/{worker}", worker.rpartition("-")[0], run, f"{run}.1", State.RUNNING, spec=spec,
        progress=progress, beat=Heartbeat(f"{run}.1", 30, WALL, 30.0, "running", 4242, 4243, "train", done * 30),
        metrics=history, messages=(f"epoch {int(epoch) + 1} of 10",), log_tail=log, seen_at=NOW - 0.4, beat_at=NOW - 9,
        progress_at=NOW - 2, checkpoint_at=NOW - 41, link=LIVE,
        sync=SyncStatus(SyncPhase.DONE, NOW - 12, 1_258_291, folder=f"results/{worker}/{run}"), facts=FACTS,
    )  # fmt: skip
    return replace(base, **more)


def on_gpus(row: RunSnapshot, *gpus: int) -> RunSnapshot:
    """The row of a run that was granted these."""
    assert row.beat is not None
    return replace(row, beat=replace(row.beat, extra={"gpus": list(gpus)}))


def ended(worker: str, state: State, code: int | None, reason: str, **more: Any) -> RunSnapshot:
    """A run that is over."""
    base = running(worker, **more)
    end = None if state is State.LOST else ExitRecord(base.attempt, state.value, code, WALL, reason)
    return replace(base, state=state, reason=reason, exit=end)


def result(
    row: RunSnapshot, verdict: str = "completed", skill: float = 0.75, flags: tuple[str, ...] = ()
) -> RunSnapshot:
    """A completed training with its figures and controls."""
    figures = {"accuracy": 0.972, "accuracy_low": 0.944, "accuracy_high": 0.983, "pred_mse": 0.0208, "skill": skill}
    controls = {
        "hold_last": {"pred_mse": 0.0939}, "constant_velocity": {"pred_mse": 0.0827}, "majority": {"accuracy": 0.25},
    }  # fmt: skip
    return replace(
        row, result=RunSummary(row.attempt, WALL, verdict, figures, controls, flags, 104.0, 10, 412_345, 1_649_380)
    )


def held(worker: str, **more: Any) -> RunSnapshot:
    """A run that its gate holds after the tenth epoch."""
    row = ended(worker, State.HELD, 0, f"held at the gate: {gated.WHY}", done=40, **more)
    assert row.progress is not None
    progress = replace(row.progress, stage="validate", epoch=10, epoch_fraction=0.0, phase="done", eta_s=0.0)
    return replace(row, progress=progress, result=RunSummary(row.attempt, WALL, "held", {}, gate=gated.GATE))


def retired(worker: str) -> RunSnapshot:
    """A held run that somebody gave up."""
    row = held(worker)
    decision = GateDecision("retire", "ada@laptop", WALL, row.attempt)
    reason = f"retired by ada@laptop at the gate: {gated.WHY}"
    return replace(row, state=State.STOPPED, reason=reason, decision=decision)


def released(worker: str) -> RunSnapshot:
    """A held run that somebody let go on, in its second stage."""
    row = running(worker, done=40)
    assert row.progress is not None and row.spec is not None
    said = "train full epoch 13/50 step 1500/6000 train_loss 0.206 4 min left"
    progress = replace(row.progress, attempt=f"{row.run}.2", stage="full", epoch=12, epoch_fraction=0.5,
                       total_epochs=50, step=1500, total_steps=6000, message=said)  # fmt: skip
    decision = GateDecision("release", "bob@desk", WALL, row.attempt)
    spec = replace(row.spec, parent="20251231T230000-3f2a91c-77aa")
    return replace(row, attempt=f"{row.run}.2", progress=progress, decision=decision, spec=spec)


def gate_world() -> list[RunSnapshot]:
    """The four named branches around their gate: in `validate`, held, released into `full`, retired."""
    validating = running("keypoint-a")
    assert validating.progress is not None
    said = "train validate epoch 4/10 step 420/1200 2 min 12 s left to the gate"
    progress = replace(validating.progress, stage="validate", message=said)
    return [held("i3d-a"), replace(validating, progress=progress), released("slowfast-a"), retired("magvit-a")]


def plain_command(worker: str, **more: Any) -> RunSnapshot:
    """A worker that is any command: it reports nothing but its log."""
    return running(worker, progress=None, metrics=(), checkpoint_at=None, messages=("running",), log_tail=(), **more)


def blank(worker: str, *, host: str = "local", link: LinkStatus = LIVE, **more: Any) -> RunSnapshot:
    """A worker that was never launched."""
    seen = NOW - 1 if link.link is Link.LIVE else None
    return replace(RunSnapshot(host, "demo", worker, f"idea/{worker}", "keypoint", link=link, seen_at=seen), **more)


def disk_watch() -> RunSnapshot:
    """A plain command that is over."""
    row = plain_command("disk-watch", state=State.COMPLETED)
    return replace(row, exit=ExitRecord(row.attempt, "completed", 0, WALL, extra={"last_line": "71.3 GiB free"}))


def offline(reason: str = "connection refused") -> LinkStatus:
    """A lost host that is tried again in seven seconds."""
    return LinkStatus(Link.OFFLINE, reason, NOW - 42, NOW + 7, 3)


def default_world() -> list[RunSnapshot]:
    """The default profile in full swing."""
    a = running("keypoint-a")
    assert a.spec is not None
    said = "installing torch 2.13.0, 112 of 190 MB, 9 s left (package 1 of 6)"
    prepare = Progress("r.1", 3, WALL, "prepare", 1, 6, message=said)
    return [
        replace(a, spec=replace(a.spec, dirty=True)),
        running("keypoint-b", done=22),
        running("transformer-a", done=7),
        blank(
            "transformer-b", run="20260101T000100-3f2a91c-77aa", state=State.PREPARING, progress=prepare, facts=FACTS
        ),
        blank("smoke"),
    ]


def many_states() -> list[RunSnapshot]:
    """One of everything that may stand beside a worker."""
    return [
        *default_world(),
        result(ended("keypoint-done", State.COMPLETED, 0, "", done=40)),
        result(ended("unskilled", State.COMPLETED, 0, "", done=40), "no skill", -0.3, ("no skill",)),
        disk_watch(),
        ended("keypoint-bad", State.FAILED, 3, "exit code 3: CUDA out of memory"),
        ended("lost-one", State.LOST, None, "pid gone, no exit record"),
        ended("stopped-one", State.STOPPED, 143, "by ada@laptop"),
        running("far-away", host="gpu-1", link=offline(), seen_at=NOW - 42),
        running("stuck", progress_at=NOW - 420),
        running("mute", beat_at=NOW - 200),
        running("locked", host="gpu-2", seen_at=None, cached_age_s=7300.0,
                link=LinkStatus(Link.NEEDS_YOU, "passphrase for id_ed25519")),
    ]  # fmt: skip


def still_store() -> Store:
    """A store whose clocks stand still."""
    return Store(clock=lambda: NOW, wall=lambda: WALL)


class Feed:
    """A fleet in memory: what is put in comes out. Stands in for hosts where a test is about drawing alone."""

    def __init__(self, rows: Sequence[RunSnapshot] = ()) -> None:
        self.rows = {row.worker: row for row in rows}
        self.callbacks: list[Callable[[RunSnapshot], None]] = []
        self.selected: str | None = None
        self.closed = False
        self.retried = ""
        self.machines: list[HostSnapshot] = []
        """What is known about the hosts, where a test says more than the rows do."""
        self.warnings: tuple[HostWarning, ...] = ()
        self.results = Path("results")

    def snapshots(self) -> list[RunSnapshot]:
        return list(self.rows.values())

    def hosts(self) -> list[HostSnapshot]:
        links = {row.host: row for row in self.rows.values()}
        return self.machines or [
            HostSnapshot(name, "embedded" if name == "local" else "ssh", name, link=row.link, facts=row.facts)
            for name, row in links.items()
        ]

    def subscribe(self, callback: Callable[[RunSnapshot], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def put(self, row: RunSnapshot) -> None:
        self.rows[row.worker] = row
        for callback in self.callbacks:
            callback(row)

    async def start(self, workers: Sequence[str] | None = None) -> None:
        return None

    def select(self, worker: str | None) -> None:
        self.selected = worker

    def name_at(self, host: str, slug: str) -> str:
        return slug

    def retry_now(self, host: str) -> None:
        self.retried = host

    async def close(self) -> None:
        self.closed = True

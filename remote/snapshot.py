"""What is known about a worker at one moment, frozen: the only thing that the screen and the verbs draw.

Ages are measured on this laptop's monotonic clock from the moment a fact arrived or a sequence number grew, so a
host whose clock is hours off is still judged rightly. Nothing here decides a state: `remote.watch` folds the
follower's facts into these records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from wire.cluster import ClusterJob
from wire.records import ExitRecord, GateDecision, Heartbeat, MetricPoint, Progress, RunSpec, RunSummary
from wire.state import SILENT_AFTER_BEATS, State, stall_after_s

GPUS_NAMED = 256
"""A host that names more, or a number from here on, is not believed."""


class Link(StrEnum):
    """The connection to a host. It stands beside a run's state and never changes it."""

    UNKNOWN = "unknown"
    """Not tried yet in this session."""
    CONNECTING = "connecting"
    LIVE = "live"
    OFFLINE = "offline"
    """Lost or never reached; a retry is planned."""
    NEEDS_YOU = "needs you"
    """Passphrase, second factor or host key: only a person can go on."""


@dataclass(frozen=True)
class LinkStatus:
    """One host's connection."""

    link: Link = Link.UNKNOWN
    reason: str = ""
    since: float = 0.0
    """Monotonic time at which `link` began."""
    retry_at: float | None = None
    """Monotonic time of the next attempt while OFFLINE."""
    attempts: int = 0
    round_trip_s: float | None = None


class SyncPhase(StrEnum):
    """What results are doing on their way to the laptop."""

    NEVER = "never"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PAUSED = "paused"
    """This laptop's disk is nearly full; it goes on by itself when there is room."""


@dataclass(frozen=True)
class SyncStatus:
    """How far the results of one run are on the laptop."""

    phase: SyncPhase = SyncPhase.NEVER
    at: float | None = None
    """Monotonic time of the last *successful* end."""
    bytes_done: int = 0
    error: str = ""
    """Why it failed; of a paused one, what it waits for."""
    folder: str = ""
    """Local folder that holds the results."""
    bytes_total: int = 0
    """What the transfer that runs will have brought at most, 0 while nobody has counted."""
    files_done: int = 0
    files_total: int = 0
    file: str = ""
    """The file that is on its way."""
    run: str = ""
    """The earlier run that is on its way, '' for the newest."""
    waits: bool = False
    """True while another process of this laptop syncs the same run."""
    left_out: int = 0
    """Files that were too large for the profile's limits, and stay on the host."""
    note: str = ""
    """What else somebody should know of one that is done."""
    retry_at: float | None = None
    """Monotonic time of the next try of one that failed or is paused."""


@dataclass(frozen=True)
class Gpu:
    """One GPU as its host last said; None is a figure that it does not tell."""

    index: int = 0
    name: str = ""
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    busy_percent: int | None = None
    power_w: int | None = None
    power_limit_w: int | None = None
    temperature_c: int | None = None


@dataclass(frozen=True)
class HostFacts:
    """What the follower last said about the machine."""

    at: float = 0.0
    cpus: int = 0
    load_1min: float | None = None
    memory_total_bytes: int = 0
    memory_available_bytes: int = 0
    disk_free_bytes: int = 0
    clock_skew_s: float | None = None
    """The host's clock minus ours, less the time that the message took; shown, and never used."""
    gpus: tuple[Gpu, ...] = ()
    disk_total_bytes: int = 0
    inodes_free: int = 0
    inodes_total: int = 0
    """0 where the file system has no fixed number of them."""
    spot_at_s: float | None = None
    """When its owner takes the machine away, epoch seconds by its own clock; None = nobody said so."""
    idle_s: float | None = None
    """For how long nobody used it, as far as anybody looked; None while it is in use, or does not tell."""
    in_use: str = ""
    """What uses it, '' if nothing does or it does not tell."""
    stop_in_s: float | None = None
    """After how long it stops itself if nobody uses it; None = it does not."""
    stop_trouble: str = ""
    """Why it tried to and could not."""
    clock_wrong: str = ""
    """What its clock says, where that cannot be: then there is no skew."""


@dataclass(frozen=True)
class RunSnapshot:
    """One worker's newest run (or `NOT_STARTED` with `run == ""`)."""

    host: str
    project: str
    worker: str
    branch: str = ""
    extractor: str = ""
    run: str = ""
    attempt: str = ""
    state: State = State.NOT_STARTED
    reason: str = ""
    """Why the state is what it is: 'exit code 3', 'by ada@laptop', 'pid gone, no exit record', ..."""
    step: str = ""
    """What this laptop is doing for the worker right now: 'pushing commit 3f2a91c', ''."""
    spec: RunSpec | None = None
    progress: Progress | None = None
    beat: Heartbeat | None = None
    exit: ExitRecord | None = None
    result: RunSummary | None = None
    decision: GateDecision | None = None
    """What somebody decided about the run at its gate."""
    cluster: ClusterJob | None = None
    """What Slurm says of the attempt, if it is a job of a cluster."""
    metrics: tuple[MetricPoint, ...] = ()
    """History, oldest first, bounded (decimated when long)."""
    messages: tuple[str, ...] = ()
    """The last 20 beat texts, newest last."""
    log_tail: tuple[str, ...] = ()
    """Last lines of the log, cleaned; only while this worker is selected."""
    log_skipped_bytes: int = 0
    seen_at: float | None = None
    """Monotonic time at which the host last confirmed the facts of this row; None = only from the cache."""
    beat_at: float | None = None
    """Monotonic time at which the beat's sequence number last grew."""
    progress_at: float | None = None
    """Monotonic time at which the progress's sequence number last grew (moved back by its age at first sight)."""
    checkpoint_at: float | None = None
    """Monotonic time of the newest checkpoint, from the host's own age of it."""
    cached_age_s: float | None = None
    """For a row painted from the cache: its age when it was loaded."""
    link: LinkStatus = field(default_factory=LinkStatus)
    sync: SyncStatus = field(default_factory=SyncStatus)
    facts: HostFacts | None = None

    @property
    def gpus(self) -> tuple[int, ...]:
        """The GPUs that its host granted to what is active, as nvidia-smi numbers them; () if it names none."""
        told = self.beat.extra.get("gpus") if self.beat is not None and self.state.active else None
        known = told if isinstance(told, list) else []
        return tuple(gpu for gpu in known[:GPUS_NAMED] if type(gpu) is int and 0 <= gpu < GPUS_NAMED)

    def age_s(self, now: float) -> float | None:
        """Seconds since the host last confirmed this row; None if it never did in this session."""
        return None if self.seen_at is None else max(0.0, now - self.seen_at)

    def silent(self, now: float) -> bool:
        """True if an active run on a live connection missed three beats."""
        if not self.state.active or self.link.link is not Link.LIVE or self.beat is None or self.beat_at is None:
            return False
        return now - self.beat_at > SILENT_AFTER_BEATS * self.beat.interval_s

    def stalled(self, now: float) -> bool:
        """True if the work reports progress and has not moved for longer than its phase allows."""
        if self.state is not State.RUNNING or self.progress is None or self.progress_at is None:
            return False
        if self.link.link is not Link.LIVE:
            return False
        return now - self.progress_at > stall_after_s(self.progress.phase)

    def confirmed(self, now: float) -> bool:
        """True if what is shown is confirmed by a live connection (not stale, not only cached)."""
        return self.link.link is Link.LIVE and self.seen_at is not None

"""Every record that crosses between host and laptop, each one JSON object.

Numbers carry their unit in the name; times are UTC epoch seconds. A field that a reader does not know is kept in
`extra` and written back, so an old reader never destroys what a newer writer said. Removing a field or changing
its meaning bumps `PROTOCOL_VERSION`; the golden files in tests/wire prove that older runs still load.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple, Type, TypeVar

from wire.codec import LINE_MAX_BYTES, WireError, decode, encode

PROTOCOL_VERSION = 1

R = TypeVar("R", bound="Record")
Number = typing.Union[int, float]


@dataclass(frozen=True)
class Record:
    """Base of all records: `to_dict`, `to_line`, and strict, capped parsing."""

    def to_dict(self) -> Dict[str, Any]:
        """Return the fields as JSON values, unknown fields of the origin included."""
        out = dict(getattr(self, "extra", {}))
        for item in dataclasses.fields(self):
            if item.name != "extra":
                value = getattr(self, item.name)
                out[item.name] = list(value) if isinstance(value, tuple) else value
        return out

    def to_line(self) -> bytes:
        """Return the record as one JSON line."""
        return encode(self.to_dict())

    @classmethod
    def from_dict(cls: Type[R], data: Dict[str, Any]) -> R:
        """Build the record; a missing required field or a wrong type is a `WireError` that names it."""
        known: Dict[str, Any] = {}
        extra: Dict[str, Any] = {}
        fields = _fields(cls)
        for key, value in data.items():
            if key not in fields:
                if key != "extra":
                    extra[key] = value
                continue
            hint, plain = fields[key]
            known[key] = value if type(value) in plain else _coerce(f"{cls.__name__}.{key}", hint, value)
        try:
            return cls(**known, extra=extra)  # type: ignore[call-arg]
        except TypeError as exc:
            raise WireError(f"{cls.__name__}: {exc}") from exc

    @classmethod
    def from_bytes(cls: Type[R], data: bytes, max_bytes: int = LINE_MAX_BYTES) -> R:
        """Parse one JSON line. Raises `WireError`."""
        return cls.from_dict(decode(data, max_bytes))


_FIELDS: Dict[type, Dict[str, Tuple[Any, Tuple[type, ...]]]] = {}


def _fields(cls: type) -> Dict[str, Tuple[Any, Tuple[type, ...]]]:
    """Name -> its hint, and the types that are taken as they are: a beat comes often, and typing's questions cost."""
    if cls not in _FIELDS:
        hints = typing.get_type_hints(cls)
        _FIELDS[cls] = {name: (hint, _plain(hint)) for name, hint in hints.items() if name != "extra"}
    return _FIELDS[cls]


def _plain(hint: Any) -> Tuple[type, ...]:
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Union else (hint,)
    return tuple(choice for choice in choices if choice in (str, int, float, bool, type(None)))


def _coerce(where: str, hint: Any, value: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin is typing.Union:
        choices = typing.get_args(hint)
        if value is None and type(None) in choices:
            return None
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and set(choices) - {type(None)} == {int, float}:
            return value
        return _coerce(where, next(choice for choice in choices if choice is not type(None)), value)
    if origin is tuple:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise WireError(f"{where} must be a list of text")
    if origin is dict:
        if not isinstance(value, dict):
            raise WireError(f"{where} must be an object")
        item = typing.get_args(hint)[1]
        if item is Any:
            return value
        # Thousands of points name the same metrics: each name is held once.
        return {sys.intern(key): _coerce(f"{where}[{key}]", item, one) for key, one in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Any:
        return value
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        raise WireError(f"{where} must be {hint.__name__}, not {type(value).__name__}")
    return value


@dataclass(frozen=True)
class RunSpec(Record):
    """What was asked: written once, by the launch, as spec.json. A run is a commit."""

    run: str
    """`<UTC yyyymmddThhmmss>-<commit7>-<nonce4>`; also the folder's name."""
    project: str
    """Folder name of the project on the host (slug + short hash)."""
    worker: str
    """The worker's name in profiles.yaml."""
    nonce: str
    """Identifies the launch request: the same nonce again is an answer, never a second job."""
    command: Tuple[str, ...]
    """Argument list of the work; run in `cwd`, never through a shell unless it names one."""
    cwd: str
    """Absolute path of the worktree on the host ('' = the run directory, for an ad hoc command)."""
    branch: str = ""
    commit: str = ""
    """Full hash of the commit that was checked out."""
    dirty: bool = False
    """True if the commit is a snapshot of uncommitted work."""
    subject: str = ""
    """First line of the commit message."""
    created_s: float = 0.0
    by: str = ""
    """`user@laptop` who asked."""
    config: str = ""
    """Path of the trainer's config in the worktree or bundle, '' for a plain command."""
    overrides: Tuple[str, ...] = ()
    """`key=value` pairs given to the trainer after the config."""
    extractor: str = ""
    """Name of the feature extractor as the profile states it, for the row on the screen."""
    env: Dict[str, str] = field(default_factory=dict)
    """Environment of the work, never secrets (those travel on the launch's stdin)."""
    environment: Dict[str, Any] = field(default_factory=dict)
    """`env: create`: {python, requirements: [..], index} for remote.onhost.environment; {} = use `command` as is."""
    bundle: str = ""
    """Absolute path of the code bundle on the host."""
    grace_s: float = 30.0
    """Seconds between TERM and KILL at a stop."""
    beat_interval_s: float = 30.0
    restart_limit: int = 0
    """How often the supervisor restarts a failed attempt from its last checkpoint."""
    parent: str = ""
    """Run that this one was relaunched from."""
    setup: Tuple[str, ...] = ()
    """Shell commands that run in `cwd` before the work, see `remote.onhost.setup`."""
    collect: Tuple[str, ...] = ()
    """Globs of files in the worktree that belong to the run's results, see `remote.onhost.collect`."""
    resources: Dict[str, Any] = field(default_factory=dict)
    """What it needs of the host (GPUs, memory, CPU threads), as remote.onhost.resources reads it; {} = nothing said."""
    launcher: Dict[str, Any] = field(default_factory=dict)
    """What Slurm is asked for, as remote.onhost.slurm reads it; {} = a process of the host itself."""
    ranks: Dict[str, Any] = field(default_factory=dict)
    """{nproc, nodes}: processes a node, and nodes, that torchrun starts of the command; {} = the command by itself."""
    protocol: int = PROTOCOL_VERSION
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobRecord(Record):
    """attempts/<n>/job: who the supervisor is. With `boot_id` and `start_ticks` a reused pid is recognised."""

    attempt: str
    """`<run>.<n>`, n from 1."""
    nonce: str
    pid: int
    """The supervisor: leader of its own session and process group."""
    start_ticks: int
    """Field 22 of /proc/<pid>/stat (proc(5)), counted after the last ')'."""
    boot_id: str
    at_s: float
    cluster_job: str = ""
    """Slurm's number of the job that the supervisor is in, '' for a process of the host itself."""
    node: str = ""
    """Name of the machine that it runs on, where that is not the host that was asked."""
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExitRecord(Record):
    """attempts/<n>/exit: how the attempt ended. The file is pre-allocated, so a full disk cannot lose it."""

    attempt: str
    state: str
    """`completed`, `failed` or `stopped` (wire.state.State)."""
    code: Optional[int]
    """Exit code of the work as a shell would say it (128 + signal), None if it never started."""
    at_s: float
    reason: str = ""
    """What a person should read: 'exit code 3', 'by ada@laptop', 'no such file: pyhton'."""
    by: str = ""
    """Who stopped it, '' if nobody did; `SPOT` if the machine was taken away."""
    extra: Dict[str, Any] = field(default_factory=dict)


SPOT = "spot"
"""Who stops a run as its machine is taken away, by the owner's notice."""

EXIT_BYTES = 1024
"""Size of the pre-allocated exit record."""


@dataclass(frozen=True)
class StopRequest(Record):
    """stop: somebody asked this attempt to end. It names the attempt, so a stale one is recognised."""

    attempt: str
    by: str
    at_s: float
    kill: bool = False
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress(Record):
    """progress.json: what the work itself says. A beat carries its step; no progress means stalled."""

    attempt: str
    seq: int
    """Grows with every write, also across a resume."""
    at_s: float
    phase: str
    """wire.state.Phase, or any word."""
    step: int = 0
    total_steps: int = 0
    epoch: int = 0
    """Finished epochs."""
    total_epochs: int = 0
    epoch_fraction: float = 0.0
    """Share of the running epoch that is done, 0..1."""
    eta_s: Optional[float] = None
    """Seconds until the work, or its stage, expects to end."""
    samples_done: int = 0
    samples_total: int = 0
    metrics: Dict[str, Optional[Number]] = field(default_factory=dict)
    """Newest value of each metric, e.g. train_loss, val_loss, val_accuracy, pred_mse, learning_rate."""
    checkpoint: str = ""
    """File name of the newest checkpoint."""
    checkpoint_at_s: Optional[float] = None
    message: str = ""
    """One line for people; also appended to HEARTBEAT.txt."""
    stage: str = ""
    """`validate`, `full`, `evaluate`; '' for work without stages. Totals and `eta_s` count to the end of this stage."""
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Heartbeat(Record):
    """heartbeat.json: the supervisor's proof of life, with what it last saw of the work."""

    attempt: str
    seq: int
    """Grows by one each beat; liveness is judged by it on the reader's monotonic clock."""
    at_s: float
    interval_s: float
    state: str
    """`preparing`, `queued`, `starting`, `running` or `stopping`."""
    pid: int
    child_pid: int = 0
    """The work's own process, 0 while there is none."""
    phase: str = ""
    """Phase of the last progress, '' if the work reports none (it is then never called stalled)."""
    step: int = 0
    progress_seq: int = 0
    progress_age_s: Optional[float] = None
    """Seconds since progress.json last changed, on the host's monotonic clock; None if never."""
    text: str = ""
    """The line that was appended to HEARTBEAT.txt."""
    waits_for: str = ""
    """What a queued run waits for, '' for any other."""
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricPoint(Record):
    """One line of metrics.jsonl."""

    step: int
    epoch: Number
    """May be fractional: 2.5 is the middle of the third epoch."""
    at_s: float
    values: Dict[str, Optional[Number]]
    attempt: str = ""
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Event(Record):
    """One line of events.jsonl: starts, ends, restarts, warnings. Written by the supervisor."""

    kind: str
    """`started`, `ended`, `restarted`, `warning`, `stop_requested`, `spot`, ... unknown kinds are kept."""
    at_s: float
    attempt: str = ""
    text: str = ""
    data: Dict[str, Any] = field(default_factory=dict)
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Action(Record):
    """One line of actions.jsonl: every verb, who, when, and what exactly ran. Every laptop sees it."""

    verb: str
    by: str
    at_s: float
    command: str = ""
    result: str = ""
    attempt: str = ""
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunSummary(Record):
    """result.json: what a run amounts to. Written by the trainer, read by app, CLI and `trainer compare`."""

    attempt: str
    at_s: float
    verdict: str
    """`completed`, `held` (at a gate) or `no skill` (completed, but not above its best control)."""
    metrics: Dict[str, Optional[Number]] = field(default_factory=dict)
    """Final figures, e.g. accuracy, accuracy_low, accuracy_high, n, pred_mse, skill."""
    controls: Dict[str, Any] = field(default_factory=dict)
    """Name of the control -> {metric: value}; hold_last, constant_velocity, class_mean, majority."""
    flags: Tuple[str, ...] = ()
    """What a reader must know: 'no skill', 'investigate: accuracy is exactly 1.0', ..."""
    train_s: float = 0.0
    epochs: int = 0
    parameters: int = 0
    model_bytes: int = 0
    gate: Dict[str, Any] = field(default_factory=dict)
    """Verdict of the gate after `validate`, {} if there was none: `trainer.gate.Verdict` says what it holds."""
    tests: Dict[str, Any] = field(default_factory=dict)
    """Held-out test, or further data set of the stage `evaluate` -> {metric: value}."""
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GateDecision(Record):
    """gate_decision.json: what a person decided about a held run. Written by the verb, read by the next attempt.

    A gate is judged once a run, so the decision holds for every later attempt; the newest one counts.
    """

    decision: str
    """`release` (a new attempt goes on into `full`) or `retire` (the run stays as it ended)."""
    by: str
    """`user@laptop`."""
    at_s: float
    attempt: str
    """The newest attempt when it was decided."""
    extra: Dict[str, Any] = field(default_factory=dict)

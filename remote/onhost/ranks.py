"""Work of several processes: the torchrun that starts them, and what became of each.

torchrun (`torch.distributed.run`) is the agent of a machine: it starts its ranks, and all of them again when one dies,
up to `MAX_RESTARTS` times; what they go on from is the work's last checkpoint. It starts each of them behind
`remote.onhost.rank`, which leaves a record, for torchrun itself says only that somebody failed.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from remote.onhost import parts
from remote.onhost.outcome import Outcome
from remote.onhost.request import Refusal
from remote.onhost.spawn import Claim
from wire.codec import WireError
from wire.records import Record, RunSpec
from wire.state import State

MAX_RESTARTS = 3
"""Of all ranks by torchrun, each time the supervisor has started it."""

TORCHRUN_FAILED = 1
"""Its exit status when it has ended all ranks, after a failure or when it was told to."""

NAMED_MAX = 20
"""So many ranks are named in one line."""

Tiding = Tuple[str, str, Dict[str, Any]]
"""Kind, text and data of an event."""


@dataclass(frozen=True)
class Ranks:
    """So many processes on each of so many machines."""

    nproc: int = 1
    nodes: int = 1

    @classmethod
    def of(cls, spec: RunSpec) -> "Optional[Ranks]":
        """Read `RunSpec.ranks`; None for a command by itself. Raises `Refusal`."""
        if not spec.ranks:
            return None
        for key, most in (("nproc", 256), ("nodes", 1024)):
            value = spec.ranks.get(key, 1)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise Refusal(
                    "bad_request", f"`ranks.{key}` must be a whole number from 1 to {most}, not {value!r:.80}"
                )
        found = cls(spec.ranks.get("nproc", 1), spec.ranks.get("nodes", 1))
        if found.nodes > 1 and not spec.launcher:
            raise Refusal("bad_request", f"{found.nodes} nodes need a cluster", "set `launcher: slurm` for the host")
        return found

    @property
    def world(self) -> int:
        return self.nproc * self.nodes


@dataclass(frozen=True)
class RankRecord(Record):
    """One rank: who it is, and how it ended once it has."""

    rank: int
    world: int
    node: str
    pid: int
    at_s: float
    code: Optional[int] = None
    """As a shell would say it; None while it runs."""
    reason: str = ""
    asked: bool = False
    """It was told to end before it did: it followed another's death, or a stop."""
    extra: Dict[str, Any] = field(default_factory=dict)

    @property
    def who(self) -> str:
        return f"rank {self.rank} of {self.world} on {self.node}"


def started(command: Sequence[str], ranks: Ranks, python: str, claim: Claim) -> List[str]:
    """Return the words that start `command` in all ranks, on this machine or on all of the job.

    torchrun is that of the command's own Python, else of `python`. Of the signals, USR1 is not for it: it would end all
    ranks, who only are to write a checkpoint; and HUP, which it handles unless others are named, would undo nohup.
    """
    from remote.onhost import nodes
    from remote.onhost.__main__ import verb_argv

    own = os.path.basename(command[0]).startswith("python")
    before, meeting = nodes.across(claim, ranks.nodes) if ranks.nodes > 1 else ([], ["--standalone"])
    return [
        *before, command[0] if own else python, "-m", "torch.distributed.run", f"--nproc-per-node={ranks.nproc}",
        f"--max-restarts={MAX_RESTARTS}", "--signals-to-handle=SIGTERM,SIGINT", *meeting,
        "--no-python", *verb_argv("rank", claim.run_dir.attempt(claim.number).ranks), *command,
    ]  # fmt: skip


def ranks_environment(spec: RunSpec, given: Dict[str, str]) -> Dict[str, str]:
    """Return variables for torchrun beside those that are `given`.

    Its ranks get as long for a checkpoint as we give it (`--shutdown-timeout`, which older ones do not know as an
    option). Each start gets a store of its own: one that is shared tells new ranks where the dead ones listened, and
    most restarts then fail. Threads are one for each, as torchrun would choose with a long warning.
    """
    more = {"PET_SHUTDOWN_TIMEOUT": str(math.ceil(spec.grace_s)), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    return more if "OMP_NUM_THREADS" in given else {**more, "OMP_NUM_THREADS": "1"}


class Roll:
    """The ranks of one attempt as their records in `folder` tell; `restarts` counts the starts by the supervisor."""

    def __init__(self, folder: str, restarts: int, nodes: int = 1) -> None:
        self._folder, self._prefix, self._nodes = folder, f"{restarts}-", nodes
        self._told: Dict[int, Dict[int, RankRecord]] = {}
        """Generation, one more with each start of all ranks -> rank -> how it ended."""
        self._generation = 0

    def news(self) -> List[Tiding]:
        """Return what happened since the last call: deaths that nobody asked for, and new starts of all ranks."""
        tidings: List[Tiding] = []
        fresh, newest = self._look()
        deaths = [each for each in fresh if each.code and not each.asked]
        if deaths:
            tidings.append(("warning", _names(deaths), {"ranks": [each.to_dict() for each in deaths[:NAMED_MAX]]}))
        if newest > self._generation:
            cause = _cause(self._told.get(newest - 1, {}))
            why = f"{cause.who}: {cause.reason}" if cause else "a rank was lost"
            text = f"{why}; torchrun starts all ranks again, restart {newest} of {MAX_RESTARTS}"
            tidings.append(("restarted", text, {"torchrun": newest}))
            self._generation = newest
        return tidings

    def outcome(self, outcome: Outcome) -> Outcome:
        """Say which rank it was: torchrun itself ends with 1 whatever happened to them."""
        if outcome.state is State.COMPLETED:
            return outcome
        cause = _cause(self._told.get(self._generation, {}))
        if cause is None or (cause.asked and outcome.code != TORCHRUN_FAILED):
            return replace(outcome, reason=self._why_none(outcome.reason))
        after = f", after {self._generation} restart{'s' * (self._generation > 1)}" if self._generation else ""
        return replace(outcome, code=cause.code, reason=f"{cause.who}: {cause.reason}{after}")

    def _why_none(self, reason: str) -> str:
        """Say what is known where no rank failed by itself: maybe none was started, maybe for want of a machine."""
        names = [name for name in parts.names_in(self._folder) if name.startswith(self._prefix)]
        up = [name[len(self._prefix) : -len(".node")] for name in names if name.endswith(".node")]
        if len(up) < self._nodes > 1:
            there = ", ".join(up[:NAMED_MAX]) or "none"
            return f"{len(up)} of {self._nodes} nodes came up ({there}); do all see this folder? {reason}"
        return f"torchrun: {reason}" if len(names) > len(up) else f"no rank is known to have started: {reason}"

    def _look(self) -> Tuple[List[RankRecord], int]:
        """Read the records of ends that are new, in the order of time, and return the newest generation beside."""
        fresh, newest = [], self._generation
        for name in parts.names_in(self._folder):
            try:
                generation, rank, kind = _parse(name, self._prefix)
                newest = max(newest, generation)
                if kind != "end" or rank in self._told.get(generation, {}):
                    continue
                record = RankRecord.from_dict(parts.read_part(os.path.join(self._folder, name)) or {})
            except (ValueError, WireError):
                continue
            self._told.setdefault(generation, {})[rank] = record
            fresh.append(record)
        return sorted(fresh, key=lambda each: each.at_s), newest


def record_name(restarts: int, generation: int, rank: int, kind: str) -> str:
    """File of a rank's record; `kind` is `start` or `end`."""
    return f"{restarts}-{generation}-{rank}.{kind}"


def _parse(name: str, prefix: str) -> Tuple[int, int, str]:
    """The inverse of `record_name` for one start by the supervisor. Raises ValueError for any other name."""
    if not name.startswith(prefix):
        raise ValueError(name)
    numbers, _, kind = name[len(prefix) :].partition(".")
    generation, _, rank = numbers.partition("-")
    return int(generation), int(rank), kind


def _cause(ended: Dict[int, RankRecord]) -> Optional[RankRecord]:
    """Return the rank that failed first by itself; if all were told to end, the first rank, who speaks for all."""
    failed = [each for each in ended.values() if each.code]
    return min(failed, key=lambda each: (each.asked, each.rank if each.asked else each.at_s), default=None)


def _names(deaths: List[RankRecord]) -> str:
    first, *others = deaths
    told = [f"{first.who}: {first.reason}", *(f"then rank {each.rank}: {each.reason}" for each in others[:NAMED_MAX])]
    return "; ".join(told) + (f"; and {len(others) - NAMED_MAX} more" if len(others) > NAMED_MAX else "")

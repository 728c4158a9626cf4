"""Get for the work what its run needs of the host: a turn and GPUs, variables, a limit, a priority."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, Tuple

from remote.onhost.beats import Beats
from remote.onhost.queueing import LOOK_S, Queue
from remote.onhost.resources import Resources, environment, memory_limiter
from remote.onhost.spawn import Claim
from remote.onhost.work import Work
from wire.run_dir import Root
from wire.state import State


class Providing:
    """Does it for one attempt. `attend` waits so many seconds and returns False once the attempt is to end."""

    def __init__(
        self, claim: Claim, wish: Resources, beats: Beats, note: Callable[..., Any], attend: Callable[[float], bool]
    ) -> None:
        self._claim, self._wish, self._beats, self._note, self._attend = claim, wish, beats, note, attend
        self._waited_for = ""

    def provide(self, work: Work) -> bool:
        """Wait for what is needed, and give it to the work; False if the attempt is to end meanwhile.

        Raises OSError if the host's disk lets nobody queue.
        """
        gpus: Tuple[int, ...] = ()
        if self._wish.queues:
            grant = Queue(Root(self._claim.root), self._wish, self._claim).take(self._wait)
            if grant is None:
                return False
            work.more_fds, gpus = grant.fds, grant.gpus
        self._beats.hold(gpus)
        if self._waited_for:
            self._beats.say(State.STARTING)  # it waits for nobody now
        if gpus:
            self._note("granted", " and ".join(f"GPU {gpu}" for gpu in gpus), gpus=list(gpus))
        work.more_env = environment(self._wish, gpus)
        words, why_not = memory_limiter(self._wish)
        if why_not:
            self._note("warning", why_not)
        work.wrap = lambda argv: [*words, *argv]
        return True

    def be_nice(self, pid: int) -> None:
        """Lower the priority of the work that has just started, in all its processes."""
        if self._wish.nice:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PGRP, pid, self._wish.nice)

    def _wait(self, why: str) -> bool:
        if not self._waited_for:
            self._note("queued", why)
        if why != self._waited_for:
            self._waited_for = why
            self._beats.say(State.QUEUED, waits_for=why)
        return self._attend(LOOK_S)

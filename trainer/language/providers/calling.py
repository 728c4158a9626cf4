"""Calls of a service that may fail: which are made again, when, and how many a minute.

ProviderError
|- CallError       one call failed; says whether another may do better
'- SpendingError   the next call might pass the limit of money
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trainer.errors import ConfigError, ProviderError
from trainer.language.providers.writer import Answer, Writer

RATE = "TRAJVID_LLM_REQUESTS_PER_MINUTE"
TIMEOUT = "TRAJVID_LLM_TIMEOUT_S"


class CallError(ProviderError):
    """One call without an answer."""

    def __init__(
        self, message: str, *, hint: str = "", passing: bool = False, wait_s: float | None = None, billed: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.passing = passing
        """Whether the same call may do better later: too many calls, an overloaded service, a lost connection."""
        self.wait_s = wait_s
        """How long the service asks to be left alone."""
        self.billed = billed
        """Whether the service may have done the work all the same, and send a bill."""


@dataclass(frozen=True)
class Limits:
    """How patiently a service is asked."""

    tries: int = 5
    """Calls for one answer, the first included."""
    timeout_s: float = 120.0
    """Longest silence within one call."""
    requests_per_minute: float | None = None
    first_wait_s: float = 1.0
    """Before the second call; doubled before each further one, and varied, so that runs do not knock in step."""
    longest_wait_s: float = 120.0
    """A service that asks for more gives up this answer."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Limits:
        """Read `TRAJVID_LLM_REQUESTS_PER_MINUTE` and `TRAJVID_LLM_TIMEOUT_S`. Raises `ConfigError`."""
        return cls(timeout_s=_positive(TIMEOUT, environ) or cls.timeout_s, requests_per_minute=_positive(RATE, environ))


def _positive(variable: str, environ: Mapping[str, str]) -> float | None:
    text = environ.get(variable, "")
    try:
        value = float(text) if text else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 < value < float("inf"):
        raise ConfigError(f"{variable}={text!r} is no number above 0", hint=f"for example: export {variable}=60")
    return value


class Patient:
    """Asks again after failures that pass, waits as long as the service says, and keeps to a rate."""

    def __init__(
        self,
        writer: Writer,
        limits: Limits,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.writer, self.limits, self.sleep, self.clock = writer, limits, sleep, clock
        self._next_at = clock()
        """The earliest time of the next call."""

    @property
    def name(self) -> str:
        return self.writer.name

    def write(self, system: str, user: str) -> Answer:
        wait_s = self.limits.first_wait_s
        for left in reversed(range(self.limits.tries)):
            self._keep_to_the_rate()
            try:
                return self.writer.write(system, user)
            except CallError as exc:
                asked_s = exc.wait_s or 0.0
                if not exc.passing or asked_s > self.limits.longest_wait_s:
                    raise
                if not left:
                    raise ProviderError(f"{exc}; asked {self.limits.tries} times", hint=exc.hint) from None
                self.sleep(max(asked_s, wait_s * random.uniform(0.75, 1.25)))
                wait_s = min(2 * wait_s, self.limits.longest_wait_s)
        raise AssertionError("tries is at least 1")

    def _keep_to_the_rate(self) -> None:
        if self.limits.requests_per_minute is None:
            return
        if (early_s := self._next_at - self.clock()) > 0:
            self.sleep(early_s)
        self._next_at = max(self.clock(), self._next_at) + 60 / self.limits.requests_per_minute

"""What can go wrong in the trainer.

TrainerError            exit 1
|- ConfigError          exit 2   a file, key or value that cannot be used
|- DataError            exit 1   a data set that must not be trained on
|- CheckpointError      exit 1   a checkpoint that cannot be read or does not fit
|- Overtaken            exit 1   another attempt of the run has taken it over
|- ProviderError        exit 1   a language model that gave no answer, in its own words
'- Interrupted          exit 143 (TERM) or 130 (Ctrl-C), after a checkpoint
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class TrainerError(Exception):
    """A failure that a person can act on; `hint` is the next step, or ''."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(TrainerError):
    """A config file, key or value is wrong; the message names the place."""

    exit_code = 2


class DataError(TrainerError):
    """The data set would give figures that mean nothing (a missing class, constant labels, changed content)."""


class CheckpointError(TrainerError):
    """A checkpoint is unreadable or belongs to another experiment."""


class Overtaken(TrainerError):
    """A newer attempt writes the run's files now."""


class ProviderError(TrainerError):
    """A language model gave no answer: the message has the provider's own words, never a key."""


class Interrupted(TrainerError):
    """A signal asked us to end, and everything needed to go on is written."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def data_in(folder: Path) -> Iterator[None]:
    """Put the folder before a `DataError` that does not say where."""
    try:
        yield
    except DataError as exc:
        if str(exc).startswith(str(folder)):
            raise
        raise DataError(f"{folder}: {exc}", hint=exc.hint) from exc

"""Answers kept on disk, so that the same question is paid for once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from trainer.durable import write_durably
from trainer.errors import TrainerError
from trainer.language.describer import Usage
from trainer.language.providers.writer import Answer, Writer

_MAX_BYTES = 1024 * 1024


class Cached:
    """Answers a question that was asked before from a folder of files, one an answer, readable by their owner alone.

    A file is named by the digest of everything that decides an answer: provider, model, address, settings, prompt. It
    holds the answer and what it took then; no prompt, no key. One that is damaged is as one that is not there.
    """

    def __init__(self, writer: Writer, folder: Path, identity: Mapping[str, object]) -> None:
        self.writer, self.folder, self.identity = writer, folder, identity
        with _saying(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        return self.writer.name

    def write(self, system: str, user: str) -> Answer:
        path = self.folder / f"{self._digest(system, user)}.json"
        if (kept := _read(path)) is not None:
            return kept
        answer = self.writer.write(system, user)
        with _saying(self.folder):
            write_durably(path, lambda file: file.write(json.dumps(asdict(answer)).encode()))
        return answer

    def _digest(self, system: str, user: str) -> str:
        question = {"format": 1, "name": self.name, "system": system, "user": user, **self.identity}
        return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


@contextmanager
def _saying(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise TrainerError(
            f"{folder}: answers cannot be kept: {exc.strerror}", hint="make room, or name another"
        ) from exc


def _read(path: Path) -> Answer | None:
    """Return the answer with its tokens and seconds of then, marked; it costs nothing now."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            kept = json.loads(file.read(_MAX_BYTES))
        usage = replace(Usage(**kept["usage"]), cost_usd=0.0, cached=True)
        answer = Answer(kept["text"], usage, kept["cut"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return answer if isinstance(answer.text, str) else None

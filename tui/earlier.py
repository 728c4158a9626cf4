"""The way back through a worker's logs: attempt by attempt, then run by run, each as one chapter of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remote.errors import RemoteError
from remote.log_pages import LogPage
from remote.snapshot import RunSnapshot
from tui.format import age
from tui.session import FleetLike, VerbsLike


@dataclass(frozen=True)
class Chapter:
    """One attempt's part of a run's log, or all of it where nothing tells its attempts apart."""

    run: str
    attempt: int
    """0 if it is not known which."""
    lines: tuple[str, ...]
    skipped_bytes: int
    """Not shown before its first line."""
    origin: str
    age_s: float | None

    @property
    def title(self) -> str:
        """Which it is, where it comes from and how old that is."""
        which = f"attempt {self.attempt} · {self.run}" if self.attempt else self.run
        old = f", {age(self.age_s)} old" if self.age_s is not None else ""
        return f"{which} · {self.origin}{old}"


def chapters(page: LogPage) -> list[Chapter]:
    """The parts of a run's log, the newest attempt first."""
    begins = list(page.attempts)
    if not begins or begins[0][0] > 0:
        begins.insert(0, (0, 0))
    ends = [index for index, _ in begins[1:]] + [len(page.lines)]
    return [
        Chapter(page.run, number, page.lines[index:end], page.skipped_bytes * (index == 0), page.origin, page.age_s)
        for (index, number), end in zip(begins, ends, strict=True)
    ][::-1]


class Earlier:
    """Where somebody stands on the way back; `chapter` is None at the newest lines, which the stream tells."""

    def __init__(self) -> None:
        self.forget("", "")

    def forget(self, worker: str, run: str) -> None:
        """Another worker, or a new run of it: back to the stream."""
        self.worker, self.run = worker, run
        self.chapter: Chapter | None = None
        self.asking = False
        self.trouble = ""
        self._runs: list[str] = []
        self._known: dict[str, list[Chapter]] = {}
        self._way: list[Chapter] = []

    async def older(self, row: RunSnapshot, fleet: FleetLike | None, verbs: VerbsLike | None) -> bool:
        """Go one chapter back; False if none is left, or it could not be had (see `trouble`)."""
        if verbs is None or self.asking:
            return False
        self.asking, self.trouble = True, ""
        try:
            found = await self._older(row, fleet, verbs)
        except RemoteError as exc:
            self.trouble = exc.message
            return False
        except Exception as exc:
            self.trouble = f"{type(exc).__name__}: {exc}"
            return False
        finally:
            self.asking = False
        if found is not None and (row.worker, row.run) == (self.worker, self.run):
            self._way.append(found)
            self.chapter = found
        return found is not None

    async def _older(self, row: RunSnapshot, fleet: FleetLike | None, verbs: VerbsLike) -> Chapter | None:
        if not self._runs:
            runs, self.trouble = await verbs.runs_of(fleet, row.worker)
            self._runs = [row.run, *(run for run in runs if run < row.run)]
        seen = {(chapter.run, chapter.attempt) for chapter in self._way}
        for run in self._runs:
            if run not in self._known:
                self._known[run] = chapters(await verbs.log_page(fleet, row.worker, run))
            for chapter in self._known[run]:
                newest = run == row.run and chapter is self._known[run][0]
                streamed = newest and _is_end_of(chapter, row.log_tail)
                if (run, chapter.attempt) not in seen and not streamed:
                    return chapter
        return None

    def newer(self) -> bool:
        """Go one chapter forward, in the end to the stream; False if that is where it stands."""
        if not self._way:
            return False
        self._way.pop()
        self.chapter = self._way[-1] if self._way else None
        return True


def _is_end_of(chapter: Chapter, stream: Sequence[str]) -> bool:
    """True if the stream shows all of the chapter anyway."""
    count = len(chapter.lines)
    return not chapter.skipped_bytes and 0 < count <= len(stream) and chapter.lines == tuple(stream[-count:])

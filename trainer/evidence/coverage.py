"""How much of a component was run by its tests, in percent of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import ConfigError
from trainer.evidence.page import one_page
from wire.tested_tree import is_code

if TYPE_CHECKING:
    import coverage

BAR_PERCENT = 80.0
"""So much of a component's lines its tests are to run, where nothing else was asked for."""


@dataclass(frozen=True)
class Covered:
    """What was run of some files."""

    lines: dict[str, tuple[int, int]]
    """File -> lines that were run, lines there are."""
    chosen: str
    """Which files these are, in words."""

    @property
    def percent(self) -> float | None:
        """Of all lines; None if there is no line at all."""
        there = sum(count for _, count in self.lines.values())
        return 100 * sum(run for run, _ in self.lines.values()) / there if there else None

    @property
    def words(self) -> str:
        """A line a file, for the end of an output."""
        rows = [f"{_share(run, there):>6} of {there:4} lines  {file}\n" for file, (run, there) in self.lines.items()]
        return f"coverage of the files {self.chosen}\n{''.join(rows)}"


def _share(run: int, there: int) -> str:
    return f"{100 * run / there:.0f} %" if there else "-"


def measure(data: Path, top: Path, files: Sequence[str], chosen: str, page: Path) -> Covered:
    """Return what was run of some files, or of all code that was loaded if there are none, and write coverage's own
    report of them as one page. Raises `ConfigError` with coverage's words where its settings do not allow that.
    """
    import coverage

    try:
        reader = coverage.Coverage(data_file=str(data))
        reader.load()
        files = files or _loaded(reader, top)
        covered = Covered({file: _lines(reader, top / file) for file in files}, chosen)
        if files:
            folder = data.with_name("html")
            reader.html_report([str(top / file) for file in files], directory=str(folder))
            one_page(folder, page)
    except coverage.CoverageException as exc:
        raise ConfigError(f"coverage cannot be measured: {exc}", hint="mend its settings, or --bar 0") from exc
    return covered


def _loaded(reader: coverage.Coverage, top: Path) -> list[str]:
    """Code of the worktree of which any line was run."""
    known = reader.get_data()
    run = [top / file for file in known.measured_files() if known.lines(file)]
    files = (file.relative_to(top).as_posix() for file in run if file.is_relative_to(top))
    return sorted(file for file in files if is_code(file.encode()))


def _lines(reader: coverage.Coverage, file: Path) -> tuple[int, int]:
    _, there, _, missing, _ = reader.analysis2(str(file))
    return len(there) - len(missing), len(there)

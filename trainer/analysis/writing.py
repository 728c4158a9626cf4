"""What `trainer analyze` and `trainer compare` leave on the disk: a page, a JSON file, pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.analysis import comparison_picture, comparison_report, pictures, report
from trainer.analysis.advice import recommend
from trainer.analysis.analysis import analyse
from trainer.analysis.comparison import Comparison, compare
from trainer.analysis.reading import read_results
from trainer.analysis.results import Results
from trainer.errors import TrainerError
from wire.codec import finite
from wire.run_dir import replace_file


@dataclass(frozen=True)
class Written:
    """An analysis on the disk, and what matters of it in a terminal."""

    results: Results
    folder: Path
    summary: str
    advice: tuple[str, ...]


def write_analysis(run: str | Path, out: str | Path = "") -> Written:
    """Write analysis_report.md, analysis.json and the pictures of one run into its artifacts, or into `out`.

    Raises `DataError` if there are no results to read, `TrainerError` if the folder cannot be written.
    """
    results = read_results(run)
    folder = Path(out) if out else results.folder
    with writable(folder):
        return write_report(results, folder)


def write_report(results: Results, folder: Path) -> Written:
    """Write the same of results that are at hand into a folder that exists. Raises OSError."""
    analysis = analyse(results)
    advice = recommend(analysis)
    drawn = pictures.draw(analysis, folder)
    write(folder / "analysis_report.md", report.page(analysis, advice, drawn))
    write(folder / "analysis.json", as_text(report.as_json(analysis, advice)))
    return Written(results, folder, report.summary(analysis), tuple(map(report.sentence, advice)))


def write_comparison(
    runs: Sequence[str | Path], out: str | Path, *, ensemble: bool = False, controls: Sequence[str | Path] = (),
    command: str = "trainer compare",
) -> tuple[Comparison, Path]:  # fmt: skip
    """Write a page, its JSON and its picture; return the comparison and the page.

    `out` is a folder, for comparison.md, comparison.json and comparison.png, or a FILE.md, which has the others beside
    it. Raises `DataError` if none of the runs has results or the ensemble is not possible, `TrainerError` if nothing
    can be written.
    """
    comparison, place = compare(runs, ensemble=ensemble, controls=controls), Path(out)
    path = place if place.suffix == ".md" and not place.is_dir() else place / "comparison.md"
    picture = path.with_suffix(".png")
    with writable(path.parent):
        comparison_picture.draw(comparison, picture)
        write(path, comparison_report.page(comparison, picture.name, command, time.time()))
        write(path.with_suffix(".json"), as_text(comparison_report.as_json(comparison, command)))
    return comparison, path


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Make the folder; what cannot be written in it is a `TrainerError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as exc:
        raise TrainerError(f"cannot write into {folder}: {exc.strerror}", hint="name a folder with --out") from exc


def as_text(content: dict[str, Any]) -> str:
    """Return JSON that any reader takes: no NaN."""
    return json.dumps(finite(content), indent=1, allow_nan=False) + "\n"


def write(path: Path, text: str) -> None:
    """Put a text in place at once. Raises OSError."""
    replace_file(str(path), text.encode())

"""The verbs `trainer analyze` and `trainer compare`: files in, files out, a summary on stdout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from trainer.analysis import comparison_picture, comparison_report, pictures, report
from trainer.analysis.advice import recommend
from trainer.analysis.analysis import Analysis, analyse
from trainer.analysis.comparison import Comparison, compare
from trainer.analysis.reading import read_results
from wire.codec import finite
from wire.run_dir import replace_file


def analyze(run: str | Path, out: str | Path = "") -> Analysis:
    """Write analysis_report.md, analysis.json and the pictures of one run into its artifacts, or into `out`.

    Raises `DataError` if there are no results to read, OSError if the folder cannot be written.
    """
    analysis = analyse(read_results(run))
    folder = Path(out) if out else analysis.results.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    advice = recommend(analysis)
    drawn = pictures.draw(analysis, folder)
    _write(folder / "analysis_report.md", report.page(analysis, advice, drawn))
    _write(folder / "analysis.json", as_text(report.as_json(analysis, advice)))
    return analysis


def write_comparison(
    runs: Sequence[str | Path], out: str | Path, *, ensemble: bool = False, controls: bool = False
) -> Comparison:
    """Write comparison.md, comparison.json and comparison.png of some runs into `out`.

    Raises `DataError` if none has results or the ensemble is not possible, OSError if the folder cannot be written.
    """
    comparison = compare(runs, ensemble=ensemble, controls=controls)
    folder = Path(out)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    comparison_picture.draw(comparison, folder / "comparison.png")
    _write(folder / "comparison.md", comparison_report.page(comparison, "comparison.png"))
    _write(folder / "comparison.json", as_text(comparison_report.as_json(comparison)))
    return comparison


def as_text(content: dict[str, object]) -> str:
    """Return JSON that any reader takes: no NaN."""
    return json.dumps(finite(content), indent=1, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    replace_file(str(path), text.encode())

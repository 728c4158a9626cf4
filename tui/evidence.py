"""The evidence files of a run on this laptop, each with the verdict that it states itself. Judges nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from remote.clean import clean
from tui.file_view import FileView, read_view
from wire.run_dir import RunDir

PATTERNS = ("tdd_*_*.txt", "evidence*.json", "test_coverage_report.html")
FILES_MAX = 200
PHASES = ("red", "green", "refactor")
_NAME = re.compile(r"tdd_(.+)_(red|green|refactor)\.txt")
_STATED = re.compile(r"\s*(verdict|refused)\b", re.IGNORECASE)
_SUMMARY = re.compile(r"=+ (.*\b\d+ (?:passed|failed|errors?|skipped|deselected)\b.*|no tests ran.*) =+")
_COVERED = re.compile(r'class="pc_cov">\s*(\d+(?:\.\d+)?%)')
"""How coverage.py writes the total into the head of its report."""
NONE_STATED = "states no verdict"


@dataclass(frozen=True)
class Evidence:
    """One file."""

    path: Path
    about: str
    """`tracker, red`, or the file's name."""
    verdict: str
    """The line that states it, as it stands in the file; '' if there is none."""
    written_s: float

    @property
    def refused(self) -> bool:
        return "refused" in self.verdict.lower()


def evidence_of(folder: str) -> list[Evidence]:
    """Every evidence file in the synced folder of a run, by component and phase; call it in a thread."""
    artifacts = Path(RunDir(folder).artifacts)
    paths = sorted({path for pattern in PATTERNS for path in artifacts.glob(pattern)}, key=_order)
    return [_read(path) for path in paths[:FILES_MAX]]


def _order(path: Path) -> tuple[bool, str, int, str]:
    found = _NAME.fullmatch(path.name)
    return found is None, found[1] if found else "", PHASES.index(found[2]) if found else 0, path.name


def _read(path: Path) -> Evidence:
    view, found = read_view(path), _NAME.fullmatch(path.name)
    about = f"{found[1]}, {found[2]}" if found else path.name
    return Evidence(path, clean(about), verdict_of(view), view.written_s)


def verdict_of(view: FileView) -> str:
    """The line of a file that says how it went: its own verdict, else pytest's summary, else the coverage."""
    if view.trouble:
        return view.note
    if view.kind == "json":
        return _member("\n".join(view.lines))
    stated = next((line.strip() for line in view.lines if _STATED.match(line)), "")
    summaries = [found[1] for line in view.lines if (found := _SUMMARY.fullmatch(line.strip()))]
    covered = next((f"{found[1]} covered" for line in view.lines if (found := _COVERED.search(line))), "")
    return stated or (summaries[-1] if summaries else covered)


def _member(text: str) -> str:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    told = content.get("verdict") if isinstance(content, dict) else None
    return clean(str(told)) if told is not None else ""

"""Evidence files on this laptop, of a worker and of one run, each with the verdict that it states itself.

Only what can be seen in the file alone is judged: one that was edited is not believed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from remote.clean import clean
from tui.file_view import FileView, read_view
from wire import evidence as wire
from wire.run_dir import RunDir

PATTERNS = ("tdd_*_*.txt", "evidence*.json", wire.COVERAGE_FILE)
FILES_MAX = 200
_NAME = re.compile(r"tdd_(.+)_(red|green|refactor)\.txt")
_STATED = re.compile(r"\s*(verdict|refused)\b", re.IGNORECASE)
_SUMMARY = re.compile(r"=+ (.*\b\d+ (?:passed|failed|errors?|skipped|deselected)\b.*|no tests ran.*) =+")
_COVERED = re.compile(r'class="pc_cov">\s*(\d+(?:\.\d+)?%)')
"""How coverage.py writes the total into the head of its report."""
NONE_STATED = "states no verdict"
OF_THE_RUN = " (of the run)"
KEPT = "kept from an earlier round"
_KEPT = ".accepted.txt"


@dataclass(frozen=True)
class Evidence:
    """One file."""

    path: Path
    about: str
    """`tracker, red`, or the file's name."""
    verdict: str
    """The line that states it, as it stands in the file; '' if there is none."""
    written_s: float
    commit: str = ""
    """That it is of, if it says so."""
    refused: bool = False
    """True if it says that something is not shown."""


def evidence_of(run_folder: str, own: Path | None = None) -> list[Evidence]:
    """The worker's evidence in `own`, then what lies in the artifacts of the synced run; call it in a thread."""
    found = _read_all(own, ours=True) if own is not None else []
    of_run = _read_all(Path(RunDir(run_folder).artifacts), ours=False) if run_folder else []
    return [*found, *(replace(one, about=f"{one.about}{OF_THE_RUN if found else ''}") for one in of_run)]


def _read_all(folder: Path, *, ours: bool) -> list[Evidence]:
    """What is `ours` is believed only as the trainer writes it; a run may leave what other tools wrote."""
    stated = {wire.file_name(one.component, one.phase): one for one in wire.read_evidence(str(folder))}
    paths = sorted({path for pattern in PATTERNS for path in folder.glob(pattern)}, key=_order)[:FILES_MAX]
    return [_read(path, stated.get(path.name), ours) for path in paths]


def _order(path: Path) -> tuple[bool, str, int, str]:
    found = _NAME.fullmatch(path.name)
    return found is None, found[1] if found else "", wire.PHASES.index(found[2]) if found else 0, path.name


def _read(path: Path, stated: wire.Evidence | None, ours: bool) -> Evidence:
    if ours and path.name == wire.PROOF_FILE:
        return _proof(path)
    view, found = read_view(path), _NAME.fullmatch(path.name)
    about = clean(f"{found[1]}, {found[2]}" if found else path.name)
    if stated is not None and (ours or stated.verdict):
        verdict = wire.ACCEPTED if stated.accepted else f"refused: {clean(stated.why)}"
        return Evidence(path, about, verdict, stated.at_s or view.written_s, clean(stated.commit), not stated.accepted)
    verdict = KEPT if ours and path.name.endswith(_KEPT) else verdict_of(view)
    return Evidence(path, about, verdict, view.written_s, refused="refused" in verdict.lower())


def _proof(path: Path) -> Evidence:
    """The verdict of everything, with its reasons: what is not plainly a yes stands out."""
    from remote.evidence import Proof, proof_in  # brings the connection's side along, which no first paint waits for
    from remote.proving import PROVE, YES

    proof = proof_in(path.parent) or Proof("", ("it is gone",), "", 0.0, "")
    verdict = ": ".join(filter(None, (proof.verdict, "; ".join(proof.reasons))))
    return Evidence(path, PROVE, verdict, proof.at_s, proof.commit, proof.verdict != YES)


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

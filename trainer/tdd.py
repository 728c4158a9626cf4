"""`trainer tdd`: one phase of test-first work, and the file that shows it."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.evidence.coverage import BAR_PERCENT
from wire.evidence import PHASES, file_name

if TYPE_CHECKING:
    from wire.evidence import Evidence

DESCRIPTION = "Run the tests of a component as red, green or refactor, and record what that shows."
EPILOG = """\
  trainer tdd red tracker                        tests/test_tracker.py fails: what it wants is not written yet
  trainer tdd green tracker                      the same tests pass, on changed code
  trainer tdd refactor tracker                   and still do, on code that changed once more
  trainer tdd red tracker -- tests/unit -k track words after -- are pytest's; green and refactor repeat them
  trainer tdd green tracker --files 'trainer/objects/track*.py' --bar 90

Start at the top of a git worktree. It writes tdd_<component>_<phase>.txt into artifacts/ (or --out): commit, digest of
what was tested with uncommitted work, versions, pytest's own exit code and counts, its output without secrets, every
test with a digest of what it says. From green on also test_coverage_report.html.

red       at least one test fails, and each that does fails by assertion, or as a module or a name is not there yet
green     after an accepted red of this history; the code has changed, the tests of red have not, each of them ran, all
          pass, and 80 % (--bar) of the component's lines ran: its files are those named like it, or --files
refactor  the same after green

Anything else is refused: the file says why. `trainer prove` judges all files together.
Exit status: 0 accepted, 5 refused, 1 no place to write, 2 wrong arguments, no worktree, or no pytest.
"""
REFUSED = 5
NEXT = {
    "red": "next: write the code, then trainer tdd green {}",
    "green": "next: trainer tdd refactor {} after a change, or commit and trainer prove",
    "refactor": "next: commit, and trainer prove",
}


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "tdd", help="test first, with evidence", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("phase", choices=PHASES, help="what the tests are to show")
    verb.add_argument("component", metavar="COMPONENT", help="letters, digits, _ and -")
    verb.add_argument("--out", default="artifacts", metavar="DIR", help="folder of the evidence (default: artifacts)")
    help_ = "least coverage (default: %(default)g); 0: not measured"
    verb.add_argument("--bar", type=_percent, default=BAR_PERCENT, metavar="PERCENT", help=help_)
    verb.add_argument("--files", nargs="+", default=[], metavar="GLOB", help="the component's files, for coverage")


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no share of 0 to 100 percent")
    return percent


def run(arguments: argparse.Namespace) -> int:
    """Run the phase; its last lines say what it showed and where that stands."""
    from trainer.evidence.folder import kept_file
    from trainer.evidence.recording import Asked, record

    end_by_exception()
    asked = Asked(
        phase=arguments.phase,
        component=arguments.component,
        words=tuple(arguments.pytest_words),
        out=Path(arguments.out),
        bar_percent=arguments.bar,
        files=tuple(arguments.files),
    )
    evidence = record(Path.cwd(), asked, show)
    print(_said(evidence))
    file = asked.out / file_name(asked.component, asked.phase)
    print(f"The evidence is in {file}")
    if not evidence.accepted:
        if (kept := kept_file(asked.out, evidence)).exists():
            print(f"What was accepted before is kept; to go back to it: mv {kept} {file}")
        return REFUSED
    print(NEXT[asked.phase].format(asked.component))
    return 0


def show(piece: bytes) -> None:
    """Pass on what pytest prints as it comes."""
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def end_by_exception() -> None:
    """End on TERM as on Ctrl-C: pytest ends too, and a worktree that was made to run in is removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _said(evidence: Evidence) -> str:
    words = f"{evidence.phase} of {evidence.component}: {evidence.verdict}"
    counts = f"tests {evidence.tests}, failures {evidence.failures}, errors {evidence.errors}"
    covered = "" if evidence.coverage == "-" else f", coverage {evidence.coverage} %"
    return f"{words} ({counts}{covered})" if evidence.accepted else words

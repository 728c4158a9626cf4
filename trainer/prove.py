"""`trainer prove`: is it done? One word, and why not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from trainer.tdd import REFUSED, end_by_exception

DESCRIPTION = "Say yes or no: does the evidence hold, do its tests pass at this commit, do these runs pass?"
EPILOG = """\
  trainer prove                                  the evidence in artifacts/, its tests run anew at HEAD
  trainer prove runs/mine runs/other             and these runs: gate passed, above their controls, of this commit
  trainer prove -- tests                         and the whole suite: words after -- are pytest's

A yes says all of this: nothing is uncommitted; every component has a red and a green (and a refactor, if it is newer)
that were accepted in this order, on changed code, in this history, and were not edited since; the newest of them tested
exactly this commit's content; in a worktree of its own at the commit, each component's tests passed anew, none of those
of red missing, skipped or changed. Of a run: it came to its end, no gate or bar is not passed, its figures are above
the controls beside them, nothing about it says `investigate`, and it is of this commit as far as it says.

The first line is yes or no; the reasons follow. evidence.json in the folder has the same with every figure, and the
SHA-256 of each file that was read. Digests show what was edited by accident; who forges a file with its digest still
has to make the tests pass.
Exit status: 0 yes, 5 no, 1 no place to write, 2 wrong arguments, no worktree, or no pytest.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser("prove", help="is it done?", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    verb.set_defaults(run=run)
    verb.add_argument("places", nargs="*", metavar="RUN", help="folders of finished runs")
    verb.add_argument("--out", default="artifacts", metavar="DIR", help="folder of the evidence (default: artifacts)")
    verb.add_argument("--json", action="store_true", help="print evidence.json for machines")


def run(arguments: argparse.Namespace) -> int:
    """Print the verdict, then what speaks against it."""
    from trainer.evidence.proving import prove

    end_by_exception()
    out = Path(arguments.out)
    proof = prove(Path.cwd(), out, arguments.places, arguments.pytest_words, _narrate)
    if arguments.json:
        print(proof.to_text(), end="")
    else:
        print(proof.verdict)
        for reason in proof.reasons:
            print(f"- {reason}")
        for note in proof.notes:
            print(f"note: {note}")
        print(f"The proof is in {out / 'evidence.json'}")
    return REFUSED if proof.reasons else 0


def _narrate(piece: bytes) -> None:
    """What pytest prints is narration here: the answer is what stands on stdout."""
    sys.stderr.buffer.write(piece)
    sys.stderr.buffer.flush()

"""`trainer evaluate`: a checkpoint on any data set that its model can take."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.stop import Stop

if TYPE_CHECKING:
    from trainer.findings import Findings

DESCRIPTION = "Evaluate a trained model: figures beside the controls, recall of each class, what to be wary of."
EPILOG = """\
CHECKPOINT is a file of `trainer run` (.pt), or a run's folder: its best.pt. Everything about the model is in it.
DATASET is a folder of `trainer generate`, one with videos.npy and metadata.json, or a tier of `trajectories`, drawn as
the run would draw it. A held-out test is named behind a slash, and has no --split.

  trainer evaluate runs/mine --on medium                    for a run on `medium`: the figures of its own test
  trainer evaluate runs/mine --on hard/shifted-camera       a tier it never saw, from cameras that tier never trains on
  trainer evaluate best.pt --on data/objects-fast --split all --json
  trainer evaluate runs/mine --on my-videos --out look      evaluation.json, analysis_report.md and pictures too

A run does the same by itself at its end, with then=[evaluate] evaluate_on=[hard/shifted-camera, my-videos].
Class mean and majority are those of DATASET's training split. Clips that the model was trained on are flagged.
`trainer compare` and `trainer analyze` read evaluation.json like the results of a run.
Exit status: 0 evaluated, 1 no such checkpoint or data that the model cannot take, 2 wrong arguments.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "evaluate", help="evaluate a checkpoint", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint, or a run's folder")
    verb.add_argument("--on", required=True, metavar="DATASET", help="folder or tier, with /TEST a held-out test of it")
    verb.add_argument("--split", default="test", choices=("test", "validation", "train", "all"), help="default: test")
    verb.add_argument("--out", default="", metavar="DIR", help="write figures, predictions and pictures into it")
    verb.add_argument("--json", action="store_true", help="print evaluation.json for machines")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print; return 0, every other end is a `TrainerError` with its exit code."""
    stop = Stop()
    stop.install()
    from trainer.findings import examine
    from trainer.trained import load_trained

    trained = load_trained(arguments.checkpoint)
    findings = examine(trained, arguments.on, arguments.split, lambda done, total: stop.check())
    if arguments.out:
        findings.write(Path(arguments.out))
    if arguments.json:
        print(json.dumps(findings.content, indent=1, allow_nan=False))
        return 0
    _show(findings)
    if arguments.out:
        print(f"The whole evaluation is in {Path(arguments.out) / 'analysis_report.md'}")
    return 0


def _show(findings: Findings) -> None:
    """Print the figures, then the tables of the report, as it says them."""
    from rich.console import Console
    from rich.markdown import Markdown

    from trainer.analysis.analysis import analyse
    from trainer.analysis.report import class_table, control_table
    from trainer.analysis.results import results_of
    from trainer.results import figure_words

    analysis = analyse(results_of(Path("evaluation.json"), findings.content))
    evaluated = findings.content["evaluated"]
    print(f"{evaluated['checkpoint']}, epoch {evaluated['epoch']}, on {evaluated['on']}, {evaluated['part']}")
    print(f"{findings.summary.verdict}: {figure_words(findings.content['summary']['metrics'])}")
    for flag in findings.summary.flags:
        print(f"! {flag}")
    for lines in (class_table(analysis), control_table(analysis)):
        Console().print(Markdown("\n".join(lines)))

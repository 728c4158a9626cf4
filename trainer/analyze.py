"""`trainer analyze`: what one finished run amounts to, from its files alone."""

from __future__ import annotations

import argparse
from typing import Any

DESCRIPTION = "Say what the numbers of a finished run say: figures, targets, controls, training, what to do next."
EPILOG = """\
RUN is a run's folder (here or synced), a worker's folder (its newest run), the folder of `trainer evaluate --out`, or
any training_results.json, older forms with lists of losses and accuracies included. No torch is needed.

  trainer analyze results/keypoint-a        the newest run of a worker
  trainer analyze old/training_results.json --out /tmp/look

Written into the run's artifacts, or --out: analysis_report.md, analysis.json, training_curves.png,
confusion_matrix.png, metrics_summary.png, learning_rate.png, generalization_gap.png, forecasting_curves.png,
predicted_paths.png; a picture whose numbers are not there is left out, and the report names what is missing.
Exit status: 0 analysed, 1 there is nothing to read or no place to write.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "analyze", help="say what a run's numbers say", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("place", metavar="RUN", help="folder of the run, or a results file")
    verb.add_argument("--out", default="", metavar="DIR", help="where to write (default: the run's artifacts)")
    verb.add_argument("--json", action="store_true", help="print analysis.json for machines")


def run(arguments: argparse.Namespace) -> int:
    """Write the analysis and print what matters of it."""
    from trainer.analysis.writing import write_analysis

    written = write_analysis(arguments.place, arguments.out)
    if arguments.json:
        print((written.folder / "analysis.json").read_text(encoding="utf-8"), end="")
        return 0
    print(written.summary)
    for line in written.advice:
        print(f"- {line}")
    print(f"The whole analysis is in {written.folder / 'analysis_report.md'}")
    return 0

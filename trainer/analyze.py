"""`trainer analyze`: what one finished run amounts to, from its files alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.analysis.writing import Written

DESCRIPTION = "Say what the numbers of a finished run say: figures, targets, controls, training, what to do next."
EPILOG = """\
RUN is a run's folder (here or synced), a worker's folder (its newest run), the folder of `trainer evaluate --out`, or
any training_results.json, older forms with lists of losses and accuracies included. No torch is needed.

  trainer analyze results/keypoint-a        the newest run of a worker
  trainer analyze old/training_results.json --out /tmp/look
  trainer analyze runs/mine --llm           six sections in words too, by fixed rules: no key, no network
  trainer analyze runs/mine --llm openai:gpt-4o --spend 0.10
  trainer analyze runs/mine --llm openai:mistral@http://localhost:11434/v1

Written into the run's artifacts, or --out: analysis_report.md, analysis.json, training_curves.png,
confusion_matrix.png, metrics_summary.png, learning_rate.png, generalization_gap.png, forecasting_curves.png,
predicted_paths.png; a picture whose numbers are not there is left out, and the report names what is missing.
With --llm also llm_analysis.md and llm_analysis.json: performance, training dynamics, architecture, failure
hypotheses, improvements, research questions. PROVIDER is rules (the default), openai:MODEL[@URL],
anthropic:MODEL[@URL] or transformers:FOLDER; keys come from OPENAI_API_KEY and ANTHROPIC_API_KEY. A model is told the
run's numbers and nothing else, and every figure that it writes is looked up among them:
  found            rounded as it is written, and the words around it say of what it is
  derived          a difference, a ratio or a rest of figures in the same sentence, named as such
  of another       a number of the run, but of something else: a recall that is called accuracy
  proposal         in the last two sections: a setting to try, a target
  not in the run   none of these
The page marks the last three where they stand, begins with the count, and says which sections the answer lacks; the
JSON lists each figure with its fact. Numbers in words (two, half) are not looked up, nor what `t+5` names.

Exit status: 0 analysed; 1 there is nothing to read, no place to write, or a model gave no answer (the numeric report
is written all the same); 2 a provider that cannot be asked.
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
    verb.add_argument(
        "--llm",
        nargs="?",
        const="rules",
        metavar="PROVIDER",
        help="write six sections in words too (default: by rules)",
    )
    verb.add_argument("--spend", type=_dollars, metavar="USD", help="most that the language model may cost")
    verb.add_argument(
        "--json", action="store_true", help="print analysis.json, with --llm llm_analysis.json, for machines"
    )


def _dollars(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of US dollars")
    return amount


def run(arguments: argparse.Namespace) -> int:
    """Write the analysis and print what matters of it."""
    from trainer.analysis.writing import write_analysis

    ask = _asker(arguments)
    written = write_analysis(arguments.place, arguments.out)
    if not arguments.json:
        print(written.summary)
        for line in written.advice:
            print(f"- {line}")
        print(f"The whole analysis is in {written.folder / 'analysis_report.md'}")
    shown = ask(written) if ask is not None else "analysis.json"
    if arguments.json:
        print((written.folder / shown).read_text(encoding="utf-8"), end="")
    return 0


def _asker(arguments: argparse.Namespace) -> Callable[[Written], str] | None:
    """Open the provider before anything is written; what comes back asks it, and returns the name of the JSON file."""
    if arguments.llm is None:
        return None
    from trainer.analysis.prose import writing

    model = writing.open_reviewer(arguments.llm, arguments.spend)

    def ask(written: Written) -> str:
        if model is not None:
            print(f"Asking {model.name} ...", file=sys.stderr)
        prose = writing.write_prose(written.results, written.folder, model)
        if not arguments.json:
            for line in (*prose.warnings, f"{prose.headline}{f' ({prose.spent})' if prose.spent else ''}"):
                print(line)
            print(f"The six sections are in {written.folder / writing.PAGE}")
        return writing.JSON

    return ask

"""The `trainer` command. Nothing heavy is imported before the arguments are known to be good."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from trainer import (
    analyze,
    audit,
    compare,
    describe,
    descriptions,
    detect,
    evaluation,
    filtering,
    generate,
    pretrain,
    promote,
    prove,
    reconstruct,
    tdd,
    track,
    train_controls,
    watch,
)

HELP = """\
Learns to name and to forecast the path of an object from video.

  trainer run --config keypoint                    the default experiment: 2,000 clips, 10 epochs, a few minutes
  trainer run --config keypoint epochs=3 clips=400 any option of the config, as key=value
  trainer run --config my.yaml --out runs/mine     a config of your own, in a folder of your choice
  trainer run --config my.yaml --out runs/mine --resume    go on where it stopped, to the bit
  torchrun --nproc-per-node 2 -m trainer run --config my.yaml    the same by two processes, a GPU each
  trainer check-config --config keypoint epochs=3  every option with its meaning, as a config file; trains nothing
  trainer generate objects --tier fast             a data set, from a seed; `trainer generate --help` shows all three
  trainer pretrain magvit --out tokenizers/small   a video tokenizer, for the extractor magvit to start from
  trainer audit data/objects-fast                  what a data set would give away without being looked at
  trainer detect standard --detector runs/mine     how well objects are found in pixels, learned beside classical
  trainer track data/objects-standard              how well objects are told apart from frame to frame
  trainer objects runs/mine --detector runs/other --on standard    from pixels to the objects that stay
  trainer reconstruct standard                     points of the world from two cameras, with what passes and without
  trainer promote runs/mine --out filters/mine     a run of persistence put to use: what stays, what only passes
  trainer filter filters/mine clips.npy            clips or tracks through it, a JSON line each
  trainer evaluate runs/mine --on hard             a trained model on any data set that it can take
  trainer describe runs/mine --on medium           equations and texts of clips, from what the model saw
  trainer controls runs/mine                       is it above its own network where that should fail?
  trainer analyze runs/mine                        what the numbers of a finished run say, with pictures; --llm in words
  trainer compare runs/mine runs/other             finished runs in one table, ranked, beside their controls
  trainer descriptions look/rules look/gpt-4o      the same of descriptions, beside their controls and ceilings
  trainer tdd red tracker                          test first, with evidence: red, green, refactor of a component
  trainer prove runs/mine                          is it done? yes or no: evidence, tests, gates, controls
"""
RUN_HELP = """\
The run's folder holds progress.json and PROGRESS.txt (where it is), metrics.jsonl (its history), checkpoints/
(last.pt, best.pt, checkpoint_epoch_N.pt), artifacts/ (curves, confusion matrix, training_results.json, the data's
recipe) and, at the end, result.json with the test figures beside their controls.

With full_epochs a gate comes after the first stage, judged on the validation split: a run that passes goes on by
itself, another is held. It ends, and goes on with --resume once gate_decision.json in its folder releases it.
With then=[evaluate] evaluate_on=[hard, FOLDER] it tests its best checkpoint on those data sets too, in the end; with
then=[describe] it describes test clips, by the rules or by describe_with=openai:MODEL, ...

Signals: TERM and Ctrl-C write a checkpoint and end (exit 143, 130); USR1 writes one and goes on.
Exit status: 0 trained to the end or held at the gate, 1 failure, 2 wrong config or arguments.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="trainer", description=HELP, formatter_class=raw)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    run = verbs.add_parser(
        "run", help="train", description="Train one experiment.", epilog=RUN_HELP, formatter_class=raw
    )
    check = verbs.add_parser("check-config", help="check a config and list every option", formatter_class=raw)
    for verb in (run, check):
        verb.add_argument(
            "--config", required=True, metavar="NAME|FILE", help="bundled name (keypoint, transformer) or a YAML file"
        )
        verb.add_argument("overrides", nargs="*", metavar="key=value", help="options that replace those of the config")
    run.set_defaults(run=_run)
    check.set_defaults(run=_check_config)
    generate.add_parser(verbs)
    pretrain.add_parser(verbs)
    audit.add_parser(verbs)
    evaluation.add_parser(verbs)
    describe.add_parser(verbs)
    train_controls.add_parser(verbs)
    analyze.add_parser(verbs)
    compare.add_parser(verbs)
    descriptions.add_parser(verbs)
    tdd.add_parser(verbs)
    prove.add_parser(verbs)
    detect.add_parser(verbs)
    track.add_parser(verbs)
    watch.add_parser(verbs)
    reconstruct.add_parser(verbs)
    promote.add_parser(verbs)
    filtering.add_parser(verbs)
    run.add_argument("--out", default="", metavar="DIR", help="folder of the run (default: runs/<config>-<time>)")
    run.add_argument(
        "--resume", action="store_true", help="go on from checkpoints/last.pt of --out (default: the newest)"
    )
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from trainer.run import run

    return run(arguments.config, arguments.overrides, arguments.out, arguments.resume)


def _check_config(arguments: argparse.Namespace) -> int:
    """Print every option with its meaning, as a config file that says the same."""
    import json

    from trainer.config import TrainConfig, load_config

    config = load_config(arguments.config, arguments.overrides)
    for key, field in TrainConfig.model_fields.items():
        text = f"{key}: {json.dumps(getattr(config, key), ensure_ascii=False)}"
        print(f"{text:<31} # {field.description}" if field.description else text)
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; `key=value` words may stand before, between and after the options, what is meant for
    pytest after `--`.
    """
    parser = build_parser()
    words = sys.argv[1:] if argv is None else list(argv)
    behind: list[str] = []
    if words[:1] in (["tdd"], ["prove"]) and "--" in words:
        cut = words.index("--")
        words, behind = words[:cut], words[cut + 1 :]
    arguments, rest = parser.parse_known_args(words)
    arguments.pytest_words = behind
    takes_words = "overrides" in arguments
    wrong = [word for word in rest if word.startswith("-") or not takes_words]
    if wrong:
        kind = "option" if wrong[0].startswith("-") else "argument"
        parser.error(f"unknown {kind} {wrong[0]}; `trainer {arguments.verb} --help` lists what there is")
    if takes_words:
        arguments.overrides = [*arguments.overrides, *rest]
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; return the exit status."""
    arguments = parse(argv)
    from trainer.errors import TrainerError

    try:
        return int(arguments.run(arguments))
    except TrainerError as exc:
        # One line: the last line of a log is what a supervisor quotes as the reason of a failure.
        print(f"trainer: {exc}" + (f"; {exc.hint}" if exc.hint else ""), file=sys.stderr)
        return exc.exit_code
    except BrokenPipeError:  # the reader of a pipe (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("trainer: stopped by SIGINT", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

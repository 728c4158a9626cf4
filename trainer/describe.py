"""`trainer describe`: what clips look like to a trained model, as equations and in words, beside what that is worth."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from trainer.console import LINE_INTERVAL_S, write_line
from trainer.errors import ConfigError, Interrupted, ProviderError

if TYPE_CHECKING:
    from trainer.language.described import Described
    from trainer.language.describer import Describer

DESCRIPTION = "Write an equation and a description of clips, from what a trained model and our detector saw of them."
EPILOG = """\
CHECKPOINT and DATASET are those of `trainer evaluate`; of the data the camera must be known: a folder of `trainer
generate trajectories`, or a tier. A describer is told the class probabilities, the forecast with its deviation on the
validation split, the track (u, v, radius) of the brightest object and the camera: nothing else, never the truth.

  trainer describe runs/mine --on medium                      20 test clips by the rules: offline, free, a few seconds
  trainer describe runs/mine --on medium --clips 0 --out look    all of the split, and the files
  trainer describe runs/mine --on medium --provider openai:gpt-4o --spend 0.50
  trainer describe runs/mine --on medium --provider openai:mistral@http://localhost:11434/v1     Ollama, vLLM, ...
  trainer describe runs/mine --on medium --provider anthropic:claude-sonnet-4-5
  trainer describe runs/mine --on medium --provider transformers:models/phi-2 --equations rules

providers: rules, openai:MODEL[@URL], anthropic:MODEL[@URL], transformers:FOLDER. Keys come from the environment alone:
OPENAI_API_KEY, ANTHROPIC_API_KEY. Answers are kept in --cache, so the same command asks for nothing twice and goes on
where it was stopped. --spend needs prices: docs/language.md.

--out DIR has descriptions.md (rates, then clips with their words), descriptions.png (the paths over the pictures) and
descriptions.json (everything). A run does the same at its end with then=[describe].

Beside the figures stand: nothing of the clip, the classes alone, another clip's evidence (and so its text), and the
same describer on the true track, which is the ceiling. For a language model that is up to 2 N + 1 calls more, which
--no-ablations saves.

Exit status: 0 described, 1 no such checkpoint, data that cannot be described, or no answer at all; 2 wrong arguments, a
missing key or library; 130 and 143 stopped, what was done is written.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "describe", help="equations and texts of clips", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint, or a run's folder")
    verb.add_argument("--on", required=True, metavar="DATASET", help="folder or tier, with /TEST a held-out test of it")
    verb.add_argument("--split", default="test", choices=("test", "validation", "train", "all"), help="default: test")
    verb.add_argument(
        "--clips", type=int, default=20, metavar="N", help="how many, classes as even as can be; 0 = all (default: 20)"
    )
    verb.add_argument("--provider", default="rules", metavar="SPEC", help="who describes (default: rules)")
    verb.add_argument("--equations", default="", metavar="SPEC", help="who writes the equations, if somebody else does")
    verb.add_argument("--spend", type=float, metavar="USD", help="end before a call that could pass it")
    verb.add_argument(
        "--ablations", action=argparse.BooleanOptionalAction, default=True, help="the rows that figures compare with"
    )
    verb.add_argument("--out", default="", metavar="DIR", help="write page, picture and JSON into it")
    verb.add_argument("--cache", default="", metavar="DIR", help="where answers are kept (default: ~/.cache/trajvid)")
    verb.add_argument("--json", action="store_true", help="print descriptions.json for machines")


def run(arguments: argparse.Namespace) -> int:
    """Describe, and print the rates and a few clips; return 0, every other end is a `TrainerError`."""
    _check(arguments)
    signal.signal(signal.SIGTERM, _raise)
    from trainer.language.providers.opening import open_pair
    from trainer.language.providers.spending import Budget

    cache = Path(arguments.cache) if arguments.cache else answers_folder()
    describer = open_pair(arguments.provider, arguments.equations, cache=cache, budget=Budget(arguments.spend))
    described = _prepared(arguments, describer)
    try:
        _describe(described, describer, arguments.ablations)
    except KeyboardInterrupt as exc:
        number = signal.Signals(exc.args[0] if exc.args else signal.SIGINT)
        if arguments.out and described.rows:
            described.write(Path(arguments.out), described.content())
        stopped = Interrupted(f"stopped by {number.name}", 128 + number)
        stopped.hint = "the same command goes on from there"
        raise stopped from None
    return _tell(described, arguments)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse numbers that mean nothing. Raises `ConfigError`."""
    if arguments.clips < 0:
        raise ConfigError(f"--clips cannot be {arguments.clips}", hint="a number of clips, or 0 for all")
    if arguments.spend is not None and not 0 <= arguments.spend < float("inf"):
        raise ConfigError(f"--spend cannot be {arguments.spend:g}", hint="US dollars, for example 0.50")


def _raise(number: int, frame: FrameType | None) -> None:
    """End a call that may take minutes at once: no handler of a library catches this."""
    raise KeyboardInterrupt(number)


def answers_folder() -> Path:
    """Return where answers of language models are kept for whoever asks the same again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trajvid" / "answers"


def _prepared(arguments: argparse.Namespace, describer: Describer) -> Described:
    """Show the clips to the model and to the detector; nothing is described yet."""
    from trainer.data.places import open_clips
    from trainer.findings import seen_in_training
    from trainer.language.described import Described, about_model, command_of
    from trainer.language.gathering import gather
    from trainer.trained import load_trained, require_fit

    trained = load_trained(arguments.checkpoint)
    clips = open_clips(arguments.on, arguments.split, trained.config, lambda: None)
    require_fit(trained, clips.source, arguments.on)
    write_line(2, f"showing clips of {arguments.on} to {trained.path}")
    gathered = gather(trained, clips.source, arguments.on, arguments.clips, _now_and_then())
    further = [] if arguments.ablations else ["--no-ablations"]
    further += ["--out", arguments.out] if arguments.out else []
    asked = (arguments.split, arguments.clips, arguments.provider, arguments.equations)
    command = command_of(arguments.checkpoint, arguments.on, *asked, *further)
    about = about_model(trained, arguments.on, clips.part, describer.name, command)
    notes = [*seen_in_training(trained, clips), *gathered.notes]
    return Described({**about, "notes": notes}, gathered)


def _now_and_then() -> Callable[[int, int], None]:
    """Return what says now and then how many batches were seen: those of the validation split, then those described."""
    said = time.monotonic()

    def on_batch(done: int, total: int) -> None:
        nonlocal said
        if total and time.monotonic() - said >= LINE_INTERVAL_S:
            said = time.monotonic()
            write_line(2, f"{time.strftime('%H:%M:%S', time.gmtime())} seen: {done} of {total} batches")

    return on_batch


def _describe(described: Described, describer: Describer, ablations: bool) -> None:
    from trainer.language.rows import describe_rows, plan
    from trainer.meter import Meter

    gathered = described.gathered
    planned = list(plan(gathered.evidence, gathered.ceiling, ablations))
    with Meter("describing", sum(len(evidence) for _, evidence in planned)) as meter:
        describe_rows(describer, planned, described.rows, lambda name, done, total: meter.advance(1 if done else 0))


def _tell(described: Described, arguments: argparse.Namespace) -> int:
    content = described.content()
    if arguments.out:
        described.write(Path(arguments.out), content)
    if arguments.json:
        print(json.dumps(content, indent=1, allow_nan=False))
    else:
        _show(content)
        if arguments.out:
            print(f"Everything about these clips is in {Path(arguments.out) / 'descriptions.md'}")
    own = content["rows"][0]
    if own["problem"] and not own["answered"]:
        raise ProviderError(f"nothing was described: {own['problem']}")
    return 0


def _show(content: dict[str, Any]) -> None:
    """Print the rates, then the first clip of each family as it was described."""
    from rich.console import Console
    from rich.markdown import Markdown

    from trainer.language.descriptions_page import clip_lines, summary
    from trainer.language.rates import FAMILIES
    from trainer.language.tables import brief_table

    print(summary(content))
    for flag in content["flags"]:
        print(f"! {flag}")
    for note in content["described"]["notes"]:
        print(f"! {note}")
    own, every = content["rows"][0]["rates"], [(row["name"], row["rates"]["all"]) for row in content["rows"]]
    families = [(name, figures) for name, figures in own.items() if name != "all" and figures["n"]]
    for lines in (brief_table(every), brief_table(families, "family")):
        Console().print(Markdown("\n".join(lines)))
    first = {clip["truth"]["family"]: clip for clip in reversed(content["clips"])}
    for family in sorted(first, key=FAMILIES.index):
        print("\n".join(clip_lines(first[family])))

"""`trainer detect`: how well objects are found, by a trained detector and by the classical one."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from trainer.objects.detecting import Finder

DESCRIPTION = "Find the objects of a data set in its pixels: recall, precision, AP, false boxes, recall by share seen."
EPILOG = """\
DATASET is a folder of `trainer generate objects` (or persistence), or a tier of objects, drawn for the purpose:
standard, easy, transient_heavy, fast.

  trainer detect standard easy --detector runs/mine --seed 100 101 102
  trainer detect standard --clutter 4 --detector runs/mine --json
  trainer detect standard --detector runs/mine --threshold .5 .9     fewer false boxes for fewer found
  trainer detect standard --clutter 8 --detector runs/mine --single-frame     what the frames before are worth
  trainer detect data/objects-standard                    the classical detector alone

A box agrees with an object from IoU 0.5 on. An object counts in a frame where at least a quarter of it is seen, else it
is ignored: a box on it is neither right nor wrong. `seen` is the recall of objects by the share of them that is seen.
Exit status: 0 measured, 1 data or a detector that cannot be loaded, 2 wrong options.
"""
COLUMNS = {
    "recall": "recall", "precision": "prec.", "average_precision": "AP", "false_per_frame": "false/frame",
    "recall_visible_0.25_to_0.5": "seen .25-.5", "recall_visible_0.5_to_0.9": ".5-.9",
    "recall_visible_above_0.9": "> .9", "recall_visible_above_0.75": "> .75",
}  # fmt: skip


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "detect", help="measure detectors", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("places", nargs="+", metavar="DATASET", help="folder of a data set, or a tier of objects")
    verb.add_argument("--detector", default="", metavar="RUN", help="run of `--config detector`, or its checkpoint")
    verb.add_argument("--split", default="test", metavar="SPLIT", help="split of a folder (default: test)")
    verb.add_argument("--clips", type=int, default=50, metavar="N", help="clips drawn of a tier (default: 50)")
    verb.add_argument("--clutter", type=int, default=0, metavar="N", help="shapes of clutter in a clip of a tier")
    verb.add_argument("--seed", type=int, nargs="+", default=[0], metavar="N", help="seeds of tiers (default: 0)")
    verb.add_argument(
        "--threshold", type=float, nargs="+", default=[], metavar="SCORE",
        help="from which score on a trained detector is believed, one or several (default: its own)",
    )  # fmt: skip
    verb.add_argument(
        "--single-frame", action="store_true",
        help="show beside it what a trained detector finds if it judges each frame by itself",
    )  # fmt: skip
    verb.add_argument("--json", action="store_true", help="print rows for machines, each seed's figures in them")


@dataclass(frozen=True)
class Row:
    """One detector on one data set, measured with each seed."""

    dataset: str
    detector: str
    seeds: list[int]
    figures: list[dict[str, float]]


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; every other end is a `TrainerError` with its exit code."""
    if min(arguments.seed) < 0:
        raise ConfigError(f"--seed cannot be {min(arguments.seed)}: a whole number from 0 on is needed")
    if wrong := [score for score in arguments.threshold if not 0 <= score <= 1]:
        raise ConfigError(f"--threshold cannot be {wrong[0]:g}: a score from 0 to 1 is needed")
    for option, given in (("--threshold", arguments.threshold), ("--single-frame", arguments.single_frame)):
        if given and not arguments.detector:
            raise ConfigError(f"{option} is for a trained detector", hint="name it: --detector RUN")
    rows, flags = _measure(arguments)
    if arguments.json:
        settings = {name: getattr(arguments, name) for name in ("split", "clips", "clutter", "detector")}
        print(json.dumps({"settings": settings, "flags": flags, "rows": [asdict(row) for row in rows]}, indent=1))
        return 0
    _show(rows)
    for flag in flags:
        print(f"! {flag}")
    return 0


def _measure(arguments: argparse.Namespace) -> tuple[list[Row], list[str]]:
    from rich.console import Console
    from rich.progress import Progress

    from trainer.objects.baseline import ClassicalDetector
    from trainer.objects.detection_figures import detect_scenes, figures_of
    from trainer.objects.detection_metrics import detection_scores
    from trainer.objects.learned import LearnedDetector
    from trainer.objects.measuring import open_scenes

    finders: dict[str, Finder] = {}
    flags: list[str] = []
    learned = LearnedDetector.load(arguments.detector) if arguments.detector else None
    if learned:
        finders["learned"] = learned
        if arguments.single_frame:
            finders["learned, single frames"] = replace(learned, single_frame=True)
    finders["classical"] = ClassicalDetector()
    rows, console = [], Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for place in arguments.places:
            recipes = [
                open_scenes(place, arguments.split, arguments.clips, seed, arguments.clutter) for seed in arguments.seed
            ]
            side = recipes[0].window.size_px
            flags += [f"{place}: {flag}" for flag in learned.flags(side, side)] if learned else []
            tick = partial(progress.advance, progress.add_task(place, total=len(finders) * sum(map(len, recipes))))
            for name, finder in finders.items():
                found = [detect_scenes(finder, one, tick) for one in recipes]
                believed = arguments.threshold if isinstance(finder, LearnedDetector) else []
                for threshold in believed or [finder.threshold]:
                    figures = [figures_of(detection_scores(matches, threshold)) for matches in found]
                    rows.append(Row(place, f"{name} >= {threshold:g}" if believed else name, arguments.seed, figures))
    return rows, flags


def _show(rows: Sequence[Row]) -> None:
    cells = [["data", "detector", *COLUMNS.values()]]
    cells += [[row.dataset, row.detector, *(_cell(row, name) for name in COLUMNS)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        aligned = (f"{cell:{'<' if n < 2 else '>'}{widths[n]}}" for n, cell in enumerate(line))
        print("  ".join(aligned).rstrip())
    seeds = ", ".join(map(str, rows[0].seeds))
    print(f"seed {seeds}" if len(rows[0].seeds) == 1 else f"mean and deviation of the seeds {seeds}")


def _cell(row: Row, name: str) -> str:
    values = [figures[name] for figures in row.figures if name in figures]
    if not values:
        return "-"
    spread = f"±{statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return (f"{statistics.fmean(values):.4f}" + spread).replace("0.", ".")

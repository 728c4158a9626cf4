"""`trainer track`: how well the tracker tells objects apart."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from trainer.objects.detecting import Finder
    from trainer.objects.tracker import IoUTracker
    from trainer.objects.tracking_metrics import TrackingScores

DESCRIPTION = "Follow the objects of a data set through true boxes, spoiled ones, or those that a detector finds."
EPILOG = """\
DATASET is a folder of `trainer generate objects` (or persistence), or a tier of objects, drawn for the purpose:
standard, easy, transient_heavy, fast. Rows are kinds of boxes by ways to predict; no figure stands alone, since one
track a box would have a purity of 1.

  trainer track data/objects-standard                    the test split: both kinds of boxes, both motions
  trainer track easy standard --seed 100 101 102         tiers, mean and deviation of three seeds
  trainer track standard --boxes perturbed --motion kalman --appearance 0.45 --json
  trainer track fast --gate distance --reach 6 --motion turning    where boxes of successive frames never overlap
  trainer track standard --boxes detector --detector runs/mine --appearance 0.45    from pixels to tracks

truth       the box of each object of which at least a quarter is seen, exact; its feature is its colour
perturbed   the same, spoiled: 2 % of whole and 40 % of nearly hidden objects missed, centres off by 0.4 px, sides by
            0.3 px, one box of nothing in 20 frames, colours off by 0.1
classical   those of threshold and connected regions, from pixels; its feature is the colour that it sees
detector    those of a run of `trainer run --config detector`, likewise
purity      share of the tracks' boxes on the object that their track is on most; completeness the other way round
MOTA, IDF1, HOTA  as motmetrics and trackeval have them, boxes agreeing from IoU 0.5 on (HOTA: 0.05 to 0.95)

An object of which less than a quarter is seen is ignored: a box on it is neither right nor wrong.
Exit status: 0 measured, 1 data that cannot be loaded, 2 wrong options.
"""
COLUMNS = {
    "purity": "purity", "completeness": "compl.", "idf1": "IDF1", "hota": "HOTA", "det_a": "DetA", "ass_a": "AssA",
    "mota": "MOTA", "switches": "switches", "fragmentations": "fragm.", "tracks": "tracks",
}  # fmt: skip
"""Figures of `TrackingScores` that the table shows."""
NARROW = ("purity", "completeness", "idf1", "hota", "switches")
SETTINGS = ("split", "clips", "clutter", "gate", "reach", "appearance", "detector")
"""Options that all rows share."""
COUNTS = ("switches", "fragmentations", "tracks")


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "track", help="measure the tracker", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("places", nargs="+", metavar="DATASET", help="folder of a data set, or a tier of objects")
    verb.add_argument("--split", default="test", metavar="SPLIT", help="split of a folder (default: test)")
    verb.add_argument("--clips", type=int, default=100, metavar="N", help="clips drawn of a tier (default: 100)")
    verb.add_argument(
        "--seed", type=int, nargs="+", default=[0], metavar="N", help="seeds of tiers and of flaws (default: 0)"
    )
    verb.add_argument(
        "--boxes", choices=("truth", "perturbed", "classical", "detector"), help="one kind (default: the first two)"
    )
    verb.add_argument("--detector", default="", metavar="RUN", help="run or checkpoint that --boxes detector is of")
    verb.add_argument("--clutter", type=int, default=0, metavar="N", help="shapes of clutter in a clip of a tier")
    verb.add_argument(
        "--motion", choices=("none", "kalman", "turning"), help="one way to predict (default: the first two)"
    )
    verb.add_argument("--gate", choices=("iou", "distance"), default="iou", help="what links boxes (default: iou)")
    verb.add_argument(
        "--reach", type=float, default=1.5, metavar="X", help="gate distance: up to so many box sides (default: 1.5)"
    )
    verb.add_argument(
        "--appearance", type=float, default=0.0, metavar="D",
        help="features this far apart are of different objects (default: 0, features do not count)",
    )  # fmt: skip
    verb.add_argument("--json", action="store_true", help="print rows for machines, each seed's figures in them")


@dataclass(frozen=True)
class Row:
    """One tracker on one kind of boxes of one data set, measured with each seed."""

    dataset: str
    boxes: str
    motion: str
    seeds: list[int]
    scores: list[TrackingScores]


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; every other end is a `TrainerError` with its exit code."""
    for name in ("reach", "appearance"):
        if not 0 <= getattr(arguments, name) < 1e6:
            raise ConfigError(f"--{name} cannot be {getattr(arguments, name):g}: a length from 0 on is needed")
    if (arguments.boxes == "detector") != bool(arguments.detector):
        raise ConfigError("--boxes detector and --detector RUN go together", hint="a run of `--config detector`")
    if min(arguments.seed) < 0:
        raise ConfigError(f"--seed cannot be {min(arguments.seed)}: a whole number from 0 on is needed")
    rows = _rows(arguments)
    if arguments.json:
        settings = {name: getattr(arguments, name) for name in SETTINGS}
        print(json.dumps({"settings": settings, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        _show(rows)
    return 0


def _rows(arguments: argparse.Namespace) -> list[Row]:
    from rich.console import Console
    from rich.progress import Progress

    from trainer.objects.measuring import BOXES, measure, open_scenes

    motions = [arguments.motion] if arguments.motion else ["none", "kalman"]
    kinds = {arguments.boxes: _boxes(arguments)} if arguments.boxes else {kind: kind for kind in BOXES}
    split, clips, rows = arguments.split, arguments.clips, []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for place in arguments.places:
            recipes = [open_scenes(place, split, clips, seed, arguments.clutter) for seed in arguments.seed]
            tick = partial(progress.advance, progress.add_task(place, total=len(kinds) * sum(map(len, recipes))))
            for kind, boxes in kinds.items():
                trackers = [_tracker(arguments, motion) for motion in motions]
                seeded = zip(recipes, arguments.seed, strict=True)
                by_seed = [measure(recipe, trackers, boxes, seed, tick) for recipe, seed in seeded]
                for motion, scores in zip(motions, zip(*by_seed, strict=True), strict=True):
                    rows.append(Row(place, kind, motion, arguments.seed, list(scores)))
    return rows


def _boxes(arguments: argparse.Namespace) -> str | Finder:
    """Return the one kind of boxes that is asked for."""
    from trainer.objects.baseline import ClassicalDetector
    from trainer.objects.learned import LearnedDetector

    if arguments.boxes == "detector":
        return LearnedDetector.load(arguments.detector)
    return ClassicalDetector() if arguments.boxes == "classical" else arguments.boxes


def _tracker(arguments: argparse.Namespace, motion: str) -> IoUTracker:
    from trainer.objects.tracker import IoUTracker

    return IoUTracker.for_objects(
        motion=motion, gate=arguments.gate, reach=arguments.reach, appearance=arguments.appearance
    )


def _show(rows: Sequence[Row]) -> None:
    """Print the table, without the finer figures where the terminal is too narrow for all."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf
    for columns in (list(COLUMNS), list(NARROW)):
        cells = [["data", "boxes", "motion", *(COLUMNS[name] for name in columns)]]
        cells += [[row.dataset, row.boxes, row.motion, *(_cell(row, name) for name in columns)] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        if sum(widths) + 2 * len(widths) <= room:
            break
    for line in cells:
        aligned = (f"{cell:{'<' if n < 3 else '>'}{widths[n]}}" for n, cell in enumerate(line))
        print("  ".join(aligned).rstrip())
    seeds = ", ".join(map(str, rows[0].seeds))
    print(f"seed {seeds}" if len(rows[0].seeds) == 1 else f"mean and deviation of the seeds {seeds}")


def _cell(row: Row, name: str) -> str:
    values = [float(getattr(score, name)) for score in row.scores]
    digits = 0 if name in COUNTS else 3
    mean = f"{statistics.fmean(values):.{digits}f}"
    spread = f"±{statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return (mean + spread).replace("0.", ".")

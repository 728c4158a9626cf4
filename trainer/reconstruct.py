"""`trainer reconstruct`: what two cameras see, in the world, with what only passes filtered out and without."""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from renderer.stereo import Pair
    from trainer.objects.detecting import Finder
    from trainer.objects.transformer import ObjectAwareTransformer

DESCRIPTION = (
    "Follow objects through two cameras, filter the tracks, and triangulate what is left: points of the world."
)
EPILOG = """\
TIER is a tier of objects (standard, easy, transient_heavy, fast), drawn for the purpose with a second camera: both see
one world. Rows are filters, of the tracks of each view before the views are paired.

  trainer reconstruct standard transient_heavy --seed 100 101 102    mean and deviation of three seeds
  trainer reconstruct standard --boxes perturbed --objects runs/mine --out look    a trained filter too; pictures
  trainer reconstruct easy --boxes detector --detector runs/other --json    from pixels
  trainer reconstruct --scene boxes.json                      your own two cameras: JSON lines of points, see below

filter      none; the rule hits >= 9; network: an object stage of `trainer run --config objects`; perfect: the ceiling
points      pairs of boxes triangulated; persistent: of an object that stays; transient, wrong: spurious, of one that
            only passes, or of boxes that are not on one object
removed     share of the spurious points of no filter that are gone; kept: share of its persistent ones that are left
found       persistent points, of the frames of persistent objects that count in both views
error       distance of persistent points from the truth in half-sides, median and root mean square: as triangulated,
            after a moving average of 5 frames, and after a Kalman smoother. `one camera, by size` knows the radius and
            the first view alone: a reference on the points of no filter
astray      share of all points with no persistent object within two of its radii: smoothing does not remove them

FILE of --scene holds {"cameras": [{"K": 3x3, "R": 3x3, "t": 3}, ...], "boxes": [camera][frame][box][left, top, right,
bottom]}: x ~ K [R | t] X with t = -R C, pixels from the top left, so many frames for each camera. Large pictures need a
larger --noise. Answer, a line a point: pair, frame, position, smoothed, error_px.
Exit status: 0 done, 1 data, runs or cameras that cannot be used, 2 wrong options.
"""
BOXES = ("truth", "perturbed", "detector")
COUNTED = {
    "points": "points", "persistent": "persist.", "transient": "transient", "wrong": "wrong",
    "spurious_removed": "removed", "persistent_kept": "kept", "found": "found", "ms_a_clip": "ms/clip",
}  # fmt: skip
SMOOTHED = {"none": "as it is", "average": "average", "kalman": "Kalman"}
TABLES = {"Points": COUNTED} | {
    title: {f"{kind}_{how}": name for how, name in SMOOTHED.items()}
    for kind, title in (
        ("median", "Median error of persistent points in half-sides"),
        ("rmse", "Root mean square error of persistent points in half-sides"),
        ("astray", "Share of points astray"),
    )
}
DIGITS = {"points": 0, "persistent": 0, "transient": 0, "wrong": 0, "ms_a_clip": 1,
          **{f"{kind}_{how}": 4 for kind in ("median", "rmse") for how in SMOOTHED}}  # fmt: skip
"""Digits after the point, where it is not three."""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "reconstruct", help="points of the world from two cameras", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=raw,
    )  # fmt: skip
    verb.set_defaults(run=run)
    verb.add_argument("places", nargs="*", metavar="TIER", help="tier of objects")
    verb.add_argument("--boxes", choices=BOXES, help="one kind (default: truth and perturbed)")
    verb.add_argument("--detector", default="", metavar="RUN", help="run or checkpoint that --boxes detector is of")
    verb.add_argument("--objects", default="", metavar="RUN", help="run or checkpoint of the config objects, to filter")
    verb.add_argument("--clips", type=int, default=50, metavar="N", help="scenes drawn of a tier (default: 50)")
    verb.add_argument("--clutter", type=int, default=0, metavar="N", help="shapes of clutter in a scene")
    verb.add_argument("--seed", type=int, nargs="+", default=[0], metavar="N", help="seeds (default: 0)")
    verb.add_argument("--scene", default="", metavar="FILE", help="boxes and cameras of your own, in place of tiers")
    verb.add_argument("--least-hits", type=int, metavar="N", help="with --scene: tracks of fewer boxes go (default: 2)")
    verb.add_argument(
        "--noise", type=float, metavar="PX", help="with --scene: by how much box centres are off (default: 0.5)"
    )
    verb.add_argument("--out", default="", metavar="DIR", help="write results.json and pictures there")
    verb.add_argument("--json", action="store_true", help="print rows for machines, each seed's figures in them")


@dataclass(frozen=True)
class Row:
    """One filter on one kind of boxes of one tier, measured with each seed."""

    tier: str
    boxes: str
    filter: str
    seeds: list[int]
    figures: list[dict[str, float]]


def run(arguments: argparse.Namespace) -> int:
    """Measure, or answer; every other end is a `TrainerError` with its exit code."""
    if bool(arguments.places) == bool(arguments.scene):
        raise ConfigError("nothing to look at, or too much", hint="a tier, such as standard, or --scene FILE")
    if arguments.scene:
        return _answer(arguments)
    for name in ("least_hits", "noise"):
        if getattr(arguments, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} is for --scene, not for tiers")
    if (arguments.boxes == "detector") != bool(arguments.detector):
        raise ConfigError("--boxes detector and --detector RUN go together", hint="a run of `--config detector`")
    for name, low in (("clips", 1), ("clutter", 0)):
        if getattr(arguments, name) < low:
            raise ConfigError(f"--{name} cannot be {getattr(arguments, name)}: a whole number from {low} on is needed")
    if min(arguments.seed) < 0:
        raise ConfigError(f"--seed cannot be {min(arguments.seed)}: a whole number from 0 on is needed")
    rows = _measure(arguments)
    settings = {name: getattr(arguments, name) for name in ("clips", "clutter", "detector", "objects")}
    content = json.dumps({"settings": settings, "rows": [asdict(row) for row in rows]}, indent=1)
    if arguments.out:
        from wire.run_dir import replace_file

        replace_file(str(Path(arguments.out) / "results.json"), content.encode() + b"\n")
        print(f"pictures and results.json are in {arguments.out}", file=sys.stderr)
    if arguments.json:
        print(content)
    else:
        _show(rows)
    return 0


def _answer(arguments: argparse.Namespace) -> int:
    """Print a JSON line for each point of a scene of the user's."""
    from trainer.stereo.association import NOISE_PX
    from trainer.stereo.own import lines_of

    for name in ("boxes", "detector", "objects", "out"):
        if getattr(arguments, name):
            raise ConfigError(f"--{name} is for tiers, not for --scene", hint="the file holds the boxes")
    hits = 2 if arguments.least_hits is None else arguments.least_hits
    if hits < 1:
        raise ConfigError(f"--least-hits cannot be {hits}: a whole number from 1 on is needed")
    noise_px = NOISE_PX if arguments.noise is None else arguments.noise
    if not 0 < noise_px < 1e6:
        raise ConfigError(f"--noise cannot be {noise_px:g}: a number of pixels above 0 is needed")
    for line in lines_of(Path(arguments.scene), hits, noise_px):
        print(json.dumps(line))
    return 0


def _measure(arguments: argparse.Namespace) -> list[Row]:
    from rich.console import Console
    from rich.progress import Progress

    from trainer.objects.learned import LearnedDetector
    from trainer.objects.pipeline import load_stage

    finder = LearnedDetector.load(arguments.detector) if arguments.detector else None
    model = load_stage(arguments.objects) if arguments.objects else None
    folder = Path(arguments.out) if arguments.out else None
    if folder:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise ConfigError(f"{folder} cannot be made: {exc.strerror}") from exc
    pairs = {(tier, seed): _pair(arguments, tier, seed) for tier in arguments.places for seed in arguments.seed}
    rows, kinds = [], [arguments.boxes] if arguments.boxes else list(BOXES[:2])
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for tier in arguments.places:
            total = 2 * arguments.clips * len(arguments.seed) * len(kinds)
            tick = partial(progress.advance, progress.add_task(tier, total=total))
            for boxes in kinds:
                by_seed = []
                for seed in arguments.seed:
                    pictures = folder if seed == arguments.seed[0] else None
                    by_seed.append(_figures(pairs[tier, seed], boxes, seed, finder, model, pictures, tick))
                rows += [Row(tier, boxes, name, arguments.seed, [one[name] for one in by_seed]) for name in by_seed[0]]
    return rows


def _pair(arguments: argparse.Namespace, tier: str, seed: int) -> Pair:
    """Draw scenes; a tier that does not exist is refused before anything is measured."""
    from renderer.catalogue import Wanted, check
    from renderer.errors import RendererError
    from renderer.stereo import make_pair

    try:
        check(Wanted("objects", tier, arguments.clips, seed, frames=32, clutter=arguments.clutter))
        return make_pair(tier, arguments.clips, seed, clutter=arguments.clutter)
    except RendererError as exc:
        raise ConfigError(str(exc), hint=exc.hint) from exc


def _figures(pair: Pair, boxes: str, seed: int, finder: Finder | None, model: ObjectAwareTransformer | None,
             folder: Path | None, tick: Any) -> dict[str, dict[str, float]]:  # fmt: skip
    """Return the figures of every filter, and draw the first scenes if a folder is given."""
    from trainer.stereo.filters import NETWORK, RULE, filters
    from trainer.stereo.outcome import measure
    from trainer.stereo.pictures import draw_paths, draw_views
    from trainer.stereo.scenes import scenes_of

    side = {"side": model.tokenizer.side} if model else {}
    scenes, every = scenes_of(pair, boxes, seed, finder, tick=tick, **side), filters(model)
    if folder:
        title = f"{pair.first.tier}, boxes {boxes}"
        draw_paths(folder / f"{pair.first.tier}-{boxes}-paths.png", scenes, every, title)
        chosen = every[NETWORK if model else RULE]
        draw_views(folder / f"{pair.first.tier}-{boxes}-views.png", pair, scenes, chosen, title)
    return measure(scenes, every)


def _show(rows: Sequence[Row]) -> None:
    """Print what is left of the points, and how far from the truth those are."""
    for title, columns in TABLES.items():
        print(title)
        shown = [row for row in rows if any(name in one for one in row.figures for name in columns)]
        cells = [["data", "boxes", "filter", *columns.values()]]
        cells += [[row.tier, row.boxes, row.filter, *(_cell(row, name) for name in columns)] for row in shown]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for line in cells:
            aligned = (f"{cell:{'<' if n < 3 else '>'}{widths[n]}}" for n, cell in enumerate(line))
            print("  ".join(aligned).rstrip())
        print()
    seeds = ", ".join(map(str, rows[0].seeds))
    print(f"seed {seeds}" if len(rows[0].seeds) == 1 else f"mean and deviation of the seeds {seeds}")


def _cell(row: Row, name: str) -> str:
    values = [one[name] for one in row.figures if name in one]
    if not values:
        return "-"
    digits = DIGITS.get(name, 3)
    mean = f"{statistics.fmean(values):.{digits}f}"
    spread = f"±{statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return re.sub(r"(?<!\d)0\.", ".", mean + spread) if digits > 1 else mean + spread

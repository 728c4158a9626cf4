"""`trainer objects`: a trained object stage from pixels to tracks that persist, measured or put to use."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.errors import ConfigError, DataError

if TYPE_CHECKING:
    from trainer.objects.detecting import Finder
    from trainer.objects.end_to_end import Measured

DESCRIPTION = "Find the objects of clips, follow them, and keep those that stay: from pixels, end to end."
EPILOG = """\
RUN is a folder of `trainer run --config objects`. Data sets are folders of `trainer generate objects`, or tiers drawn
for the purpose: standard, easy, transient_heavy, fast.

  trainer objects runs/objects --detector runs/detector --on standard easy     from pixels, end to end
  trainer objects runs/objects --boxes perturbed --on transient_heavy          the stage alone, on boxes given to it
  trainer objects runs/objects --detector runs/detector --on standard --out look    pictures and results.json too
  trainer objects runs/objects --detector runs/detector --video clip.npy       (T, 3, H, W) uint8 -> a JSON line
  trainer objects runs/objects --detector runs/detector --video clip.npy --until 11    decided after its 12th frame

balanced     balanced accuracy of the kinds of true objects: one that was missed is wrong, one in pieces counts once;
             k=12: decided 12 frames after it was first to be found, from the frames up to then; all: the whole clip
tracks       the same of confirmed tracks
hits >= h    the rule with the h that is best in hindsight, on these very clips; bayes: the best that lives allow
ratio        attention that tokens of persistent objects receive over that of transient ones, median over the clips
saved        operations of the object stage that the gate saves (its ceiling: an ideal gate), kept: boxes of persistent
             objects that pass it; pipeline: with those of the detector
Exit status: 0 measured, 1 data or checkpoints that cannot be loaded, 2 wrong options.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "objects", help="objects that stay, from pixels", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("place", metavar="RUN", help="run, or checkpoint, of the config objects")
    verb.add_argument("--detector", default="", metavar="RUN", help="run, or checkpoint, of the config detector")
    verb.add_argument("--boxes", choices=("truth", "perturbed"), help="boxes that need no detector, in its place")
    verb.add_argument("--on", nargs="+", default=[], metavar="DATASET", help="folders, or tiers of objects")
    verb.add_argument("--video", default="", metavar="FILE", help="a clip, or several (N, T, 3, H, W), as .npy")
    verb.add_argument("--until", type=int, metavar="FRAME", help="with --video: decide after this frame, from 0 on")
    verb.add_argument("--split", default="test", metavar="SPLIT", help="split of a folder (default: test)")
    verb.add_argument("--clips", type=int, default=100, metavar="N", help="clips drawn of a tier (default: 100)")
    verb.add_argument("--seed", type=int, default=1000, metavar="N", help="seed of tiers (default: 1000)")
    verb.add_argument("--out", default="", metavar="DIR", help="write results.json and pictures there")
    verb.add_argument("--json", action="store_true", help="print figures for machines")


def run(arguments: argparse.Namespace) -> int:
    """Measure, or answer; every other end is a `TrainerError` with its exit code."""
    if bool(arguments.detector) == bool(arguments.boxes):
        raise ConfigError("boxes come from --detector RUN, or are given: --boxes truth or perturbed; say one of them")
    if bool(arguments.on) == bool(arguments.video):
        raise ConfigError("nothing to look at, or too much", hint="--on DATASET..., or --video FILE")
    if arguments.video and arguments.boxes:
        raise ConfigError(f"--boxes {arguments.boxes} cannot be: of a video nothing is known", hint="--detector RUN")
    if arguments.video:
        return _answer(arguments)
    measured = _measure(arguments)
    if arguments.out:
        _write(Path(arguments.out), arguments, measured)
    if arguments.json:
        print(json.dumps({name: one.to_json() for name, one in measured.items()}, indent=1))
    else:
        for name, one in measured.items():
            print("\n".join(lines_of(name, one)))
    return 0


def _finder(arguments: argparse.Namespace) -> Finder | None:
    from trainer.objects.learned import LearnedDetector

    return LearnedDetector.load(arguments.detector) if arguments.detector else None


def _answer(arguments: argparse.Namespace) -> int:
    """Print a JSON line for each clip of a file."""
    import numpy as np

    from trainer.objects.compute import GATE
    from trainer.objects.pipeline import ObjectPipeline

    finder = _finder(arguments)
    assert finder is not None
    pipeline = ObjectPipeline.load(arguments.place, finder, GATE)
    try:
        videos = np.load(arguments.video, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as exc:
        raise DataError(f"{arguments.video} cannot be read: {exc}", hint="numpy.save writes such a file") from exc
    for clip in videos if videos.ndim == 5 else [videos]:
        print(json.dumps(pipeline.watch(np.ascontiguousarray(clip), arguments.until).to_json()), flush=True)
    return 0


def _measure(arguments: argparse.Namespace) -> dict[str, Measured]:
    from rich.console import Console
    from rich.progress import Progress

    from trainer.objects.end_to_end import measure_stage
    from trainer.objects.measuring import open_scenes
    from trainer.objects.pipeline import load_stage

    model, finder, found = load_stage(arguments.place), _finder(arguments), {}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for place in arguments.on:
            recipe = open_scenes(place, arguments.split, arguments.clips, arguments.seed)
            task = progress.add_task(place, total=None)
            boxes = arguments.boxes or "detector"
            tick = partial(progress.advance, task)
            found[place] = measure_stage(model, recipe, boxes, arguments.seed, finder, tick)
    return found


def lines_of(name: str, one: Measured) -> list[str]:
    """Return the figures of a data set as lines for people."""
    figures, rows = one.figures, {"object stage": one.figures, **one.controls}
    columns = {
        "k=4": "balanced_accuracy_4",
        "k=8": "balanced_accuracy_8",
        "k=12": "balanced_accuracy_12",
        "all": "balanced_accuracy",
        "tracks, k=12": "track_balanced_accuracy_12",
        "tracks, all": "track_balanced_accuracy",
    }
    lines = [f"{name}: {figures['n']:.0f} objects, {figures['track_n']:.0f} tracks, {figures['missed']:.0f} missed"]
    lines.append(f"  {'balanced':<14}" + "".join(f"{column:>14}" for column in columns))
    for who, row in rows.items():
        cells = (f"{row[key]:.3f}" if key in row else "-" for key in columns.values())
        lines.append(f"  {who:<14}" + "".join(f"{cell:>14}" for cell in cells))
    said = {
        "tracking": "purity {purity:.3f}, IDF1 {idf1:.3f}; after the filter {filtered_purity:.3f}, "
        "{filtered_idf1:.3f}; {unwanted_boxes_removed:.1%} of unwanted boxes removed",
        "attention": "ratio {attention_ratio:.1f} (geometric mean {attention_ratio_geometric:.1f}, above 3 in "
        "{attention_ratio_above_3:.0%} of {attention_ratio_n:.0f} clips)",
        "saved": "{flops_saved:.1%} (ceiling {flops_saved_ceiling:.1%}), time {time_saved:.1%} (ceiling "
        "{time_saved_ceiling:.1%}; clip by clip {alone_time_saved:.1%}), kept {persistent_kept:.1%}, balanced "
        "{gated_balanced_accuracy:.3f}",
        "saved, every frame": "{online_flops_saved:.1%} (ceiling {online_flops_saved_ceiling:.1%}), kept "
        "{online_persistent_kept:.1%}, balanced at k=12 {gated_balanced_accuracy_12:.3f}",
        "pipeline": "saved {pipeline_flops_saved:.1%} once a clip, {online_pipeline_flops_saved:.1%} every frame "
        "(ceilings {pipeline_flops_saved_ceiling:.1%}, {online_pipeline_flops_saved_ceiling:.1%}); detector "
        "{detector_mflops_a_clip:.0f} MFLOP a clip, stage {mflops_a_clip:.0f} and {online_mflops_a_clip:.0f}",
    }
    for title, text in said.items():
        try:
            lines.append(f"  {title}: {text.format(**figures)}")
        except KeyError:
            continue  # what this data, or these boxes, have no figures of
    return lines


def _write(folder: Path, arguments: argparse.Namespace, measured: dict[str, Measured]) -> None:
    """Write the figures, and pictures of each data set."""
    from trainer.objects.object_pictures import draw_attention, draw_curves_of, draw_tracks
    from trainer.objects.pipeline import load_stage
    from wire.run_dir import replace_file

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"{folder} cannot be made: {exc.strerror}") from exc
    options = {name: getattr(arguments, name) for name in ("place", "detector", "boxes", "split", "clips", "seed")}
    content = {"options": options, "data": {name: one.to_json() for name, one in measured.items()}}
    replace_file(str(folder / "results.json"), json.dumps(content, indent=1).encode() + b"\n")
    model = load_stage(arguments.place)
    for name, one in measured.items():
        stem = Path(name).name
        draw_curves_of(folder / f"{stem}-curve.png", one.judged, stem)
        draw_attention(folder / f"{stem}-attention.png", model, one.clips, one.recipe)
        draw_tracks(folder / f"{stem}-tracks.png", one.clips, one.judged.scores, one.recipe)
    print(f"pictures and results.json are in {folder}", file=sys.stderr)

"""`trainer generate`: draw a data set into a folder, and by option export its pixels."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.errors import ConfigError, Interrupted
from trainer.stop import Stop
from wire.run_dir import RunDir
from wire.state import Phase

if TYPE_CHECKING:
    from renderer.catalogue import Wanted
    from trainer.data.export import Layout

DESCRIPTION = "Draw a data set from a seed. The same command gives the same clips, anywhere and at any time."
EPILOG = """\
data sets, their tiers (the first is the default) and options:
  trajectories   one sphere on a linear, circular, helical or parabolic path; its class, and the 5 frames after the clip
                 tiers medium, easy, hard; --frames 16 or 32; --style dot, trail or both; --variants 1 to 180
  persistence    is there an object that lasts? persistent, brief, noise and mixed clips of 25 frames
                 tiers matched, easy, clutter, shape-motion
  objects        which objects last? persistent and transient spheres in clips of 32 frames
                 tiers standard, easy, transient_heavy, fast; --cue none, motion or colour; --clutter N

examples:
  trainer generate trajectories                          2,000 clips into data/trajectories-medium: half a MB
  trainer generate trajectories --clips 10000 --seed 1 --out data/big
  trainer generate trajectories --variants 6             each of 2,000 scenes in 6 of its 180 views, in one split
  trainer generate objects --tier fast --cue motion      a wish of your own
  trainer generate objects --split 0.8 0.1 0.1           other shares for train, validation and test
  trainer generate persistence --export npy              pixels too: videos.npy, truth.npz and metadata.json
  trainer generate trajectories --clips 100000 --export safetensors --workers 8

A data set is its recipe: recipe.npz (every clip, 0.2 to 0.7 kB each), tests/ (held-out tests: cameras and motions never
trained on, more noise) and manifest.json (splits, counts, the SHA-256 of every file). Clips are rendered from it as
they are needed; --export is for other programs. Whatever ended an export (Ctrl-C, a kill, a full disk), the same
command goes on from the last checkpoint, and the result has the same bytes as one that nobody disturbed.

As a worker (`command: trainer generate ...`) it shows its progress, and its folder is artifacts/data/ of the run.

Exit status: 0 it is there, 1 failure, 2 wrong options or another data set in the folder, 130 and 143 stopped.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "generate", help="draw a data set", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("name", metavar="NAME", help="trajectories, persistence or objects")
    wish = verb.add_argument_group("what to draw")
    wish.add_argument("--tier", metavar="TIER", help="difficulty")
    wish.add_argument("--clips", type=int, metavar="N", help="clips (scenes, with --variants)")
    wish.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other clips (default: 0)")
    wish.add_argument("--frames", type=int, metavar="T", help="frames of a clip")
    wish.add_argument("--size", type=int, default=64, metavar="PX", help="side of the picture (default: 64)")
    wish.add_argument("--style", default="dot", metavar="STYLE", help="dot, trail or both (default: dot)")
    wish.add_argument("--cue", default="none", metavar="CUE", help="what tells the kinds of object (default: none)")
    wish.add_argument("--clutter", type=int, default=0, metavar="N", help="shapes a clip that are no objects")
    wish.add_argument("--noise", default="exact", metavar="HOW", help="exact, or bank: faster (default: exact)")
    wish.add_argument("--variants", type=int, default=1, metavar="K", help="views of each scene (default: 1)")
    wish.add_argument(
        "--split",
        type=float,
        nargs=3,
        default=(0.7, 0.15, 0.15),
        metavar="SHARE",
        help="train, validation, test (default: 0.7 0.15 0.15)",
    )
    verb.add_argument(
        "--out",
        default="",
        metavar="DIR",
        help="folder (default: data/NAME-TIER; artifacts/data/... of a supervised run)",
    )
    pixels = verb.add_argument_group("pixels")
    pixels.add_argument("--export", choices=("npy", "safetensors"), help="write the pixels too, in this format")
    pixels.add_argument(
        "--shard-clips", type=int, metavar="N", help="clips a file (default: npy all in one, safetensors 2000)"
    )
    pixels.add_argument(
        "--checkpoint-clips", type=int, metavar="N", help="clips between two checkpoints (default: 2000)"
    )
    pixels.add_argument("--workers", type=int, metavar="N", help="processes that render (default: 1)")


def run(arguments: argparse.Namespace) -> int:
    """Generate; return 0, every other end is a `TrainerError` with its exit code."""
    stop = Stop()
    stop.install()
    wanted = _wanted(arguments)
    layout = _layout(arguments)
    supervised = os.environ.get("TRAJVID_RUN_DIR", "")
    if supervised and not arguments.out:
        artifacts = Path(RunDir(supervised).artifacts)
        artifacts.mkdir(mode=0o700, exist_ok=True)
        os.chdir(artifacts)
    folder = Path(arguments.out or f"data/{wanted.name}-{wanted.tier}")
    from trainer.data.generate import generate

    report = _reporter(supervised)

    def tell(done: int, total: int, left_s: float) -> None:
        report(samples_done=done, samples_total=total, eta_s=left_s)
        stop.check()

    try:
        said = generate(folder, wanted, tuple(arguments.split), layout, arguments.workers or 1, tell)
    except Interrupted as exc:
        exc.hint = "the same command goes on from the last checkpoint"
        raise
    report(phase=Phase.DONE.value, message=said)
    return 0


def _reporter(supervised: str) -> Callable[..., None]:
    """Return what takes facts for the screen of the control plane, and nothing if none watches."""
    if not supervised:
        return lambda **facts: None
    from trainer.reporter import Reporter

    reporter = Reporter(RunDir(supervised), os.environ.get("TRAJVID_ATTEMPT", "") or "run.1", lambda *_: None)
    reporter.update(force=True, phase=Phase.GENERATE.value)
    return reporter.update


def _wanted(arguments: argparse.Namespace) -> Wanted:
    """Return the wish, its gaps filled with the data set's defaults. Raises `ConfigError`."""
    from renderer.catalogue import DATASETS, Wanted, check
    from renderer.errors import RendererError

    data = DATASETS.get(arguments.name, DATASETS["trajectories"])  # `check` refuses a name that is unknown
    wanted = Wanted(
        name=arguments.name,
        tier=data.tiers[0] if arguments.tier is None else arguments.tier,
        clips=data.clips if arguments.clips is None else arguments.clips,
        seed=arguments.seed,
        frames=data.frames[0] if arguments.frames is None else arguments.frames,
        size_px=arguments.size,
        style=arguments.style,
        cue=arguments.cue,
        clutter=arguments.clutter,
        noise=arguments.noise,
        variants=arguments.variants,
    )
    try:
        check(wanted)
    except RendererError as exc:
        raise ConfigError(str(exc), hint=exc.hint or "`trainer generate --help` lists the choices") from exc
    return wanted


def _layout(arguments: argparse.Namespace) -> Layout | None:
    """Return how to export, None for not at all. Raises `ConfigError`."""
    from trainer.data.export import Layout

    for name, high in (("shard_clips", 10_000_000), ("checkpoint_clips", 10_000_000), ("workers", 256)):
        value, option = getattr(arguments, name), f"--{name.replace('_', '-')}"
        if value is not None and not arguments.export:
            raise ConfigError(f"{option} is about pixels", hint="add --export npy or --export safetensors")
        if value is not None and not 1 <= value <= high:
            raise ConfigError(f"{option} cannot be {value}: a number from 1 to {high:,} is needed")
    if not arguments.export:
        return None
    given = {name: getattr(arguments, name) for name in ("shard_clips", "checkpoint_clips")}
    return Layout(arguments.export, **{name: value for name, value in given.items() if value is not None})

"""`python -m renderer preview`: look at a data set before training on it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from renderer.catalogue import DATASETS, DataSet, Wanted, make
from renderer.errors import RendererError
from renderer.preview import write_preview
from renderer.recipe import Recipe, read_recipe


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0, or 2 with a message for what cannot be done."""
    args = _parser().parse_args(argv)
    try:
        for path in write_preview(_recipe(args), args.out, args.clips):
            print(path)
    except RendererError as exc:
        print(f"error: {exc}" + (f"\n  {exc.hint}" if exc.hint else ""), file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m renderer", description="Synthetic video with exact ground truth.")
    preview = parser.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "preview", help="draw a contact sheet (PNG) and a moving picture (GIF) of a data set"
    )
    names = ", ".join(DATASETS)
    preview.add_argument("data", nargs="?", default="trajectories", metavar="DATASET",
                         help=f"{names}, or a generated folder or its recipe.npz (default: trajectories)")  # fmt: skip
    preview.add_argument("--tier", help="difficulty; the first of the data set unless given")
    preview.add_argument("--test", default="", help="a held-out test: shifted-camera, shifted-motion or noisy")
    preview.add_argument("--style", default="dot", help="trajectories: dot, trail or both")
    preview.add_argument("--cue", default="none", help="objects: none, motion or colour")
    preview.add_argument("--clutter", type=int, default=0, help="objects: clutter shapes a clip")
    preview.add_argument("--size", type=int, default=64, help="side of the picture in pixels (default: 64)")
    preview.add_argument("--seed", type=int, default=0)
    preview.add_argument("--clips", type=int, default=8, help="clips to show (default: 8)")
    preview.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to write (default: here)")
    return parser


def _recipe(args: argparse.Namespace) -> Recipe:
    """Return the recipe of a data set by name, or of a file."""
    path = Path(args.data)
    if args.data not in DATASETS and path.exists():
        file = path / "recipe.npz" if path.is_dir() else path
        try:
            return read_recipe(file.read_bytes())
        except OSError as exc:
            raise RendererError(f"cannot read {file}: {exc.strerror}", hint="is it a generated data set?") from exc
    choice: DataSet | None = DATASETS.get(args.data)
    tier = args.tier or (choice.tiers[0] if choice else "")
    frames = choice.frames[0] if choice else 0
    return make(
        Wanted(args.data, tier, args.clips, args.seed, frames, args.size, args.style, args.cue, args.clutter),
        args.test,
    ).recipe


if __name__ == "__main__":
    sys.exit(main())

"""`trainer filter`: clips or tracks through a filter of persistence, a JSON line each."""

from __future__ import annotations

import argparse
from typing import Any

DESCRIPTION = "Say of clips, or of the tracks of clips, what persists and what only comes and goes."
EPILOG = """\
FILTER is a folder of `trainer promote`, or the folder of a run. CLIPS are files .npy of uint8 (T, 3, H, W) or
(n, T, 3, H, W), folders of `trainer generate persistence` or objects (--split).

  trainer filter filters/mine clips.npy                         one line a clip
  trainer filter filters/mine data/persistence-matched --split test --limit 20
  trainer filter filters/mine --tracks tracks.jsonl             tracks that were followed elsewhere
  trainer filter filters/mine clips.npy --explain               and why

A line of tracks is {"frames": 25, "tracks": [{"id": 3, "frames": [0, 1], "boxes": [[x0, y0, x1, y1], ...]}]}, frames
counted from 0, boxes in px of a picture as large as those that the filter was trained on; only a filter of
statistical features can do without pixels. Lines out:

  {"clip": "clips.npy:0", "persistent": true, "score": 0.98, "threshold": 0.5, "decided_at_frame": 25, "ms": 14.2,
   "tracks": [{"id": 0, "first": 1, "last": 25, "hits": 21, "score": 0.98, "kept": true}, ...]}

`ms` is the time of that clip: detection, tracking and decision. A broken line or clip ends the work with its name.
Exit status: 0 all were filtered, 1 something that cannot be looked at, 2 wrong arguments.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "filter", help="filter clips by persistence", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("filter", metavar="FILTER", help="folder of `trainer promote`, or of a run")
    verb.add_argument("clips", nargs="*", metavar="CLIPS", help="files .npy or folders of data sets")
    verb.add_argument("--tracks", action="append", default=[], metavar="FILE", help="JSON lines of tracks; - is stdin")
    verb.add_argument("--split", default="test", metavar="SPLIT", help="split of a data set's folder (default: test)")
    verb.add_argument("--limit", type=int, default=0, metavar="N", help="at most so many clips of each (default: all)")
    verb.add_argument("--threshold", type=float, metavar="X", help="keep from this score on (default: the filter's)")
    verb.add_argument("--explain", action="store_true", help="say why, clip by clip")


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each clip; every other end is a `TrainerError` with its exit code."""
    import json
    from pathlib import Path

    from trainer.errors import ConfigError
    from trainer.persistence.filter import PersistenceFilter
    from trainer.persistence.lines import clip_lines, track_lines
    from trainer.persistence.promoting import promoted_threshold

    if not arguments.clips and not arguments.tracks:
        raise ConfigError("nothing to filter", hint="name clips (.npy, a data set's folder), or --tracks FILE")
    threshold = promoted_threshold(Path(arguments.filter)) if arguments.threshold is None else arguments.threshold
    chosen = PersistenceFilter(arguments.filter, threshold)
    for place in arguments.clips:
        for line in clip_lines(chosen, Path(place), arguments.split, arguments.limit, arguments.explain):
            print(json.dumps(line), flush=True)
    for place in arguments.tracks:
        for line in track_lines(chosen, place, arguments.limit):
            print(json.dumps(line), flush=True)
    return 0

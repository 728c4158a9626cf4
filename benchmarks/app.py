"""The app: its board under 200 workers, its start, its charts, against what people would use instead.

Part `board`: CPU, bytes to the terminal, lag of the loop and key to paint, against a panel of Textual's own widgets per
worker. Part `start`: `--help` and the first painted frame, against the faster of harlequin and posting. Part `chart`:
an update of three curves, against textual-plot. The last two need --peers, which installs the three programs, each into
an environment of its own under the user's cache folder, unless they are there; without it these parts are left out.

Lags and keys are without the time that a program was ready to run and others had the core; the same on the clock stands
beside them.
"""

from __future__ import annotations

import sys

from benchmarks import board, plotting, starting
from benchmarks.report import Row, arguments, show

PARTS = ("board", "start", "chart")
NEED_PEERS = ("start", "chart")


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="measure only these")
    parser.add_argument("--peers", action="store_true", help="compare with other programs, installing what is missing")
    parser.add_argument("--quick", action="store_true", help="one short turn of everything, for a first look")
    parser.add_argument("--workers", type=int, nargs="+", default=[50, 200], help="sizes of the board")
    parser.add_argument("--seconds", type=float, help="length of each measurement of the board (8)")
    parser.add_argument("--warm", type=float, default=3.0, help="seconds of the same before it")
    parser.add_argument("--keys", type=int, help="keys that are pressed in each app (60)")
    parser.add_argument("--turns", type=int, help="how often everything is measured in turn (2; start and chart 6)")
    chosen = parser.parse_args()
    quick = chosen.quick
    seconds, keys = chosen.seconds or (2.0 if quick else 8.0), chosen.keys or (20 if quick else 60)
    turns = chosen.turns or (1 if quick else 2)
    rows: list[Row] = []
    for part in chosen.parts:
        if part in NEED_PEERS and not chosen.peers:
            print(f"{part}: left out, for it needs other programs: --peers installs them", file=sys.stderr)
        elif part == "board":
            for workers in chosen.workers:
                rows += board.compare(board.Load(workers, seconds, chosen.warm, keys), turns)
        elif part == "start":
            rows += starting.compare(3 * turns)
        else:
            rows += plotting.compare(10 if quick else 60, 3 * turns)
    show("The app", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()

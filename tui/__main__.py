"""`trajvid-tui`: without a verb the app, with one the same thing headless. Imports nothing heavy."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (0 ok, 1 failure, 2 usage, ... see `--help`)."""
    from tui.cli.command_line import run

    return run(sys.argv[1:] if argv is None else list(argv))


if __name__ == "__main__":
    sys.exit(main())

"""`trainer descriptions`: several describers, or several models, in one page beside their controls and ceilings."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.errors import DataError, TrainerError

DESCRIPTION = "Compare descriptions of `trainer describe`, or of runs that described clips at their end."
EPILOG = """\
FOLDER is one that `trainer describe --out` wrote, a run, or a file descriptions.json. Each keeps its own rows: what a
describer says of nothing, of the classes alone, of another clip, and of the true track. No torch is needed.

  trainer descriptions look/rules look/gpt-4o results/i3d-mistral-clip/* --out docs/language-results.md

Exit status: 0 compared, 1 a folder without descriptions, or no place to write.
"""


def add_parser(verbs: Any) -> None:
    """Add the verb and its options."""
    raw = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "descriptions", help="compare descriptions", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    verb.set_defaults(run=run)
    verb.add_argument("places", nargs="+", metavar="FOLDER", help="folders with descriptions.json")
    verb.add_argument("--out", default="", metavar="FILE.md", help="write the page, and the first sheet beside it")


def run(arguments: argparse.Namespace) -> int:
    """Print the table; write the page if it is asked for."""
    from rich.console import Console
    from rich.markdown import Markdown

    from trainer.language.comparison_page import comparison_page, names
    from trainer.language.rows import MODEL
    from trainer.language.tables import brief_table
    from wire.run_dir import replace_file

    found = [read(place) for place in arguments.places]
    contents = [content for _, content in found]
    rows = [(name, rates_of(content, MODEL)) for name, content in zip(names(contents), contents, strict=True)]
    Console().print(Markdown("\n".join(brief_table(rows, "described by"))))
    if arguments.out:
        path, sheet = Path(arguments.out), found[0][0].with_suffix(".png")
        command = shlex.join(["trainer", "descriptions", *arguments.places, "--out", arguments.out])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = path.with_suffix(".png").name if sheet.is_file() else ""
            if picture:
                replace_file(str(path.with_suffix(".png")), sheet.read_bytes(), mode=0o644)
            replace_file(str(path), comparison_page(contents, command, picture).encode(), mode=0o644)
        except OSError as exc:
            raise TrainerError(f"cannot write {path}: {exc.strerror}", hint="name a file with --out") from exc
        print(f"The whole comparison is in {path}")
    return 0


def read(place: str) -> tuple[Path, dict[str, Any]]:
    """Return the file that a place names, and its content. Raises `DataError` if it has no descriptions."""
    folder = Path(place)
    tried = [folder] if folder.is_file() else [folder / "descriptions.json", folder / "artifacts" / "descriptions.json"]
    path = next((one for one in tried if one.is_file()), None)
    if path is None:
        raise DataError(f"{place} has no descriptions.json", hint="`trainer describe ... --out FOLDER` writes one")
    try:
        content = json.loads(path.read_bytes())
        content["described"]["provider"], content["rows"][0]["rates"]["all"]["n"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as exc:
        raise DataError(f"{path} is not what `trainer describe` writes: {type(exc).__name__}: {exc}") from exc
    return path, content


def rates_of(content: Mapping[str, Any], row: str) -> Mapping[str, float]:
    """Return the figures of a row over all its clips; {} if it is not there."""
    found: Sequence[Mapping[str, float]] = [one["rates"]["all"] for one in content["rows"] if one["name"] == row]
    return found[0] if found else {}

"""The page on the disk: its Markdown, its pictures and its JSON, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer.analysis.objects import pictures
from trainer.analysis.objects.page import Stages, as_json, page
from trainer.analysis.reading import read_results
from trainer.analysis.results import Results
from trainer.analysis.writing import as_text, writable, write
from trainer.errors import DataError, TrainerError

ASKED = ("detector", "objects")
"""Problems that have no place in the tables of a comparison of classes and forecasts."""
KNOWN = (*ASKED, "persistence")


def read_stages(places: Sequence[str | Path]) -> Stages | None:
    """Return the runs if one of them finds objects or tells which stay; None if the usual comparison serves them all.

    Raises `DataError` if none of them has been tested.
    """
    results: dict[Path, Results] = {}
    refused: dict[str, str] = {}
    for place in places:
        try:
            one = read_results(place)
        except TrainerError as exc:
            refused[str(place)] = str(exc)
            continue
        results[one.source.resolve()] = one
    if not any(one.config.get("problem") in ASKED for one in results.values()):
        return None
    own = [one for one in results.values() if one.config.get("problem") in KNOWN or not one.config]
    others = {one.name: "a run of trajectories: compare it with its like"
              for one in results.values() if one.config and one.config.get("problem") not in KNOWN}  # fmt: skip
    stages = Stages.of(own, {**refused, **others})
    if not stages.entries:
        raise DataError("nothing to compare: " + "; ".join(f"{name}: {why}" for name, why in stages.refused.items()))
    return stages


def write_stages(stages: Stages, out: str | Path, command: str) -> Path:
    """Write the page, into a folder or as the FILE.md itself, with the rest beside it; return it.

    Raises `TrainerError` if nothing can be written.
    """
    place = Path(out)
    path = place if place.suffix == ".md" and not place.is_dir() else place / "comparison.md"
    with writable(path.parent):
        drawn = pictures.draw(stages.entries, stages.measured, path)
        write(path, page(stages, drawn, command))
        write(path.with_suffix(".json"), as_text(as_json(stages, command)))
    return path

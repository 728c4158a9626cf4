"""How well objects are followed through the boxes that a detector finds in pixels."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.analysis.markdown import table
from trainer.analysis.objects.measured import Measured
from trainer.analysis.objects.targets import Target, figure

COLUMNS = {"purity:": 3, "completeness:": 3, "IDF1:": 3, "HOTA:": 3, "MOTA:": 3, "switches:": 0, "false removed:": 3}
_KEYS = {"false removed:": "unwanted_boxes_removed"}
IDF1 = {"easy": (0.93, 0.96), "standard": (0.90, 0.93), "transient_heavy": (0.86, 0.91)}
"""Least IDF1, and the goal."""
PURITY = 0.90


def tables(found: Sequence[Measured]) -> list[str]:
    """Return all tracks of each data set, and those that persistence leaves beside the persistent objects."""
    rows = []
    for one in _once(found):
        for prefix, whose in (("", "all"), ("filtered_", "of what persists")):
            keys = {column: prefix + _KEYS.get(column, column.rstrip(":").lower()) for column in COLUMNS}
            keys["false removed:"] = "" if not prefix else _KEYS["false removed:"]
            cells = [figure(one.over(key), COLUMNS[column]) for column, key in keys.items()]
            rows.append([one.data, one.boxes, whose, *cells])
    return table(("data", "boxes", "tracks", *COLUMNS), rows) if rows else []


def targets(found: Sequence[Measured]) -> list[Target]:
    """Return what is asked of the tracks through the boxes of the first detector."""
    every = _once(found)
    own = {one.data: one for one in every if one.boxes == every[0].boxes}
    asked = []
    for tier, (bar, goal) in IDF1.items() if own else ():
        where = f"`{tier}`, boxes: {every[0].boxes}"
        idf1, purity = (own[tier].over(key) if tier in own else None for key in ("idf1", "purity"))
        asked += [Target(f"IDF1, {where}", idf1, bar, goal), Target(f"purity, {where}", purity, PURITY)]
    return asked


def _once(found: Sequence[Measured]) -> list[Measured]:
    """Return each pair of data and detector once: the object stage does not change what is followed."""
    return list({(one.data, one.boxes): one for one in reversed(found) if one.of_pixels}.values())[::-1]

"""What the gate saves, beside what it costs and what no gate can exceed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from trainer.analysis.entries import Spread
from trainer.analysis.markdown import table
from trainer.analysis.objects.measured import Measured
from trainer.analysis.objects.targets import Target, figure, points

HEAVY = "transient_heavy"
SAVED, KEPT, LOST, WHOLE = (0.40, 0.60), 0.93, 0.01, 0.40
STAGE = ("operations saved:", "ceiling:", "time saved:", "its ceiling:", "persistent boxes kept:", "lost:",
         "MFLOP a clip:")  # fmt: skip
PIPELINE = ("operations saved:", "ceiling:", "detector, MFLOP a clip:", "object stage, MFLOP a clip:")
MODES = {"": "once a clip", "alone_": "each clip alone", "online_": "every frame"}
"""Prefix of the figures -> when is decided; once a clip, that is many clips together."""
ONLINE = "online_"


def tables(found: Sequence[Measured]) -> list[str]:
    """Return a table of the object stage, one of the whole pipeline where a detector's work is known."""
    known = [one for one in found if one.over("flops_saved")]
    stage, whole = [], []
    for one in known:
        for prefix, mode in MODES.items():
            first = [one.data, one.boxes, one.entry.name, mode]
            own, ceiling = one.over(f"{prefix}flops_saved"), one.over(f"{prefix}flops_saved_ceiling")
            if own is None:
                continue
            stage.append([
                *first, points(own), points(ceiling), points(one.over(f"{prefix}time_saved")),
                points(one.over(f"{prefix}time_saved_ceiling")),
                points(one.over(f"{prefix}persistent_kept")), points(lost(one, prefix), 2),
                figure(one.over(f"{prefix}mflops_a_clip"), 0),
            ])  # fmt: skip
            if one.over(f"{prefix}pipeline_flops_saved"):
                whole.append([
                    *first, points(one.over(f"{prefix}pipeline_flops_saved")),
                    points(one.over(f"{prefix}pipeline_flops_saved_ceiling")),
                    figure(one.over("detector_mflops_a_clip"), 0), figure(one.over(f"{prefix}mflops_a_clip"), 0),
                ])  # fmt: skip
    lines: list[str] = []
    first_columns = ("data", "boxes", "network", "decided")
    if stage:
        lines += ["Object stage, in %; what is lost in points of balanced accuracy.", ""]
        lines += table((*first_columns, *STAGE), stage)
    if whole:
        lines += ["", "Whole pipeline: the detector's operations are spent on every frame.", ""]
        lines += table((*first_columns, *PIPELINE), whole)
    return lines


def lost(one: Measured, prefix: str = "") -> Spread | None:
    """Return by how much the balanced accuracy falls: of whole clips, or decided after 12 frames."""
    key = "balanced_accuracy_12" if prefix == ONLINE else "balanced_accuracy"
    return one.differences(key, f"gated_{key}")


def targets(found: Sequence[Measured]) -> list[Target]:
    """Return what is asked on `transient_heavy`, and how near to its ceiling `standard` comes."""
    asked = []
    for one in found:
        own, ceiling = one.over("flops_saved"), one.over("flops_saved_ceiling")
        if own is None:
            continue
        where = f"`{one.data}`, {one.entry.name}, boxes: {one.boxes}"
        price = [
            Target(f"persistent boxes kept, {where}", one.over("persistent_kept"), KEPT),
            Target(f"balanced accuracy lost, {where}", lost(one), LOST, most=True),
        ]
        dear = "" if all(each.met for each in price) else "it costs too much"
        saved = partial(Target, spoiled=dear)
        if one.data == HEAVY:
            asked.append(saved(f"operations saved, {where}", own, *SAVED))
            asked.append(saved(f"time saved, {where}", one.over("time_saved"), *SAVED))
            asked += price
            if one.of_pixels:
                asked += [
                    saved(f"saved of the whole pipeline, {mode}, {where}", part, WHOLE)
                    for prefix, mode in MODES.items()
                    if (part := one.over(f"{prefix}pipeline_flops_saved"))
                ]
        elif one.data == "standard" and ceiling is not None:
            share = Spread(own.mean / ceiling.mean) if ceiling.mean > 0 else None
            asked += [saved(f"share of the ceiling that is saved, {where}", share, 0.9), *price]
    return asked

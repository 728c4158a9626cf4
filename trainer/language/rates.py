"""Figures of many descriptions: the four rates of equations and the two of texts, over all clips and by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from renderer.motion import Family
from trainer.language.evidence import ABLATIONS
from trainer.metrics import wilson_interval

Scores = Mapping[str, float]
"""Of one clip: each of `FIGURES`, between 0 and 1."""
FIGURES = {
    "parses": "parses",
    "family": "same family",
    "parameters": "parameters within 10 %",
    "rmse": "RMSE <= 5 %",
    "claim_f1": "claim-F1",
    "coherent": "coherent",
}
"""Each with its name for people. The first four are of the equation; a clip without an answer counts as 0 in all."""
JUDGED = ("family", "parameters", "rmse", "claim_f1")
"""Those that a control can reach by chance."""
FAMILIES = tuple(family.name.lower() for family in Family)
BENDING = FAMILIES[Family.PARABOLIC]
WITHOUT_BENDING = f"not {BENDING}"
"""The parameters of a parabola are hard to tell from a short arc, so it stands on its own too."""


def rates(scores: Sequence[Scores], families: Sequence[str]) -> dict[str, Any]:
    """Return {overall, without parabolas, by family}: n, each figure, and the 95 % Wilson interval of each rate."""
    every = list(zip(scores, families, strict=True))
    return {
        "all": _figures([one for one, _ in every]),
        WITHOUT_BENDING: _figures([one for one, family in every if family != BENDING]),
        **{name: _figures([one for one, family in every if family == name]) for name in FAMILIES},
    }


def _figures(scores: Sequence[Scores]) -> dict[str, Any]:
    count = len(scores)
    found: dict[str, Any] = {"n": count}
    for name in FIGURES if count else ():
        total = sum(float(one[name]) for one in scores)
        found[name] = total / count
        if name != "claim_f1":
            found[f"{name}_low"], found[f"{name}_high"] = wilson_interval(round(total), count)
    return found


def worth(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a reader must know before believing the first row, from the rows that it is compared with."""
    own, flags = rows[0], [f"{row['name']}: ended early: {row['problem']}" for row in rows if row["problem"]]
    controls = {row["name"]: row["rates"]["all"] for row in rows[1:] if row["name"] in ABLATIONS}
    figures = own["rates"]["all"]
    if own["lost"]:
        flags.append(f"nothing was said of {figures['n'] - own['answered']} of {figures['n']} clips: {own['lost']}")
    if not figures["n"]:
        return flags
    if perfect := [FIGURES[name] for name in JUDGED if figures[name] == 1]:
        flags.append(f"investigate: exactly 1.00: {', '.join(perfect)}")
    reached_by_chance = []
    for name in JUDGED:
        best = max(controls, key=lambda control: controls[control].get(name, 0.0), default="")
        reached = controls[best].get(name, 0.0) if best else 0.0
        if best and figures[name] <= reached:
            word = "below" if figures[name] < reached else "no better than"
            reached_by_chance.append(f"{FIGURES[name]} {figures[name]:.2f} is {word} {best}, {reached:.2f}")
    skill = ["no skill"] if len(reached_by_chance) == len(JUDGED) else []
    return [*skill, *flags, *reached_by_chance]


def named(figures: Mapping[str, float]) -> dict[str, float]:
    """Return figures under names that tell them apart among those of a run: language_family, ..."""
    return {f"language_{name}": figures[name] for name in ("n", *FIGURES) if name in figures}

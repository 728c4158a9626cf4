"""Tables of the figures of descriptions, in Markdown: each row is a kind of evidence, a family, or a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trainer.analysis.markdown import UNKNOWN, table
from trainer.language.rates import FAMILIES, FIGURES, WITHOUT_BENDING

Figures = Mapping[str, float]
"""n, each of `FIGURES`, and the interval of each rate, as `trainer.language.rates` returns them."""
BRIEF = {
    "parses": "parses", "family": "family", "parameters": "param.", "rmse": "RMSE", "claim_f1": "claims",
    "coherent": "coher.",
}  # fmt: skip
"""Heads for a terminal."""


def brief_table(rows: Iterable[tuple[str, Figures]], head: str = "evidence") -> list[str]:
    """Return the same as `rates_table` for 80 columns: shorter names, no intervals."""
    cells = [(name, _count(figures), *(share(figures.get(key)) for key in BRIEF)) for name, figures in rows]
    return table((head, "n:", *(f"{name}:" for name in BRIEF.values())), cells)


def rates_table(rows: Iterable[tuple[str, Figures]], head: str = "evidence") -> list[str]:
    """Return a row for each name with its figures and their intervals."""
    cells = [(name, _count(figures), *(cell(figures, key) for key in FIGURES)) for name, figures in rows]
    return table((head, "n:", *(f"{name}:" for name in FIGURES.values())), cells)


def family_table(rates: Mapping[str, Figures]) -> list[str]:
    """Return the figures of each family, and of all but the one whose parameters a short arc hardly tells."""
    return brief_table([(name, rates[name]) for name in (*FAMILIES, WITHOUT_BENDING) if rates[name].get("n")], "family")


def cell(figures: Figures, name: str) -> str:
    """Return a figure with its interval, if it has one."""
    if name not in figures:
        return UNKNOWN
    ends = [figures.get(f"{name}_{end}") for end in ("low", "high")]
    return share(figures[name]) + (f" [{share(ends[0])}, {share(ends[1])}]" if None not in ends else "")


def share(value: float | None) -> str:
    """Return `.97`, `1.00` for exactly 1, `>.99` for what only rounds to it, `-` for what is not known."""
    if value is None:
        return UNKNOWN
    if 0.995 <= value < 1:
        return ">.99"
    return f"{value:.2f}".removeprefix("0")


def _count(figures: Figures) -> str:
    return f"{figures['n']:.0f}" if "n" in figures else UNKNOWN

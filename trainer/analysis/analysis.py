"""`trainer analyze RUN`: every number that the files of one run give, without judging by anything else."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.analysis import curves, standing
from trainer.analysis.classes import ClassRecall, class_recalls, lacking_classes
from trainer.analysis.results import Results


@dataclass(frozen=True)
class Analysis:
    """The numbers of one run. None and [] are parts that the run did not leave."""

    results: Results
    figures: standing.Figures
    judged_on: str
    """`test`, `validation, epoch N`, or '' if the run left no figures."""
    interval: tuple[float, float] | None
    """95 % interval of the accuracy."""
    best_epoch: int | None
    convergence: curves.Convergence | None
    overfitting: curves.Overfitting | None
    stability: curves.Stability | None
    generalisation: curves.Generalisation | None
    classes: list[ClassRecall]
    lacking: list[str]
    """`split: class` for every split without a class."""
    controls: list[standing.AgainstControl]
    targets: list[standing.Target]
    drops: dict[str, float]
    """Loss of accuracy on each held-out test."""
    flags: list[str]


def analyse(results: Results) -> Analysis:
    """Return the analysis of one run; it is a pure function of its results."""
    figures, judged_on = standing.judged(results)
    return Analysis(
        results=results,
        figures=figures,
        judged_on=judged_on,
        interval=standing.interval(figures),
        best_epoch=curves.best_epoch(results),
        convergence=curves.convergence(results),
        overfitting=curves.overfitting(results),
        stability=curves.stability(results),
        generalisation=curves.generalisation(results),
        classes=class_recalls(results),
        lacking=lacking_classes(results),
        controls=standing.against_controls(results),
        targets=standing.targets(results),
        drops=standing.accuracy_drops(results),
        flags=standing.flags(results),
    )

"""Clip after clip described, and the same again from less or other evidence: what a figure must be compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from trainer.errors import ProviderError
from trainer.language.describer import Describer, Description
from trainer.language.evidence import ABLATIONS, Evidence, shuffled
from trainer.language.providers.spending import SpendingError

PATIENCE = 3
"""Clips in succession without an answer after which a provider is asked no more."""
MODEL, CEILING = "model", "true tracks"
"""Rows: from what the model and our detector saw; the same describer on what a detector without error would see."""
Planned = tuple[str, list[Evidence]]
Tell = Callable[[str, int, int], None]
"""Takes a row's name, how many of its clips are done, and of how many; it may raise to end the work."""


@dataclass
class Row:
    """Descriptions of the clips from one kind of evidence, in their order; fewer than clips if the work ended."""

    name: str
    descriptions: list[Description] = field(default_factory=list)
    problem: str = ""
    """Why it ended before its last clip."""


def plan(
    evidence: Sequence[Evidence], ceiling: Sequence[Evidence], ablations: bool
) -> Iterator[tuple[str, list[Evidence]]]:
    """Yield each row's name and its evidence, the model's own first."""
    yield MODEL, list(evidence)
    if ablations:
        # The only clip there is would be given its own evidence.
        changes = {name: change for name, change in ABLATIONS.items() if change is not shuffled or len(evidence) > 1}
        yield from ((name, change(evidence)) for name, change in changes.items())
        yield CEILING, list(ceiling)


def describe_rows(describer: Describer, planned: Iterable[Planned], rows: list[Row], tell: Tell) -> None:
    """Append a row for each kind of evidence to `rows`: what is there is kept, whatever ends the work.

    What was said of a clip is not asked again: evidence that goes to another clip takes its description along.
    """
    known: dict[int, tuple[Evidence, Description]] = {}
    for name, evidence in planned:
        row, silent = Row(name), 0
        rows.append(row)
        for one in evidence:
            tell(name, len(row.descriptions), len(evidence))
            try:
                said, silent = known[id(one)][1] if id(one) in known else describer.describe(one), 0
            except SpendingError as exc:
                row.problem = str(exc)
                return
            except ProviderError as exc:
                said, silent = Description(provider=describer.name, problem=str(exc)), silent + 1
            known[id(one)] = one, said
            row.descriptions.append(said)
            if silent == PATIENCE:
                row.problem = said.problem
                return
        tell(name, len(evidence), len(evidence))

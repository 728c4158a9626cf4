"""What an equation costs without any network, and how often it is right: on clips that nothing was chosen on.

Times are of one thread's processor, the median over all clips, against the 100 ms that a clip may take. Rates are those
of the results page (`trainer.language.equation_scores`), of the fit alone, without a classifier; beside each is the
ceiling: what the same fit makes of a track without chance errors.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from benchmarks.report import Row, arguments, lower_is_better, show
from renderer.equations import equation_of
from renderer.motion import Family
from renderer.sampling import Window
from renderer.trajectories import make_recipe
from trainer.data.source import RecipeSource
from trainer.language.equation_scores import EquationScore, score_equation
from trainer.language.evidence import Evidence
from trainer.language.fit import Fit, fit, fit_all
from trainer.language.gathering import track, true_tracks, view_of
from trainer.language.rules import RulesDescriber
from trainer.language.truth import Truth, truths

MOST_MS = 100.0
FEWEST = {"family": 0.95, "parameters": 0.90, "parameters, parabola": 0.55, "RMSE": 0.85}
"""Of all clips; but parameters: of those that are no parabolas, and of those that are."""
SEED = 31_415


def clips(count: int, frames: int) -> tuple[list[Evidence], list[Evidence], list[Truth]]:
    """Return what the detector saw of clips of `medium`, what it would have without chance errors, and the truth."""
    recipe = make_recipe("medium", count, SEED, Window(frames=frames)).recipe
    source, view = RecipeSource(recipe), view_of(recipe)
    names, seen = tuple(family.name.lower() for family in Family), []
    for rows in np.array_split(np.arange(count), -(-count // 32)):
        video = np.empty((len(rows), source.frames, 3, source.size_px, source.size_px), np.uint8)
        source.fill(rows, 0, video)
        seen += [Evidence(view, names, None, None, None, one) for one in track(torch.from_numpy(video))]
    return seen, true_tracks(seen, recipe), truths(recipe)


def cost_ms(work: Callable[[Evidence], object], seen: Sequence[Evidence]) -> float:
    """Return the processor time of one clip alone."""
    spent = []
    for one in seen:
        begin = time.thread_time()
        work(one)
        spent.append((time.thread_time() - begin) * 1e3)
    return statistics.median(spent)


def rates(fits: Sequence[Fit], known: Sequence[Truth]) -> dict[str, float]:
    """Return the share of clips that are right, by the names of `FEWEST`."""
    scores = [
        (truth.family, score_equation(equation_of(one.motion, one.window)[0], truth))
        for one, truth in zip(fits, known, strict=True)
    ]

    def share(right: Callable[[EquationScore], bool], *families: Family) -> float:
        return statistics.fmean(right(score) for family, score in scores if family in families)

    straight = [family for family in Family if family is not Family.PARABOLIC]
    return {
        "family": share(lambda score: score.family, *Family),
        "parameters": share(lambda score: score.parameters, *straight),
        "parameters, parabola": share(lambda score: score.parameters, Family.PARABOLIC),
        "RMSE": share(lambda score: score.rmse, *Family),
    }


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=400, help="of each length (default: 400)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for frames in (16, 32):
        seen, undisturbed, known = clips(options.clips, frames)
        for name, work in (("fit", fit), ("rules", RulesDescriber().describe)):
            spent = cost_ms(work, seen[:100])
            rows.append(lower_is_better(f"{frames} frames: {name}", spent, MOST_MS, target=1.0, unit="ms/clip"))
        ours, ceiling = rates(fit_all(seen), known), rates(fit_all(undisturbed), known)
        for name, fewest in FEWEST.items():
            ratio = ours[name] / ceiling[name] if ceiling[name] else 0.0
            rows.append(Row(f"{frames} frames: {name}", ratio, fewest, "", ours[name], ceiling[name]))
    show("language", rows, as_json=options.json)


if __name__ == "__main__":
    main()

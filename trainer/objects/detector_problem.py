"""The experiment `detector`: find the objects of single frames, learned beside classical."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from renderer.scenes import SceneRecipe
from trainer.config import TrainConfig
from trainer.data.dataset import DataSet
from trainer.data.opening import digest_of
from trainer.memory import answer
from trainer.objects.baseline import ClassicalDetector
from trainer.objects.detecting import Finder, by_frame
from trainer.objects.detection_figures import detect_scenes, figures_of
from trainer.objects.detection_metrics import Matches, detection_scores, match_detections
from trainer.objects.detector import LEAST_SCORE, THRESHOLD, Detector, decode
from trainer.objects.detector_data import FrameBatch, FrameBatches, SceneSource, open_parts
from trainer.objects.detector_loss import detector_losses
from trainer.objects.detector_pictures import draw_detections, draw_history
from trainer.objects.learned import LearnedDetector
from trainer.problem import Figures, OnBatch, Problem, Split, Tested
from trainer.results import figure_words

if TYPE_CHECKING:
    from trainer.session import Session

PICTURE_NAME = "detections.png"
TESTED = 100
"""Clips of each test, 3,200 frames: a false box in a hundred is 32 of them. `trainer detect` takes any number."""


@dataclass(frozen=True)
class Answers:
    """What came of the clips of a batch."""

    losses: Figures
    """Sums over the clips."""
    matches: list[Matches]


class DetectorProblem(Problem):
    """One detector for all data sets that it is trained on; each is tested by itself, and all together."""

    shown = ("recall", "precision", "average_precision", "false_per_frame")

    def __init__(self, config: TrainConfig, parts: dict[str, DataSet]) -> None:
        self.config, self.parts = config, parts
        self.digest = " ".join(digest_of(part) for part in parts.values())
        clips = sum(len(part.recipe) for part in parts.values())
        self.title = f"{', '.join(parts)}: {clips} clips"
        self.facts = {name: part.manifest.summary() for name, part in parts.items()}

    @classmethod
    def open(cls, config: TrainConfig, own: Path, tick: Callable[[], None]) -> Self:
        return cls(config, open_parts(config, own, tick))

    def build(self, content: Mapping[str, Any]) -> Detector:
        return Detector(self.config.width)

    def known(self, model: torch.nn.Module) -> dict[str, Any]:
        """`detector`: what the network is built from, and the pictures that it was trained on."""
        (size_px,) = {part.recipe.window.size_px for part in self.parts.values()}
        return {"detector": {"width": self.config.width, "size_px": size_px, "data": list(self.parts)}}

    def batches(self, split: Split, device: torch.device, part: tuple[int, int] = (0, 1)) -> FrameBatches:
        trains = split == "train"
        recipes = [one.split(split) for one in self.parts.values()]
        source = SceneSource(recipes, self.config.seed, mixed_noise=trains and self.config.train_noise == "mix")
        return FrameBatches(source, self.config, shuffle=trains, part=part)

    def losses(self, outputs: Mapping[str, Tensor], batch: FrameBatch) -> tuple[Tensor, Figures]:
        parts = detector_losses(outputs, batch.targets)
        sums = {name: float(part.detach()) * batch.clips for name, part in parts.items()}
        return torch.stack([*parts.values()]).sum(), sums

    def validate(self, session: Session, on_batch: OnBatch) -> Figures:
        model, stream = session.model, session.validation
        assert isinstance(stream, FrameBatches)
        model.eval()
        own: list[Answers] = []
        with torch.inference_mode():
            for index, batch in enumerate(stream.epoch(0), 1):
                if batch.share:
                    own.append(self._answers(model, batch.to(session.device), stream.source))
                on_batch(index, len(stream))
        every = [one for part in session.ranks.gather(own) for one in part]
        loss = sum(value for one in every for value in one.losses.values()) / stream.clips
        scores = detection_scores([match for one in every for match in one.matches], THRESHOLD)
        figures = figures_of(scores)
        return {"val_loss": loss} | {f"val_{name}": figures[name] for name in self.shown if name in figures}

    def _answers(self, model: torch.nn.Module, batch: FrameBatch, source: SceneSource) -> Answers:
        outputs = answer(model, batch.inputs)
        _, losses = self.losses(outputs, batch)
        matches = []
        for place, row in enumerate(batch.rows):
            peaks = decode({name: value[place] for name, value in outputs.items()}, LEAST_SCORE)
            found = by_frame(source.frames, peaks.frame, peaks.boxes, peaks.scores, peaks.looks)
            matches.append(match_detections(source.objects[row], found))
        return Answers(losses, matches)

    def test(self, session: Session) -> Tested:
        """Each data set and each held-out test of it stands beside the classical detector; the metrics are of the test
        splits of all data sets together.
        """
        assert isinstance(session.model, Detector)
        learned = LearnedDetector(session.model.eval(), self.known(session.model)["detector"]["size_px"])
        finders: dict[str, Finder] = {"learned": learned, "classical": ClassicalDetector()}
        together: dict[str, list[Matches]] = {who: [] for who in finders}
        tests = {}
        for name, recipe in self._tests().items():
            figures = {}
            for who, finder in finders.items():
                found = detect_scenes(finder, recipe, lambda: session.show_life(0, 0))
                figures[who] = figures_of(detection_scores(found, finder.threshold))
                together[who] += found if name in self.parts else []
            tests[name] = {"metrics": figures["learned"], "controls": {"classical": figures["classical"]}}
            session.reporter.update(message=f"{name}: {figure_words(figures['learned'])}")
        path, shown = Path(session.run.artifacts) / PICTURE_NAME, {name: self._tests()[name] for name in self.parts}
        session.reporter.guard(PICTURE_NAME, lambda: draw_detections(path, shown, learned))
        metrics, control = (
            figures_of(detection_scores(together[who], finder.threshold)) for who, finder in finders.items()
        )
        ahead = metrics.get("average_precision", 0) > control.get("average_precision", 0)
        return Tested(metrics, {"classical": control}, flags=() if ahead else ("no skill",), tests=tests)

    def _tests(self) -> dict[str, SceneRecipe]:
        """Return the clips of each test, by the name of the data set, with /TEST those of a held-out one."""
        recipes = {}
        for place, part in self.parts.items():
            held_out = part.tests if self.config.shifted_tests else {}
            for name, recipe in ({"": part.split("test")} | held_out).items():
                assert isinstance(recipe, SceneRecipe)
                recipes[f"{place}/{name}".rstrip("/")] = recipe.take(np.arange(min(TESTED, len(recipe))))
        return recipes

    def draw_curves(self, path: Path, history: Sequence[Mapping[str, float]]) -> None:
        draw_history(path, history, f"detector on {self.title}")

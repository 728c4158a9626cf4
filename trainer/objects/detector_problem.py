"""The experiment `detector`: find the objects of single frames, learned beside classical."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

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
        return sum(parts.values(), torch.zeros(())), {
            name: float(part.detach()) * batch.clips for name, part in parts.items()
        }

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
        return {"val_loss": loss} | {
            f"val_{name}": value for name, value in figures_of(scores).items() if name in self.shown
        }

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
        """Each data set and each of its held-out tests stands beside the classical detector; the metrics are over all
        of the test splits.
        """
        assert isinstance(session.model, Detector)
        size_px = self.known(session.model)["detector"]["size_px"]
        finders: dict[str, Finder] = {
            "learned": LearnedDetector(session.model.eval(), size_px),
            "classical": ClassicalDetector(),
        }
        every: dict[str, list[Matches]] = {name: [] for name in finders}
        tests = {}
        for place, part in self.parts.items():
            recipes = {place: part.split("test")}
            if self.config.shifted_tests:
                recipes |= {f"{place}/{test}": recipe for test, recipe in part.tests.items()}
            for name, recipe in recipes.items():
                assert isinstance(recipe, SceneRecipe)
                found = {who: self._found(session, finder, recipe) for who, finder in finders.items()}
                figures = {who: figures_of(detection_scores(found[who], finders[who].threshold)) for who in finders}
                tests[name] = {"metrics": figures["learned"], "controls": {"classical": figures["classical"]}}
                session.reporter.update(message=f"{name}: {figure_words(figures['learned'])}")
                if name == place:
                    for who in finders:
                        every[who] += found[who]
        learned, classical = (
            figures_of(detection_scores(every[who], finder.threshold)) for who, finder in finders.items()
        )
        path = Path(session.run.artifacts) / PICTURE_NAME
        recipes_shown = {name: part.split("test") for name, part in self.parts.items()}
        session.reporter.guard(PICTURE_NAME, lambda: draw_detections(path, recipes_shown, finders["learned"]))
        behind = learned.get("average_precision", 0) <= classical.get("average_precision", 0)
        flags = ("no skill",) if behind else ()
        return Tested(learned, {"classical": classical}, flags=flags, tests=tests)

    def _found(self, session: Session, finder: Finder, recipe: SceneRecipe) -> list[Matches]:
        return detect_scenes(finder, recipe, lambda: session.show_life(0, 0))

    def draw_curves(self, path: Path, history: Sequence[Mapping[str, float]]) -> None:
        draw_history(path, history, f"detector on {self.title}")

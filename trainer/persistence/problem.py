"""The experiment `persistence`: does a sphere stay in a clip, by statistics, looks, or both, of its tracks?"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from renderer.parts import FRAMES
from renderer.persistence import PersistenceRecipe
from renderer.recipe import Recipe
from renderer.scenes import Persistence
from trainer.analysis.predictions import PREDICTIONS_NAME, StoredPredictions
from trainer.config import TrainConfig
from trainer.controls_sources import ChangedPictures, shuffle_frames
from trainer.data.dataset import DataSet, Wanted, ensure_dataset, load_dataset
from trainer.data.opening import digest_of
from trainer.data.source import ClipSource, RecipeSource
from trainer.data.splits import SPLITS
from trainer.errors import ConfigError
from trainer.metrics import confusion_matrix
from trainer.objects.learned import LearnedDetector
from trainer.persistence.batches import EVALUATION_BATCH, TrackBatch, TrackBatches
from trainer.persistence.build import build_pipeline, description_of
from trainer.persistence.discs import DiscDetector
from trainer.persistence.figures import Scored, by_kind, importance, score_clips
from trainer.persistence.observed import stacked
from trainer.persistence.pictures import draw_history, draw_tested
from trainer.persistence.pipeline import ModularTrackingPipeline
from trainer.persistence.promoting import VALIDATION_NAME
from trainer.persistence.rules import evidence, rule_table
from trainer.persistence.watched import TRACKS, WatchedClips, filled, finder_of, see, without_detector
from trainer.problem import Figures, OnBatch, Problem, Split, Tested
from trainer.results import figure_words, judge

if TYPE_CHECKING:
    from trainer.session import Session

TIMED = 15
"""Clips whose time from pixels to a decision is measured."""
CLASS_NAMES = [kind.name.lower() for kind in Persistence]


class PersistenceProblem(Problem):
    """Clips are watched once, when they are needed first: the first epoch takes longer."""

    shown = ("accuracy", "f1")
    guess_loss = math.log(len(Persistence))

    def __init__(self, config: TrainConfig, data: DataSet) -> None:
        self.config, self.data = config, data
        self.digest, self.facts = digest_of(data), data.manifest.summary()
        self.title = f"{data.recipe.tier}, {len(data.recipe)} clips"
        self.tests = data.tests if config.shifted_tests else {}
        self.finder = LearnedDetector.load(config.detector) if config.detector else DiscDetector()
        self.recipes = {name: _persistence(data.split(name)) for name in SPLITS}
        self.watched = {name: self._watch(recipe, name == "train") for name, recipe in self.recipes.items()}

    @classmethod
    def open(cls, config: TrainConfig, own: Path, tick: Callable[[], None]) -> Self:
        folder = Path(config.data)
        if not config.data:
            wanted = Wanted("persistence", config.tier, config.clips, config.seed, FRAMES, noise=config.noise)
            folder = ensure_dataset(own, wanted)
        data = load_dataset(folder)
        if not isinstance(data.recipe, PersistenceRecipe):
            raise ConfigError(
                f"{config.data} holds {data.recipe.KIND}, of which nobody says what persists",
                hint="`trainer generate persistence` makes such clips",
            )
        return cls(config, data)

    def _watch(self, recipe: PersistenceRecipe, trains: bool) -> WatchedClips:
        noise = self.config.train_noise if trains else "tier"
        source: ClipSource = RecipeSource(recipe, self.config.seed, noise=noise)
        if self.config.frame_order == "shuffled":
            source = ChangedPictures(source, shuffle_frames)
        find = finder_of(self.finder)
        if self.config.boxes != "detector":
            find = without_detector(recipe, self.config.boxes, self.config.seed)
        return WatchedClips(source, find, self.config.features != "statistical")

    def build(self, content: Mapping[str, Any]) -> ModularTrackingPipeline:
        config = self.config
        kept = content.get("persistence", {}).get("shape")
        return build_pipeline(config.features, config.sequence_width, config.heads, tokenizer=config.tokenizer,
                              freeze=config.freeze, shape=kept, encoder_width=config.width)  # fmt: skip

    def known(self, model: torch.nn.Module) -> dict[str, Any]:
        """`persistence`: what the network is built from, and the clips that it was trained on."""
        assert isinstance(model, ModularTrackingPipeline)
        window = self.data.recipe.window
        return {"persistence": {**description_of(model), "frames": window.frames, "size_px": window.size_px}}

    def batches(self, split: Split, device: torch.device, part: tuple[int, int] = (0, 1)) -> TrackBatches:
        return self._batches(self.watched[split], self.recipes[split], split == "train", part)

    def _batches(self, watched: WatchedClips, recipe: PersistenceRecipe, trains: bool = False,
                 part: tuple[int, int] = (0, 1)) -> TrackBatches:  # fmt: skip
        size = self.config.batch_size if trains else EVALUATION_BATCH
        return TrackBatches(watched, labels_of(recipe), size, self.config.seed, trains=trains, part=part)

    def losses(self, outputs: Mapping[str, Tensor], batch: TrackBatch) -> tuple[Tensor, Figures]:
        loss = F.cross_entropy(outputs["logits"], batch.label)
        right = (outputs["logits"].argmax(dim=1) == batch.label).sum()
        return loss, {"accuracy": int(right) if batch.clips else 0}

    def validate(self, session: Session, on_batch: OnBatch) -> Figures:
        assert isinstance(session.model, ModularTrackingPipeline)
        own: list[NDArray[np.float64]] = []
        session.model.eval()
        with torch.inference_mode():
            for index, batch in enumerate(session.validation.epoch(0), 1):
                outputs = session.model(batch.to(session.device).inputs)
                own.append(outputs["score"][: batch.clips].double().cpu().numpy())
                on_batch(index, len(session.validation))
        parts = session.ranks.gather(own)
        score = np.concatenate([one for batch_parts in zip(*parts, strict=True) for one in batch_parts])
        figures = Scored(score, labels_of(self.recipes["validation"])).metrics(FRAMES)
        return {"val_loss": figures["class_loss"], "val_accuracy": figures["accuracy"], "val_f1": figures["f1"]}

    def test(self, session: Session) -> Tested:
        """Each held-out test stands beside the same rules, with what the training split made of them."""
        model = session.model
        assert isinstance(model, ModularTrackingPipeline)
        recipe, watched = self.recipes["test"], self.watched["test"]
        batches = self.batches("test", session.device)
        rules = self._rules(session)
        scored = score_clips(model, batches, session.device, session.show_life)
        metrics = scored.metrics(FRAMES) | by_kind(scored, recipe.label) | {"clip_ms": self._clip_ms(model, watched)}
        controls = rules(watched, recipe)
        drops = importance(model, batches, session.device, session.show_life)
        tests = {name: self._held_out(session, name, _persistence(one), rules) for name, one in self.tests.items()}
        validation = score_clips(model, self.batches("validation", session.device), session.device, session.show_life)
        self._store(session, PREDICTIONS_NAME, "test", scored)
        self._store(session, VALIDATION_NAME, "validation", validation)
        folder = Path(session.run.artifacts)
        session.reporter.guard("pictures", lambda: draw_tested(folder, model, watched, recipe, scored))
        best_rule = max(row["accuracy"] for row in controls.values())
        return Tested(
            metrics=metrics,
            controls=controls,
            flags=judge(metrics, best_rule, session.state.history),
            notes=tuple(self._notes()),
            tests=tests,
            facts={
                "confusion_matrix": confusion_matrix(scored.label, scored.guess, 2).tolist(),
                "class_names": CLASS_NAMES,
                "importance": drops,
            },
        )

    def _notes(self) -> list[str]:
        tier = self.data.recipe.tier
        said = []
        if tier == "easy":
            said.append("easy is trivial: counting the frames that show anything solves it, so no figure proves much")
        if tier == "shape-motion" and self.config.features == "statistical":
            said.append("statistics do not show shape: on shape-motion they can be right in about three of four clips")
        if self.config.frame_order == "shuffled":
            said.append("a control: the frames of every clip are in random order, so nothing can be seen to stay")
        return said

    def _rules(self, session: Session) -> Callable[[WatchedClips, PersistenceRecipe], dict[str, dict[str, float]]]:
        """Return what tells how the rules, as the training split has them, do on other clips."""

        def looked_at(
            watched: WatchedClips, recipe: PersistenceRecipe
        ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
            tracks = []
            for row in range(len(watched)):
                tracks.append(watched.seen(np.array([row]))[0].tracks)
                session.show_life(row, len(watched))
            return evidence(tracks), labels_of(recipe)

        training = looked_at(self.watched["train"], self.recipes["train"])
        return lambda watched, recipe: rule_table(training, looked_at(watched, recipe))

    def _clip_ms(self, model: ModularTrackingPipeline, watched: WatchedClips) -> float:
        """Return the median time from pixels to a decision, on one thread or a GPU."""
        device = next(model.parameters()).device
        videos = filled(watched.source, np.arange(min(TIMED, len(watched))))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        times = []
        with torch.inference_mode():
            for row, video in enumerate(videos):
                began = time.perf_counter()
                seen = see(video, watched.find(row, video), watched.with_crops)
                model(stacked([(seen.numbers, seen.crops)], TRACKS).to(device))["score"].tolist()
                times.append(time.perf_counter() - began)
        torch.set_num_threads(threads)
        return 1000 * median(times)

    def _held_out(self, session: Session, name: str, recipe: PersistenceRecipe, rules: Any) -> dict[str, Any]:
        assert isinstance(session.model, ModularTrackingPipeline)
        watched = self._watch(recipe, False)
        scored = score_clips(session.model, self._batches(watched, recipe), session.device, session.show_life)
        figures = scored.metrics(FRAMES) | by_kind(scored, recipe.label)
        session.reporter.update(message=f"{name}: {figure_words(figures)}")
        return {"metrics": figures, "controls": rules(watched, recipe)}

    def _store(self, session: Session, name: str, split: str, scored: Scored) -> None:
        both = np.stack([1 - scored.score, scored.score], axis=1).astype(np.float32)
        stored = StoredPredictions(f"{self.digest} {split}", scored.label, both)
        session.reporter.guard(name, lambda: stored.write(Path(session.run.artifacts) / name))

    def draw_curves(self, path: Path, history: Sequence[Mapping[str, float]]) -> None:
        draw_history(path, history, f"{self.config.features} on {self.title}")


def _persistence(recipe: Recipe) -> PersistenceRecipe:
    assert isinstance(recipe, PersistenceRecipe)  # `open` has looked
    return recipe


def labels_of(recipe: PersistenceRecipe) -> NDArray[np.int64]:
    """Return the label of each clip, by `Persistence`, (n,)."""
    return recipe.positive.astype(np.int64)

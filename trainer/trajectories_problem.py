"""The experiment on `trajectories`: name the family of a path and forecast it, by one model with two heads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from trainer import plots
from trainer.analysis.predictions import PREDICTIONS_NAME
from trainer.config import TrainConfig
from trainer.controls import compute_controls
from trainer.data.batches import Batch, Batches, make_batches
from trainer.data.opening import TrainingData, open_data
from trainer.data.source import ClipSource
from trainer.errors import ConfigError, DataError
from trainer.evaluate import evaluate
from trainer.losses import compute_loss
from trainer.metrics import Predictions
from trainer.models.extractor import FeatureExtractor
from trainer.models.extractors import Shapes, build_extractor
from trainer.models.unified import UnifiedModel
from trainer.problem import Figures, OnBatch, Problem, Split, Tested
from trainer.results import absent_notes, confusion_of, figure_words, judge, stored_predictions

if TYPE_CHECKING:
    from trainer.session import Session


class Trajectories(Problem):
    """A control gives `data` or an `extractor` of its own in place of those of the config."""

    def __init__(
        self, config: TrainConfig, data: TrainingData,
        extractor: Callable[[TrainConfig, Shapes], FeatureExtractor] = build_extractor,
    ) -> None:  # fmt: skip
        self.config, self.data, self.extractor = config, data, extractor
        self.digest, self.title, self.facts, self.tests = data.digest, data.title, data.facts, data.tests
        self.guess_loss = config.w_class * math.log(len(data.train.class_names))
        self.validation_controls = compute_controls(data.train, data.validation)
        self.test_controls = compute_controls(data.train, data.test)

    @classmethod
    def open(cls, config: TrainConfig, own: Path, tick: Callable[[], None]) -> Self:
        return cls(config, open_data(config, own, tick))

    def build(self, content: Mapping[str, Any]) -> UnifiedModel:
        # A checkpoint holds all weights: those that training started from need not be there any more.
        start = self.config.model_copy(update={"pretrained": False}) if content else self.config
        return build_model(self.config, self.data.train, self.extractor(start, content.get("shapes", {})))

    def known(self, model: nn.Module) -> dict[str, Any]:
        """`clips` that the model takes, and the `shapes` of an extractor that started from files."""
        assert isinstance(model, UnifiedModel)
        train = self.data.train
        clips = {"frames": train.frames, "size_px": train.size_px, "class_names": list(train.class_names)}
        return {"clips": {"folder": self.config.data, **clips}, "shapes": model.extractor.shapes}

    def notes(self, model: nn.Module) -> list[str]:
        assert isinstance(model, UnifiedModel)
        return [*(f"data: {note}" for note in self.data.notes), *filter(None, [model.extractor.note])]

    def batches(self, split: Split, device: torch.device, part: tuple[int, int] = (0, 1)) -> Batches:
        size = self.config.batch_size if split == "train" else 0
        return make_batches(self.config, getattr(self.data, split), device, size, part)

    def losses(self, outputs: Mapping[str, Tensor], batch: Batch) -> tuple[Tensor, Figures]:
        """The names of the sums are those of the tasks that are trained."""
        config, tasks = self.config, self.config.tasks
        total, class_loss, pred_loss = compute_loss(outputs, batch.targets, config.w_class, config.w_pred)
        sums: Figures = {}
        if tasks.classes:
            sums["class_loss"] = float(class_loss.detach()) * batch.clips
        if tasks.forecast:
            sums["pred_loss"] = float(pred_loss.detach()) * batch.clips
        if tasks.classes:
            correct = (outputs["classification"].argmax(dim=1) == batch.class_label).sum()
            sums["accuracy"] = int(correct) if batch.clips else 0
        return total, sums

    def check_batch(self, batch: Batch, where: str) -> None:
        path = batch.future_path
        if path is not None and not torch.isfinite(path).all():
            clip = int((~torch.isfinite(path)).flatten(1).any(dim=1).nonzero()[0, 0])
            raise DataError(
                f"clip {clip + 1} of {where} has a position that is not finite: the data must not be trained on",
                hint="`trainer audit` looks through a whole data set",
            )

    def validate(self, session: Session, on_batch: OnBatch) -> Figures:
        config = self.config
        assert isinstance(session.model, UnifiedModel) and isinstance(session.validation, Batches)
        predictions = evaluate(session.model, session.validation, session.device, on_batch, session.ranks)
        figures = predictions.metrics(self.validation_controls.best_mse)
        weighted = ((config.w_class, predictions.class_loss), (config.w_pred, predictions.pred_loss))
        loss = sum(weight * value for weight, value in weighted if weight)
        names = {"accuracy": "val_accuracy", "pred_mse": "pred_mse", "skill": "skill"}
        return {"val_loss": loss} | {name: figures[key] for key, name in names.items() if key in figures}

    def test(self, session: Session) -> Tested:
        """Each held-out test stands beside controls of its own."""
        predictions = run_test(session, self.data.test)
        figures = predictions.metrics(self.test_controls.best_mse)
        said = stored_predictions(self.data.test, self.digest, predictions)
        path = Path(session.run.artifacts) / PREDICTIONS_NAME
        session.reporter.guard(PREDICTIONS_NAME, lambda: said.write(path))
        return Tested(
            metrics=figures,
            controls=self.test_controls.table(),
            flags=judge(figures, self.test_controls.majority_accuracy, session.state.history),
            notes=tuple(absent_notes(self.config.tasks, self.data.test)),
            tests={name: held_out(session, name, source) for name, source in self.data.tests.items()},
            facts={
                "confusion_matrix": confusion_of(predictions),
                "class_names": list(self.data.train.class_names),
                "validation_controls": self.validation_controls.table(),
            },
        )

    def draw_curves(self, path: Path, history: Sequence[Mapping[str, float]]) -> None:
        table = self.validation_controls.table()
        controls = {name: float(row["pred_mse"]) for name, row in table.items() if "pred_mse" in row}
        title = f"{self.config.extractor} on {self.title}"
        plots.training_curves(path, history, controls, title, 1 / len(self.data.train.class_names))


def trajectories_of(session: Session) -> Trajectories:
    """Return the problem of a session whose config asks for what only trajectories have."""
    assert isinstance(session.problem, Trajectories)
    return session.problem


def build_model(config: TrainConfig, train: ClipSource, extractor: FeatureExtractor) -> UnifiedModel:
    """Return the model of the config for these clips."""
    model = UnifiedModel(extractor, train.frames, len(train.class_names), config.tasks)
    if train.path is not None:
        model.fit_targets(train.path[:, train.frames :].astype(np.float32))
    if config.data:
        check_fit(config, model, train)
    return model


def check_fit(config: TrainConfig, model: UnifiedModel, train: ClipSource) -> None:
    """Refuse clips that the extractor cannot take (too many frames or pixels). Raises `ConfigError`."""
    device = model.target_mean.device
    clip = torch.zeros(1, train.frames, 3, train.size_px, train.size_px, dtype=torch.uint8, device=device)
    try:
        with torch.no_grad():
            model.eval()(clip)
    except (RuntimeError, ValueError) as exc:
        form = f"{train.frames} frames of {train.size_px} x {train.size_px} pixels"
        raise ConfigError(
            f"{config.extractor} cannot take the clips of {config.data}, {form}: {str(exc).splitlines()[0]}",
            hint="make them shorter or smaller, or choose another extractor",
        ) from exc
    model.train()


def run_test(session: Session, source: ClipSource) -> Predictions:
    """Run the model over a source. A signal ends it; nothing is lost, the checkpoint is written."""
    assert isinstance(session.model, UnifiedModel)
    batches = make_batches(session.config, source, session.device)
    return evaluate(session.model, batches, session.device, session.show_life)


def held_out(session: Session, name: str, source: ClipSource) -> dict[str, Any]:
    """Test on a held-out set and say how it went; return its figures beside its own controls."""
    controls = compute_controls(trajectories_of(session).data.train, source)
    figures = run_test(session, source).metrics(controls.best_mse)
    session.reporter.update(message=f"{name}: {figure_words(figures)}")
    return {"metrics": figures, "controls": controls.table()}

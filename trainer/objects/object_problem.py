"""The experiment `objects`: which tracks of a clip are of something that stays, and from when on is it known?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from renderer.catalogue import DATASETS, Wanted
from renderer.objects import ObjectRecipe
from renderer.scenes import Persistence
from trainer.config import TrainConfig
from trainer.data.dataset import DataSet, ensure_dataset, load_dataset
from trainer.data.opening import digest_of
from trainer.errors import ConfigError
from trainer.memory import answer
from trainer.models.tokenizer.tokenizer import load_encoder
from trainer.objects.attention_ratio import attention_ratios, ratio_figures, supervision_loss
from trainer.objects.compute import GATE, compute_figures
from trainer.objects.deciding import decide, whole_ratios
from trainer.objects.learned import LearnedDetector
from trainer.objects.object_data import EVALUATED_AT, ObjectBatch, PrefixBatches, clips_of
from trainer.objects.object_figures import BAYES, OWN, Judged, Rules, curves_as_json, judge_clips, write_decisions
from trainer.objects.object_pictures import draw_attention, draw_curves_of, draw_object_history, draw_tracks
from trainer.objects.persistence_curve import Clip, balanced
from trainer.objects.sightings import NOBODY, PATCH_SIDE
from trainer.objects.tokenizer import CODED_SIDE
from trainer.objects.transformer import DIM, HEADS, ObjectAwareTransformer, rebuild
from trainer.problem import Figures, OnBatch, Problem, Split, Tested

if TYPE_CHECKING:
    from trainer.session import Session

TOKEN_WEIGHT = 0.3
"""Weight of the loss of tokens beside that of tracks."""
BATCH = 64
DECISIONS_NAME = "decisions.npz"


@dataclass(frozen=True)
class Answers:
    """What came of a batch of the validation split."""

    loss: float
    """Sum over the clips."""
    kind: NDArray[np.int64]
    """Of each track, (n,)."""
    right: NDArray[np.bool_]
    """(n,)."""
    ratios: NDArray[np.floating]
    """Of the clips with both kinds."""


class ObjectProblem(Problem):
    """Boxes are found, followed and cut out when a split is first needed, and kept in memory."""

    shown = ("balanced_accuracy", "balanced_accuracy_12", "track_balanced_accuracy", "attention_ratio")
    guess_loss = math.log(2) * (2 + TOKEN_WEIGHT)

    def __init__(self, config: TrainConfig, data: DataSet, tick: Callable[[], None]) -> None:
        self.config, self.data, self.tick = config, data, tick
        self.digest = digest_of(data)
        self.title = f"{data.recipe.tier}, {len(data.recipe)} clips, boxes: {config.boxes}"
        self.facts = data.manifest.summary()
        self.finder = LearnedDetector.load(config.detector) if config.boxes == "detector" else None
        self.clips = cache(self._clips)
        kinds = np.concatenate([clip.meaning.track_kind for clip in self.clips("train")])
        share = np.bincount(kinds, minlength=2) / max(1, len(kinds))
        self.weight = torch.tensor(0.5 / np.maximum(share, 1e-3), dtype=torch.float32)
        """Of the classes, so that a track's logits are those of kinds that are equally frequent, as the figures are."""

    @classmethod
    def open(cls, config: TrainConfig, own: Path, tick: Callable[[], None]) -> Self:
        folder = Path(config.data)
        if not config.data:
            wanted = Wanted("objects", config.tier, config.clips, config.seed, DATASETS["objects"].frames[0],
                            cue=config.cue, clutter=config.clutter, noise=config.noise)  # fmt: skip
            folder = ensure_dataset(own, wanted)
        data = load_dataset(folder)
        if not isinstance(data.recipe, ObjectRecipe):
            raise ConfigError(
                f"{config.data} holds {data.recipe.KIND}: in its clips nobody says which object persists",
                hint="`trainer generate objects` makes such clips",
            )
        return cls(config, data, tick)

    def _clips(self, split: str) -> list[Clip]:
        recipe = self.data.tests[split] if split in self.data.tests else self.data.split(split)
        assert isinstance(recipe, ObjectRecipe)
        side = CODED_SIDE if self.config.tokenizer else PATCH_SIDE
        return clips_of(recipe, self.config.boxes, self.config.seed, side, self.finder, self.tick)

    def build(self, content: Mapping[str, Any]) -> ObjectAwareTransformer:
        if content:
            return rebuild(content["objects"])
        encoder = load_encoder(Path(self.config.tokenizer)) if self.config.tokenizer else None
        return ObjectAwareTransformer(encoder, dim=HEADS * max(2, round(DIM / HEADS * self.config.width)))

    def known(self, model: torch.nn.Module) -> dict[str, Any]:
        """`objects`: what the network is built from, and the pictures that it was trained on."""
        assert isinstance(model, ObjectAwareTransformer)
        window = self.data.recipe.window
        return {"objects": {**model.known(), "frames": window.frames, "size_px": window.size_px}}

    def batches(self, split: Split, device: torch.device, part: tuple[int, int] = (0, 1)) -> PrefixBatches:
        trains = split == "train"
        size = self.config.batch_size if trains else BATCH
        return PrefixBatches(self.clips(split), size, self.config.seed, shuffle=trains, part=part)

    def losses(self, outputs: Mapping[str, Tensor], batch: ObjectBatch) -> tuple[Tensor, Figures]:
        """Tracks, tokens and, where it is asked for, attention: means over the clips."""
        weight = self.weight.to(batch.track_kind.device)
        parts = {
            "track_loss": _entropy(outputs["track_logits"], batch.track_kind, weight),
            "gate_loss": _entropy(outputs["gate_logits"], batch.track_kind, weight),
            "token_loss": TOKEN_WEIGHT * _entropy(outputs["token_logits"], batch.token_kind),
        }
        if self.config.attention_supervision:
            missing = supervision_loss(outputs["received"], batch.token_kind).mean()
            parts["attention_loss"] = self.config.attention_supervision * missing
        total = sum(parts.values(), torch.zeros((), device=weight.device))
        return total, {name: float(part.detach()) * batch.clips for name, part in parts.items()}

    def validate(self, session: Session, on_batch: OnBatch) -> Figures:
        """The loss over all of `EVALUATED_AT`; the figures are those of whole clips, which come last."""
        model, stream = session.model, session.validation
        assert isinstance(stream, PrefixBatches)
        model.eval()
        own: list[Answers] = []
        with torch.inference_mode():
            for index, batch in enumerate(stream.epoch(0), 1):
                if batch.share:
                    own.append(self._answers(model, batch.to(session.device)))
                on_batch(index, len(stream))
        parts = session.ranks.gather(own)
        wholes = [one for part in parts for one in part[-(len(part) // len(EVALUATED_AT)) :]]
        kind, right, ratios = (np.concatenate([getattr(one, name) for one in wholes])
                               for name in ("kind", "right", "ratios"))  # fmt: skip
        figures = {"val_loss": sum(one.loss for part in parts for one in part) / stream.clips}
        if {*kind.tolist()} == {*Persistence}:
            figures["val_balanced_accuracy"] = balanced(kind, right)
        return figures | ({"attention_ratio": float(np.median(ratios))} if len(ratios) else {})

    def _answers(self, model: torch.nn.Module, batch: ObjectBatch) -> Answers:
        outputs = answer(model, batch.inputs)
        known = batch.track_kind != NOBODY
        right = outputs["track_logits"].argmax(dim=2) == batch.track_kind
        ratios = attention_ratios(outputs["received"].mean(dim=1), batch.token_kind)
        return Answers(
            loss=float(self.losses(outputs, batch)[0]) * batch.clips,
            kind=batch.track_kind[known].cpu().numpy(),
            right=right[known].cpu().numpy(),
            ratios=ratios[ratios.isfinite()].cpu().numpy(),
        )

    def test(self, session: Session) -> Tested:
        """The rule *hits >= h* has the h that are best on the validation split."""
        model = session.model
        assert isinstance(model, ObjectAwareTransformer)
        model.eval()
        rules = Rules.fit(self.clips("validation"))
        judged = self._judged(session, self.clips("test"), rules)
        clips = self.clips("test")
        metrics = judged.figures() | ratio_figures(whole_ratios(model, clips)) | self._gated(session, clips, rules)
        controls = {who: judged.figures(who) for who in judged.curves["objects"] if who != OWN}
        tests = {}
        for name in self.data.tests if self.config.shifted_tests else ():
            other = self._judged(session, self.clips(name), rules)
            tests[name] = {
                "metrics": other.figures() | ratio_figures(whole_ratios(model, self.clips(name))),
                "controls": {who: other.figures(who) for who in other.curves["objects"] if who != OWN},
            }
        self._write(session, judged)
        return Tested(
            metrics=metrics,
            controls=controls,
            flags=self._flags(metrics, controls),
            tests=tests,
            facts={"curves": curves_as_json(judged), "boxes": self.config.boxes},
        )

    def _gated(self, session: Session, clips: Sequence[Clip], rules: Rules) -> Figures:
        """What the gate saves, beside what it costs."""
        assert isinstance(session.model, ObjectAwareTransformer)
        gated = self._judged(session, clips, rules, GATE).figures()
        return compute_figures(session.model, clips) | {
            f"gated_{name}": value for name, value in gated.items() if "balanced" in name
        }

    def _judged(self, session: Session, clips: Sequence[Clip], rules: Rules, gate: float | None = None) -> Judged:
        assert isinstance(session.model, ObjectAwareTransformer)
        scores = decide(session.model, [clip.seen for clip in clips], None, gate, lambda: session.show_life(0, 0))
        recipe = self.data.recipe
        assert isinstance(recipe, ObjectRecipe)
        return judge_clips(clips, scores, rules, recipe.tier, recipe.cue)

    def _flags(self, metrics: Figures, controls: Mapping[str, Figures]) -> tuple[str, ...]:
        """*No skill*: a rule that counts hits, or looks at the clip's start, is as good over the curve as the model."""
        names = [name for name in metrics if name.startswith("balanced_accuracy")]
        own = np.mean([metrics[name] for name in names])
        behind = any(own <= np.mean([row[name] for name in names]) for who, row in controls.items() if who != BAYES)
        flags = ["no skill"] if behind else []
        if self.data.recipe.tier == "easy":
            flags.append("easy is solved by counting frames: its figures say that the machinery works, no more")
        return tuple(flags)

    def _write(self, session: Session, judged: Judged) -> None:
        model, folder = session.model, Path(session.run.artifacts)
        assert isinstance(model, ObjectAwareTransformer)
        recipe, clips = self.data.split("test"), self.clips("test")
        what: dict[str, Callable[[Path], None]] = {
            DECISIONS_NAME: lambda path: write_decisions(path, judged),
            "persistence_curve.png": lambda path: draw_curves_of(path, judged, self.title),
            "attention_by_epoch.png": lambda path: draw_object_history(path, session.state.history, self.title),
            "attention_heatmaps.png": lambda path: draw_attention(path, model, clips, recipe),
            "tracks.png": lambda path: draw_tracks(path, clips, judged.scores, recipe),
        }
        for name, write in what.items():
            session.reporter.guard(name, partial(write, folder / name))

    def draw_curves(self, path: Path, history: Sequence[Mapping[str, float]]) -> None:
        draw_object_history(path, history, f"objects on {self.title}")


def _entropy(logits: Tensor, kind: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy of what has a kind, 0 where nothing has."""
    known = kind != NOBODY
    each = F.cross_entropy(logits.flatten(0, 1), kind.flatten().clamp(min=0), weight, reduction="none")
    return (each * known.flatten()).sum() / known.sum().clamp(min=1)

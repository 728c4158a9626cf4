"""What a kind of experiment brings: stages, gate, checkpoints, resuming, guards and reports are then written once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from trainer.config import TrainConfig
    from trainer.session import Session

Split = Literal["train", "validation", "test"]
Figures = dict[str, float]
OnBatch = Callable[[int, int], None]
"""Takes the batches done and all there are; it may raise to end an evaluation."""


class Inputs(Protocol):
    """What a model is called with: a tensor of B rows, or whatever can be cut like one."""

    def __len__(self) -> int: ...

    def split(self, size: int, /) -> Sequence[Self]:
        """Return parts of at most `size` rows, in order."""


class Batch(Protocol):
    """Clips with their targets."""

    @property
    def inputs(self) -> Any:
        """What the model is called with (`Inputs`)."""

    @property
    def share(self) -> float:
        """Which share of the whole batch this is, where several processes divide it; 0: it only keeps step."""

    @property
    def clips(self) -> int:
        """How many clips count: all of them, or 0 where the share is 0."""

    def __len__(self) -> int:
        """How many clips it holds, at least one."""

    def to(self, device: torch.device) -> Self: ...

    def first(self, size: int) -> Self:
        """Return its first clips: less memory may be needed."""


class Stream(Protocol):
    """Batches that depend on (seed, epoch, index) and nothing else, so that a run can go on in the middle of an epoch.

    What is random in them is drawn from NumPy generators of their own: torch's random state is the model's.
    """

    @property
    def clips(self) -> int:
        """Clips of an epoch."""

    def __len__(self) -> int:
        """Batches of an epoch, the same for each."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
        """Yield the batches of an epoch (`Batch`) from index `start` on. One must stay valid while the next is made."""


@dataclass(frozen=True)
class Tested:
    """What the best weights do on the test split, by the usual names of metrics: shares, never percent.

    The metrics, controls and tests stand in result.json, so what the app, the gate and `trainer compare` know by name
    (`accuracy` with `accuracy_low`, `accuracy_high` and `n`, `pred_mse`, `skill`) must mean what it means there.
    """

    metrics: Figures
    controls: Mapping[str, Any]
    """Control -> its figures, by the names of the metrics."""
    flags: tuple[str, ...] = ()
    """What to be wary of; `no skill` among them is the run's verdict."""
    notes: tuple[str, ...] = ()
    """What a reader must know besides."""
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Held-out test -> {`metrics`: ..., `controls`: ...}."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What training_results.json says besides, JSON values; its keys must not be those of `results.training_results`.
    """


class Problem(ABC):
    """One experiment's data and model. The loop calls, in this order:

    1. `open` (config, folder) -> the data; the digest is in every checkpoint and must be found again at a resume.
    2. `build` -> the model, right after `torch.manual_seed`: every weight is drawn then. At a resume the checkpoint's
       content is given and its weights are loaded over these, so nothing else may be needed from outside.
    3. `batches("train")`, and for each of them `losses(model(batch.inputs), batch)`. The loop does the rest of a step:
       autocast, gradients averaged by `batch.share` over the processes, clipping, refusing what is not finite.
    4. After each epoch `validate` -> the figures of the validation split, `val_loss` among them: it chooses best.pt,
       ends a stage early, and ends the run when it is ten times that of guessing.
    5. At the end, on the first process alone, with the weights of best.pt: `test`.

    A problem holds no state that changes: all that a resumed run needs is in model, optimiser and `TrainState`.
    """

    digest: str
    """Hash of the data and of who is in which split."""
    title: str
    """A few words on the data, for a picture."""
    facts: Mapping[str, Any]
    """What training_results.json says of the data, JSON values."""
    guess_loss: float = 0.0
    """Validation loss of guessing; a first epoch that is better than this sets the mark for divergence no lower."""
    tests: Mapping[str, Any] = {}
    """Held-out tests by name, beside the test split."""
    shown: ClassVar[tuple[str, ...]] = ("accuracy", "pred_mse", "skill")
    """Metrics of the test that the last progress of a run shows."""

    @classmethod
    @abstractmethod
    def open(cls, config: TrainConfig, own: Path, tick: Callable[[], None]) -> Self:
        """Open the config's data, or generate it into the folder `own`, which a resumed run has already; several
        processes call this one after the other. `tick` is called now and then and may raise. Raises `DataError`,
        `ConfigError`.
        """

    @abstractmethod
    def build(self, content: Mapping[str, Any]) -> nn.Module:
        """Return the model, on the CPU, called with the `inputs` of a batch -> {name: (B, ...) tensor}. `content` is
        that of the checkpoint that a run goes on from, {} for a new one. Raises `ConfigError`.
        """

    def known(self, model: nn.Module) -> dict[str, Any]:
        """Return what every checkpoint says at its top level for those who have nothing else: plain values."""
        return {}

    def notes(self, model: nn.Module) -> list[str]:
        """Return what a reader of the log must know of data and model before it is trained."""
        return []

    @abstractmethod
    def batches(self, split: Split, device: torch.device, part: tuple[int, int] = (0, 1)) -> Stream:
        """Return the batches of a split: for training shuffled by (seed, epoch) and of `batch_size`; else in order.
        Of each only `part` = (index, count) is drawn, and the batches are the same for any count.
        """

    @abstractmethod
    def losses(self, outputs: Mapping[str, Tensor], batch: Any) -> tuple[Tensor, Figures]:
        """Return the loss that is descended, a mean over the clips of the batch, and further *sums* over the clips
        that count (0 where `batch.clips` is 0), the same names for every batch: `class_loss` appears in the metrics as
        `train_class_loss`, the mean over the epoch.
        """

    def check_batch(self, batch: Any, where: str) -> None:  # noqa: B027 (most need none)
        """Raise `DataError` if it is the targets of this batch, not the weights, that made a loss infinite."""

    @abstractmethod
    def validate(self, session: Session, on_batch: OnBatch) -> Figures:
        """Return the figures of the validation split (`session.validation`) under their names in the metrics, with
        `val_loss`. Every process evaluates its part; all must return the same (`session.ranks.gather`).
        """

    @abstractmethod
    def test(self, session: Session) -> Tested:
        """Test, and write what belongs into artifacts/ beside the results (each through `session.reporter.guard`)."""

    @abstractmethod
    def draw_curves(self, path: Path, history: Sequence[Mapping[str, float]]) -> None:
        """Draw training_curves.png from the figures of each finished epoch."""

"""The stages of a run: `validate`, a gate, `full`. Where a run is follows from the config, from the epochs at which
earlier stages ended, and from the validation losses, so that a resumed run comes to the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.config import TrainConfig

VALIDATE, FULL = "validate", "full"


@dataclass(frozen=True)
class Stage:
    """Epochs with a learning rate schedule of their own."""

    name: str
    start: int
    """Epochs that were finished when it began."""
    epochs: int
    """Its length, if nothing ends it early."""
    learning_rate: float
    """Peak of its schedule."""
    checkpoint_every_epochs: int
    patience: int

    @property
    def end(self) -> int:
        """The epoch that is planned to be its last."""
        return self.start + self.epochs

    def over(self, history: Sequence[Mapping[str, float]]) -> bool:
        """True after its last epoch, be it the planned one or that at which patience ended; `history` ends with it."""
        return len(history) >= self.end or self.stopped_early(history)

    def stopped_early(self, history: Sequence[Mapping[str, float]]) -> bool:
        """True if the newest `patience` epochs of the stage brought no better validation loss than an earlier one."""
        losses = [row["val_loss"] for row in history[self.start :]]
        return 0 < self.patience < len(losses) and len(losses) - 1 - losses.index(min(losses)) >= self.patience

    def early_line(self, epoch: int) -> str:
        """Say that patience ended the stage after `epoch`."""
        return (
            f"{self.name} stopped early after epoch {epoch} of {self.end}: "
            f"{self.patience} epochs without a better validation loss"
        )

    def checkpoint_due(self, epoch: int) -> bool:
        """True if `checkpoint_epoch_N.pt` is due after `epoch` by the stage's period."""
        return (epoch - self.start) % self.checkpoint_every_epochs == 0


def running_stage(config: TrainConfig, ends: Sequence[int]) -> Stage:
    """Return the stage that comes after stages that ended with the epochs `ends`."""
    if not ends:
        every = config.checkpoint_every_epochs
        return Stage(VALIDATE, 0, config.epochs, config.learning_rate, every, config.patience)
    every = config.full_checkpoint_every_epochs
    return Stage(FULL, ends[-1], config.full_epochs, config.full_learning_rate, every, config.patience)


def stages_done(config: TrainConfig, ends: Sequence[int], epoch: int) -> list[tuple[Stage, int]]:
    """Return the stages so far, each with its last finished epoch, for a run that is at `epoch`."""
    return [(running_stage(config, ends[:index]), last) for index, last in enumerate([*ends, epoch])]

"""The metrics of a run as TensorBoard event files, beside metrics.jsonl, where the config asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from trainer.errors import ConfigError

EVENTS = "tensorboard"
"""Folder within the artifacts: `tensorboard --logdir RUN/artifacts/tensorboard`."""


def event_writer(folder: Path, logged_step: int) -> Callable[[int, Mapping[str, float]], None]:
    """Return what writes the values of a step. After a resume, TensorBoard drops what was written beyond `logged_step`:
    that work was lost. Raises `ConfigError` if the package is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as exc:
        raise ConfigError(
            "tensorboard: true needs the package `tensorboard`",
            hint="pip install 'trajvid-tui[tensorboard]', or tensorboard=false",
        ) from exc
    writer = SummaryWriter(str(folder), purge_step=logged_step + 1 if logged_step >= 0 else None)

    def write(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return write

"""TensorBoard event files, where they are asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.trainer.sessions import Run, tiny, values
from trainer.errors import ConfigError
from trainer.events import EVENTS


def test_event_files_hold_what_metrics_jsonl_holds_over_a_resume(tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = tiny("epochs=1", "tensorboard=true")
    Run(tmp_path, config).stop_at(2)
    Run(tmp_path, config).trainer.fit()
    events = loader.EventAccumulator(str(tmp_path / "artifacts" / EVENTS))
    events.Reload()
    for name in ("train_loss", "val_loss"):
        written = [(event.step, pytest.approx(event.value)) for event in events.Scalars(name)]
        assert written == [(step, row[name]) for step, row in values(tmp_path) if name in row]


def test_without_the_package_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="needs the package `tensorboard`") as caught:
        Run(tmp_path, tiny("tensorboard=true"))
    assert "trajvid-tui[tensorboard]" in caught.value.hint

"""The facts of a run's cost, its data and its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trainer.analysis.analysis import Analysis
from trainer.analysis.forms import is_number
from trainer.analysis.prose.facts import Fact, Unit, need
from trainer.analysis.reached import reached


def cost_facts(analysis: Analysis) -> Iterator[Fact]:
    """Yield size, time, epochs and data."""
    results = analysis.results
    size = need("parameters", "weights")
    if results.parameters:
        yield Fact("parameters", results.parameters, "count", "parameters of the network", "", (size,))
    if results.model_bytes:
        yield Fact("model_bytes", results.model_bytes, "bytes", "size of the weights")
    if results.train_s:
        yield Fact("train_s", results.train_s, "s", "training time")
        if results.epochs:
            yield Fact("epoch_s", results.train_s / results.epochs, "s", "training time of an epoch")
            hours = results.train_s / results.epochs * min(results.epochs, 10)
            yield Fact("ten_epochs_s", hours, "s", "training time of the first ten epochs, by the mean of all")
    for key, words in (("inference_ms", "a clip alone"), ("inference_batch_ms", "a clip of a batch")):
        value = getattr(results, key)
        if value:
            yield Fact(key, value / 1000, "s", f"inference of {words}")
    yield from _epochs(analysis)
    counts = results.data.get("counts")
    splits = counts if isinstance(counts, dict) else {}
    clips = need("clips", "samples", "videos", "examples")
    totals = {name: sum(filter(is_number, row.values())) for name, row in splits.items() if isinstance(row, dict)}
    for name, total in totals.items():
        yield Fact(f"clips.{name}", total, "count", f"clips of the split {name}", "", (clips, need(name)))
    if totals.get("train") and results.parameters:
        ratio = results.parameters / totals["train"]
        yield Fact("parameters/clip", ratio, "count", "parameters for each training clip", "", (size, clips))


def _epochs(analysis: Analysis) -> Iterator[Fact]:
    epoch = (need("epoch"),)
    end = reached(analysis.results)
    if end.epochs:
        yield Fact("epochs", end.epochs, "count", "epochs done", "", epoch)
    if end.planned:
        yield Fact("epochs.planned", end.planned, "count", "epochs planned", "", epoch)
    gate = analysis.results.gate
    if is_number(gate.get("epoch")):
        yield Fact("gate.epoch", gate["epoch"], "epoch", "epoch of the gate", "", epoch)


_SETTING_UNITS: Mapping[str, Unit] = {"learning_rate": "number", "full_learning_rate": "number", "warmup": "share"}
_UNTOLD = ("checkpoint_", "full_checkpoint_", "log_every", "threads", "describe_")
"""Beginnings of settings that say nothing of the experiment."""


def setting_facts(analysis: Analysis) -> Iterator[Fact]:
    """Yield every number of the config and of the machine that the run tells."""
    results = analysis.results
    for key, value in results.config.items():
        if is_number(value) and not key.startswith(_UNTOLD):
            measure = "learning rate" if "learning_rate" in key else ""
            unit = _SETTING_UNITS.get(key, "count")
            yield Fact(f"config.{key}", value, unit, f"setting {key}", measure, (need(key),))
    wanted = results.data.get("wanted")
    if isinstance(wanted, dict) and is_number(wanted.get("size_px")):
        yield Fact(
            "size_px",
            wanted["size_px"],
            "count",
            "side of a frame in pixels",
            "",
            (need("pixels", "px", "resolution"),),
        )
    for key in ("threads", "processes"):
        if is_number(results.origin.get(key)):
            yield Fact(key, results.origin[key], "count", f"{key} of the training", "", (need(key),))

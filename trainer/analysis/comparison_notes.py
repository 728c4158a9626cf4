"""What a reader of a comparison must know of its rows: that they are of other data, other clips, or the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainer.analysis.entries import config_key, data_digest
from trainer.analysis.results import Results
from trainer.analysis.standing import flags

SHORT_DIGEST = 12


def notes_on(results: Sequence[Results]) -> list[str]:
    """Return the notes on these runs."""
    return [
        *_other_tasks(results),
        *_other_clips(results),
        *_twice(results),
        *_flags(results),
        *_beaten_by_physics(results),
    ]


def short_digest(one: Results) -> str:
    """Return the first digits of what identifies the data of a run, '' if it does not say."""
    return data_digest(one)[:SHORT_DIGEST]


def _other_clips(results: Sequence[Results]) -> list[str]:
    """Every seed draws clips of its own: rows of different clips differ by the luck of the draw too."""
    groups: dict[str, list[str]] = {}
    for one in results:
        groups.setdefault(short_digest(one) or "not recorded", []).append(one.name)
    if len(groups) < 2:
        return []
    listed = "; ".join(f"{digest}: {', '.join(names)}" for digest, names in groups.items())
    return [f"the data is not the same in all runs, so rows may differ by their test clips too ({listed})"]


def _task(one: Results) -> dict[str, Any]:
    """What was tested on, without what may differ between seeds and sizes; {} if the run does not say.

    `frames`: what the figures rest on. Of a folder without later positions these are fewer than it has.
    """
    wanted = one.data.get("wanted")
    facts = dict(wanted if isinstance(wanted, dict) else one.config)
    if "decided_at_frame" in one.metrics:
        facts["frames"] = round(one.metrics["decided_at_frame"])
    kept = ("name", "tier", "frames", "style", "cue", "clutter", "noise", "data", "size_px")
    return {key: facts[key] for key in kept if facts.get(key) is not None}


def _flags(results: Sequence[Results]) -> list[str]:
    """What every run says of itself, beside having no skill, which its verdict says."""
    return [f"{one.name}: {flag}" for one in results for flag in flags(one) if flag != "no skill"]


def _other_tasks(results: Sequence[Results]) -> list[str]:
    first = next((one for one in results if _task(one)), None)
    if first is None:
        return []
    notes = []
    for one in results:
        task, of_first = _task(one), _task(first)
        changed = [f"{key} {value}" for key, value in task.items() if of_first.get(key, value) != value]
        if changed:
            words = ", ".join(changed)
            notes.append(f"{one.name} was tested on other data than {first.name} ({words}): compare with care")
    return notes


def _twice(results: Sequence[Results]) -> list[str]:
    """The same seed of the same config twice says nothing about seeds."""
    seen: dict[str, str] = {}
    notes = []
    for one in results:
        key = f"{config_key(one)} {one.config.get('seed')}"
        if one.config and key in seen:
            notes.append(
                f"{one.name} and {seen[key]} have the same config and seed: their deviation is no deviation of seeds"
            )
        seen.setdefault(key, one.name)
    return notes


def _beaten_by_physics(results: Sequence[Results]) -> list[str]:
    """A network that forecasts worse than equations fitted to the detector's track has not learnt all that is there."""
    fits = {
        data_digest(one) or one.name: one.controls["physics_fit"] for one in results if "physics_fit" in one.controls
    }
    beaten = []
    for one in results:
        mse, fit = one.metrics.get("pred_mse"), fits.get(data_digest(one) or one.name, {}).get("pred_mse")
        if mse is not None and fit is not None and fit < mse:
            beaten.append(f"{one.name} ({fit:.2g} against {mse:.2g})")
    if not beaten:
        return []
    return [f"the physics fit, a reference without any network, forecasts t+5 better than {', '.join(beaten)}"]

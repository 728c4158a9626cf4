"""What the object stage is worth on some clips: its curve over the frames seen, beside rules and the best possible."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer.bayes import FRAMES_SEEN, bayes_curve
from renderer.objects import FRAMES, OBJECT_TIERS
from trainer.metrics import wilson_interval
from trainer.objects.persistence_curve import (
    Clip,
    Decisions,
    Scores,
    best_hits,
    born_at_start,
    curve,
    hits_of,
    joined,
    longest_of,
    object_decisions,
    track_decisions,
)
from wire.run_dir import replace_file

OWN, BAYES = "model", "bayes"
WHO = {"objects": object_decisions, "tracks": track_decisions}
"""Of what the decisions are."""


@dataclass(frozen=True)
class Rules:
    """The rules, fitted where the model was fitted: `least` hits after k frames, of objects and of tracks."""

    least: Mapping[str, Mapping[int, float]]

    @classmethod
    def fit(cls, clips: Sequence[Clip]) -> Rules:
        hits = [hits_of(clip.seen) for clip in clips]
        return cls({who: best_hits([decide(clip) for clip in clips], hits) for who, decide in WHO.items()})


@dataclass(frozen=True)
class Judged:
    """Balanced accuracies after each of `FRAMES_SEEN`, by who decides: `OWN`, the rules, and for objects `BAYES`."""

    curves: Mapping[str, Mapping[str, NDArray[np.float64]]]
    """Of `objects` and of `tracks`."""
    n: Mapping[str, int]
    decisions: Sequence[Decisions]
    """Of the objects of each clip."""
    scores: Sequence[Scores]
    right: NDArray[np.bool_]
    """Of the model, of every object after the whole clip."""
    missed: int
    """Objects that no track was ever on: they count as wrong."""

    def figures(self, who: str = OWN) -> dict[str, float]:
        """Return the figures of one of those who decide."""
        objects, tracks = (self.curves[kind].get(who) for kind in WHO)
        found = {}
        for prefix, values in (("", objects), ("track_", tracks)):
            if values is not None:
                found[f"{prefix}balanced_accuracy"] = float(values[-1])
                found |= {f"{prefix}balanced_accuracy_{k}": float(values[FRAMES_SEEN.index(k)]) for k in (4, 8, 12)}
        if who == OWN:
            low, high = wilson_interval(int(self.right.sum()), len(self.right))
            found |= {"accuracy": float(self.right.mean()), "accuracy_low": low, "accuracy_high": high,
                      "n": self.n["objects"], "track_n": self.n["tracks"], "missed": self.missed}  # fmt: skip
        return {name: value for name, value in found.items() if np.isfinite(value)}


def judge_clips(clips: Sequence[Clip], scores: Sequence[Scores], rules: Rules, tier: str, cue: str = "none") -> Judged:
    """Return the figures of decided clips. The best possible is known where nothing but a life tells its kind."""
    curves: dict[str, dict[str, NDArray[np.float64]]] = {}
    n, by_who = {}, {who: [decide(clip) for clip in clips] for who, decide in WHO.items()}
    for who, decisions in by_who.items():
        least = rules.least[who]
        table: dict[str, tuple[list[Scores], Callable[[int], float]]] = {
            OWN: (list(scores), lambda k: 0.0),
            "born at 0": ([born_at_start(clip.seen) for clip in clips], lambda k: 0.5),
            "hits >= h": ([hits_of(clip.seen) for clip in clips], least.__getitem__),
            "longest": ([longest_of(clip.seen) for clip in clips], lambda k: 0.5),
        }
        found = {name: curve(decisions, one, threshold) for name, (one, threshold) in table.items()}
        curves[who], n[who] = {name: one.balanced for name, one in found.items()}, found[OWN].n
    if cue == "none":
        curves["objects"][BAYES] = bayes_curve(OBJECT_TIERS[tier]).bayes
    k, kind, score = joined(by_who["objects"], scores)
    whole = k == FRAMES
    unseen = np.isnan(score[whole])
    right = ((score[whole] >= 0) == (kind[whole] == 1)) & ~unseen
    return Judged(curves, n, by_who["objects"], scores, right, int(unseen.sum()))


def write_decisions(path: Path, judged: Judged) -> None:
    """Write every decision on an object with the frame that it was made at: columns of equal length."""
    clip = np.repeat(np.arange(len(judged.decisions)), [len(one.k) for one in judged.decisions])
    columns: dict[str, Any] = {"clip": clip} | {
        name: np.concatenate([getattr(one, field) for one in judged.decisions])
        for name, field in (("frames_seen", "k"), ("object", "who"), ("decided_at_frame", "decided_at_frame"),
                            ("track", "track"), ("kind", "kind"))
    }  # fmt: skip
    columns["score"] = joined(judged.decisions, judged.scores)[2]
    content = io.BytesIO()
    np.savez_compressed(content, **columns)
    replace_file(str(path), content.getvalue())


def curves_as_json(judged: Judged) -> dict[str, object]:
    """Return the curves as JSON values."""
    return {"frames_seen": list(FRAMES_SEEN)} | {
        who: {name: [round(float(value), 4) for value in values] for name, values in table.items()}
        for who, table in judged.curves.items()
    }

"""What the gate saves: multiplications counted on the code that ran, and time, beside what it costs.

`full` looks at every box, `gated` at those of tracks that pass, `ideal` at those of persistent objects alone: no gate
can save more without losing some of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from renderer.scenes import Persistence
from trainer.objects.deciding import lead_of, leads
from trainer.objects.gating import track_statistics
from trainer.objects.persistence_curve import Clip
from trainer.objects.tokens import Prefix
from trainer.objects.transformer import ObjectAwareTransformer

GATE = 0.4
"""A track that persists less likely than this, by its statistics, gets no more work."""
COUNTED_CLIPS = 60
ONLINE_CLIPS = 4
"""Clips on which deciding after every frame is counted: it is thirty times the work."""
TURNS = 7
WAYS = ("full", "gated", "ideal")


def flops(act: Callable[[], Any]) -> int:
    """Return the floating-point operations of matrix products, convolutions and attention in what is done."""
    with FlopCounterMode(display=False) as counter:
        act()
    return int(counter.get_total_flops())


@dataclass(frozen=True)
class Spent:
    """What deciding some clips took."""

    flops: dict[str, int]
    seconds: dict[str, float]
    """Of each way, the fastest of `TURNS` turns of each part, in turns, summed over the parts."""
    clips: int

    def saved(self, how: str = "gated") -> float:
        """Return the share of the operations of `full` that is saved."""
        return 1 - self.flops[how] / max(1, self.flops["full"])

    def saved_time(self, how: str = "gated") -> float:
        return 1 - self.seconds[how] / max(1e-9, self.seconds["full"])


@torch.inference_mode()
def spend(model: ObjectAwareTransformer, clips: Sequence[Clip], gate: float, *, online: bool = False,
          alone: bool = False) -> Spent:  # fmt: skip
    """Decide clips in full, gated, and by the ideal gate: all together after their last frames, as `decide` does; each
    `alone`; or, `online`, each alone after every frame.
    """
    model.eval()
    total, seconds = dict.fromkeys(WAYS, 0), dict.fromkeys(WAYS, 0.0)
    for part in [[clip] for clip in clips] if alone or online else [clips]:
        ways = _ways(model, part, gate, online)
        for name, act in ways.items():
            total[name] += flops(act)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(1 if online else TURNS):
            for name, act in ways.items():
                began = time.perf_counter()
                act()
                times[name].append(time.perf_counter() - began)
        for name, taken in times.items():
            seconds[name] += min(taken)
    return Spent(total, seconds, len(clips))


def _ways(model: ObjectAwareTransformer, clips: Sequence[Clip], gate: float,
          online: bool) -> dict[str, Callable[[], Any]]:  # fmt: skip
    """Return what `WAYS` do."""
    frames = max(clip.seen.frames for clip in clips)
    asked = [
        [Prefix(clip.seen, min(frame, clip.seen.frames - 1)) for clip in clips]
        for frame in (range(frames) if online else [frames - 1])
    ]
    lasting = [clip.meaning.track_kind == Persistence.PERSISTENT for clip in clips]
    ideal = [[replace(one, kept=kept) for one, kept in zip(some, lasting, strict=True)] for some in asked]
    return {
        "full": lambda: [leads(model, some, None) for some in asked],
        "gated": lambda: [leads(model, some, gate) for some in asked],
        "ideal": lambda: [leads(model, some, None) for some in ideal],
    }


@torch.inference_mode()
def kept_share(model: ObjectAwareTransformer, clips: Sequence[Clip], gate: float, frames: Sequence[int]) -> float:
    """Return the share of the boxes on persistent objects, seen up to each of some frames, that pass the gate."""
    device = next(model.parameters()).device
    passed = every = 0
    for clip in clips:
        mine = clip.meaning.kind == Persistence.PERSISTENT
        for frame in frames:
            numbers = torch.from_numpy(track_statistics(clip.seen, frame)).to(device)
            passes = lead_of(model.gate(numbers)) >= np.log(gate / (1 - gate))
            own = mine & (clip.seen.frame <= frame)
            passed += int(passes[clip.seen.track[own]].sum())
            every += int(own.sum())
    return passed / max(1, every)


def transient_share(clips: Sequence[Clip]) -> float:
    """Return the share of boxes that are on no persistent object: what an ideal gate stops."""
    kinds = np.concatenate([clip.meaning.kind for clip in clips])
    return float((kinds != Persistence.PERSISTENT).mean()) if len(kinds) else 0.0


def compute_figures(model: ObjectAwareTransformer, clips: Sequence[Clip], gate: float = GATE,
                    detector_flops: int = 0) -> dict[str, float]:  # fmt: skip
    """Return what is saved and kept, of the object stage and, with the operations that a detector needs for a clip, of
    the whole pipeline: deciding many clips together, each `alone_`, and (`online_`) each after every frame.
    """
    found: dict[str, float] = {"gate": gate, "transient_boxes": transient_share(clips)}
    for prefix, count in (("", COUNTED_CLIPS), ("alone_", COUNTED_CLIPS), ("online_", ONLINE_CLIPS)):
        some, online = clips[:count], prefix == "online_"
        spent = spend(model, some, gate, online=online, alone=prefix == "alone_")
        frames = range(some[0].seen.frames) if online else [some[0].seen.frames - 1]
        found |= {
            f"{prefix}flops_saved": spent.saved(),
            f"{prefix}flops_saved_ceiling": spent.saved("ideal"),
            f"{prefix}time_saved": spent.saved_time(),
            f"{prefix}time_saved_ceiling": spent.saved_time("ideal"),
            f"{prefix}persistent_kept": kept_share(model, clips, gate, frames),
            f"{prefix}mflops_a_clip": spent.flops["full"] / spent.clips / 1e6,
            f"{prefix}ms_a_clip": 1000 * spent.seconds["full"] / spent.clips,
            f"{prefix}counted_clips": spent.clips,
        }
        if detector_flops:
            whole = {how: value + detector_flops * spent.clips for how, value in spent.flops.items()}
            found[f"{prefix}pipeline_flops_saved"] = 1 - whole["gated"] / whole["full"]
            found[f"{prefix}pipeline_flops_saved_ceiling"] = 1 - whole["ideal"] / whole["full"]
    return found

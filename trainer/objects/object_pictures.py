"""The pictures that a run of `objects` leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from renderer.bayes import FRAMES_SEEN
from renderer.objects import FRAMES
from renderer.recipe import Recipe
from renderer.scenes import Persistence
from renderer.video import render
from trainer.objects.object_figures import BAYES, OWN, Judged
from trainer.objects.persistence_curve import Clip, Scores
from trainer.objects.tokens import Prefix, collate
from trainer.objects.transformer import ObjectAwareTransformer
from trainer.plots import BLUE, GREEN, INK, PURPLE, QUIET, VERMILION, canvas

KIND_COLOURS = {Persistence.PERSISTENT: GREEN, Persistence.TRANSIENT: VERMILION}
_STYLES = {OWN: (VERMILION, "-"), BAYES: (INK, ":"), "hits >= h": (BLUE, "--"), "born at 0": (QUIET, "-."),
           "longest": (PURPLE, "-.")}  # fmt: skip
SHOWN_FRAMES = 6
SHOWN_CLIPS = 3


def draw_object_history(path: Path, history: Sequence[Mapping[str, float]], title: str) -> None:
    """Draw losses, balanced accuracy and the attention ratio over the epochs."""
    epochs = [row["epoch"] for row in history]
    panels = {
        "Loss a clip": {"val_loss": (VERMILION, "-", "validation"), "train_loss": (BLUE, "--", "training"),
                        "train_attention_loss": (PURPLE, "--", "training, attention")},
        "Balanced accuracy of tracks, validation, whole clip": {"val_balanced_accuracy": (VERMILION, "-", "")},
        "Attention ratio, validation, median": {"attention_ratio": (GREEN, "-", "")},
    }  # fmt: skip
    with canvas(path, title, 11, 3.6) as figure:
        for axes, (name, lines) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
            for key, (colour, style, label) in lines.items():
                values = [row.get(key, math.nan) for row in history]
                if np.isfinite(values).any():
                    axes.plot(epochs, values, style, color=colour, label=label, marker="o", markersize=3)
            axes.set_title(name)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if "ratio" in name:
                axes.axhline(1, color=QUIET, linestyle=":", linewidth=1)
            elif any(label for _, _, label in lines.values()):
                axes.legend()


def draw_curves_of(path: Path, judged: Judged, title: str) -> None:
    """Draw balanced accuracy over the frames seen, of objects and of tracks, beside rules and the best possible."""
    place = np.arange(len(FRAMES_SEEN))
    with canvas(path, f"Does it persist? {title}", 10, 4) as figure:
        for axes, (who, table) in zip(figure.subplots(1, 2, sharey=True), judged.curves.items(), strict=True):
            for name, values in table.items():
                colour, style = _STYLES[name]
                axes.plot(place, values, style, color=colour, label=name, marker="o", markersize=3)
            axes.set_xticks(place, ["all" if k == FRAMES else str(k) for k in FRAMES_SEEN])
            axes.set_title(f"{judged.n[who]} {who}")
            axes.set_xlabel("frames seen")
        figure.axes[0].set_ylabel("balanced accuracy")
        figure.axes[0].legend()


def draw_attention(path: Path, model: ObjectAwareTransformer, clips: Sequence[Clip], recipe: Recipe) -> None:
    """Draw how much attention each box receives, over some frames of the first clips: the redder, the more. A solid box
    is persistent, a dashed one transient, in truth.
    """
    model.eval()
    device = next(model.parameters()).device
    title = "Attention received, 1 = an even share; solid boxes are on what persists"
    with canvas(path, title, 11, 2.1 * SHOWN_CLIPS) as figure:
        grid = figure.subplots(SHOWN_CLIPS, SHOWN_FRAMES, squeeze=False)
        for line, clip, video in zip(grid, clips, _videos(recipe), strict=False):
            with torch.inference_mode():
                out = model(collate([Prefix(clip.seen, clip.seen.frames - 1)]).to(device))
            share = out["received"][0].mean(dim=0).cpu().numpy()[: len(clip.seen)] * max(1, len(clip.seen))
            for axes, frame in zip(line, _frames(clip), strict=True):
                _show(axes, video[frame], f"frame {frame + 1}")
                for row in np.flatnonzero(clip.seen.frame == frame):
                    heat = min(1.0, float(share[row]) / 3)
                    kind = clip.meaning.kind[row]
                    style = "-" if kind == Persistence.PERSISTENT else "--"
                    _box(axes, clip.seen.boxes[row], (1.0, 1 - heat, 0.1), style, f"{share[row]:.1f}")
        _blank(grid)


def draw_tracks(path: Path, clips: Sequence[Clip], scores: Sequence[Scores], recipe: Recipe) -> None:
    """Draw tracks on frames of the first clips, with their kind as it was decided in that frame; green persists."""
    title = "Tracks with their kind as decided in that frame: green persists, red is transient, x is wrong"
    with canvas(path, title, 11, 2.1 * SHOWN_CLIPS) as figure:
        grid = figure.subplots(SHOWN_CLIPS, SHOWN_FRAMES, squeeze=False)
        for line, clip, score, video in zip(grid, clips, scores, _videos(recipe), strict=False):
            for axes, frame in zip(line, _frames(clip), strict=True):
                _show(axes, video[frame], f"frame {frame + 1}")
                for row in np.flatnonzero(clip.seen.frame == frame):
                    track = clip.seen.track[row]
                    said = Persistence(int(score[track, frame] >= 0))
                    wrong = "" if said == clip.meaning.track_kind[track] else " x"
                    mine = (clip.seen.track == track) & (clip.seen.frame <= frame)
                    middle = (clip.seen.boxes[mine, :2] + clip.seen.boxes[mine, 2:]) / 2
                    axes.plot(*middle.T, color=KIND_COLOURS[said], linewidth=0.8)
                    _box(axes, clip.seen.boxes[row], KIND_COLOURS[said], "-", f"{track}{wrong}")
        _blank(grid)


def _frames(clip: Clip) -> list[int]:
    return np.linspace(2, clip.seen.frames - 1, SHOWN_FRAMES).round().astype(int).tolist()


def _videos(recipe: Recipe) -> Any:
    return render(recipe.take(np.arange(min(SHOWN_CLIPS, len(recipe)))))


def _show(axes: Any, picture: Any, title: str) -> None:
    height, width = picture.shape[1:]
    axes.imshow(picture.transpose(1, 2, 0), extent=(0, width, height, 0))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_title(title, fontsize=8)


def _box(axes: Any, box: Any, colour: Any, style: str, label: str) -> None:
    left, top, right, bottom = box
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linestyle=style))
    axes.text(right, top, label, color=colour, fontsize=6, clip_on=True)


def _blank(grid: Any) -> None:
    for axes in grid.flat:
        axes.set_axis_off()

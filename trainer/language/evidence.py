"""What is known of a clip without its truth: the answers of a model, and the track of our own detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """The camera and the clock, known in advance and the same for every clip of a data set."""

    focal_px: float
    size_px: int
    sphere_radius: float
    """The true radius of the sphere, in workspace half-sides."""
    frames: int
    """Frames seen, T; the forecast is of the frames after them."""
    fps: float = 30.0


@dataclass(frozen=True)
class Evidence:
    """One clip as a model and our detector saw it. What was kept back from a describer is None.

    Coordinates are the camera's: x right, y down, z forward, in workspace half-sides.
    """

    view: View
    class_names: tuple[str, ...]
    probabilities: Floats | None
    """Of the classes, (4,)."""
    forecast: Floats | None
    """Predicted positions in the frames T..T+4, (5, 3)."""
    forecast_sd: Floats | None
    """Deviation of such predictions from the truth on clips of the *validation* split, (5, 3)."""
    track: Floats | None
    """u, v and radius in pixels of the brightest object in the frames 0..T-1, (T, 3)."""

    @property
    def depth_cue(self) -> Floats:
        """Distance along z that each radius of the track means, (T,)."""
        assert self.track is not None
        return self.view.focal_px * self.view.sphere_radius / self.track[:, 2]


def class_only(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Keep the probabilities of the classes alone."""
    return [replace(one, forecast=None, forecast_sd=None, track=None) for one in evidence]


def without_visual(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Keep nothing of the clip: what a describer says then, it says of any clip."""
    return [replace(one, probabilities=None) for one in class_only(evidence)]


def shuffled(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Give each clip the evidence of another one, half the list further on."""
    half = len(evidence) // 2
    return [*evidence[half:], *evidence[:half]]


ABLATIONS = {"no visual evidence": without_visual, "class only": class_only, "shuffled evidence": shuffled}

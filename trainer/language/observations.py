"""What a path is fitted to: the detector's track of some clips, what it is known to be wrong by, a network's forecast.

Errors of the detector (`trainer.models.classical`), measured on a training split of `medium`, style `dot`, where no
frame was more than 1.5 px off and errors of successive frames were independent (autocorrelation below .02):

    u, v    deviation .0125 px, no bias
    r       deviation .0105 px, .0083 px too small: 23 times worse than u, v where depth is made of it

With more pixel noise they grow together, and so does the bias. How much more there is in a clip, its own fit tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from renderer.sampling import Window
from trainer.language.evidence import Evidence, View

Floats = NDArray[np.float64]

DETECTOR_SD_PX = np.array([0.0125, 0.0125, 0.0105])
RADIUS_BIAS_PX = -0.0083
RADIUS_BIAS_GROWTH = 1.4
"""Of the bias, for each deviation that the error has in excess of one."""
HORIZON = 5


@dataclass(frozen=True)
class Observations:
    """n clips under one camera. Time is in units of `unit_s` from the middle of the seen frames, which end at +-1."""

    view: View
    track: Floats | None
    """u, v, r in px with the bias of r taken off, (n, T, 3)."""
    forecast: Floats | None
    """Positions in the five frames to come, (n, 5, 3)."""
    forecast_sd: Floats | None
    """Of each, (n, 5, 3); the five of one coordinate err together, so that together they weigh as one."""

    @property
    def window(self) -> Window:
        return Window(frames=self.view.frames, horizon=HORIZON, fps=self.view.fps, size_px=self.view.size_px)

    @property
    def unit_s(self) -> float:
        return (self.view.frames - 1) / 2 / self.view.fps

    @property
    def times(self) -> Floats:
        """Of all T + 5 frames, (T + 5,)."""
        middle = (self.view.frames - 1) / 2
        return np.asarray((np.arange(self.view.frames + HORIZON) - middle) / middle, np.float64)

    def __len__(self) -> int:
        known = self.track if self.track is not None else self.forecast
        assert known is not None
        return len(known)

    def of(self, rows: NDArray[np.int64]) -> Observations:
        """Return some clips, in the order given, each as often as it is named."""
        track, forecast, deviation = (
            None if part is None else part[rows] for part in (self.track, self.forecast, self.forecast_sd)
        )
        return Observations(self.view, track, forecast, deviation)

    def with_error(self, scale: Floats) -> Observations:
        """Return the same with the radii that a detector has which errs `scale` (n,) times as much as on `medium`."""
        if self.track is None:
            return self
        track = self.track.copy()
        track[..., 2] -= RADIUS_BIAS_PX * RADIUS_BIAS_GROWTH * np.clip(scale - 1, 0, 3)[:, None]
        return replace(self, track=track)


def observations(evidence: Sequence[Evidence]) -> Observations:
    """Gather clips of one view of which the same is known."""
    track = [one.track for one in evidence if one.track is not None]
    given = [one for one in evidence if one.forecast is not None and one.forecast_sd is not None]
    for part in (track, given):
        assert len(part) in (0, len(evidence)), "of some clips more is known than of others"
    forecast = [one.forecast for one in given if one.forecast is not None]
    deviation = [one.forecast_sd for one in given if one.forecast_sd is not None]
    return Observations(
        view=evidence[0].view,
        track=np.stack(track) - [0, 0, RADIUS_BIAS_PX] if track else None,
        forecast=np.stack(forecast) if forecast else None,
        forecast_sd=np.stack(deviation) * np.sqrt(HORIZON) if deviation else None,
    )

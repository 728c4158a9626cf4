"""Where an object is by one camera alone: of a known radius, it is as far away as it looks small."""

from __future__ import annotations

import numpy as np

from trainer.objects.boxes import Boxes
from trainer.stereo.camera import Camera, Floats

_RADIUS_NOISE = 0.5
"""Standard deviation of a radius in px, for centres with one of 1."""


def place_by_size(camera: Camera, boxes: Boxes, radius: float) -> tuple[Floats, Floats]:
    """Return positions (N, 3) of spheres of a radius with boxes (N, 4), and their covariance (N, 3, 3) to first order,
    for centres with a variance of 1 px^2.
    """
    boxes = boxes.astype(np.float64)
    radius_px = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)) / 2
    depth = camera.focal_px * radius / radius_px
    rays = camera.rays((boxes[:, :2] + boxes[:, 2:]) / 2)
    along = rays * (depth / radius_px * _RADIUS_NOISE)[:, None]
    across = camera.R[:2].T @ camera.R[:2] * np.square(depth / camera.focal_px)[:, None, None]
    return camera.centre + depth[:, None] * rays, across + along[:, :, None] * along[:, None]

"""What a language model is told of a clip: its evidence and the form of the answer, and nothing else.

The words are the same for every clip of a data set; only figures differ, and each is of the evidence. The whole stays
below 4,000 characters: a digit can be a token, and small local models read 2,048.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

import numpy as np

from renderer.descriptions import SIDES
from trainer.language.evidence import Evidence, Floats, View

MAX_ROWS = 16
"""Of the track, spread over all frames."""


class Part(enum.Flag):
    """What is asked for."""

    EQUATION = enum.auto()
    TEXT = enum.auto()
    """Prose, and its claims as JSON."""
    ALL = EQUATION | TEXT


SYSTEM = (
    "You turn noisy measurements of a moving sphere into mathematics and plain words. "
    "Use the measurements alone; do not invent. Answer in the form asked for and add nothing."
)
_FORMS = """\
Forms of path, with constant vectors p, v, a, c, A, B (A and B at right angles and equally long) and a number w:
linear p + v*t; parabolic p + v*t + a*t**2; circular c + A*cos(w*t) + B*sin(w*t); \
helical c + v*t + A*cos(w*t) + B*sin(w*t), v along the axis."""
_EQUATION = """\
EQUATION: x(t) = ...; y(t) = ...; z(t) = ...
(one line; only numbers, t, pi, + - * / ** ( ) sin cos sqrt exp abs; t counts from frame 0)"""
_TEXT = """\
TEXT: two sentences for a reader: how it moves, with direction, speed and size.
CLAIMS: {"family": ..., "direction": ..., "extent": ..., "speed": ..., "turns": ..., "radius": ..., "apex_s": ...}"""


def prompt(evidence: Evidence, parts: Part = Part.ALL) -> tuple[str, str]:
    """Return the system text and the user's text. Raises `TypeError` for anything but `Evidence`."""
    if not isinstance(evidence, Evidence):
        raise TypeError(f"a prompt is made of Evidence alone, not of {type(evidence).__name__}")
    told = [_world(evidence.view), _classes(evidence), _track(evidence), _forecast(evidence), _FORMS]
    return SYSTEM, "\n\n".join([*told, "\n".join(_wanted(evidence, parts))])


def _world(view: View) -> str:
    half = view.size_px / 2
    return (
        "Coordinates are the camera's: x right, y down, z forward. A length of 1 is half a side of the cube that the "
        f"sphere moves in. t is in seconds, {view.fps:g} frames a second. Frames 0 to {view.frames - 1} were seen.\n"
        f"Pinhole camera: {view.size_px} x {view.size_px} pixels, focal length {view.focal_px:g}; the sphere's radius "
        f"is {view.sphere_radius:g}. Seen at pixel (u, v) with r pixels of radius it is at z = "
        f"{view.focal_px * view.sphere_radius:.4g}/r, x = (u - {half:g})*z/{view.focal_px:g}, "
        f"y = (v - {half:g})*z/{view.focal_px:g}."
    )


def _classes(evidence: Evidence) -> str:
    if evidence.probabilities is None:
        return "Classifier: not given."
    each = zip(evidence.class_names, evidence.probabilities, strict=True)
    return "Classifier, probabilities: " + ", ".join(f"{name} {probability:.3f}" for name, probability in each) + "."


def _track(evidence: Evidence) -> str:
    if evidence.track is None:
        return "Detector: not given."
    view, z = evidence.view, evidence.depth_cue
    x, y = ((evidence.track[:, :2] - view.size_px / 2) * (z / view.focal_px)[:, None]).T
    rows = np.unique(np.linspace(0, len(z) - 1, MAX_ROWS).round().astype(int))
    lines = (
        f"{row / view.fps:.3f} {' '.join(f'{value:.2f}' for value in evidence.track[row])} "
        f"{x[row]:.3f} {y[row]:.3f} {z[row]:.2f}"
        for row in rows
    )
    return "\n".join(["Detector, t u v r and x y z from them (z is the least sure):", *lines])


def _forecast(evidence: Evidence) -> str:
    if evidence.forecast is None:
        return "Network's forecast: not given."
    title = "Network's forecast, t x y z" + (" +- their deviations:" if evidence.forecast_sd is not None else ":")
    return "\n".join([title, *_forecast_rows(evidence, evidence.forecast)])


def _forecast_rows(evidence: Evidence, forecast: Floats) -> Iterator[str]:
    view, sd = evidence.view, evidence.forecast_sd
    for step, point in enumerate(forecast):
        deviation = f" +- {' '.join(f'{value:.2f}' for value in sd[step])}" if sd is not None else ""
        yield f"{(view.frames + step) / view.fps:.3f} {' '.join(f'{value:.3f}' for value in point)}{deviation}"


def _wanted(evidence: Evidence, parts: Part) -> Iterator[str]:
    yield "Answer in exactly this form:"
    if Part.EQUATION in parts:
        yield _EQUATION
    if Part.TEXT in parts:
        words = "; ".join("/".join(side) for side in SIDES)
        yield _TEXT
        yield (
            f"(JSON; null where the form of path has no such thing. family: {'/'.join(evidence.class_names)}. "
            f"direction: of travel, climb or throw in the picture, the largest part first, of {words}, such as "
            f'"{SIDES[0][1]} and {SIDES[1][0]}"; of a circle clockwise or counter-clockwise. extent: largest distance '
            f"between two positions in the frames 0 to {evidence.view.frames + 4}. speed: at t = 0, a second. turns, "
            "radius: of a circle or helix. apex_s: t of a parabola's apex.)"
        )
    yield f"Begin with {'EQUATION: x(t) =' if Part.EQUATION in parts else 'TEXT:'}"

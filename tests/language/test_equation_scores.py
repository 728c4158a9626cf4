"""An equation is judged by what it says, in whatever form: its family, its parameters, its path."""

from __future__ import annotations

import numpy as np
import pytest

from renderer.equations import equation, equation_of
from renderer.errors import EquationError
from renderer.motion import Family, Motion
from renderer.sampling import Window
from renderer.trajectories import make_recipe
from trainer.language.equation_scores import VECTORS, score_equation
from trainer.language.identifying import identify
from trainer.language.truth import Truth, truths

WINDOW = Window()
RECIPE = make_recipe("hard", 16, 7).recipe
TRUTHS = truths(RECIPE)
ONE_OF_EACH = [next(truth for truth in TRUTHS if truth.family is family) for family in Family]


def test_the_true_equation_is_right_in_everything() -> None:
    for text, truth in zip(equation(RECIPE, "camera"), TRUTHS, strict=True):
        found = identify(text, truth.window)
        assert found and found.family is truth.family
        assert found.motion.to_array() == pytest.approx(truth.motion.to_array(), abs=1e-3)
        score = score_equation(text, truth)
        assert (score.parses, score.family, score.parameters, score.rmse) == (True,) * 4
        assert score.said is truth.family and score.off == () and score.problem == ""
        assert score.rmse_share is not None and score.rmse_share < 1e-5


@pytest.mark.parametrize(
    ("x", "y", "z", "family"),
    [
        ("1 + 2t", "3", "4 - t", Family.LINEAR),
        ("(1 + t)*(1 - t) + t^2", "t", "4", Family.LINEAR),
        ("abs(1 + t)", "sqrt(t^2)", "3", Family.LINEAR),
        ("t", "(t - 0.3)^2", "3", Family.PARABOLIC),
        ("0.5 cos(9t + 1)", "3", "4 + 0.5 sin(9t + 1)", Family.CIRCULAR),
        ("sin(9t)cos(9t)", "sin(9t)^2", "4", Family.CIRCULAR),
        ("0.5 cos(9t)", "0.5 sin(9t)", "4 - 2t", Family.HELICAL),
        ("0.5 cos(9t) + t", "0.502 sin(9t) - 0.003", "4 - 2t", None),
        ("0.5 cos(9.01t)", "0.502 sin(9t) - 0.003", "4 - 2t", Family.HELICAL),
        ("0.5 cos(9t)", "0.3 sin(9t)", "4", None),
        ("0.5 cos(9t)", "0.5 sin(7t)", "4", None),
        ("0.5 cos(9t)", "0.5 sin(9t)", "4 - 2t^2", None),
        ("t^3", "0", "4", None),
        ("exp(5t)", "0", "4", None),
        ("1", "2", "3", None),
        ("1e9 t", "0", "4", None),
        ("1e200 t", "1e200", "4", None),
    ],
)
def test_the_family_is_that_of_the_values(x: str, y: str, z: str, family: Family | None) -> None:
    score = score_equation(f"x(t) = {x}; y(t) = {y}; z(t) = {z}", TRUTHS[0])
    assert score.parses and score.said is family


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no equation"),
        ("x(t) = v t; y(t) = 0; z(t) = 3", "'v'"),
        ("x(t) = 1/t; y(t) = 0; z(t) = 3", "no finite value"),
        ("x(t) = sqrt(0.6 - t); y(t) = 0; z(t) = 3", "no finite value"),
        ("x(t) = exp(9 exp(9 t)); y(t) = 0; z(t) = 3", "no finite value"),
    ],
)
def test_what_has_no_values_in_the_window_does_not_parse(text: str, problem: str) -> None:
    score = score_equation(text, TRUTHS[0])
    assert not (score.parses or score.family or score.parameters or score.rmse) and problem in score.problem


def changed(truth: Truth, name: str, by: np.ndarray | float) -> str:
    """The equation of a motion with one of its vectors multiplied by a number, or turned by a matrix."""
    values = {item: getattr(truth.motion, item) for item in vars(truth.motion)}
    field = "velocity" if name == "pitch" else name
    values[field] = values[field] * by if np.isscalar(by) else values[field] @ np.asarray(by).T
    return equation_of(Motion(**values), truth.window)[0]


@pytest.mark.parametrize("truth", ONE_OF_EACH, ids=[family.name for family in Family])
def test_every_parameter_has_its_tolerance(truth: Truth) -> None:
    for name in VECTORS[truth.family]:
        assert score_equation(changed(truth, name, 1.09), truth).parameters
        off = score_equation(changed(truth, name, 1.12), truth)
        # A faster turn at the same climb has a smaller pitch.
        expected = ("rotation", "pitch") if (truth.family, name) == (Family.HELICAL, "rotation") else (name,)
        assert off.family and not off.parameters and off.off == expected
    for share, right in ((0.045, True), (0.055, False)):
        centre = truth.motion.centre + truth.claims.extent * share * np.array([[0.6, 0, 0.8]])
        moved = Motion(**{**vars(truth.motion), "centre": centre})
        score = score_equation(equation_of(moved, truth.window)[0], truth)
        assert score.parameters is score.rmse is right
        assert score.rmse_share == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize("truth", ONE_OF_EACH, ids=[family.name for family in Family])
def test_a_direction_may_be_off_by_ten_degrees(truth: Truth) -> None:
    axis = np.cross(getattr(truth.motion, VECTORS[truth.family][-1].replace("pitch", "radius"))[0], [0.1, 0.7, 0.3])
    for degrees, right in ((9, True), (11, False)):
        motion = truth.motion.turned(_turn(axis, np.radians(degrees))[None])
        kept = Motion(**{**vars(motion), "centre": truth.motion.centre})
        score = score_equation(equation_of(kept, truth.window)[0], truth)
        assert score.family and score.parameters is right
        assert right or all(name.startswith("direction of") for name in score.off)


def _turn(axis: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = axis / np.linalg.norm(axis)
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across)


def test_a_path_can_be_right_in_another_family() -> None:
    """A line bent so little that nobody sees it is no parabola, and still where the line is."""
    line = ONE_OF_EACH[Family.LINEAR]
    bend = 8 * 0.04 * line.claims.extent / line.window.length_s**2 * np.array([[0.0, 0.6, 0.8]])
    bent = Motion(**{**vars(line.motion), "acceleration": bend})
    score = score_equation(equation_of(bent, line.window)[0], line)
    assert score.said is Family.PARABOLIC and score.parses and not score.family and score.rmse and not score.parameters


def test_the_forecast_counts_for_the_path() -> None:
    """A kink behind the last seen frame: right in all that was seen, and wrong."""
    line = ONE_OF_EACH[Family.LINEAR]
    last = (line.window.frames - 1) / line.window.fps
    kink = f"4*(abs(t - {last:.9f}) + t - {last:.9f})"
    score = score_equation(equation_of(line.motion, line.window)[0].replace("z(t) =", f"z(t) = {kink} +"), line)
    assert score.parses and score.said is None and not score.rmse


def test_a_terminal_escape_is_no_equation() -> None:
    score = score_equation("x(t) = \x1b]0;owned\x07 1; y(t) = 1; z(t) = 1", TRUTHS[0])
    assert not score.parses and score.problem.isprintable()
    with pytest.raises(EquationError):
        identify("x(t) = 1", WINDOW)

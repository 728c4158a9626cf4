"""Equations say what the paths do, descriptions too, and reading one can do nothing but arithmetic."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.descriptions import SIDES, claims, describe, direction
from renderer.equations import FUNCTIONS, MAX_LENGTH, equation, equation_of, evaluate, evaluate_expression
from renderer.errors import EquationError
from renderer.motion import Family, Motion
from renderer.sampling import Window
from renderer.tiers import TIERS
from renderer.trajectories import TrajectoryRecipe, make_recipe

T = np.array([0.0, 0.5, 2.0])


def times_from_frame_0(recipe: TrajectoryRecipe) -> np.ndarray:
    return np.arange(recipe.window.frames + recipe.window.horizon) / recipe.window.fps


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(TIERS)),
    st.integers(0, 2**31 - 1),
    st.builds(Window, frames=st.integers(2, 64), fps=st.sampled_from([1.0, 24.0, 30.0, 240.0])),
)
def test_an_equation_gives_the_positions_of_its_path(tier: str, seed: int, window: Window) -> None:
    recipe = make_recipe(tier, 8, seed, window).recipe
    world, camera = Motion.from_array(recipe.motion).positions(window.times_s), recipe.camera_path()
    t = times_from_frame_0(recipe)
    for row, (in_world, in_camera) in enumerate(zip(equation(recipe), equation(recipe, "camera"), strict=True)):
        assert np.abs(evaluate(in_world, t) - world[row]).max() < 1e-5
        assert np.abs(evaluate(in_camera, t) - camera[row]).max() < 1e-5


def test_an_equation_shows_its_family() -> None:
    recipe = make_recipe("easy", 32, 1).recipe
    for label, text in zip(recipe.label, equation(recipe), strict=True):
        assert ("cos(" in text) == (label in (Family.CIRCULAR, Family.HELICAL))
        assert ("t**2" in text) == (label == Family.PARABOLIC)
        assert ("*t;" in text + ";") == (label != Family.CIRCULAR) or label == Family.PARABOLIC


def test_a_hand_made_equation() -> None:
    path = evaluate("y(t) = -2*t**2; x(t) = 1 + 3*t; z(t)=0.5*cos(pi*t) - 1e-1", T)
    expected = np.stack([1 + 3 * T, -2 * T**2, 0.5 * np.cos(np.pi * T) - 0.1], axis=1)
    assert path == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3", [3, 3, 3]),
        ("-t**2", -(T**2)),
        ("(1+t)**-1", 1 / (1 + T)),
        ("sqrt(t*t) - abs(-t) + exp(0)*sin(0)", [0, 0, 0]),
        ("+.5e1/2 - -1", [3.5] * 3),
        ("2**3 - t/2*4", 8 - 2 * T),
    ],
)
def test_the_grammar(text: str, values: list[float]) -> None:
    assert evaluate_expression(text, T) == pytest.approx(np.asarray(values, float))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "x", "t.real", "__import__('os')", "().__class__", "t[0]", "lambda: t", "t if t else t", "[t]", "{t}",
        "'a'", "t and t", "not t", "t < 1", "t % 2", "t // 2", "t @ t", "t | t", "~t", "t ^ 2", "tan(t)", "sin",
        "sin()", "sin(t, t)", "sin(*t)", "sin(x=t)", "sin(sin)", "t(t)", "2(t)", "2t", "1if t else 2", "1j", "0x10",
        "1_0", "t := 1", "True", "None", "t**t", "t**0.5", "t**9", "t**-9", "2**3**2", "t**(1+1)", "9**8**8", "1/0",
        "0/0", "sqrt(-1)", "exp(999)", "1e999", "9" * 400, "(((9**8)**8)**8)**8", "t\n+1", "t;t", "t#1", "١", "ｔ",
        "t\0", "(" * 300 + ")" * 300, "-" * 900 + "t", "+".join("t" * 300), "t" * (MAX_LENGTH + 1),
    ],
)  # fmt: skip
def test_what_is_not_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(EquationError):
        evaluate_expression(text, np.array([0.0, 1.0]))


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("t1.e*/+-() sincoqrtabxp_,=\"'"), max_size=30) | st.text(max_size=20))
def test_any_text_is_a_finite_number_or_an_equation_error(text: str) -> None:
    try:
        assert np.isfinite(evaluate_expression(text, T)).all()
    except EquationError as exc:
        assert str(exc)
    with pytest.raises(EquationError, match="not an equation of a path"):
        evaluate(text, T)


@pytest.mark.parametrize(
    "line",
    [
        "x(t) = 1; y(t) = 2",
        "x(t) = 1; y(t) = 2; y(t) = 3",
        "x(t) = 1; y(t) = 2; z(t) = 3; z(t) = 3",
        "x = 1; y = 2; z = 3",
        "x(t) = 1; y(t) = 2; w(t) = 3",
    ],
)
def test_a_path_has_each_coordinate_once(line: str) -> None:
    with pytest.raises(EquationError, match="not an equation of a path"):
        evaluate(line, T)


def test_the_known_names_are_named_when_one_is_not() -> None:
    with pytest.raises(EquationError, match="'tan' means nothing") as caught:
        evaluate_expression("tan(t)", T)
    assert all(name in caught.value.hint for name in FUNCTIONS)


def test_claims_hold_in_the_path_itself() -> None:
    """Every number again from positions a thousandth of a second apart."""
    recipe = make_recipe("hard", 120, 4).recipe
    window = recipe.window
    fine = np.linspace(window.times_s[0], window.times_s[-1], 4001)
    world = Motion.from_array(recipe.motion).positions(fine)
    camera = recipe.cameras.to_camera(world)
    velocity = np.gradient(camera, fine, axis=1)
    for row, claim in enumerate(claims(recipe)):
        path, speed = camera[row], np.linalg.norm(velocity[row], axis=1)
        assert claim.family == recipe.class_names[recipe.label[row]]
        assert claim.speed == pytest.approx(speed[0], rel=1e-2)
        frames = recipe.camera_path()[row]
        apart = np.linalg.norm(frames[:, None] - frames[None], axis=2)
        assert claim.extent == pytest.approx(apart.max())
        if claim.family == "linear":
            assert claim.direction == direction(path[-1] - path[0])
            assert claim.speed * window.length_s == pytest.approx(claim.extent)
        if claim.family in ("circular", "helical"):
            bend = np.gradient(velocity[row], fine, axis=0)[10:-10]
            curvature = np.linalg.norm(np.cross(velocity[row][10:-10], bend), axis=1) / speed[10:-10] ** 3
            omega = 2 * np.pi * claim.turns / window.length_s
            assert np.linalg.norm(bend, axis=1).mean() == pytest.approx(claim.radius * omega**2, rel=1e-2)
            climb = claim.speed**2 - (claim.radius * omega) ** 2
            assert curvature.mean() == pytest.approx(claim.radius * omega**2 / claim.speed**2, rel=1e-2)
            assert (climb < 1e-6) == (claim.family == "circular")
        if claim.family == "parabolic":
            highest = window.times_s[0] + claim.apex_s
            assert speed.min() == pytest.approx(np.interp(highest, fine, speed), rel=1e-3)
            assert claim.direction == direction(velocity[row][speed.argmin()])


def test_a_circle_in_the_picture_turns_as_it_is_said_to() -> None:
    recipe = make_recipe("medium", 80, 4).recipe
    pixels = recipe.cameras.project(recipe.camera_path())
    for row, claim in enumerate(claims(recipe)):
        if claim.family != "circular":
            continue
        x, y = (pixels[row] - pixels[row].mean(axis=0)).T
        steps = np.angle(np.exp(1j * np.diff(np.arctan2(y, x))))
        assert claim.direction == ("clockwise" if np.median(steps) > 0 else "counter-clockwise")


def test_directions_in_words() -> None:
    assert SIDES[0] == ("left", "right")
    assert direction(np.array([2.0, 0, 0])) == "right"
    assert direction(np.array([0.1, -3.0, 2.0])) == "up and away"
    assert direction(np.array([-1.0, 1.2, -1.1])) == "down, closer and left"


def test_a_description_says_the_claims_to_two_decimals() -> None:
    recipe = make_recipe("medium", 40, 9).recipe
    for claim, text in zip(claims(recipe), describe(recipe), strict=True):
        assert claim.direction in text and "None" not in text
        numbers = {float(number) for number in re.findall(r"\d+\.\d+", text)}
        said = (claim.extent, claim.speed, claim.turns, claim.radius, claim.apex_s)
        assert {round(value, 2) for value in said if value is not None} <= numbers
        words = {"linear": "straight line", "circular": "circle", "helical": "helix", "parabolic": "parabola"}
        assert [family for family, word in words.items() if word in text] == [claim.family]


def test_a_motion_in_camera_coordinates_is_the_path_that_the_camera_sees() -> None:
    recipe = make_recipe("hard", 24, 3).recipe
    assert recipe.camera_motion.positions(recipe.window.times_s) == pytest.approx(recipe.camera_path(), abs=1e-9)
    assert equation_of(recipe.camera_motion, recipe.window) == equation(recipe, "camera")
